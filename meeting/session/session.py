"""The rules of one meeting as a plain object: events in, effects out.

Imports no asyncio, clock, socket or database: time is an argument, and `wake_at` says when the next `Tick` is due.
"""

from __future__ import annotations

from meeting.core.access import Role, digest
from meeting.core.edits import Change, SegmentChange, answer
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioFrame, Ended, ErrorMessage, StateMessage
from meeting.core.records import State
from meeting.session.course import RECOVERING, Course, farewell, opening
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    ClientRejected,
    CloseRequested,
    ConfirmStored,
    Disconnect,
    EditRequested,
    Effect,
    EndRequested,
    Event,
    FinishSource,
    FrameAppended,
    FrameReceived,
    GapFound,
    MeetingRestored,
    ModelsLoaded,
    OutputReceived,
    SaveEdits,
    SaveResume,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    SourceStored,
    StartReceived,
    StopReceived,
    StorageFailing,
    StorageWorking,
    Tick,
    TitleChanged,
)
from meeting.session.reactions import on_output
from meeting.session.source import LiveSource, new_source
from pipelines.errors import MeetingError

BENCH = 32
"""Seats beyond the limit of viewers, for those who may speak: the longest on it goes when another one needs a seat"""


class Session(Course):
    """One meeting's rules; `handle` is the only way in."""

    @property
    def viewers(self) -> int:
        """Connected clients that are not the source."""
        return len(self._clients) - (self._source is not None and self._source.client is not None)

    def speaks(self, client: int) -> bool:
        """Whether a client is the source."""
        return self._from_source(client) is not None

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What must be done about an event, in this order; `now` is in seconds on any steady clock."""
        match event:
            case ClientJoined(client, role):
                return self._join(client, role)
            case ClientLeft(client):
                return self._leave(client, now)
            case StartReceived():
                return self._start(event, now)
            case StopReceived(client):
                return self._stop(client, now)
            case EndRequested(ticket):
                return [*self._end_asked(), Answer(ticket, None if self.closed else ())]
            case FrameReceived(client, frame):
                return self._frame(client, frame, now)
            case ClientRejected(client, error):
                return self._refuse(client, error.code, str(error), error.close, now)
            case OutputReceived(output):
                return self._hear(output)
            case (
                SourceOpened()
                | SourceStored()
                | ModelsLoaded()
                | SourceReopened()
                | SourceRecovered()
                | FrameAppended()
                | SourceFailed()
                | SourceFinished()
            ):
                return self._source_event(event, now)
            case GapFound(gap, lost):
                return self._missed(gap, lost)
            case MeetingRestored():
                return self._restart(event, now)
            case StorageFailing(what, message):
                self._troubles[what] = message
                return [Broadcast(ErrorMessage(ErrorCode.STORAGE, message, False))]
            case StorageWorking(what):
                return self._relieved(what)
            case TitleChanged(title):
                self.title = title
                return [Broadcast(StateMessage(self.state.value, title))]
            case EditRequested(ticket, change):
                return self._edit(ticket, change)
            case CloseRequested(code, reason, discard):
                return self._discard(code, reason) if discard else self._dismiss(code, reason)
            case Tick():
                return self._tick(now)

    def _relieved(self, what: str) -> list[Effect]:
        if self._troubles.pop(what, None) is None or self._troubles:
            return []
        return [Broadcast(ErrorMessage(ErrorCode.STORAGE_OK, "everything can be saved again", False))]

    # Edits

    def _edit(self, ticket: int, change: Change) -> list[Effect]:
        if self.closed:
            return [Answer(ticket, None)]
        try:
            outputs = self._overlay.edit(change)
        except MeetingError as error:
            return [Answer(ticket, error)]
        edits = self._overlay.edits
        effects: list[Effect] = [SaveEdits(edits, change.id if isinstance(change, SegmentChange) else None)]
        for output in outputs:
            effects += on_output(self.transcript, output)
        if self._rebuilt is not None:
            for output in self._rebuilt.take(edits):
                self._rebuilt.transcript.apply(output)
        return [*effects, Answer(ticket, answer(change, self.transcript))]

    # Clients

    def _join(self, client: int, role: Role) -> list[Effect]:
        if self.discarded:
            return [Disconnect(client, CloseCode.NOT_FOUND, "deleted")]
        made_room: list[Effect] = []
        if self.viewers >= self._limits.viewers + (BENCH if role >= Role.SPEAK else 0):
            gives_way = self._gives_way(role)
            if gives_way is None:
                message = f"this meeting has as many viewers as it takes ({self._limits.viewers})"
                return farewell(client, ErrorCode.TOO_MANY, message, CloseCode.TOO_MANY)
            del self._clients[gives_way]
            message = "this meeting is full, and your place was needed for somebody else who may speak"
            made_room = farewell(gives_way, ErrorCode.TOO_MANY, message, CloseCode.TOO_MANY)
        snapshot = SendSnapshot(client, self._snapshot())
        if self.state is State.ENDED:
            return [snapshot, Send(client, Ended(self.transcript.count)), Disconnect(client, CloseCode.NORMAL, "ended")]
        self._clients[client] = role
        self._visited = True
        troubles = [Send(client, ErrorMessage(ErrorCode.STORAGE, text, False)) for text in self._troubles.values()]
        return [*made_room, snapshot, *troubles]

    def _gives_way(self, role: Role) -> int | None:
        """Who leaves a full meeting for somebody with `role`: of those beyond the limit the lowest, longest there."""
        if role < Role.SPEAK:
            return None
        seated = [client for client in self._clients if self._from_source(client) is None]
        bench = [client for client in seated[self._limits.viewers :] if self._clients[client] <= role]
        return min(bench, key=lambda client: self._clients[client], default=None)

    def _leave(self, client: int, now: float) -> list[Effect]:
        self._clients.pop(client, None)
        live = self._source
        if live is None or live.client != client:
            return []
        live.client, live.lost_at = None, now
        if not live.opened and not live.next_seq and self._rebuilt is None:
            # Its client never learnt the token, and nothing was heard: nobody could come back to it.
            self._source = None
            return [AbandonSource(live.source.id)]
        return [SaveResume(live.resume, True)] if self.state is State.LIVE and live.opened else []

    def _refuse(self, client: int, code: ErrorCode, message: str, close: CloseCode, now: float) -> list[Effect]:
        if client not in self._clients:
            return []
        return [*farewell(client, code, message, close), *self._leave(client, now)]

    def _from_source(self, client: int) -> LiveSource | None:
        live = self._source
        return live if live is not None and live.client == client else None

    # Messages

    def _start(self, event: StartReceived, now: float) -> list[Effect]:
        client = event.client
        if client not in self._clients:
            return []
        if event.start.resume is None and self._reopening:
            # Whether anything was heard from that source is known in a moment.
            return [Disconnect(client, CloseCode.TRY_AGAIN_LATER, "try again"), *self._leave(client, now)]
        if self._untouched(event):
            assert self._source is not None
            self._source.digest = digest(event.token) if self._resumable else None
            self._source.settled = False
            return self._resume(client, event.token)
        problem = self._cannot_start(event)
        if problem is not None:
            # A second `start` closes the connection only: the source waits for its client to resume.
            return self._refuse(client, problem.code, str(problem), problem.close, now)
        if event.start.resume is not None:
            return self._resume(client, event.start.resume.token)
        self._source = new_source(event.start, event.source_id, event.token, client, self._resumable)
        return [opening(self._source)]

    @property
    def _reopening(self) -> bool:
        """True while it is not known how much an earlier process has kept of a source whose client is away."""
        live = self._source
        known = self._rebuilt is None or live is None or live.opened or live.client is not None
        return not known and self.state is State.LIVE

    def _untouched(self, event: StartReceived) -> bool:
        """Whether a new source may have the place of one that never spoke.

        Its client may have been cut off before it was told its token, and could never come back to it.
        """
        live, start = self._source, event.start
        if live is None or start.resume is not None or self.state is not State.LIVE:
            return False
        return live.opened and live.client is None and live.next_seq == 0 and start.audio == live.start.audio

    def _cannot_start(self, event: StartReceived) -> ProtocolError | None:
        live, resume = self._source, event.start.resume
        if live is not None and live.client == event.client:
            return ProtocolError("this connection has already started a source")
        if resume is not None:
            if live is None:
                return ProtocolError(
                    "there is no such source to resume", ErrorCode.UNAUTHORIZED, CloseCode.UNAUTHORIZED
                )
            return live.refusal(event.start)
        if self.state in (State.ENDING, State.ENDED):
            return ProtocolError(f"a source can start in a meeting that is open, not in one that is {self.state.value}")
        if live is not None:
            return ProtocolError("this meeting is already being recorded", ErrorCode.BUSY, CloseCode.CONFLICT)
        if event.refusal is not None:
            return ProtocolError(event.refusal, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
        return None

    def _resume(self, client: int, token: str) -> list[Effect]:
        live = self._source
        assert live is not None
        effects: list[Effect] = []
        if live.client is not None:
            self._clients.pop(live.client, None)
            effects.append(Disconnect(live.client, CloseCode.CONFLICT, "resumed elsewhere"))
        live.client, live.lost_at, live.token = client, None, token
        if live.opened:
            known = self._welcome(live) if live.settled else [ConfirmStored(live.source.id)]
            return [*effects, SaveResume(live.resume, False), *known]
        return [*effects, *([] if self._rebuilt is None else [Send(client, RECOVERING)])]

    def _stop(self, client: int, now: float) -> list[Effect]:
        if self._from_source(client) is None and not self._may_end(client):
            return self._refuse(client, ErrorCode.BAD_MESSAGE, "stop comes after start", CloseCode.BAD_MESSAGE, now)
        return self._end_asked()

    def _may_end(self, client: int) -> bool:
        """Whether a client that is not the source may end the meeting: a host, once there is something to end."""
        return self._clients.get(client, Role.ANYONE) >= Role.HOST and self.busy

    def _end_asked(self) -> list[Effect]:
        live = self._source
        if live is None:
            return []
        if not live.opened:
            live.stopping = True
            return []
        return self._finish()

    def _frame(self, client: int, frame: AudioFrame, now: float) -> list[Effect]:
        live = self._from_source(client)
        if live is None:
            return self._refuse(client, ErrorCode.BAD_MESSAGE, "audio comes after start", CloseCode.BAD_MESSAGE, now)
        if len(frame.payload) > self._limits.frame_bytes:
            message = f"a frame has at most {self._limits.frame_bytes} bytes, this one {len(frame.payload)}"
            return self._refuse(client, ErrorCode.TOO_LARGE, message, CloseCode.TOO_LARGE, now)
        unknown = self._rebuilt is not None and not live.opened
        deaf = unknown or live.stopping or self.state in (State.ENDING, State.ENDED)
        if deaf or frame.seq < live.next_seq:
            return []
        if frame.seq > live.next_seq and live.ahead:
            live.next_seq = live.kept = frame.seq
        live.ahead = False
        if frame.seq > live.next_seq:
            message = f"frame {frame.seq} came where {live.next_seq} was expected; resume from there"
            return self._refuse(client, ErrorCode.BAD_MESSAGE, message, CloseCode.BAD_MESSAGE, now)
        live.told_at = live.told_at if live.waiting else now
        live.next_seq += 1
        return [AppendFrame(live.source.id, frame)]

    def _dismiss(self, code: CloseCode, reason: str) -> list[Effect]:
        self._dismissed = True
        live = self._source
        if live is not None and self._rebuilt is not None:
            return self._leave_unfinished(live)
        if live is not None and self.state is State.ENDING:
            return [FinishSource(live.source.id, shutdown_fast=True)]
        if self.state is not State.OPEN:
            return self._finish()
        return self._let_go(code, reason)

    def _discard(self, code: CloseCode, reason: str) -> list[Effect]:
        self.discarded = True
        return self._let_go(code, reason)

    def _let_go(self, code: CloseCode, reason: str) -> list[Effect]:
        live, self._source = self._source, None
        effects: list[Effect] = [] if live is None else [AbandonSource(live.source.id)]
        effects += [Disconnect(client, code, reason) for client in sorted(self._clients)]
        self._clients.clear()
        return effects
