from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from features.catalogue import Catalogue
from features.evaluate import Matrix
from features.families import Label, count
from features.profile import Profile
from records import store
from records.clock import instant, microsecond
from records.history import History
from tests.rows import event, history, patient
from tests.training.monitor.service import FIRST, SEGMENTS, UNTIL, VERSION, service
from tests.training.monitor.test_shifts import judged, one_site_overrides
from training.__main__ import main as train
from training.monitor.command import BREACHED, MonitorError, monitor, months_before, settle
from training.monitor.limits import DEFAULT, Limits, LimitsError
from training.monitor.reference import NoReferenceError, Reference, expected_auroc
from training.monitor.report import Judged, as_json, as_metrics, as_page
from training.monitor.served import Served, read, together
from training.monitor.watch import months, watch
from training.scores import auroc

L = Label("x", "x", "x")
VISITS = Catalogue(count("visits", "n", L, "use"))


def assessed(when: str, patient: str = "a", **more: Any) -> dict[str, Any]:
    made = {"patient_id": patient, "event_id": f"{patient}{when}", "event_time": instant(when), "source": "service",
            "recorded_at": instant(when), "model_version": "1", "features_version": VISITS.version,
            "rules_version": "1", "suggested": "light", "at_least_moderate": 0.2, "at_least_heavy": 0.1,
            "members": "light+moderate", "unit": "A", "language": "fi"}  # fmt: skip
    return made | more


def decided(assessment: str, when: str, segment: str) -> dict[str, Any]:
    return {"patient_id": "a", "event_id": when, "event_time": instant(when), "recorded_at": instant(when),
            "source": "service", "assessment_id": assessment, "suggested": "light", "decided": segment,
            "outcome": "overridden"}  # fmt: skip


def served(found: History, until: str = "2026-01-01") -> Served:
    return read(found, VISITS, SEGMENTS, instant(until))


def visits(*days: str, **more: Any) -> list[dict[str, Any]]:
    return [event("visits", day, **more) for day in days]


class TestWhatBecameOfAnAssessment:
    care = visits("2023-12-01", "2024-02-01", "2024-03-01", "2024-06-01", "2024-10-01")

    def found(self, until: str = "2026-01-01", **more: Any) -> Served:
        people = [patient(**more)]
        return served(history(*people, visits=self.care, assessments=[assessed("2024-01-15")]), until)

    def test_its_need_is_the_segment_of_the_visits_that_followed(self) -> None:
        assert self.found().truth.tolist() == [1]
        assert self.found().x.tolist() == [[1.0]]

    def test_nothing_is_known_before_the_horizon_is_over(self) -> None:
        assert self.found("2025-01-13").truth.tolist() == [-1]
        assert self.found("2025-01-14").truth.tolist() == [1]

    def test_early_visits_are_known_after_ninety_days(self) -> None:
        assert np.isnan(self.found("2024-04-13").early).all()
        assert self.found("2024-04-16").early.tolist() == [2.0]

    def test_of_a_person_who_left_nothing_is_known(self) -> None:
        left = self.found(left_at=instant("2024-02-15"))
        assert left.truth.tolist() == [-1]
        assert np.isnan(left.early).all()

    def test_who_never_came_has_no_known_need(self) -> None:
        assert served(history(assessments=[assessed("2024-01-15")])).truth.tolist() == [-1]

    def test_an_assessment_after_the_end_is_not_there(self) -> None:
        assert len(self.found("2024-01-10")) == 0

    def test_the_latest_decision_holds(self) -> None:
        key = assessed("2024-01-15")["event_id"]
        decisions = [decided(key, "2024-01-16", "heavy"), decided(key, "2024-01-17", "moderate")]
        found = history(assessments=[assessed("2024-01-15"), assessed("2024-01-20")], decisions=decisions)
        assert served(found).decided.tolist() == [1, -1]
        assert served(found, "2024-01-17").decided.tolist() == [2]

    def test_sets_and_missing_answers_are_read(self) -> None:
        none = assessed("2024-02-15", suggested=None, at_least_moderate=None, at_least_heavy=None, members=None,
                        unit=None)  # fmt: skip
        found = served(history(assessments=[assessed("2024-01-15"), none]))
        assert found.members.tolist() == [[True, True, False], [False, False, False]]
        assert found.suggested.tolist() == [0, -1]
        assert np.isnan(found.at_least[1]).all()
        assert found.groups["unit"].tolist() == ["A", ""]

    def test_blocks_together_are_the_whole(self) -> None:
        people = [patient("a"), patient("b")]
        rows = [assessed("2024-01-15"), assessed("2024-01-16", "b")]
        whole = served(history(*people, assessments=rows))
        parts = [served(history(person, assessments=[row])) for person, row in zip(people, rows, strict=True)]
        assert together(parts).when.tolist() == whole.when.tolist()
        assert together(parts).groups["unit"].tolist() == ["A", "A"]


