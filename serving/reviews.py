"""Reviews of what was done: whether the audit is whole, and whether an assessment can be made again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select

from serving import audit, snapshots
from serving.audit import Actor, Object
from serving.keys import Secrets
from serving.release import Release, ReleaseError, stored
from serving.settings import Settings
from serving.storage.chain import faults, read_anchors
from serving.storage.ledger import Kept, Ledger, snapshot_name
from serving.storage.tables import AUDIT
from serving.storage.writer import Write
from serving.wire import as_json

MOST_SHOWN = 20
REVIEWER, PURPOSE = "urn:tarve:command-line", "HCOMPL"


@dataclass(frozen=True)
class Review:
    """What a review found, in sentences, and whether all is as it should be."""

    is_whole: bool
    sentences: list[str]


def verify(settings: Settings) -> Review:
    """Look at every line of the audit.

    Raises:
        DatabaseError: the database fails.
        KeyFolderError: the key of the audit is not there.
    """
    secrets = Secrets.read(settings.keys)
    ledger = Ledger.open(settings, secrets)
    try:
        with ledger.database.snapshot() as connection:
            lines = connection.scalar(select(func.count()).select_from(AUDIT))
            found = faults(connection, secrets.audit, read_anchors(settings.anchors))
            shown = list(islice(found, MOST_SHOWN))
            more = sum(1 for _ in found)
    finally:
        ledger.close()
    if not shown:
        return Review(is_whole=True, sentences=[f"{lines:,} lines, all as they were written", *_anchoring(settings)])
    return Review(is_whole=False, sentences=[*shown, *([f"{more} more faults"] if more else [])])


def _anchoring(settings: Settings) -> list[str]:
    if settings.anchors.exists():
        return []
    return [f"There is no file of anchors at {settings.anchors}: an end cut off together with its head is not noticed"]


def reproduce(settings: Settings, assessment_id: str, at: datetime, folder: Path | None = None) -> Review:
    """Make an assessment again from its snapshot, with the model that made it, and compare; the review is audited.

    Args:
        settings: of the service.
        assessment_id: which assessment.
        at: the present, aware.
        folder: of the release; by default the one in the model store.

    Raises:
        DatabaseError: a database fails.
        ReleaseError: the model is not in the store, or does not fit this code.
    """
    secrets = Secrets.read(settings.keys)
    ledger = Ledger.open(settings, secrets)
    try:
        kept = ledger.find(assessment_id)
        content = None if kept is None else ledger.vault.content(snapshot_name(assessment_id))
        if kept is None or content is None:
            return Review(is_whole=False, sentences=["there is no such assessment, or no snapshot of it"])
        actor = Actor(REVIEWER, f"uid {os.getuid()}", kept.tenant, PURPOSE)
        line = audit.line("reproduce", actor, Object(assessment=kept.id), at, secrets)
        ledger.writer.put(Write(lines=[line])).result()
        return _compare(kept, content, Release.read(folder or stored(kept.model)))
    finally:
        ledger.close()


def _compare(kept: Kept, content: bytes, release: Release) -> Review:
    from serving.answers import answer  # noqa: PLC0415 - LightGBM takes seconds, other commands do not need it

    if release.tag != kept.model:
        raise ReleaseError(f"the assessment was made by {kept.model}, this is {release.tag}")
    snapshot = snapshots.unpack(content)
    again = answer(
        release,
        snapshot.given,
        snapshot.as_of,
        kept.id,
        snapshot.notices,
        told=snapshot.told,
        follows=snapshot.follows,
    ).answer
    then, now = orjson.loads(kept.answer), orjson.loads(as_json(again))
    different = sorted(_differences(then, now))
    if not different:
        return Review(is_whole=True, sentences=[f"made again by {kept.model}: the same in every member"])
    sentences = [f"made again by {kept.model}: {name} is another one" for name in different[:MOST_SHOWN]]
    if then["model"] != now["model"]:
        sentences.append("The features or the tables of this code are not those of then: use the code of that version.")
    return Review(is_whole=False, sentences=sentences)


def _differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """The members that differ, by name; never their values."""
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        for member in then:
            yield from _differences(then[member], now[member], f"{name}.{member}".lstrip("."))
    elif then != now:
        yield name or "the answer"
