"""The state of a meeting: what follows what, and what is stored and told."""

from __future__ import annotations

import pytest

from meeting.core.messages import StateMessage
from meeting.core.records import State
from meeting.session.content import Content
from meeting.session.events import Broadcast, SaveState
from meeting.session.meeting_state import MeetingState


def test_each_state_is_stored_before_it_is_told() -> None:
    state = MeetingState({"set": "fake"}, Content("Monday"))
    assert state.become(State.LIVE) == [
        SaveState(State.LIVE, 0, {"set": "fake"}),
        Broadcast(StateMessage("live", "Monday")),
    ]
    assert not state.closing
    state.samples = 9
    assert state.become(State.ENDING)[0] == SaveState(State.ENDING, 9, {"set": "fake"})
    assert state.closing


@pytest.mark.parametrize("wrong", [State.OPEN, State.ENDING, State.ENDED])
def test_no_state_is_left_out(wrong: State) -> None:
    with pytest.raises(AssertionError, match="expected live after open"):
        MeetingState({}, Content("Monday")).become(wrong)
