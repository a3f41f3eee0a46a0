"""Plants faults in a copy of the program, one at a time, and shows which test catches each.

    .venv/bin/python -m benchmarks.mutants                     # all of mutations.py: about 20 minutes
    .venv/bin/python -m benchmarks.mutants no-fsync --jobs 1   # one, by its name
    .venv/bin/python -m benchmarks.mutants --list

The working tree is never touched: each fault is planted in a copy of its own, in a temporary folder. Before that the
named tests must pass in a copy without any. Prints one row in Markdown for each fault; exit code 1 when a fault was
caught by no test, or no longer fits the program.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.mutants.mutations import MUTANTS
from benchmarks.mutants.planting import Mutant, Verdict, ailing, copied, tried


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
