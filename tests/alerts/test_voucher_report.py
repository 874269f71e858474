from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Engine, delete, insert, select, update

from alerts import tables
from alerts.__main__ import main
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import read_definitions
from alerts.disclosure import LIMIT
from alerts.evaluate import evaluate
from alerts.facts import ACTIVATION, BREAKDOWNS, FACTS, FAMILIES, FEEDBACK, OVERRUNS, TEXT_MESSAGES, Family, counts
from alerts.reading import read_vouchers
from alerts.report import as_csv, as_json, make_report, section_of, share
from alerts.report_page import DRAWN, as_html
from alerts.report_words import FAMILIES as HEADINGS
from alerts.report_words import OUTCOMES, PAGE
from records.database.connection import engine
from tests.alerts.reported_city import EXAMPLES, NOW, VOUCHERS, build, reported


def read(reached: Engine, family: Family) -> pa.Table:
    with reached.connect() as connection:
        return family.read(connection, stored_definitions(connection), NOW)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_fact_has_a_known_outcome_a_month_and_a_client(city: Engine, family: Family) -> None:
    facts = read(city, family)
    assert facts.schema == FACTS
    assert facts.num_rows > 0
    assert set(facts["outcome"].to_pylist()) <= set(family.outcomes)
    assert all(len(month) == 7 for month in facts["month"].to_pylist())
    assert sum(column.null_count for column in facts.columns) == 0


def test_activation_is_counted_as_the_rules_find_it(city: Engine) -> None:
    facts = read(city, ACTIVATION)
    found = Counter(facts["outcome"].to_pylist())
    with city.connect() as connection:
        definitions = stored_definitions(connection)
        alerts = evaluate(read_vouchers(connection, NOW), definitions, NOW)
    late = alerts.filter(pc.equal(alerts["rule"], "activated_late"))
    missed = alerts.filter(pc.equal(alerts["rule"], "not_activated"))
    missed = missed.filter(pc.coalesce(pc.not_equal(missed["ended_why"], "activated"), True))
    assert sum(found.values()) > 0.97 * VOUCHERS  # a grant that was recorded late is not known yet
    assert found["unactivated"] == missed.num_rows > 30
    assert found["late"] == late.num_rows > 30


def test_vouchers_whose_definition_is_not_known_are_not_counted(city: Engine) -> None:
    with city.connect() as connection:
        some = {name: one for name, one in stored_definitions(connection).items() if name == "whole-2021"}
        facts = ACTIVATION.read(connection, some, NOW)
    assert set(facts["definition"].to_pylist()) == {"whole-2021"}


def test_overruns_and_feedback_are_those_in_the_database(city: Engine) -> None:
    with city.connect() as connection:
        breaches = connection.execute(select(tables.alerts).where(tables.alerts.c.rule == "visit_interval")).all()
        feedbacks = connection.execute(select(tables.feedbacks)).all()
    overruns = Counter(read(city, OVERRUNS)["outcome"].to_pylist())
    assert overruns.total() == sum(one.state != "withdrawn" for one in breaches)
    assert overruns["open"] == sum(one.state == "open" for one in breaches)
    by_outcome = Counter(read(city, FEEDBACK)["outcome"].to_pylist())
    assert by_outcome["cancelled_by_provider"] == sum(one.state == "cancelled" for one in feedbacks) >= LIMIT
    assert set(read(city, FEEDBACK)["definition"].to_pylist()) <= {"ordinary-2020", "whole-2021", "chip-2020"}


def test_messages_are_counted_with_the_reason_why_they_were_not_sent(city: Engine) -> None:
    found = Counter(read(city, TEXT_MESSAGES)["outcome"].to_pylist())
    with city.connect() as connection:
        rows = connection.execute(select(tables.messages_outbox).where(tables.messages_outbox.c.channel == "sms")).all()
    assert found.total() == len(rows)
    assert found["sent"] == sum(row.state == "sent" for row in rows) > 0
    assert found["no_consent"] == sum(row.reason == "no_consent" for row in rows) > 0


