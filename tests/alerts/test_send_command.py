from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, update

from alerts import tables
from alerts.__main__ import main
from alerts.defined import store_definitions
from alerts.definitions import read_definitions
from alerts.gateway_demo import DemoGateway
from records.database.connection import engine
from tests.alerts.mail import NOW, outbox, prepared, queued

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"
OUTBOX = tables.messages_outbox
AT = ["--now", NOW.isoformat()]


@pytest.fixture
def demo() -> Iterator[DemoGateway]:
    with DemoGateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def examples_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file with the example definitions in the place of the tests' own."""
    file = tmp_path_factory.mktemp("send") / "tarve.db"
    reached = prepared(f"sqlite:///{file}")
    with reached.begin() as connection:
        connection.execute(delete(tables.voucher_definitions))
        store_definitions(connection, read_definitions([EXAMPLES]), NOW)
    reached.dispose()
    return file


@pytest.fixture
def url(examples_file: Path, tmp_path: Path) -> str:
    (tmp_path / "tarve.db").write_bytes(examples_file.read_bytes())
    return f"sqlite:///{tmp_path / 'tarve.db'}"


@pytest.fixture
def ready(url: str) -> Iterator[Engine]:
    reached = engine(url)
    yield reached
    reached.dispose()


def test_what_is_due_is_sent_and_told_of(ready, url, demo: DemoGateway, capsys) -> None:
    queued(ready, ["a", "b"])
    queued(ready, ["c"], sms_consent=False)
    queued(ready, ["d"], recipient="provider")
    assert main(["send", "--database", url, "--gateway", demo.url, *AT]) == 0
    assert capsys.readouterr().out == "4 messages: 3 sent, 1 not sent, with the reason\n"
    assert demo.received[0].text.startswith("Suun hoidon palveluseteli: setelisi odottaa aktivointia.")
    assert main(["send", "--database", url, "--gateway", demo.url, *AT]) == 0
    assert capsys.readouterr().out == "0 messages were due\n"
    assert len(demo.received) == 2


def test_without_a_gateway_providers_are_told_and_text_messages_wait(ready, url, capsys, monkeypatch) -> None:
    monkeypatch.delenv("TARVE_SMS_GATEWAY", raising=False)
    queued(ready, ["a"])
    queued(ready, ["b"], recipient="provider")
    assert main(["send", "--database", url, *AT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 messages: 1 sent",
        "1 text messages wait",
        "no gateway is given: text messages are not sent",
    ]


def test_the_gateway_may_stand_in_the_environment(ready, url, demo: DemoGateway, monkeypatch) -> None:
    monkeypatch.setenv("TARVE_SMS_GATEWAY", demo.url)
    queued(ready, ["a"])
    assert main(["send", "--database", url, *AT]) == 0
    assert len(demo.received) == 1


def test_once_sends_a_few_and_stops(ready, url, demo: DemoGateway, capsys) -> None:
    queued(ready, [f"p{number}" for number in range(25)])
    assert main(["send", "--database", url, "--gateway", demo.url, "--once", *AT]) == 0
    assert capsys.readouterr().out.splitlines() == ["20 messages: 20 sent", "5 text messages wait"]


def test_a_failing_gateway_is_left_alone_and_the_status_says_so(ready, url, demo: DemoGateway, capsys) -> None:
    queued(ready, [f"p{number}" for number in range(7)])
    demo.misbehave(*[503] * 99)
    assert main(["send", "--database", url, "--gateway", demo.url, *AT]) == 4
    assert "the gateway failed several times in a row and was left alone" in capsys.readouterr().out


def test_an_unknown_outcome_is_counted_and_found_on_the_list(ready, url, demo: DemoGateway, capsys) -> None:
    queued(ready, ["a", "b"])
    demo.misbehave(500, 400)
    send = ["send", "--database", url, "--gateway", demo.url, "--delivery", "at-most-once", *AT]
    assert main(send) == 4
    assert "2 given up: see dead-letters" in capsys.readouterr().out
    assert main(["dead-letters", "--database", url]) == 0
    told = capsys.readouterr().out
    assert "ordinary-2020 not_activated: outcome_unknown, 1 attempts" in told
    assert "ordinary-2020 not_activated: refused, 1 attempts" in told
    assert told.endswith("2 messages to look at\n")
    again = ["dead-letters", "--database", url, "--send-again", outbox(ready)["a"].message_id, "nothing"]
    assert main([*again, "--who", "officer-1", "--why", "the gateway was down"]) == 0
    assert capsys.readouterr().out == "1 of 2 are queued again\n"
    assert outbox(ready)["a"].state == "queued"


def test_what_may_have_gone_is_told_of(ready, url, demo: DemoGateway, capsys) -> None:
    queued(ready, ["a"])
    with ready.begin() as connection:
        connection.execute(update(OUTBOX).values(state="sending", next_attempt_at=NOW.replace(year=2030)))
    assert main(["send", "--database", url, "--gateway", demo.url, *AT]) == 0
    assert "1 text messages may have gone and will be looked at again" in capsys.readouterr().out


def test_telephone_numbers_may_stand_in_a_database_of_their_own(ready, url, demo: DemoGateway, tmp_path) -> None:
    queued(ready, ["a"])
    with ready.begin() as connection:
        connection.execute(delete(tables.phone_numbers))
    apart = f"sqlite:///{tmp_path / 'phones.db'}"
    phones = prepared(apart)
    with phones.begin() as connection:
        connection.execute(insert(tables.phone_numbers), {"patient_id": "a", "number": "+358501234567"})
    phones.dispose()
    assert main(["send", "--database", url, "--phones", apart, "--gateway", demo.url, *AT]) == 0
    assert [one.to for one in demo.received] == ["+358501234567"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--gateway", "bulksms://user:secret@x"], 1, "where the number goes"),
        (["--delivery", "perhaps"], 2, "--delivery"),
        (["--once", "--until-empty"], 2, "not allowed with"),
        (["--now", "2999-01-01T00:00"], 2, "still to come"),
        (["--now", "yesterday"], 2, "no ISO 8601 date"),
        (["--phones", "mysql://x"], 1, "not a kind of database"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(url, arguments, status, says, capsys) -> None:
    try:
        ended = main(["send", "--database", url, *arguments])
    except SystemExit as end:
        ended = end.code
    told = capsys.readouterr().err
    assert (ended, "secret" in told, says in told) == (status, False, True)


def test_whoever_sends_again_says_who_and_why(url, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dead-letters", "--database", url, "--send-again", "m", "--who", "officer-1"])
    assert "--who and --why" in capsys.readouterr().err
