"""What a training run fills into the model card: figures of an evaluation, as the card's words want them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from features.families import LANGUAGES
from models.card import Card, Measured, ThresholdFigures
from models.segments import SegmentTable
from training.cohort import CohortDefinition
from training.evaluation import Evaluation, Subgroup

ORIGIN: Mapping[bool, Mapping[str, str]] = {
    True: {
        "fi": "Simuloitu väestö: ihmisiä ei ole olemassa.",
        "sv": "Simulerad befolkning: personerna finns inte.",
        "en": "A simulated population: the people do not exist.",
    },
    False: {
        "fi": "Organisaation omat potilastiedot.",
        "sv": "Organisationens egna patientuppgifter.",
        "en": "Records of the organisation's own patients.",
    },
}


def card_of(evaluation: Evaluation, table: SegmentTable, cohort: CohortDefinition, *, made: Mapping[str, str],
            simulated: bool, card: Card | None = None) -> Card:  # fmt: skip
    """The card of an examined model.

    Args:
        evaluation: of the model, with what it learnt from.
        table: the segments.
        cohort: who is in.
        made: `catalogue`, `features`, `run_id`: how the model was made.
        simulated: whether the people are.
        card: the words; the project's own when none are given.
    """
    words = {
        **made,
        **_rows(evaluation),
        "model": evaluation.model,
        "segments_from": table.valid_from.isoformat(),
        "horizon_days": str(table.horizon_days),
        "washout_days": str(cohort.washout_days),
        "cuts": ", ".join(f"{each.name} from {each.visits_at_least} visits" for each in table.segments),
        "not_assessed": ", ".join(_not_assessed(evaluation.subgroups)) or "none",
        "label_bias": _label_bias(evaluation),
        **{
            f"segments.{language}": ", ".join(each.label[language] for each in table.segments) for language in LANGUAGES
        },
        **{f"origin.{language}": text for language, text in ORIGIN[simulated].items()},
    }
    measured = Measured(simulated, words, tuple(_thresholds(evaluation, table)))
    return (card or Card.read()).filled(measured)


def _rows(evaluation: Evaluation) -> dict[str, str]:
    learnt, tested = evaluation.learnt, evaluation.rows
    if learnt is None:
        raise ValueError("an evaluation without what the model learnt from fills no card")
    tested_events = (f"{name} {found.scores.events:,}" for name, found in evaluation.thresholds.items())
    return {
        "learnt_rows": f"{learnt.n:,}",
        "learnt_people": f"{learnt.patients:,}",
        "learnt_first": _day(learnt.first),
        "learnt_last": _day(learnt.last),
        "learnt_events": ", ".join(f"{name} {count:,}" for name, count in learnt.events.items()),
        "tested_rows": f"{tested.n:,}",
        "tested_people": f"{tested.patients:,}",
        "tested_first": _day(tested.first),
        "tested_last": _day(tested.last),
        "tested_events": ", ".join(tested_events),
    }


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _thresholds(evaluation: Evaluation, table: SegmentTable) -> list[ThresholdFigures]:
    labels = {each.name: {language: each.label[language] for language in LANGUAGES} for each in table.segments}
    return [
        ThresholdFigures(
            name, labels[name], found.scores.events / found.scores.n,
            (found.scores.auroc, found.scores.auroc_low, found.scores.auroc_high), found.scores.slope,
            found.scores.intercept, found.scores.observed_to_expected,
        )
        for name, found in evaluation.thresholds.items()
    ]  # fmt: skip


def _not_assessed(subgroups: tuple[Subgroup, ...]) -> list[str]:
    return [f"{each.dimension} {each.level}" for each in subgroups if not each.figures]


def _label_bias(evaluation: Evaluation) -> str:
    by_access = [each for each in evaluation.label_bias if each.dimension.startswith("access")]
    if not by_access:
        return "How far records are from need cannot be measured in real people; it was measured in simulated ones."
    least = by_access[0]
    return (
        f"In simulated people with the poorest access {100 * least.truly:.0f}% truly needed heavy care and the record "
        f"of those who came shows {100 * least.recorded:.0f}%; the model expects {100 * least.predicted:.0f}% of the "
        "visits that they need."
    )
