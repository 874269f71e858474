"""Which test files one process runs, one after another, where the suite runs in several processes.

Files that use what is expensive to make are together, so that it is made once; so are those that start the real
service, so that no two look for a free port, or share the machine with another service, at the same time. Every other
file is a group of its own. A group is never split: the tests of a file may build on one another.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "the training run": (
        "tests/training/test_commands.py",
        "tests/training/test_learning_interviews.py",
        "tests/training/test_registry.py",
        "tests/training/test_report.py",
        "tests/training/test_score.py",
    ),
    "the project": ("tests/test_project.py",),
    "the notebooks": ("tests/notebooks/test_notebooks.py",),
    "the real service": (
        "tests/serving/test_release.py",
        "tests/serving/test_operation.py",
        "tests/serving/test_bento.py",
        "tests/serving/attack/test_faults.py",
        "tests/benchmarks/test_serving_benchmark.py",
    ),
}
"""Groups by what their files share. They take longest and come first, so that no process ends long before another."""
GROUPS = {file: name for name, files in TOGETHER.items() for file in files}
TURNS = {name: turn for turn, name in enumerate(TOGETHER)}


class Groups(LoadScopeScheduling):  # type: ignore[misc] - xdist is not typed to be extended
    """Gives each process a whole group at a time, in the order in which the tests were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """The group of a test: of its file, or the file alone."""
    file = nodeid.partition("::")[0]
    return GROUPS.get(file, file)


def turn_of(nodeid: str) -> int:
    """When the group of a test begins: those that are named here first, in their order, then all others."""
    return TURNS.get(group_of(nodeid), len(TURNS))
