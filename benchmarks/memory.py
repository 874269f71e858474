"""How much memory a measured process has held."""

from __future__ import annotations

from pathlib import Path


def highest_megabytes() -> float:
    """The most that this process has held, as Linux counts it.

    The usual `ru_maxrss` would begin at the size of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3
