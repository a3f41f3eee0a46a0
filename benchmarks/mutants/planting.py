"""Plants a fault in a copy of the program, runs the tests that are there to see it, and judges what they said."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("meeting", "pipelines", "migrations", "tests", "benchmarks", "web", "docs", ".ci")
"""What the tests need of the working tree"""
PATIENCE = 900.0
"""Seconds after which the tests of one fault are ended: it has made the program hang"""
EACH = 90
"""The same for a single test"""

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::\S+)", re.MULTILINE)
_PASSED = re.compile(r"\b\d+ passed\b")


@dataclass(frozen=True)
class Mutant:
    """One fault: some text of one file is replaced."""

    name: str
    file: str
    """From the top of the repository"""
    old: str
    """Stands exactly once in the file"""
    new: str
    tests: tuple[str, ...]
    """Files, or tests as `FILE::NAME`, of which one must fail"""


@dataclass(frozen=True)
class Verdict:
    """What came of one fault."""

    mutant: str
    outcome: str
    """The test that failed, or why none did"""
    caught: bool
    seconds: float

    def row(self) -> str:
        """The row in Markdown."""
        outcome = f"`{self.outcome}`" if self.caught else f"**{self.outcome}**"
        return f"| {self.mutant} | {outcome} | {self.seconds:.0f} |"


def misfit(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Why a fault cannot be planted in the program as it is; None when it can."""
    path = root / mutant.file
    if not path.is_file():
        return f"{mutant.file} is not there"
    text = path.read_text(encoding="utf-8")
    found = text.count(mutant.old)
    if found != 1:
        return f"its text stands {found} times in {mutant.file}"
    if mutant.old == mutant.new:
        return "it changes nothing"
    try:
        ast.parse(text.replace(mutant.old, mutant.new))
    except SyntaxError as error:
        return f"{mutant.file} would not be Python any more: line {error.lineno}"
    return next((f"there is no test {test}" for test in mutant.tests if not _is_there(test, root)), None)


def _is_there(test: str, root: Path) -> bool:
    file, _, name = test.partition("::")
    path = root / file
    return path.is_file() and (not name or f"def {name}(" in path.read_text(encoding="utf-8"))


def copied(folder: Path, root: Path = ROOT) -> Path:
    """A copy of the working tree without what is made from it."""
    made = folder / "tree"
    made.mkdir(parents=True)
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info")
    for name in FOLDERS:
        if (root / name).is_dir():
            shutil.copytree(root / name, made / name, ignore=unwanted)
    for path in root.iterdir():
        if path.is_file() and not path.name.startswith(".git"):
            shutil.copy2(path, made / path.name)
    return made


def plant(mutant: Mutant, root: Path) -> None:
    """Replace the text in a copy."""
    path = root / mutant.file
    path.write_text(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")


def run_tests(tests: Iterable[str], tree: Path, stop: bool = True) -> tuple[int, str]:
    """The tests in a copy, until the first that fails if `stop`; exit code and output, -1 for tests that hang."""
    # `-p no:cacheprovider` and no bytecode: nothing of one copy may be taken for another's
    options = ["-q", "-p", "no:cacheprovider", "-m", "not gpu and not cluster", "--timeout", str(EACH), "-rfE"]
    command = [sys.executable, "-m", "pytest", *options, *(["-x"] if stop else []), *tests]
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment = {**kept, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["TMPDIR"] = str(tree.parent)
    with (tree.parent / "output").open("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command, cwd=tree, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            # servers that a failed test has left behind are in its session too
            _end(process)
        output.seek(0)
        return code, output.read()


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def judged(code: int, output: str) -> tuple[str, bool]:
    """What a run of pytest says about a fault, and whether it was caught.

    Only a test that ran and failed has seen it: a program that cannot even be imported shows nothing.
    """
    failed = _FAILED.search(output)
    if code == 1 and failed:
        return failed.group(1), True
    if code == -1:
        return "the tests hang", False
    if code == 0 and _PASSED.search(output):
        return "survived", False
    return "not tested: " + (output.strip().splitlines() or ["no output"])[-1], False


def tried(mutant: Mutant, root: Path = ROOT) -> Verdict:
    """Plant one fault in a copy of its own, and run its tests there."""
    began = time.monotonic()
    problem = misfit(mutant, root)
    if problem is not None:
        return Verdict(mutant.name, problem, False, 0.0)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copied(Path(folder), root)
        plant(mutant, tree)
        outcome, caught = judged(*run_tests(mutant.tests, tree))
    return Verdict(mutant.name, outcome, caught, time.monotonic() - began)


def ailing(mutants: Sequence[Mutant], root: Path = ROOT) -> str | None:
    """The output of the tests when one fails without any fault; None when all pass."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    whole = [test for test in tests if "::" not in test]
    single = [test for test in tests if "::" in test and test.partition("::")[0] not in whole]
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        code, output = run_tests([*whole, *single], copied(Path(folder), root), stop=False)
    return None if code == 0 else output
