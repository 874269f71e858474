"""The registry's champions: who reigns, who reigned before, and how one follows another.

One call moves a model into use: setting the alias `champion`, which MLflow does whole or not at all. Everything that a
promotion must leave behind is written before it, in one tag of the registered model: the line of champions. A line
whose end is not the alias's version is of a promotion that was cut short (or of a rollback that has just begun), so
what follows the alias's version is not read. Whatever is killed in between, the line read is the one that holds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import mlflow

from training import tracking

LINE = "tarve.champions"
"""The tag of the registered model that holds the line of champions, as JSON, the latest last."""
REMEMBERED = 50


class RegistryError(ValueError):
    """The registry is not in the state that a step needs."""


@dataclass(frozen=True)
class Champion:
    """One entry of the line.

    Attributes:
        version: of the registered model.
        signed_by: who answered for the promotion. `since`: when, ISO 8601 in UTC.
        run_id: the run that keeps the verdict.
    """

    version: str
    signed_by: str
    since: str
    run_id: str


def champions() -> tuple[Champion, ...]:
    """The line of champions, the one in use last; empty when none is in use.

    A champion that was set by hand, outside this project, stands alone and unsigned.
    """
    current = tracking.version_of(tracking.CHAMPION)
    if current is None:
        return ()
    line = _line()
    while line and line[-1].version != current:
        line.pop()
    return tuple(line) or (Champion(current, "", "", ""),)


def _line() -> list[Champion]:
    tags = mlflow.MlflowClient().get_registered_model(tracking.NAME).tags
    return [Champion(**each) for each in json.loads(tags.get(LINE, "[]"))]


def promote(version: str, over: str | None, *, signed_by: str, now: datetime, run_id: str) -> None:
    """Make a version champion.

    Args:
        version: the version.
        over: the champion that it was judged against; None when there was none.
        signed_by: who answers for it.
        now: the moment, aware.
        run_id: the run that keeps the verdict.

    Raises:
        RegistryError: another champion has come into use since the verdict.
    """
    line = champions()
    current = line[-1].version if line else None
    if current != over:
        raise RegistryError(f"the champion changed from {over or 'none'} to {current or 'none'} since; judge again")
    if current == version:
        return
    entry = Champion(version, signed_by, now.isoformat(timespec="seconds"), run_id)
    _write((*line, entry))
    set_alias(tracking.CHAMPION, version)


def previous() -> str:
    """The version that was champion before the one in use.

    Raises:
        RegistryError: there is none.
    """
    line = champions()
    if len(line) < 2:
        raise RegistryError("there is no champion before the one in use" if line else "there is no champion")
    return line[-2].version


def roll_back() -> str:
    """Make the champion before the one in use champion again; returns its version.

    Raises:
        RegistryError: there is none.
    """
    version = previous()
    line = champions()[:-1]
    set_alias(tracking.CHAMPION, version)
    _write(line)
    return version


def set_alias(alias: str, version: str) -> None:
    """Let an alias of the registered model point to a version."""
    mlflow.MlflowClient().set_registered_model_alias(tracking.NAME, alias, version)


def _write(line: tuple[Champion, ...]) -> None:
    text = json.dumps([asdict(each) for each in line[-REMEMBERED:]])
    mlflow.MlflowClient().set_registered_model_tag(tracking.NAME, LINE, text)