class TestReference:
    def test_it_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        reference = service().standard.reference
        reference.write(tmp_path / "reference.json")
        assert Reference.read(tmp_path / "reference.json") == reference

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"suggested": 1}'])
    def test_another_file_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "reference.json").write_text(text)
        with pytest.raises(NoReferenceError, match="holds no reference of a model"):
            Reference.read(tmp_path / "reference.json")

    def test_nothing_suggested_is_no_normal(self) -> None:
        nothing = served(history(assessments=[assessed("2024-01-15", suggested=None)]))
        profile = Profile.of(VISITS.version, Matrix(nothing.names, nothing.x), pa.array(["a"])).published()
        with pytest.raises(NoReferenceError, match="nothing was suggested"):
            Reference.of(nothing, profile)

    def test_the_auroc_to_expect_is_the_one_that_calibrated_probabilities_reach(self) -> None:
        rng = np.random.default_rng(1)
        p = rng.beta(1, 4, 200_000).round(3)
        assert expected_auroc(p) == pytest.approx(auroc(p, rng.random(len(p)) < p), abs=0.004)
        assert np.isnan(expected_auroc([]))


class TestLimits:
    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("false_alarm = 0.001", "false_alarm = 1", "false_alarm must lie between 0 and 1"),
            ('side = "below"', 'side = "under"', "side of 'ranking' must be one of"),
            ('action = "roll back"', 'action = "pray"', "action of 'schema' must be one of"),
            ("margin = 0.05", "margin = -1", "margin of 'ranking' must be 0 or more"),
            ("[figure.coverage]", "[figure.cover]", "figure 'cover' is unknown"),
            ("margin = 0.05", "margins = 1", "holds no limits"),
            ("false_alarm", "alarm", "holds no limits"),
            ("[figure", "[[[", "holds no limits"),
        ],
    )
    def test_nonsense_is_refused_with_a_sentence(self, tmp_path: Path, old: str, new: str, problem: str) -> None:
        path = tmp_path / "limits.toml"
        path.write_text(DEFAULT.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        with pytest.raises(LimitsError, match=problem):
            Limits.read(path)


class TestReport:
    breached = judged(one_site_overrides)[-2:]

    def test_json_holds_every_figure_and_breach(self) -> None:
        said = json.loads(as_json(self.breached))
        assert [month["month"] for month in said] == ["2026-05", "2026-06"]
        assert {breach["group"] for month in said for breach in month["breaches"]} >= {"all", "unit: Kallio"}
        assert len(said[0]["figures"]) == len(self.breached[0].figures)

    def test_metrics_are_in_the_format_of_prometheus(self) -> None:
        families = {each.name: each for each in text_string_to_metric_families(as_metrics(self.breached))}
        actions = {each.labels["action"]: each.value for each in families["tarve_monitor_breaches"].samples}
        assert actions.pop("retrain") == len(self.breached[-1].breaches) > 0
        assert actions == {"recalibrate": 0, "roll back": 0, "mend the source": 0}
        assert len(families["tarve_monitor_figure"].samples) == len(self.breached[-1].figures)

    def test_the_page_shows_the_latest_month_first_and_escapes_names(self) -> None:
        page = as_page(self.breached, title="Kallio & Pasila")
        assert page.index("2026-06") < page.index("2026-05")
        assert "Kallio &amp; Pasila" in page
        assert f"{len(self.breached[-1].breaches)} figures beyond their limits" in page

    def test_a_month_says_when_it_is_quiet_and_when_it_is_empty(self) -> None:
        page = as_page([Judged("2026-01", [], []), Judged("2026-02", self.breached[0].figures, [])])
        assert "Too few people to say anything." in page
        assert "Every figure is within its limits." in page


def test_months_are_whole_helsinki_months() -> None:
    found = list(months(instant("2024-11-30T23:30"), instant("2025-02-01")))
    assert [name for name, *_ in found] == ["2024-11", "2024-12", "2025-01"]
    assert found[1][1] == microsecond(instant("2024-12-01T00:00"))
    assert [name for name, *_ in months(instant("2024-11-30T23:30"), instant("2025-01-31T23:59"))] == [
        "2024-11",
        "2024-12",
    ]


@pytest.mark.parametrize(
    ("until", "first"),
    [
        ("2026-01-10T12:00", "2025-01-01T00:00"),
        ("2026-11-30T23:59", "2025-11-01T00:00"),
        ("2026-12-01T00:30", "2025-12-01T00:00"),  # in Helsinki it is December, in UTC still November
    ],
)
def test_a_year_of_months_ends_before_the_month_that_helsinki_is_in(until: str, first: str) -> None:
    assert months_before(instant(until), 12) == instant(first)
    assert len(list(months(months_before(instant(until), 12), instant(until)))) == 12


def test_features_of_the_reference_must_be_those_of_the_service() -> None:
    found = service()
    standard = type(found.standard)(found.standard.reference, SEGMENTS, "v2", found.standard.limits)
    latest = watch(found.served, standard, FIRST, UNTIL)[-1]
    kinds = {breach.figure.about for breach in latest.breaches}
    assert kinds == {"features of another version", "reference of other features"}
    assert VERSION == "v1"


class TestCommand:
    def folder(self, tmp_path: Path, suggested: str | None = "light") -> Path:
        people = [f"p{at:04}" for at in range(300)]
        rows = [assessed(f"2025-{month:02}-10", name, event_id=f"{name}{month}", suggested=suggested)
                for name in people for month in (10, 11)]  # fmt: skip
        store.write(history(*(patient(name) for name in people), assessments=rows), tmp_path / "records")
        return tmp_path / "records"

    def reference(self, records: Path) -> Reference:
        quiet = read(store.read(records), VISITS, SEGMENTS, instant("2025-12-15"))
        profile = Profile.of(VISITS.version, Matrix(quiet.names, quiet.x), pa.array(quiet.patient_ids)).published()
        return Reference.of(quiet, profile)

    def test_a_quiet_service_ends_well_and_leaves_its_report(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        records = self.folder(tmp_path)
        status = monitor(records, self.reference(records), tmp_path / "out", VISITS, SEGMENTS,
                         until=instant("2025-12-15"), months=2)  # fmt: skip
        assert status == 0
        assert "2 months" in capsys.readouterr().out
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"monitor.json", "monitor.html", "monitor.prom"}

    def test_a_breach_in_the_latest_month_is_said_and_ends_otherwise(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        reference = self.reference(self.folder(tmp_path))
        (tmp_path / "later").mkdir()
        status = monitor(self.folder(tmp_path / "later", "heavy"), reference, tmp_path / "out", VISITS, SEGMENTS,
                         until=instant("2025-12-15"), months=2)  # fmt: skip
        assert status == BREACHED
        assert "2025-11 recalibrate: share of suggestions of heavy is 1, expected 0" in capsys.readouterr().out

    def test_the_month_that_the_last_day_ends_is_judged_too(self, tmp_path: Path) -> None:
        records = self.folder(tmp_path)
        self.reference(records).write(tmp_path / "reference.json")
        for last, whole in (("2025-11-29", ["2025-09", "2025-10"]), ("2025-11-30", ["2025-10", "2025-11"])):
            train(["monitor", "--records", str(records), "--reference", str(tmp_path / "reference.json"),
                   "--out", str(tmp_path), "--until", last, "--months", "2"])  # fmt: skip
            found = json.loads((tmp_path / "monitor.json").read_text(encoding="utf-8"))
            assert [month["month"] for month in found] == whole

    def test_what_is_normal_is_read_off_a_quiet_stretch(self, tmp_path: Path) -> None:
        records, out = self.folder(tmp_path), tmp_path / "new" / "reference.json"
        settle(records, out, VISITS, SEGMENTS, first=instant("2025-11-01"), until=instant("2025-12-01"))
        assert Reference.read(out).suggested == (1.0, 0.0, 0.0)
        with pytest.raises(MonitorError, match="holds no assessments from 2025-11-15 to 2025-12-01"):
            settle(records, out, VISITS, SEGMENTS, first=instant("2025-11-15"), until=instant("2025-12-01"))

    def test_a_history_without_assessments_is_refused(self, tmp_path: Path) -> None:
        records = self.folder(tmp_path)
        with pytest.raises(MonitorError, match="holds no assessments before 2020-01-01"):
            monitor(records, self.reference(records), tmp_path / "out", VISITS, SEGMENTS,
                    until=instant("2020-01-01"))  # fmt: skip
