"""The rules of one meeting as a plain object: events in, effects out.

Imports no asyncio, clock, socket or database: time is an argument, and `wake_at` says when the next `Tick` is due.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from meeting.config import Limits
from meeting.events import (
    AbandonSource,
    Broadcast,
    Broke,
    Dismissed,
    Drained,
    Drop,
    Effect,
    Event,
    FinishSource,
    Framed,
    Heard,
    Joined,
    Keep,
    Kept,
    Left,
    Note,
    Opened,
    OpenSource,
    Renamed,
    SaveSource,
    SaveState,
    Send,
    SourceFailed,
    Started,
    Stopped,
    Tick,
    Unsaved,
)
from meeting.messages import (
    Ack,
    AudioFrame,
    Close,
    Ended,
    ErrorMessage,
    SessionMessage,
    SnapshotMessage,
    Start,
    StateMessage,
)
from meeting.outputs import hear
from meeting.records import Source
from meeting.transcript import Transcript
from pipelines.errors import ProtocolError
from pipelines.types import SAMPLE_RATE, seconds


class State(str, Enum):
    """Where a meeting is in its life; values as stored and sent."""

    OPEN = "open"
    LIVE = "live"
    ENDING = "ending"
    ENDED = "ended"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.LIVE}),
    State.LIVE: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Which state may follow which"""

SPARE = 8
"""Seats beyond the limit of viewers while the source is away, so that it can always come back"""


@dataclass(slots=True)
class _Live:
    """The meeting's source while it is being heard."""

    source: Source
    start: Start
    token: str = field(repr=False)
    client: int | None
    """The connection it comes through; None while it is away"""
    next_seq: int = 0
    opened: bool = False
    stopping: bool = False
    """`stop` came before the source was ready"""
    lost_at: float | None = None


