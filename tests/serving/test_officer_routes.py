"""What an officer does over HTTP: reads the report, sends messages again, cancels feedback; and what a gateway does."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from alerts import tables
from alerts.report_words import PAGE
from serving.vouchers import examples
from serving.vouchers.words import PAGE as OVERDUE_PAGE
from tests.serving.asker import NOW, Asker
from tests.serving.visitor import Visitor
from tests.serving.watched import Served, faults, message, report_care

AGAIN = "/v1/vouchers/dead-letters/send-again"


@pytest.fixture
def officer(watch: Served) -> Asker:
    return watch.asked_by("officer")


@pytest.fixture
def gateway(watch: Served) -> Asker:
    return watch.asked_by("gateway")


def state(watch: Served, message_id: str) -> tuple[str, str | None]:
    outbox = tables.messages_outbox.c
    with watch.house.vouchers.connect() as connection:
        return tuple(
            connection.execute(select(outbox.state, outbox.reason).where(outbox.message_id == message_id)).one()
        )


def test_the_report_comes_as_json_as_csv_and_as_a_page(officer: Asker, watch: Served) -> None:
    said = officer.get("/v1/vouchers/report").json()
    assert said["fewest_people"] == 5
    assert said["families"]["activation"]["all"]["rows"][0]["sum"] == 5
    table = officer.get("/v1/vouchers/report.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in table.headers["content-disposition"]
    assert {row["family"] for row in csv.DictReader(io.StringIO(table.text))} >= {"activation"}
    for language in ("fi", "sv", "en"):
        page = officer.get(f"/v1/vouchers/report.html?language={language}")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert f'<html lang="{language}">' in page.text
        assert f"<h1>{PAGE[language]['title']}</h1>" in page.text
    assert '<html lang="sv">' in officer.get("/v1/vouchers/report.html", Accept_Language="sv").text
    assert faults(officer.get("/v1/vouchers/report.html?language=de")) == [(422, "language", "is not an allowed value")]
    assert '"code":"read-report"' in watch.lines()[0]


def test_dead_letters_are_listed_without_a_person_and_sent_again_with_a_reason(officer: Asker, watch: Served) -> None:
    listed = officer.get("/v1/vouchers/dead-letters")
    letters = listed.json()["messages"]
    assert len(letters) == 3
    assert {(one["state"], one["reason"], one["attempts"]) for one in letters} == {("dead", "refused", 1)}
    assert not any(name in listed.text for name in ("k-interval", "P000123", "+358"))
    [name, *_] = [one["message_id"] for one in letters]
    unknown = "0" * 32
    given = officer.post(AGAIN, {"messages": [name, unknown], "reason": "the number was corrected"})
    assert given.json() == {"queued": 1}
    assert state(watch, name) == ("queued", None)
    assert len(officer.get("/v1/vouchers/dead-letters").json()["messages"]) == 2
    assert faults(officer.post(AGAIN, {"messages": [name], "reason": "x"})) == [
        (404, "messages", "none of them is on the list")
    ]
    [who] = {who for role, who, deed in watch.deeds() if (role, deed) == ("officer", "send_again")}
    assert who not in (None, "anna")
    assert sum(f'"{who}"' in line and name in line for line in watch.lines()) == 2


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ({"messages": [], "reason": "x"}, "messages", "is empty"),
        ({"messages": ["0" * 32] * 101, "reason": "x"}, "messages", "holds too many"),
        ({"messages": ["010171-123A"], "reason": "x"}, "messages[0]", "is not valid"),
        ({"messages": ["0" * 32], "reason": " "}, "reason", "is too short"),
        ({"messages": ["0" * 32], "reason": "x" * 501}, "reason", "is too long"),
        ({"messages": ["0" * 32]}, "reason", "is missing"),
    ],
)
def test_what_is_wrong_with_a_wish_is_named(officer: Asker, watch: Served, body, where: str, what: str) -> None:
    given = officer.post(AGAIN, body)
    assert faults(given) == [(422, where, what)]
    assert "010171" not in given.text + "".join(watch.lines())


def test_an_officer_cancels_any_feedback_at_any_time_with_a_reason(officer: Asker, watch: Served) -> None:
    name = report_care(watch.house)
    path = f"/v1/vouchers/treatment-feedback/{name}/cancel"
    watch.now = NOW + timedelta(days=30)
    later = watch.asked_by("officer")
    assert faults(later.post(path, {})) == [(422, "reason", "is missing")]
    assert later.post(path, {"reason": "the provider has asked"}).json() == {"feedback_id": name, "events": 1}
    assert faults(later.post(path, {"reason": "again"})) == [
        (409, "feedback_id", "this treatment feedback was cancelled before")
    ]
    unknown = later.post(f"/v1/vouchers/treatment-feedback/{'0' * 32}/cancel", {"reason": "x"})
    assert faults(unknown) == [(404, "feedback_id", "there is no such treatment feedback")]
    assert [deed for role, _, deed in watch.deeds() if role == "officer"] == [
        "feedback_cancelled", "feedback_cancel_refused", "feedback_cancel_refused"]  # fmt: skip


def test_receipts_are_taken_in_any_order_and_twice(gateway: Asker, watch: Served) -> None:
    name = message(watch.house, "dead")
    delivered, failed = {"state": "delivered", "key": name}, {"state": "failed", "key": name}
    for told in (failed, delivered, failed, delivered):
        assert gateway.post("/v1/receipts", told).json() == {"received": True}
    assert state(watch, name) == ("delivered", None)
    with watch.house.vouchers.begin() as connection:
        outbox = tables.messages_outbox
        connection.execute(update(outbox).where(outbox.c.message_id == name).values(state="sent", gateway_id="gw-1"))
    assert gateway.post("/v1/receipts", {"state": "failed", "id": "gw-1"}).status_code == 200
    assert state(watch, name) == ("failed", "not_delivered")
    assert '"code":"receipt"' in watch.lines()[0]


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"state": "delivered", "key": "x"}, (404, "key", "no message is named so")),
        ({"state": "delivered", "id": "x"}, (404, "id", "no message is named so")),
        ({"state": "delivered"}, (422, "body", "names no message: give key or id")),
        ({"state": "read", "key": "x"}, (422, "state", "is not an allowed value")),
        ({"state": "failed", "key": "x\0"}, (422, "key", "is not valid")),
    ],
)
def test_a_receipt_that_names_no_message_is_refused(gateway: Asker, told, fault: tuple[int, str, str]) -> None:
    assert faults(gateway.post("/v1/receipts", told)) == [fault]


def test_a_definition_that_cannot_be_read_is_an_operators_matter(officer: Asker, watch: Served, caplog) -> None:
    with watch.house.vouchers.begin() as connection:
        connection.execute(update(tables.voucher_definitions).values(content="{}"))
    given = officer.get("/v1/vouchers/report")
    assert faults(given) == [(503, "", "a voucher definition cannot be read; an operator has to look at it")]
    assert "a voucher definition cannot be read: definition" in caplog.text


def test_the_examples_of_the_document_are_well_formed(officer: Asker, gateway: Asker, watch: Served) -> None:
    name = report_care(watch.house)
    for path, asked, who, status in (
        (AGAIN, examples.SEND_AGAIN, officer, 404),
        ("/v1/receipts", examples.RECEIPTS, gateway, 404),
        (f"/v1/vouchers/treatment-feedback/{name}/cancel", examples.OFFICER_CANCEL, officer, 200),
    ):
        for one in asked.values():
            assert who.post(path, one["value"]).status_code == status


def test_the_answers_of_the_document_have_the_members_of_real_ones(officer: Asker, watch: Served) -> None:
    provider = watch.asked_by("provider")
    real = {
        "PORTAL": provider.get("/v1/portal/messages").json(),
        "LETTERS": officer.get("/v1/vouchers/dead-letters").json(),
        "REPORT": officer.get("/v1/vouchers/report").json(),
        "OVERDUE": officer.get("/v1/vouchers/overdue").json(),
        "TAKEN": provider.get(f"/v1/treatment-feedback/{report_care(watch.house)}").json(),
    }
    for name, answer in real.items():
        shown = getattr(examples, name)
        assert set(shown) == set(answer), name
        for member in ("messages", "rows"):
            if member in answer:
                assert set(shown[member][0]) == set(answer[member][0]), name


def test_an_officer_who_has_signed_in_with_a_browser_sees_the_same_as_pages(watch: Served) -> None:
    visitor = Visitor(watch.app, watch.house, "sv").sign_in("officer")
    home = visitor.get("/pages").text
    for path, title in (("/pages/overdue", OVERDUE_PAGE["sv"]["title"]), ("/pages/vouchers", PAGE["sv"]["title"])):
        assert f'href="{path}"' in home or f'href="http://test{path}"' in home
        page = visitor.get(path)
        assert page.status_code == 200
        assert f"<h1>{title}</h1>" in page.text
        assert visitor.client.request("HEAD", path).status_code == 200
    assert sum('"code":"read-overdue"' in line for line in watch.lines()) == 2