def test_the_parts_of_messages_that_were_sent_add_up_in_every_table(city: Engine) -> None:
    """What is paid for: long texts, and those with signs outside the default alphabet, take several parts."""
    outbox = tables.messages_outbox
    with city.connect() as connection:
        rows = connection.execute(
            select(outbox.c.parts).where(outbox.c.state == "sent", outbox.c.channel == "sms")
        ).all()
    paid = sum(row.parts for row in rows)
    assert paid > len(rows) > 50
    report = reported(city)
    families = json.loads(as_json(report))["families"]
    for name in ("all", *BREAKDOWNS):
        assert sum(row["parts"] for row in families["text_messages"][name]["rows"]) == paid
    lines = list(csv.DictReader(as_csv(report).splitlines()))
    summed = Counter(dict.fromkeys(("all", *BREAKDOWNS), 0))
    for line in lines:
        if line["family"] == "text_message_parts":
            summed[line["by"]] += int(line["count"])
    assert set(summed.values()) == {paid}
    assert "parts" not in families["portal_messages"]["all"]["rows"][0]
    for language in ("fi", "sv", "en"):
        page = as_html(report, language)
        assert page.count(f'<th scope="col">{PAGE[language]["parts"]}</th>') == len(BREAKDOWNS)
        shown = f"{paid:,}".replace(",", "," if language == "en" else "\N{NO-BREAK SPACE}")
        assert f"<dt>{PAGE[language]['parts']}</dt><dd>{shown} " in page


def test_parts_are_not_told_where_those_sent_are_counted_with_others() -> None:
    """Else the parts of four people's messages would tell that they were sent."""
    whose = [*((name, "sent") for name in "abcd"), *((name, "no_consent") for name in "efghij")]
    rows = [
        {"definition": "d", "provider": "p", "month": "2026-01", "outcome": outcome, "patient_id": name,
         "parts": 2 if outcome == "sent" else 0}
        for name, outcome in whose
    ]  # fmt: skip
    facts = pa.Table.from_pylist(rows, schema=FACTS)
    family = replace(TEXT_MESSAGES, read=lambda *_: facts)
    section = section_of(family, facts)
    assert section.total.columns[-1] == ("sent", "no_consent") or ("sent",) not in section.total.columns
    assert set(section.parts.values()) == {None}
    enough = pa.concat_tables([facts, pa.Table.from_pylist([rows[0] | {"patient_id": "x"}], schema=FACTS)])
    assert set(section_of(family, enough).parts.values()) == {(10,)}


def test_facts_are_the_same_in_every_database(postgres_url: str, city: Engine) -> None:
    build(postgres_url)
    server = engine(postgres_url)
    for family in FAMILIES:
        one, other = read(city, family), read(server, family)
        order = [(name, "ascending") for name in FACTS.names]
        assert one.sort_by(order) == other.sort_by(order)
    server.dispose()


def test_cells_count_facts_and_different_people() -> None:
    rows = [{"definition": "d", "provider": "p", "month": "2026-01", "outcome": "late", "patient_id": "a"}] * 7
    rows += [rows[0] | {"patient_id": name, "month": "2026-03"} for name in "abcdefgh"]
    found = counts(ACTIVATION, pa.Table.from_pylist(rows, schema=FACTS), "month")
    assert found.rows == ["2026-01", "2026-02", "2026-03"]
    assert (found.cells["2026-01", "late"].count, len(found.cells["2026-01", "late"].people)) == (7, 1)
    assert (found.cells["2026-03", "late"].count, len(found.cells["2026-03", "late"].people)) == (8, LIMIT)
    assert counts(ACTIVATION, FACTS.empty_table(), "month").rows == []


def test_no_number_of_the_report_concerns_fewer_than_five_people(city: Engine) -> None:
    report = reported(city)
    for section, family in zip(report.sections, FAMILIES, strict=True):
        facts = read(city, family)
        for breakdown, table in section.by.items():
            for group, numbers in zip(table.rows, table.counts, strict=True):
                for outcomes, number in zip(table.columns, numbers, strict=True):
                    some = facts.filter(
                        pc.and_(
                            pc.is_in(facts[breakdown], pa.array(group)), pc.is_in(facts["outcome"], pa.array(outcomes))
                        )
                    )
                    assert some.num_rows == number
                    assert number == 0 or len(set(some["patient_id"].to_pylist())) >= LIMIT


def test_nothing_in_the_report_names_a_client(city: Engine) -> None:
    report = reported(city)
    for written in (as_json(report), as_csv(report), *(as_html(report, language) for language in PAGE)):
        assert "c0000" not in written


