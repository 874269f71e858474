"""What runs here, and what it is not: the model, its features, and the tables that hold."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from serving import wording
from serving.advice import override_reasons
from serving.answers import advice_at
from serving.release import Release
from serving.wire import ModelCard, ReasonCode, SegmentRow, SegmentsOut, Words

CARD = Words(
    fi="Malli ehdottaa hoidon tarvetta ja ensimmäistä aikaa hoidon varaamista varten. "
    "Se ei tee diagnoosia eikä korvaa ammattihenkilön arviota.",
    sv="Modellen föreslår vårdbehov och första tid för bokning av vård. "
    "Den ställer ingen diagnos och ersätter inte en yrkespersons bedömning.",
    en="The model suggests the need for care and a first appointment, for the booking of care. "
    "It makes no diagnosis and does not replace a professional's judgement.",
)


def card(release: Release, at: datetime) -> ModelCard:
    """What runs here, with the tables that hold at a moment."""
    table = release.segments
    return ModelCard(
        **asdict(wording.model(release, advice_at(release, at))),
        run_id=release.run_id,
        estimator=release.model.estimator.kind,
        feature_names=tuple(release.catalogue.names),
        professions=tuple(release.model.need.professions),
        segments=SegmentsOut(
            valid_from=table.valid_from,
            source=table.source,
            horizon_days=table.horizon_days,
            segments=tuple(
                SegmentRow(
                    name=one.name,
                    label=wording.words(one.label),
                    visits_at_least=one.visits_at_least,
                    suggest_above=one.suggest_above,
                    first_appointment=wording.appointment(one.first),
                )
                for one in table.segments
            ),
            without_history=wording.appointment(table.without_history),
        ),
        override_reasons=tuple(
            ReasonCode(code=one.code, label=wording.words(one.label)) for one in override_reasons().values()
        ),
        says=CARD,
    )
