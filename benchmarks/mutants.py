"""Plants faults in a copy of the program, one at a time, and shows which test catches each.

    .venv/bin/python -m benchmarks.mutants                     # all of benchmarks/mutations.py: about 20 minutes
    .venv/bin/python -m benchmarks.mutants no-fsync --jobs 1   # one, by its name
    .venv/bin/python -m benchmarks.mutants --list

The working tree is never touched: each fault is planted in a copy of its own, in a temporary folder. Before that the
named tests must pass in a copy without any. Prints one row in Markdown for each fault; exit code 1 when a fault was
caught by no test, or no longer fits the program.
"""

from __future__ import annotations

import argparse
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
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
    options = ["-q", "-p", "no:cacheprovider", "-m", "not slow and not gpu", "--timeout", str(EACH), "-rfE"]
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


def _verdicts(mutants: Sequence[Mutant], root: Path, jobs: int, unchecked: bool) -> list[Verdict]:
    problem = None if unchecked else ailing(mutants, root)
    if problem is not None:
        print(problem, file=sys.stderr)
        raise SystemExit("a test fails without any fault: mend that first")
    print("| fault | caught by | seconds |\n|---|---|---|", flush=True)
    verdicts = []
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for verdict in pool.map(lambda mutant: tried(mutant, root), mutants):
            print(verdict.row(), flush=True)
            verdicts.append(verdict)
    return verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant what was asked for and print the table."""
    from benchmarks.mutations import MUTANTS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="faults to plant; all when none is named")
    parser.add_argument("--jobs", type=int, default=2, help="faults at once (default 2)")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--unchecked", action="store_true", help="leave out the run without any fault")
    asked = parser.parse_args(arguments)
    if asked.list:
        print("\n".join(mutant.name for mutant in MUTANTS))
        return 0
    unknown = set(asked.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}; --list names them")
    chosen = [mutant for mutant in MUTANTS if not asked.names or mutant.name in asked.names]
    # what is worked on meanwhile must not come into it
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        verdicts = _verdicts(chosen, copied(Path(folder)), asked.jobs, asked.unchecked)
    missed = sum(not verdict.caught for verdict in verdicts)
    print(f"\n{len(verdicts) - missed} of {len(verdicts)} faults caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