def test_json_and_csv_hold_the_same_numbers(city: Engine) -> None:
    report = reported(city)
    plain = json.loads(as_json(report))
    lines = list(csv.DictReader(as_csv(report).splitlines()))
    from_json = {
        (family, by, " + ".join(row["names"]), " + ".join(outcome)): (count, row["shares"][place])
        for family, section in plain["families"].items()
        for by in ("all", *BREAKDOWNS)
        for row in section[by]["rows"]
        for place, (outcome, count) in enumerate(zip(section[by]["outcomes"], row["counts"], strict=True))
    }
    from_csv = {
        (line["family"], line["by"], line["row"], line["outcome"]): (
            int(line["count"]),
            float(line["share"]) if line["share"] else None,
        )
        for line in lines
        if line["family"] != "text_message_parts"
    }
    assert from_json == from_csv
    assert plain["fewest_people"] == LIMIT
    assert plain["as_of"] == "2026-03-02T12:00:00+02:00"
    assert plain["definitions"]["whole-2021"]["sv"] == "Servicesedel för helhetsvård"
    assert "whole-2021" in plain["examples"]


def test_a_family_about_too_few_people_says_so_in_every_form(lite: Engine) -> None:
    """A test database that holds one definition and nobody, then two clients."""
    with lite.begin() as connection:
        connection.execute(delete(tables.voucher_definitions))
        definitions = read_definitions([EXAMPLES])
        store_definitions(connection, definitions, NOW)
        assert "Ei yhtään." in as_html(make_report(connection, definitions, NOW), "fi")
        for name in "ab":
            row = {"patient_id": name, "provider_id": "p", "voucher_id": "v", "sent_at": NOW, "ends_care": False}
            connection.execute(insert(tables.feedbacks), row | {"feedback_id": name, "state": "active"})
        connection.execute(
            update(tables.feedbacks)
            .where(tables.feedbacks.c.feedback_id == "a")
            .values(state="cancelled", cancelled_at=NOW, cancelled_by="officer")
        )
        facts = FEEDBACK.read(connection, definitions, NOW)
        report = make_report(connection, definitions, NOW)
    assert sorted(facts["outcome"].to_pylist()) == ["cancelled_by_officer", "in_force"]
    assert json.loads(as_json(report))["families"]["feedback"] == {"hidden": True}
    assert "feedback" not in as_csv(report)
    assert "Koskee alle 5 henkilöä: ei näytetä." in as_html(report, "fi")


def test_a_share_of_nothing_is_none() -> None:
    assert share(1, 3) == 0.333
    assert share(0, 0) is None


def test_every_family_and_outcome_has_words_in_three_languages() -> None:
    for family in FAMILIES:
        assert set(HEADINGS[family.name]) == set(PAGE)
        assert set(OUTCOMES[family.name]) == set(family.outcomes)
        assert set(DRAWN[family.name]) <= set(family.outcomes)
        assert all(set(words) == set(PAGE) for words in OUTCOMES[family.name].values())
    assert len({frozenset(words) for words in PAGE.values()}) == 1


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "fi",
            ["Palvelusetelien aktivointi", "2.3.2026 klo 12.00", "Suun hoidon palveluseteli (ordinary-2020)", "/2026"],
        ),
        ("sv", ["Aktivering av servicesedlar", "2.3.2026 kl. 12.00", "Servicesedel för munvård", "feb. 2026"]),
        ("en", ["Activation of vouchers", "2 March 2026, 12:00", "Oral care voucher", "Feb 2026"]),
    ],
)
def test_the_page_speaks_each_language(city: Engine, language: str, words: list[str]) -> None:
    page = as_html(reported(city), language)
    assert f'<html lang="{language}">' in page
    for some in words:
        assert some in page


def test_the_page_fetches_nothing(city: Engine) -> None:
    page = as_html(reported(city), "fi")
    assert "http" not in page
    assert "<script" not in page
    assert "src=" not in page


@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_the_command_writes_a_file_or_prints(city_url: str, tmp_path: Path, form: str, capsys) -> None:
    asked = ["report", "--database", city_url, "--format", form, "--language", "sv", "--now", NOW.isoformat()]
    assert main([*asked, "--out", str(tmp_path / "new" / f"report.{form}")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'new' / f'report.{form}'}\n"
    assert main(asked) == 0
    assert (tmp_path / "new" / f"report.{form}").read_text(encoding="utf-8") == capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(city_url: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="2"):
        main(["report", "--database", city_url, "--out", str(tmp_path / "file" / "report.html")])
    assert "cannot be written" in capsys.readouterr().err
