"""Where a meeting is in its life, how long it is, and which models transcribe it; what is stored and told of that."""

from __future__ import annotations

from meeting.core.messages import StateMessage
from meeting.core.records import State
from meeting.session.content import Content
from meeting.session.events import Broadcast, Effect, SaveState
from pipelines.types import ModelInfo

TRANSITIONS: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.LIVE}),
    State.LIVE: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Which state may follow which"""


class MeetingState:
    """The state of one meeting."""

    def __init__(self, models: ModelInfo, content: Content) -> None:
        """`models` is what transcribes it as far as that is known."""
        self.now = State.OPEN
        self.samples = 0
        """Length of the meeting so far"""
        self.models = models
        self._content = content

    @property
    def closing(self) -> bool:
        """Whether no source may begin any more."""
        return self.now in (State.ENDING, State.ENDED)

    def become(self, state: State) -> list[Effect]:
        """Go into the next state."""
        if state not in TRANSITIONS[self.now]:
            allowed = ", ".join(sorted(s.value for s in TRANSITIONS[self.now])) or "nothing"
            raise AssertionError(f"expected {allowed} after {self.now.value}, got {state.value}")
        self.now = state
        return [self.save(), Broadcast(StateMessage(state.value, self._content.title))]

    def save(self) -> SaveState:
        """Store it as it is."""
        return SaveState(self.now, self.samples, self.models)
