"""The shelf: the releases that lie on this machine, which of them is champion, and what is heard of the registry.

A shelf is the folder of one model in the BentoML model store: a folder for each version, and the file `latest` that
names one of them. Whoever fetches a release points `latest` at it only when the release is complete; whoever serves
looks at that file. So a service needs no registry to start, to restart, or to go on with what it has.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

MODEL_NAME = "tarve-need"
LATEST = "latest"
HEARD = "registry.json"


@dataclass(frozen=True)
class Heard:
    """What was last heard of the registry.

    Attributes:
        reached_at: when it last answered; None if it never did.
        trouble: why it did not answer since; empty when it did.
    """

    reached_at: datetime | None = None
    trouble: str = ""


class Shelf:
    """The releases in one folder.

    Args:
        folder: where releases are fetched to.
        packed: where a release lies that was packed with the code; it will do until one was fetched.
    """

    def __init__(self, folder: Path, packed: Path | None = None) -> None:
        self.folder, self._packed = folder, packed

    @classmethod
    def of_bentoml(cls) -> Self:
        """The shelf in the BentoML model store that the environment names."""
        home = os.environ.get("BENTOML_HOME") or "~/bentoml"
        # A bento holds its code in `src` and, in an image, its models beside it.
        packed = Path(__file__).resolve().parents[2] / "models" / MODEL_NAME
        return cls(Path(home).expanduser() / "models" / MODEL_NAME, packed)

    def champion(self) -> Path | None:
        """The folder of the champion; None when none was ever fetched."""
        try:
            folder = self.folder / (self.folder / LATEST).read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return folder if folder.is_dir() and folder != self.folder else None

    def holds(self, version: str) -> bool:
        """Whether a version lies here."""
        return (self.folder / version).is_dir()

    def since(self) -> datetime | None:
        """Since when the champion is champion here."""
        try:
            return datetime.fromtimestamp((self.folder / LATEST).stat().st_mtime, UTC)
        except OSError:
            return None

    def releases(self) -> list[Path]:
        """The champion, then all others, the newest first, then what was packed with the code."""
        first = self.champion()
        others = [folder for folder in _folders(self.folder) if folder != first]
        found = others if first is None else [first, *others]
        return found if self._packed is None else [*found, *_folders(self._packed)]

    def point(self, version: str) -> None:
        """Make a version the champion; a reader sees the one before or this one, nothing between."""
        if (champion := self.champion()) is None or champion.name != version:
            _write(self.folder / LATEST, version)

    def heard(self) -> Heard:
        """What was last heard of the registry."""
        try:
            said = json.loads((self.folder / HEARD).read_text(encoding="utf-8"))
            reached = said["reached_at"]
            return Heard(None if reached is None else datetime.fromisoformat(reached), str(said["trouble"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Heard()

    def hear(self, at: datetime, trouble: str = "") -> None:
        """Note that the registry answered at a moment, or what kept it from it."""
        reached = self.heard().reached_at if trouble else at
        said = {"reached_at": None if reached is None else reached.isoformat(), "trouble": trouble}
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / HEARD, json.dumps(said))


def _folders(within: Path) -> list[Path]:
    """The folders within another, the newest first; none when it is not there."""
    try:
        found = [folder for folder in within.iterdir() if folder.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda folder: folder.stat().st_mtime, reverse=True)


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
