"""How long what is open has when a server stops; its life as a process is tested with `run`."""

from __future__ import annotations

import pytest

from meeting.server.meeting_server import grace


@pytest.mark.parametrize(("took", "left"), [(0.0, 5.0), (2.9, 5.0), (5.0, 3.0), (8.0, 0.5), (60.0, 0.5)])
def test_open_requests_have_what_the_meetings_have_left_of_the_time_to_stop(took: float, left: float) -> None:
    assert grace(took) == pytest.approx(left)