class Session:
    """One meeting's rules; `handle` is the only way in."""

    def __init__(self, meeting_id: str, title: str, limits: Limits, models: dict[str, Any] | None = None) -> None:
        self.meeting_id = meeting_id
        self.title = title
        self.state = State.OPEN
        self.samples = 0
        self.transcript = Transcript()
        self._limits = limits
        self._models = models or {}
        self._clients: set[int] = set()
        self._source: _Live | None = None
        self._live_since = 0.0
        self._visited = False
        self._dismissed = False

    @property
    def closed(self) -> bool:
        """True once nothing more can happen here: ended and stored, or open with nobody in it."""
        if self.state is State.OPEN:
            empty = self._visited and not self._clients and self._source is None
            return self._dismissed or empty
        return self.state is State.ENDED

    @property
    def busy(self) -> bool:
        """True while a source takes up the machine: from its `start` until everything is stored."""
        return self._source is not None and self.state is not State.ENDED

    @property
    def viewers(self) -> int:
        """Connected clients that are not the source."""
        return len(self._clients) - (self._source is not None and self._source.client is not None)

    @property
    def wake_at(self) -> float | None:
        """When a `Tick` is due, on the clock of `now`; None when nothing is waited for."""
        if self.state is not State.LIVE or self._source is None:
            return None
        longest = self._live_since + self._limits.meeting_hours * 3600
        if self._source.lost_at is None:
            return longest
        return min(longest, self._source.lost_at + self._limits.resume_window)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What must be done about an event, in this order; `now` is in seconds on any steady clock."""
        match event:
            case Joined(client):
                return self._join(client)
            case Left(client):
                return self._leave(client, now)
            case Started():
                return self._start(event, now)
            case Stopped(client):
                return self._stop(client, now)
            case Framed(client, frame):
                return self._frame(client, frame, now)
            case Broke(client, error):
                return self._refuse(client, error.code, str(error), error.close, now)
            case Heard(output):
                return [] if self.state is State.ENDED else hear(self.transcript, output)
            case Opened() | Kept() | SourceFailed() | Drained():
                return self._source_event(event, now)
            case Unsaved(message):
                return [Broadcast(ErrorMessage("storage", message, False))]
            case Renamed(title):
                self.title = title
                return [Broadcast(StateMessage(self.state.value, title))]
            case Dismissed(code, reason):
                return self._dismiss(code, reason)
            case Tick():
                return self._tick(now)

    # Clients

    def _join(self, client: int) -> list[Effect]:
        present = self._source is not None and self._source.client is not None
        if self.viewers >= self._limits.viewers + (0 if present else SPARE):
            message = f"this meeting has as many viewers as it takes ({self._limits.viewers})"
            return _farewell(client, "too_many", message, Close.TOO_MANY)
        snapshot = Send(client, self._snapshot())
        if self.state is State.ENDED:
            return [snapshot, Send(client, Ended(self.transcript.count)), Drop(client, Close.NORMAL, "ended")]
        self._clients.add(client)
        self._visited = True
        return [snapshot]

    def _snapshot(self) -> SnapshotMessage:
        segments, speakers = self.transcript.snapshot()
        audio = seconds(self.samples)
        return SnapshotMessage(segments, speakers, self.state.value, self.title, audio, self._models)

    def _leave(self, client: int, now: float) -> list[Effect]:
        self._clients.discard(client)
        live = self._source
        if live is None or live.client != client:
            return []
        live.client, live.lost_at = None, now
        if not live.opened and not live.next_seq:
            # Its client never learnt the token, and nothing was heard: nobody could come back to it.
            self._source = None
            return [AbandonSource(live.source.id)]
        return []

    def _refuse(self, client: int, code: str, message: str, close: int, now: float) -> list[Effect]:
        if client not in self._clients:
            return []
        return [*_farewell(client, code, message, close), *self._leave(client, now)]

    def _from_source(self, client: int) -> _Live | None:
        live = self._source
        return live if live is not None and live.client == client else None

    # Messages

    def _start(self, event: Started, now: float) -> list[Effect]:
        client = event.client
        if client not in self._clients:
            return []
        problem = self._cannot_start(event)
        if problem is not None:
            # A second `start` closes the connection only: the source waits for its client to resume.
            return self._refuse(client, problem.code, str(problem), problem.close, now)
        if event.start.resume is not None:
            return self._resume(client)
        audio, info = event.start.audio, event.start.source
        source = Source(
            event.source_id,
            info.name,
            info.kind,
            audio.encoding,
            audio.sample_rate,
            audio.channels,
            event.start.language,
        )
        self._source = _Live(source, event.start, event.token, client)
        effects: list[Effect] = []
        if event.models is None:
            message = "the models are still being loaded; the meeting begins as soon as they are"
            effects.append(Send(client, ErrorMessage("loading", message, False)))
        return [*effects, OpenSource(source.id, audio, event.start.language, event.start.hotwords)]

    def _cannot_start(self, event: Started) -> ProtocolError | None:
        live, resume = self._source, event.start.resume
        if live is not None and live.client == event.client:
            return ProtocolError("this connection has already started a source")
        if resume is not None:
            if live is None or live.source.id != resume.source_id or not _same(live.token, resume.token):
                return ProtocolError("there is no such source to resume", "unauthorized", Close.UNAUTHORIZED)
            if live.start.audio != event.start.audio:
                return ProtocolError("a source must be resumed with the audio format that it started with")
            return None
        if self.state in (State.ENDING, State.ENDED):
            return ProtocolError(f"a source can start in a meeting that is open, not in one that is {self.state.value}")
        if live is not None:
            return ProtocolError("this meeting is already being recorded", "busy", Close.RESUMED_ELSEWHERE)
        if not event.admitted:
            return ProtocolError("the server has as many live meetings as it takes", "too_many", Close.TOO_MANY)
        return None

    def _resume(self, client: int) -> list[Effect]:
        live = self._source
        assert live is not None
        effects: list[Effect] = []
        if live.client is not None:
            self._clients.discard(live.client)
            effects.append(Drop(live.client, Close.RESUMED_ELSEWHERE, "resumed elsewhere"))
        live.client, live.lost_at = client, None
        if live.opened:
            effects.append(Send(client, self._session(live)))
        return effects

    def _session(self, live: _Live) -> SessionMessage:
        return SessionMessage(self.meeting_id, live.source.id, live.token, live.next_seq, self._models)

    def _stop(self, client: int, now: float) -> list[Effect]:
        live = self._from_source(client)
        if live is None:
            return self._refuse(client, "bad_message", "stop comes after start", Close.BAD_MESSAGE, now)
        if not live.opened:
            live.stopping = True
            return []
        return self._finish()

    def _frame(self, client: int, frame: AudioFrame, now: float) -> list[Effect]:
        live = self._from_source(client)
        if live is None:
            return self._refuse(client, "bad_message", "audio comes after start", Close.BAD_MESSAGE, now)
        if len(frame.payload) > self._limits.frame_bytes:
            message = f"a frame has at most {self._limits.frame_bytes} bytes, this one {len(frame.payload)}"
            return self._refuse(client, "too_large", message, Close.TOO_LARGE, now)
        if self.state in (State.ENDING, State.ENDED) or live.stopping or frame.seq < live.next_seq:
            return []
        if frame.seq > live.next_seq:
            message = f"frame {frame.seq} came where {live.next_seq} was expected; resume from there"
            return self._refuse(client, "bad_message", message, Close.BAD_MESSAGE, now)
        live.next_seq += 1
        return [Keep(live.source.id, frame)]

    # The source's own progress

    def _source_event(self, event: Opened | Kept | SourceFailed | Drained, now: float) -> list[Effect]:
        live = self._source
        if live is None or live.source.id != event.source_id:
            return []
        match event:
            case Opened():
                return self._opened(live, event, now)
            case Kept(_, seq, samples):
                return self._kept(live, seq, samples)
            case SourceFailed(_, code, message):
                return self._failed(live, code, message, now)
            case Drained(_, samples):
                return self._drained(live, samples)

    def _opened(self, live: _Live, event: Opened, now: float) -> list[Effect]:
        live.opened = True
        live.source = replace(live.source, audio=event.audio)
        self._models = event.models
        self._live_since = now
        effects: list[Effect] = [SaveSource(live.source), *self._become(State.LIVE)]
        if live.client is not None:
            effects.append(Send(live.client, self._session(live)))
        return [*effects, *(self._finish() if live.stopping or self._dismissed else [])]

    def _kept(self, live: _Live, seq: int, samples: int) -> list[Effect]:
        self.samples = samples
        effects: list[Effect] = []
        if live.client is not None:
            effects.append(Send(live.client, Ack(seq, seconds(samples))))
        if self.state is State.LIVE and samples >= self._limits.meeting_hours * 3600 * SAMPLE_RATE:
            effects += self._too_long()
        return effects

    def _failed(self, live: _Live, code: str, message: str, now: float) -> list[Effect]:
        if self.state is State.ENDING:
            return [] if live.client is None else [Send(live.client, ErrorMessage(code, message, False))]
        farewell: list[Effect] = []
        if live.client is not None:
            farewell = _farewell(live.client, code, message, Close.BAD_MESSAGE)
            self._clients.discard(live.client)
            live.client = None
        if not live.opened:
            self._source = None
            return [Note(f"source refused: {code}"), AbandonSource(live.source.id), *farewell]
        return [Note(f"source failed: {code}"), *farewell, *self._finish()]

    def _drained(self, live: _Live, samples: int) -> list[Effect]:
        self.samples = samples
        effects: list[Effect] = [SaveSource(replace(live.source, samples=samples)), *self._become(State.ENDED)]
        effects.append(Broadcast(Ended(self.transcript.count)))
        effects += [Drop(client, Close.NORMAL, "ended") for client in sorted(self._clients)]
        self._clients.clear()
        return effects

    # The meeting's life

    def _become(self, state: State) -> list[Effect]:
        if state not in TRANSITIONS[self.state]:
            allowed = ", ".join(sorted(s.value for s in TRANSITIONS[self.state])) or "nothing"
            raise AssertionError(f"expected {allowed} after {self.state.value}, got {state.value}")
        self.state = state
        return [
            SaveState(state.value, self.samples, self._models),
            Broadcast(StateMessage(state.value, self.title)),
        ]

    def _finish(self) -> list[Effect]:
        if self.state is not State.LIVE or self._source is None:
            return []
        return [*self._become(State.ENDING), FinishSource(self._source.source.id)]

    def _too_long(self) -> list[Effect]:
        message = f"the meeting has reached its longest time of {self._limits.meeting_hours:g} hours and is ended"
        return [Broadcast(ErrorMessage("too_long", message, False)), *self._finish()]

    def _tick(self, now: float) -> list[Effect]:
        live, due = self._source, self.wake_at
        if live is None or due is None or now < due:
            return []
        if live.lost_at is not None and now >= live.lost_at + self._limits.resume_window:
            return [Note("source did not come back"), *self._finish()]
        return self._too_long()

    def _dismiss(self, code: int, reason: str) -> list[Effect]:
        self._dismissed = True
        if self.state is not State.OPEN:
            return self._finish()
        live, self._source = self._source, None
        effects: list[Effect] = [] if live is None else [AbandonSource(live.source.id)]
        effects += [Drop(client, code, reason) for client in sorted(self._clients)]
        self._clients.clear()
        return effects


def _farewell(client: int, code: str, message: str, close: int) -> list[Effect]:
    # A close reason has at most 123 bytes; the whole sentence is in the message before it.
    return [Send(client, ErrorMessage(code, message, True)), Drop(client, close, code)]


def _same(token: str, given: str) -> bool:
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogatepass"))
