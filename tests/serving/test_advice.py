"""Advice from dated tables: every table holds from its day on, and says so; conditions mean what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.families import LANGUAGES
from models.segments import read_tables
from serving import advice
from serving.advice import AdviceError, Patient, advice_on, override_reasons, read

SEGMENTS_FROM = date(2000, 1, 1)
NOW = advice_on(date(2026, 11, 22), SEGMENTS_FROM)
HEALTHY = Patient(40, special_needs=False, findings={"decayed": (0, 100), "cpi": (2, 100)})


def months(segment: str, patient: Patient) -> tuple[int, int] | None:
    found = NOW.recall.interval(segment, patient)
    return None if found is None else found.months


def test_healthy_adults_are_seen_every_two_to_four_years() -> None:
    assert months("light", HEALTHY) == (24, 48)
    found = NOW.recall.interval("light", HEALTHY)
    assert found is not None
    assert "Hammaslääkärilehti 3/2024" in found.source


@pytest.mark.parametrize(
    "findings",
    [
        {"decayed": (1, 100), "cpi": (0, 100)},
        {"decayed": (0, 100), "cpi": (3, 100)},
        {"decayed": (0, 100)},
        {},
        {"decayed": (0, 2000), "cpi": (0, 100)},
    ],
)
def test_health_must_be_on_record_and_recent(findings: dict[str, tuple[int, int]]) -> None:
    assert months("light", replace(HEALTHY, findings=findings)) == (12, 24)


def test_children_and_the_ageless_have_no_interval() -> None:
    for age in (None, 0, 17):
        for segment in ("light", "moderate", "heavy"):
            assert months(segment, replace(HEALTHY, age=age)) is None
    assert months("light", replace(HEALTHY, age=18)) == (24, 48)


def test_more_need_is_seen_no_later() -> None:
    spans = [months(segment, HEALTHY) for segment in ("light", "moderate", "heavy")]
    assert spans == sorted(filter(None, spans), reverse=True)
    assert months("light", replace(HEALTHY, special_needs=True)) == (6, 12)


def test_every_segment_has_its_pathway_and_everybody_a_way() -> None:
    names = [segment.name for table in read_tables() for segment in table.segments]
    for segment in [*names, None, "unheard of"]:
        pathway = NOW.pathways.pathway(segment)
        assert (pathway.segment == segment) == (segment in {*names, None})
        for age in (None, 5, 40):
            for special in (False, True):
                ways = [way.name for way in pathway.open_to(Patient(age, special, {}))]
                assert "own_clinic" in ways
                assert not ({"voucher", "purchased_slot"} & set(ways) and (age != 40 or special))


amounts = st.dictionaries(st.sampled_from(["dentist", "hygienist", "other"]), st.floats(0.01, 30), min_size=1)


@given(amounts, st.floats(1, 200), st.sampled_from(["dentist", "hygienist"]))
def test_follow_ups_are_what_is_left_after_the_first(visits: dict[str, float], each: float, first: str) -> None:
    found = NOW.pathways.follow_ups(visits, {name: each * count for name, count in visits.items()}, first)
    slots = NOW.pathways.slots
    for one in found:
        left = visits[one.profession] - (one.profession == first)
        assert one.visits == left
        assert abs(one.count - left) <= 0.5
        assert one.minutes in slots
        assert one.minutes >= min(round(each), slots[-1])
    assert {one.profession for one in found} <= set(visits)


def test_enough_history_is_a_visit_in_five_years() -> None:
    enough = NOW.history.is_enough
    assert [enough(1, 0), enough(0, 0), enough(1, 1826), enough(1, 1827)] == [True, False, True, False]


def test_a_day_before_all_tables_has_no_advice() -> None:
    with pytest.raises(AdviceError, match="no table of advice holds on 1999-12-31"):
        advice_on(date(1999, 12, 31), SEGMENTS_FROM)


def test_the_version_changes_with_any_table() -> None:
    assert NOW.version == advice_on(date(2030, 1, 1), SEGMENTS_FROM).version
    assert NOW.version != advice_on(date(2026, 11, 22), date(2024, 1, 1)).version
    later = replace(NOW.history, least_visits=2)
    assert advice._version(SEGMENTS_FROM, later, NOW.recall, NOW.pathways) != NOW.version


def test_every_table_says_where_it_comes_from_in_three_languages() -> None:
    sources = [NOW.history.source, NOW.pathways.source, *(row.interval.source for row in NOW.recall.rows)]
    assert all(sources)
    labels = [row.interval.label for row in NOW.recall.rows] + [one.label for one in NOW.pathways.pathways]
    labels += [way.label for one in NOW.pathways.pathways for way in one.ways]
    labels += [reason.label for reason in override_reasons().values()]
    assert all(label[language] for label in labels for language in LANGUAGES)


@pytest.mark.parametrize("content", ["[[table", "other = 1", '[[table]]\nsource = "x"'])
def test_a_table_that_means_nothing_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "history.toml").write_text(content)
    with pytest.raises(AdviceError, match=r"history.toml: "):
        read("history", "table", lambda entry: entry["from"], tmp_path)


def test_pathways_need_one_for_the_unknown() -> None:
    entry = {"from": SEGMENTS_FROM, "source": "x", "slots": [20], "way": [], "pathway": []}
    with pytest.raises(ValueError, match="one pathway must be without a segment"):
        advice._pathway_table(entry)
