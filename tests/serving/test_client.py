"""The command line's side: an answer as text in three languages, and refusals as sentences."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from features.families import LANGUAGES
from serving import client
from serving.__main__ import main
from serving.words import PROFESSIONS, SEGMENTS, TABLES, TEXTS, said
from tests.serving.asker import Asker, posted

TOKEN = ""  # the way below brings a token that holds


def over(api: Asker) -> httpx.MockTransport:
    """A way to the application for a client that waits."""

    def handle(request: httpx.Request) -> httpx.Response:
        given = api.request(
            request.method, request.url.path, content=request.read(), headers={"Content-Type": "application/json"}
        )
        return httpx.Response(given.status_code, content=given.content)

    return httpx.MockTransport(handle)


def test_an_answer_reads_in_finnish(api: Asker) -> None:
    question = posted()
    question["history"]["visits"][0]["minutes"] = -1
    text = client.render(client.ask("http://test", question, TOKEN, over(api)), "fi")
    assert text.startswith("Ehdotus: ")
    assert "Hetki: 22.11.2026 10.00" in text
    assert "hammaslääkäri: " in text
    assert "Varaa ensin: " in text
    assert "käynnit: 1 (minutes on alle 0)" in text
    assert text.endswith("Ihminen päättää.\n")


def test_the_next_question_is_said_with_its_answers(interview: Asker) -> None:
    answer = client.ask("http://test", posted(), TOKEN, over(interview))
    assert "Kysy seuraavaksi: Onko sinulla särkyä" in client.render(answer, "fi")
    assert "(no, some, strong pain)" in client.render(answer, "en")
    answer["next_question"] |= {"choices": [], "number": {"least": 0, "most": 9.5, "unit": {"sv": "år"}}}
    assert "9,5 år)" in client.render(answer, "sv")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_history_reads_as_no_estimate(api: Asker, language: str) -> None:
    answer = client.ask("http://test", {"patient_id": "P000124"}, TOKEN, over(api))
    text = client.render(answer, language)  # type: ignore[arg-type]
    assert "%" not in text
    assert answer["says"][language] in text


def test_every_word_is_said_in_every_language() -> None:
    for words in (TEXTS, SEGMENTS, PROFESSIONS, TABLES):
        assert all(label[language].strip() for label in words.values() for language in LANGUAGES)
    assert said("minutes is above 1440", "sv") == "minutes är över 1440"
    assert said("a sentence that nobody translated", "fi") == "a sentence that nobody translated"


def test_a_refusal_is_a_sentence(api: Asker) -> None:
    with pytest.raises(client.AskError, match="status 404: patient_id: no such patient"):
        client.ask("http://test", {"patient_id": "nobody"}, TOKEN, over(api))


@pytest.mark.parametrize(("status", "says"), [(401, "python -m serving token"), (403, "does not allow")])
def test_a_bare_refusal_is_explained(status: int, says: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status))
    with pytest.raises(client.AskError, match=says):
        client.ask("http://test", {}, TOKEN, transport)


def test_too_little_history_reads_as_no_estimate(api: Asker) -> None:
    answer = client.ask("http://test", posted() | {"as_of": "2040-01-01"}, TOKEN, over(api))
    assert client.render(answer, "sv").startswith("Ingen uppskattning: för få eller för gamla uppgifter")


def test_another_server_is_recognised() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(client.AskError, match="is not Tarve"):
        client.ask("http://test", {"patient_id": "x"}, TOKEN, transport)


def test_the_command_line_fails_with_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["ask", "--url", "http://127.0.0.1:1", "--patient", "P1"]) == 1
    assert "no service answers" in capsys.readouterr().err
    assert main(["ask", "--history", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    assert main(["ask", "--history", str(wrong)]) == 1
    assert "must hold an object" in capsys.readouterr().err


def test_the_command_line_shows_what_was_asked(
    api: Asker, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = client.ask
    monkeypatch.setattr(client, "ask", lambda url, question, token: ask(url, question, token, over(api)))
    file = tmp_path / "question.json"
    file.write_text(json.dumps(posted()), encoding="utf-8")
    assert main(["ask", "--history", str(file), "--as-of", "2026-11-01", "--language", "fi", "en"]) == 0
    shown = capsys.readouterr().out
    assert "Hetki: 1.11.2026 23.59" in shown
    assert "As of: 2026-11-01 23:59" in shown


def test_special_needs_are_said(api: Asker) -> None:
    question = posted()
    question["patient"]["special_needs"] = True
    answer = client.ask("http://test", question, TOKEN, over(api))
    assert "Care needs special arrangements." in client.render(answer, "en")
    assert "Care needs special arrangements." not in client.render(answer | {"special_needs": False}, "en")


def test_what_is_not_tarve_is_recognised_by_its_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    other = httpx.MockTransport(lambda _: httpx.Response(418, json=["a teapot"]))
    with pytest.raises(client.AskError, match=r"the service refused with status 418$"):
        client.ask("http://test", {}, TOKEN, other)
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(client.AskError, match="is not Tarve"):
        client.ask("http://test", {}, TOKEN, page)
    assert capsys.readouterr().out == ""
