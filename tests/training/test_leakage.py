"""Leaks are found: in features that see the future, in inputs, in the data, in rows that know the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Matrix, Moments, evaluate
from features.families import Label, count, share
from models.estimators import Boosted
from models.segments import read_tables
from records.clock import instant
from records.history import History
from tests.rows import event, history, patient
from tests.training.made import NAMES, examples
from training import leakage
from training.compare import Split, SplitDefinition, reached, split
from training.examine import BY_HEART, BY_HEART_ROUNDS
from training.leakage import KnownTime

TABLE = read_tables()[-1]
LABEL = Label("x", "x", "x")
VISITS = count("visits", "visits", LABEL, "use", windows="m24")
CATALOGUE = Catalogue(
    VISITS,
    count("visits", "emergencies", LABEL, "use", where={"urgency": "emergency"}, windows="m24"),
    share(VISITS, VISITS, "same", LABEL, "use"),
)  # fmt: skip
RECORD = history(
    patient("a"),
    patient("b"),
    visits=[
        *(event("visits", when, patient=name) for name in "ab" for when in ("2019-05-01T10:00", "2020-05-01T10:00")),
        event("visits", "2019-07-01T10:00", known="2020-06-01T10:00", patient="b"),
    ],
)
MOMENTS = Moments.of(["a", "a", "b"], [instant(f"2020-0{month}-01T09:00") for month in (2, 3, 3)])


def test_honest_features_do_not_change_when_the_future_is_cut_off() -> None:
    found = leakage.known_time(CATALOGUE, RECORD, MOMENTS)
    assert found == KnownTime(2, ())
    assert leakage.known_time(CATALOGUE, RECORD, Moments.of([], [])) == KnownTime.none()


def test_a_feature_that_sees_the_future_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def counts_all_visits(catalogue: Catalogue, record: History, moments: Moments) -> Matrix:
        found = evaluate(catalogue, record, moments)
        owners = record["visits"]["patient_id"].to_pylist()
        found.values[:, 1] = [owners.count(name) for name in moments.patient_ids.to_pylist()]
        return found

    monkeypatch.setattr(leakage, "evaluate", counts_all_visits)
    assert leakage.known_time(CATALOGUE, RECORD, MOMENTS).differing == ("emergencies_m24",)


def test_what_is_cut_off_is_what_was_not_known() -> None:
    cut = leakage.cut_off(RECORD, Moments.of(["b"], [instant("2020-03-01T09:00")]))
    assert cut.patient_ids.to_pylist() == ["b"]
    assert cut["visits"].num_rows == 1


def test_known_time_adds_up_over_blocks() -> None:
    both = KnownTime(3, ("b",)) + KnownTime(4, ("a", "b"))
    assert both == KnownTime(7, ("a", "b"))
    assert KnownTime.of(both.said()) == both


def test_inputs_are_the_columns_that_are_read() -> None:
    assert leakage.inputs(CATALOGUE) == ("visits.urgency",)
    assert {"patients.birth_date", "visits.profession", "findings.value"} <= set(leakage.inputs(DENTAL))
    assert not {"patients.sex", "patients.language", "patients.district"} & set(leakage.inputs(DENTAL))


def parts(**changes: object) -> Split:
    found = split(examples().observed(), SplitDefinition(), 365)
    catalogue = CATALOGUE.version
    return replace(found, **{side: replace(getattr(found, side), catalogue=catalogue, names=CATALOGUE.names, **changes)
                             for side in ("learn", "test")})  # fmt: skip


def test_a_good_split_keeps_the_contract() -> None:
    assert leakage.contract(parts(), CATALOGUE, 365) == ()


def test_every_breach_of_the_contract_is_a_sentence() -> None:
    good = parts()
    learn, test = good.learn, good.test

    def faults(**sides: object) -> str:
        return "; ".join(leakage.contract(replace(good, **sides), CATALOGUE, 365))

    assert "test: the columns are not those" in faults(test=replace(test, names=NAMES))
    assert "learn: a need is missing or below zero" in faults(learn=replace(learn, minutes=-learn.minutes))
    assert "rows have no visit: nobody came" in faults(learn=replace(learn, visits=0 * learn.visits))
    infinite, empty = learn.x.copy(), learn.x.copy()
    infinite[0, 0], empty[:, 1] = np.inf, np.nan
    assert "learn: a feature is infinite" in faults(learn=replace(learn, x=infinite))
    assert f"learn: {CATALOGUE.names[1]} is always missing" in faults(learn=replace(learn, x=empty))
    assert leakage.contract(replace(good, learn=replace(learn, x=empty)), CATALOGUE, 365, CATALOGUE.names[1:2]) == ()
    twice = np.array(["p00000"] * len(test)), np.full(len(test), test.as_of.max())
    assert f"test: {len(test) - 1} moments stand twice" in faults(
        test=replace(test, patient_ids=twice[0], as_of=twice[1])
    )
    assert "patients are on both sides" in faults(test=replace(test, patient_ids=learn.patient_ids[: len(test)]))
    assert "a learnt need was not over" in faults(learn=replace(learn, as_of=learn.as_of + test.as_of.max()))


def test_the_strongest_feature_ranks_alone_whichever_way() -> None:
    y = np.arange(100) >= 80
    x = np.column_stack([np.zeros(100), -np.arange(100.0), np.where(y, np.nan, 1.0)])
    found = leakage.strongest(x, y, ("none", "falling", "missing"))
    assert (found.feature, found.auroc) == ("falling", 1.0)


def test_dealt_out_needs_teach_nothing_unless_patients_are_recognised() -> None:
    found = split(examples().observed(), SplitDefinition(), 365)
    fingerprint = np.random.default_rng(1).normal(size=(2000, 1))

    def dealt(parts: Split) -> tuple[float, ...]:
        return leakage.permuted_auroc(
            parts, lambda side: reached(side, TABLE), lambda: Boosted(NAMES, BY_HEART, BY_HEART_ROUNDS)
        )

    assert all(abs(each - 0.5) < 0.08 for each in dealt(found))
    who = np.array([int(name[1:]) for name in found.learn.patient_ids])
    known = replace(found.learn, x=np.hstack([fingerprint[who], found.learn.x[:, 1:]]))
    assert all(each > 0.6 for each in dealt(replace(found, learn=known, test=known)))
