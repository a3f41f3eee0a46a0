"""When the text of a meeting is whole that another server has taken over, from what its source was told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.several_servers.takeover import SETTLED_SECONDS, Timed, back_at, repeated, whole_at
from pipelines.types import SAMPLE_RATE


def told(*types: str) -> list[dict[str, Any]]:
    """One message a second, from 1 on; "recovering" and "storage" are errors."""
    errors = ("recovering", "storage")
    return [
        {"type": "error" if one in errors else one, "at": float(at), **({"code": one} if one in errors else {})}
        for at, one in enumerate(types, 1)
    ]


@pytest.mark.parametrize(
    ("types", "back", "whole"),
    [
        ((), None, None),
        (("snapshot",), None, None),
        (("snapshot", "recovering"), None, None),
        (("snapshot", "recovering", "session", "recovering"), 3, None),
        (("snapshot", "recovering", "session", "recovering", "snapshot"), 3, 5),
        (("snapshot", "session", "recovering", "storage"), 2, None),
        (("snapshot", "session", "recovering", "snapshot", "storage"), 2, 4),
    ],
)
def test_text_is_whole_once_a_meeting_that_is_read_again_is_told_anew(
    types: tuple[str, ...], back: float | None, whole: float | None
) -> None:
    seen = told(*types)
    assert (back_at(seen), whole_at(seen, 100.0)) == (back, whole)


def test_one_that_is_not_read_again_is_whole_when_its_source_is_back() -> None:
    seen = told("snapshot", "session")
    assert whole_at(seen, 2.0 + SETTLED_SECONDS / 2) is None
    assert whole_at(seen, 2.0 + 2 * SETTLED_SECONDS) == 2


def test_messages_have_their_times() -> None:
    seen = Timed()
    seen.append({"type": "session"})
    seen.append({"type": "snapshot"})
    assert seen[0]["at"] <= seen[1]["at"]


def test_recordings_are_repeated_until_the_meeting_is_as_long_as_asked_for() -> None:
    one, other = np.full(SAMPLE_RATE, 1, np.int16), np.full(SAMPLE_RATE, 2, np.int16)
    made = np.frombuffer(repeated([one, other], 3.5), np.int16)
    assert len(made) == 3.5 * SAMPLE_RATE
    assert [made[round(at * SAMPLE_RATE)] for at in (0.5, 1.5, 2.5, 3.25)] == [1, 2, 1, 2]
