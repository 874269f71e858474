"""A witness of an attack: what may not be in any answer, log or metric, whatever is sent."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from typing import Any, NoReturn

import httpx
import jsonschema_rs

from tests.serving.attack.mutations import MARK
from tests.serving.cds import require_card

RAW = re.compile(r"<script>alert|<img src=x|<h1>Zq7|\]\(javascript:")
"""Mark-up that came in with a request."""
TRACES = ("Traceback (most recent call last)", 'File "/', ".py:")


class Overheard(logging.Handler):
    """Collects what is logged anywhere, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Witness:
    """Looks at every answer of an API with a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[tuple[str, str, int], Any] = {}
        self.seen: Counter[tuple[str, int]] = Counter()

    def look(self, method: str, template: str, given: httpx.Response) -> None:
        """Refuse an answer that no answer may be."""
        self.seen[f"{method} {template}", given.status_code] += 1
        require(given.status_code < 500, f"{method} {template} failed with {given.status_code}: {given.text[:300]}")
        text = given.text
        for trace in TRACES[:2] if given.status_code < 400 else TRACES:
            require(trace not in text, f"{method} {template} shows a trace")
        require(not MARK.search(str(given.headers)), f"{method} {template} tells of a patient in a header")
        if given.status_code >= 400:
            require(not MARK.search(text), f"{method} {template} {given.status_code} repeats the input")
        if template.startswith("/cds-services"):
            self._hook(method, template, given)
        else:
            self._documented(method, template, given)

    def page(self, method: str, template: str, given: httpx.Response) -> None:
        """Refuse a page that no page may be: it may show what was typed into it, as text."""
        self.seen[f"{method} {template}", given.status_code] += 1
        known = {200, 303, 400, 401, 403, 404, 409, 413, 422, 429}
        require(given.status_code in known, f"{method} {template} gives {given.status_code}")
        require(not MARK.search(str(given.headers)), f"{method} {template} tells of a patient in a header")
        require("Traceback" not in given.text, f"{method} {template} shows a trace")
        require(not RAW.search(given.text), f"{method} {template} shows what was typed as mark-up")

    def _hook(self, method: str, template: str, given: httpx.Response) -> None:
        if given.status_code == 200 and template == "/cds-services/{service_id}":
            said = strict(given)
            require(set(said) == {"cards"}, "cards alone")
            for card in said["cards"]:
                require_card(card)
                ours = {name: one for name, one in card.items() if name != "suggestions"}
                labels = [{**one, "actions": [action["description"] for action in one["actions"]]}
                          for one in card.get("suggestions", ())]  # fmt: skip
                require(not MARK.search(json.dumps([ours, labels], ensure_ascii=False)), "a card repeats the record")
                require("<" not in card.get("detail", ""), "HTML on a card")
        elif given.status_code == 412:
            require(given.headers["content-type"] == "application/fhir+json", "an outcome is FHIR")
            require(strict(given)["resourceType"] == "OperationOutcome", "a 412 tells what is missing")
        else:
            require(
                given.status_code in {200, 400, 401, 404, 405, 413}, f"{method} {template} gives {given.status_code}"
            )

    def _documented(self, method: str, template: str, given: httpx.Response) -> None:
        operation = self._document["paths"].get(template, {}).get(method.lower())
        if operation is None:
            require(given.status_code in {200, 401, 404, 405, 422}, f"{method} {template} gives {given.status_code}")
            return
        responses = operation["responses"]
        require(str(given.status_code) in responses, f"{method} {template} gives {given.status_code}, not documented")
        require(not MARK.search(given.text), f"{method} {template} repeats the input")
        schema = self._schema(method.lower(), template, given.status_code)
        if schema is not None and given.headers.get("content-type", "").startswith("application/json"):
            schema.validate(strict(given))

    def _schema(self, method: str, template: str, status: int) -> Any:
        key = (method, template, status)
        if key not in self._schemas:
            said = self._document["paths"][template][method]["responses"][str(status)]
            schema = said.get("content", {}).get("application/json", {}).get("schema")
            parts = {"components": self._document["components"]}
            self._schemas[key] = jsonschema_rs.validator_for({**schema, **parts}) if schema else None
        return self._schemas[key]


def strict(given: httpx.Response) -> Any:
    """JSON as the standard has it: without NaN."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(given.content.decode(), parse_constant=refuse)


def require(what: bool, says: str) -> None:
    """As assert, which only shows its parts in test modules."""
    if not what:
        raise AssertionError(says)
