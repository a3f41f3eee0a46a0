"""Faults planted in copies of a small program: what a test sees, what none sees, and what no longer fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.mutants import planting
from benchmarks.mutants.planting import Mutant, copied, judged, misfit, plant, tried

FAULT = Mutant("no-limit", "meeting/few.py", "number > 3", "False", ("tests/test_few.py",))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of one function, and a test of it."""
    root = tmp_path / "program"
    for folder in ("meeting", "tests"):
        (root / folder).mkdir(parents=True)
    (root / "pytest.ini").write_text("[pytest]\nmarkers = slow\n  gpu\n")
    (root / "meeting" / "few.py").write_text("def many(number):\n    return number > 3\n")
    test = "from meeting.few import many\n\n\ndef test_four_are_many():\n    assert many(4)\n\n\n"
    (root / "tests" / "test_few.py").write_text(test + "def test_three_are_few():\n    assert not many(3)\n")
    return root


@pytest.mark.slow
def test_a_fault_that_a_test_sees_is_caught_and_the_program_stays_as_it_was(program: Path) -> None:
    before = {path: path.read_text() for path in program.rglob("*.*")}
    verdict = tried(FAULT, program)
    assert (verdict.caught, verdict.outcome) == (True, "tests/test_few.py::test_four_are_many")
    assert verdict.row().startswith("| no-limit | `tests/test_few.py::test_four_are_many` | ")
    assert {path: path.read_text() for path in program.rglob("*.*")} == before


@pytest.mark.slow
def test_a_fault_that_no_test_sees_survives(program: Path) -> None:
    unseen = replace(FAULT, new="number > 2.5 and number != 3")
    verdict = tried(unseen, program)
    assert (verdict.caught, verdict.outcome) == (False, "survived")
    assert "**survived**" in verdict.row()


@pytest.mark.slow
def test_a_program_that_cannot_be_imported_shows_nothing(program: Path) -> None:
    verdict = tried(replace(FAULT, old="def many", new="1 / 0\n\n\ndef many"), program)
    assert not verdict.caught
    assert verdict.outcome.startswith("not tested: ")


def test_tests_that_never_end_are_ended_and_catch_nothing(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "PATIENCE", 2.0)
    verdict = tried(replace(FAULT, old="return number", new="while True: pass\n    return number"), program)
    assert (verdict.caught, verdict.outcome) == (False, "the tests hang")


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (replace(FAULT, old="number < 3"), "its text stands 0 times in meeting/few.py"),
        (replace(FAULT, old="number"), "its text stands 2 times in meeting/few.py"),
        (replace(FAULT, new="number >"), "meeting/few.py would not be Python any more: line 2"),
        (replace(FAULT, new=FAULT.old), "it changes nothing"),
        (replace(FAULT, file="meeting/many.py"), "meeting/many.py is not there"),
        (replace(FAULT, tests=("tests/test_few.py::test_five",)), "there is no test tests/test_few.py::test_five"),
        (replace(FAULT, tests=("tests/test_many.py",)), "there is no test tests/test_many.py"),
    ],
)
def test_a_row_that_no_longer_fits_says_why(program: Path, fault: Mutant, problem: str) -> None:
    assert misfit(fault, program) == problem
    verdict = tried(fault, program)
    assert (verdict.caught, verdict.outcome) == (False, problem)


@pytest.mark.parametrize(
    ("code", "output", "caught"),
    [
        (1, "FAILED tests/a.py::test_b[x-1] - assert 0\n1 failed, 2 passed in 3s", True),
        (1, "1 failed in 3s", False),
        (2, "ERROR tests/a.py - ImportError\n1 error in 1s", False),
        (0, "3 passed in 1s", False),
        (0, "3 skipped in 1s", False),
        (5, "no tests ran in 1s", False),
        (-1, "", False),
    ],
)
def test_only_a_test_that_ran_and_failed_has_caught_a_fault(code: int, output: str, caught: bool) -> None:
    assert judged(code, output)[1] is caught


def test_what_is_planted_in_a_copy_is_in_that_copy_only(program: Path, tmp_path: Path) -> None:
    tree = copied(tmp_path / "copy", program)
    plant(FAULT, tree)
    assert "return False" in (tree / "meeting" / "few.py").read_text()
    assert "number > 3" in (program / "meeting" / "few.py").read_text()
