"""Recordings for `tune` where nobody has any: conversations in simulated rooms, made by the checkout's own benchmarks.

They are composed of single utterances of many voices (`benchmarks/rooms`), in two halves without a voice or a room in
common: one to choose settings on, the other to tell what these are worth. The voices do not come with the repository:
of the sample meeting's three one half has a single one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from meeting.config.package_files import CHECKOUT
from pipelines.errors import MeetingError

HALVES = ("choose", "report")
"""The folders of a set, as `benchmarks.rooms` names them"""

NO_CHECKOUT = (
    "tune needs folders with recordings and their references; only in a checkout of the repository it makes "
    "recordings itself, in simulated rooms"
)


def made_rooms(folder: Path, report: Callable[[str], None] = lambda line: None) -> tuple[list[Path], list[Path]]:
    """Folders with recordings of the half to choose on, and of the half to judge by; made in `folder` if not yet there.

    Takes minutes. Raises MeetingError where they cannot be made, which is found out before the work begins.
    """
    made = folder / "manifest.jsonl"
    if not made.is_file():
        if CHECKOUT is None:
            raise MeetingError(NO_CHECKOUT)
        report(f"making rooms in {folder}, which takes some minutes and is done once")
        command = [sys.executable, "-m", "benchmarks.rooms", "make", str(folder.resolve()), "--both", "--talks", "1"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines() or ["no reason was given"]
            raise MeetingError(
                f"no rooms could be made: {reason[-1].removeprefix('error: ')}. Give tune folders with recordings and "
                f"their references, or make rooms of your voices: python -m benchmarks.rooms make {folder.resolve()} "
                "--both --voices DIR"
            )
    missing = [half for half in HALVES if not (folder / half).is_dir()]
    if missing:
        raise MeetingError(f"{folder} has no half to {missing[0]}: move it away, and make it with --both")
    chosen, judged = (sorted(path for path in (folder / half).iterdir() if path.is_dir()) for half in HALVES)
    return chosen, judged
