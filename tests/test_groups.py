"""Where the suite runs in several processes, what is shared is made once and what must be alone is alone."""

from __future__ import annotations

from pathlib import Path

from tests.groups import GROUPS, TOGETHER, Groups, group_of, turn_of

ROOT = Path(__file__).parents[1]
FILES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "tests").rglob("test_*.py")
    if path != Path(__file__)
}


def test_every_file_of_a_group_is_there() -> None:
    assert set(GROUPS) <= set(FILES)


def test_all_that_use_the_training_run_are_together() -> None:
    assert {name for name, text in FILES.items() if "trained: Trained" in text} == set(TOGETHER["the training run"])


def test_all_that_start_the_real_service_are_together() -> None:
    starting = {name for name, text in FILES.items() if "pytest.mark.service" in text}
    assert starting == {*TOGETHER["the real service"], *TOGETHER["the project"]}


def test_other_files_are_alone_and_come_last() -> None:
    alone = "tests/records/test_clock.py::test_a[b::c]"
    assert group_of(alone) == "tests/records/test_clock.py"
    named = [turn_of(f"{files[0]}::test_a") for files in TOGETHER.values()]
    assert named == sorted(set(named))
    assert turn_of(alone) > max(named)


def test_a_process_is_given_whole_groups() -> None:
    names = ["tests/test_project.py::a", "tests/records/test_clock.py::a", "tests/test_project.py::b[x::y]"]
    groups = [Groups._split_scope(None, name) for name in names]
    assert groups == ["the project", "tests/records/test_clock.py", "the project"]
