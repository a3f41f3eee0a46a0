"""Open files: raised as far as they may be, reckoned with, and said when they do not suffice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meeting.config.settings import Limits
from meeting.live.rooms import DEFAULT_CAPACITY
from meeting.transport.descriptors import (
    ASSUMED_MEETINGS,
    BASE_FILES,
    FILES_PER_MEETING,
    MIN_CONNECTIONS,
    connections_allowed,
    files_needed,
    shortage,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("soft", "hard"), [(300, 700), (700, 700)])
def test_the_limit_is_raised_as_far_as_it_may_be(soft: int, hard: int) -> None:
    script = (
        "import resource; from meeting.transport.descriptors import raise_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(hard)] * 3


def test_each_live_meeting_keeps_its_files() -> None:
    assert connections_allowed(1024, 0) == 1024 - BASE_FILES
    assert connections_allowed(1024, 10) == 1024 - BASE_FILES - 10 * FILES_PER_MEETING
    assert connections_allowed(64, 100) == MIN_CONNECTIONS


def test_two_hundred_readers_of_eight_meetings_need_more_than_1024_files() -> None:
    limits = Limits(meetings=8, viewers=200)
    problem = shortage(limits, 1024)
    assert problem is not None
    assert "may have 1024 files open" in problem
    assert "8 meetings with 200 viewers each need" in problem
    assert shortage(limits, files_needed(limits)) is None
    assert shortage(limits, None) is None


def test_few_readers_need_no_more() -> None:
    assert shortage(Limits(meetings=2, viewers=20), 1024) is None


def test_without_a_number_it_reckons_with_as_many_meetings_as_are_taken_on() -> None:
    assert ASSUMED_MEETINGS == DEFAULT_CAPACITY
