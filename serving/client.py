"""Asking a running service, and showing its answer as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx

from features.families import Language
from records.clock import HELSINKI
from serving.words import PROFESSIONS, SEGMENTS, TABLES, TEXTS, number, said, word

SECONDS = 15.0
"""Longer than the service itself takes to give up."""
LEAST_VISITS = 0.05
"""Visits below which a profession is not listed: they would read 0.0."""


REFUSED = {
    401: "the service does not know this token; one for the demo: python -m serving token --role booking-system",
    403: "the token does not allow to ask for an assessment",
}
"""What bare refusals mean."""


class AskError(Exception):
    """The service gave no assessment; the message says why, in sentences."""


def ask(
    url: str, question: Mapping[str, Any], token: str, transport: httpx.BaseTransport | None = None
) -> dict[str, Any]:
    """Ask for one assessment.

    Args:
        url: address of the service, as `http://127.0.0.1:3000`.
        question: what `POST /v1/assess` takes.
        token: a bearer token that allows to ask.
        transport: how to reach it, for tests.

    Raises:
        AskError: the service cannot be reached, or refuses.
    """
    try:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, timeout=SECONDS, transport=transport, headers=headers) as client:
            answer = client.post("/v1/assess", json=dict(question))
        if answer.status_code in REFUSED:
            raise AskError(REFUSED[answer.status_code])
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = f"no service answers at {url} ({type(error).__name__}); start it: python -m serving start"
        raise AskError(what) from error
    except ValueError as error:
        raise AskError(f"what answers at {url} (status {answer.status_code}) is not Tarve") from error
    if answer.status_code != httpx.codes.OK:
        raise AskError(_refusal(answer.status_code, body))
    return dict(body)


def _refusal(status: int, body: Any) -> str:
    faults = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(faults, list):
        return f"the service refused with status {status}"
    said = "; ".join(f"{fault['where']}: {fault['what']}".removeprefix(": ") for fault in faults)
    return f"the service refused with status {status}: {said}"


def render(answer: Mapping[str, Any], language: Language) -> str:
    """An answer of `POST /v1/assess` as text for a person, in one language."""
    return "\n".join(_lines(answer, language)) + "\n"


def _lines(answer: Mapping[str, Any], language: Language) -> Iterator[str]:
    yield _headline(answer, language)
    yield f"{TEXTS['as_of'][language]}: {_time(answer['as_of'], language)}"
    if answer["visits"] is not None:
        yield f"{TEXTS['need'][language]}: {_amounts('total', answer, language)}"
        for name, visits in answer["visits"]["by_profession"].items():
            if visits >= LEAST_VISITS:
                yield f"  {word(PROFESSIONS, name, language)}: {_amounts(name, answer, language)}"
    first = answer["first_appointment"]
    who = word(PROFESSIONS, first["profession"], language)
    minutes = f"{first['minutes']} {TEXTS['minutes'][language]}"
    yield f"{TEXTS['book'][language]}: {first['label'][language]}, {who}, {minutes}"
    if answer["special_needs"]:
        yield TEXTS["special_needs"][language]
    yield from _listed("follow_ups", [_follow_up(one, language) for one in answer["follow_ups"] or ()], language)
    ways = ", ".join(way["label"][language] for way in answer["pathway"]["ways"])
    yield f"{TEXTS['pathway'][language]}: {answer['pathway']['label'][language]} ({ways})"
    if answer["examination_interval"]:
        yield _interval(answer["examination_interval"], language)
    yield from _listed("reasons", [reason["text"][language] for reason in answer["reasons"]], language)
    yield from _asked(answer["next_question"], language)
    yield f"{TEXTS['history'][language]}: {_history(answer['history'], language)}"
    for title, key in (("set_aside", "reason"), ("notices", "says")):
        rows = [(word(TABLES, row["table"], language), row["rows"], said(row[key], language)) for row in answer[title]]
        yield from _listed(title, [f"{table}: {count} ({why})" for table, count, why in rows], language)
    yield TEXTS["model"][language].format(**answer["model"])
    yield answer["says"][language]


def _asked(question: Mapping[str, Any] | None, language: Language) -> Iterator[str]:
    """The next question with its answers; nothing when none is worth asking."""
    if question is None:
        return
    number = question["number"]
    among = [choice["label"][language] for choice in question["choices"]]
    if number is not None:
        between = f"{number['least']:g}–{number['most']:g}"  # noqa: RUF001 - from and to
        among = [f"{between if language == 'en' else between.replace('.', ',')} {number['unit'][language]}"]
    yield f"{TEXTS['ask'][language]}: {question['text'][language]} ({', '.join(among)})"


def _headline(answer: Mapping[str, Any], language: Language) -> str:
    if answer["segment"] is None:
        return TEXTS["too_little" if answer["status"] == "too_little_history" else "no_estimate"][language]
    percent = "%" if language == "en" else " %"
    odds = ", ".join(
        f"{word(SEGMENTS, name, language)} {number(100 * share, 0, language)}{percent}"
        for name, share in answer["probabilities"].items()
    )
    return f"{TEXTS['suggestion'][language]}: {answer['segment']['label'][language]} ({odds})"


def _amounts(name: str, answer: Mapping[str, Any], language: Language) -> str:
    visits, minutes = ((of["total"] if name == "total" else of["by_profession"][name])
                       for of in (answer["visits"], answer["minutes"]))  # fmt: skip
    return (
        f"{number(visits, 1, language)} {TEXTS['visits'][language]}, "
        f"{number(minutes, 0, language)} {TEXTS['minutes'][language]}"
    )


def _follow_up(one: Mapping[str, Any], language: Language) -> str:
    who = word(PROFESSIONS, one["profession"], language)
    return f"{who}: {one['count']} × {one['minutes']} {TEXTS['minutes'][language]}"  # noqa: RUF001 - times


def _interval(interval: Mapping[str, Any], language: Language) -> str:
    least, most = interval["months"]
    months = f"{least}–{most} {TEXTS['months'][language]}"  # noqa: RUF001 - from and to
    return f"{TEXTS['interval'][language]}: {months} ({interval['label'][language]})"


def _history(history: Mapping[str, Any], language: Language) -> str:
    events = f"{history['events_seen']} {TEXTS['events'][language]}"
    if history["age_days"] is None:
        return events
    return f"{events}, {TEXTS['latest'][language].format(days=history['age_days'])}"


def _listed(title: str, sentences: list[str], language: Language) -> Iterator[str]:
    if sentences:
        yield f"{TEXTS[title][language]}:"
        yield from (f"  - {sentence}" for sentence in sentences)


def _time(text: str, language: Language) -> str:
    """A moment as people of Helsinki read it."""
    moment = datetime.fromisoformat(text).astimezone(HELSINKI)
    if language == "en":
        return f"{moment:%Y-%m-%d %H:%M}"
    return f"{moment.day}.{moment.month}.{moment.year} {moment:%H.%M}"
