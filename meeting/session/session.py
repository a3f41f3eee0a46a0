"""The rules of one meeting as a plain object: events in, effects out.

Imports no asyncio, clock, socket or database: time is an argument, and `wake_at` says when the next `Tick` is due.

The session decides who may do what. What it decides about lies in objects that it owns, each with rules of its own;
each of them knows only those that stand below it here:

    Session         who may join, start, stop, edit
    SourceReports   what the workers of sources report
    Recording       the sources from their start to their end, and the meeting's state, which follows them
    SourceOutputs   what is said of all sources, made into what one meeting says
    Recovery        the text of a meeting whose process died, rebuilt from its audio
    LiveSource      how far a source's frames have come, and what its client was told of that
    Resumption      who may go on with a source, and until when
    MeetingState    where the meeting is in its life
    Content         title, lines, speakers, gaps, and people's edits
    Audience        clients, their roles and seats

Effects are carried out in their order. What is stored stands before what is told of it, so that nobody has seen what
a crash could take back.
"""

from __future__ import annotations

from collections.abc import Callable

from meeting.config.settings import Limits
from meeting.core.access import Role
from meeting.core.continuity.resumption import no_such_source
from meeting.core.editing.changes import Change
from meeting.core.editing.edits import answer
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioFrame, Ended, ErrorMessage, StateMessage
from meeting.core.records import State
from meeting.core.transcript import Transcript
from meeting.session.audience import Audience
from meeting.session.content import Content
from meeting.session.events import (
    Answer,
    Broadcast,
    ClientJoined,
    ClientLeft,
    ClientRejected,
    CloseRequested,
    Disconnect,
    EditRequested,
    Effect,
    EndRequested,
    Event,
    FrameReceived,
    GapFound,
    HotwordsChanged,
    MeetingRestored,
    MuteRequested,
    OutputReceived,
    RemoveRequested,
    Send,
    StartReceived,
    StopReceived,
    StorageFailing,
    StorageWorking,
    Tick,
    TitleChanged,
    VoicesChanged,
)
from meeting.session.recording import Recording
from meeting.session.source import LiveSource, known_source, new_source
from meeting.session.source_reports import SourceReports
from pipelines.errors import MeetingError, NotFound
from pipelines.types import ModelInfo, Voice

MOST_SOURCES = 200
"""Sources of one meeting in all, one after the other: what is received of each stays on disk until the meeting ends"""


class Session:
    """One meeting's rules; `handle` is the only way in."""

    def __init__(
        self,
        meeting_id: str,
        title: str,
        limits: Limits,
        models: ModelInfo | None = None,
        resumable: bool = True,
        hotwords: tuple[str, ...] = (),
        recorded: bool = False,
    ) -> None:
        """`resumable` says whether a client may come back to its source; `hotwords` are terms likely to be said.

        `recorded`: it is made of a recording, whose rest is heard by a later process where this one stops.
        """
        self.discarded = False
        """True once the meeting is being deleted"""
        self._frame_bytes = limits.frame_bytes
        self._resuming = (limits.resume_window, resumable)
        self._content = Content(title)
        self._content.hotwords = hotwords
        self._audience = Audience(limits.viewers)
        self._recording = Recording(meeting_id, limits, models or {}, self._audience, self._content)
        self._recording.recorded = recorded
        self.sources = self._recording.sources
        """All that there are, those that have ended included"""
        self._reports = SourceReports(self._recording, self._audience)
        self._most_sources = limits.sources
        self._troubles: dict[str, str] = {}
        """What cannot be stored just now, and why"""

    @property
    def title(self) -> str:
        """What the meeting is called."""
        return self._content.title

    @property
    def state(self) -> State:
        """Where the meeting is in its life."""
        return self._recording.state.now

    @property
    def samples(self) -> int:
        """Length of the meeting so far, at 16 kHz."""
        return self._recording.state.samples

    @property
    def transcript(self) -> Transcript:
        """Everything said so far, as people have left it."""
        return self._content.transcript

    def voice(self, speaker_id: str) -> tuple[Voice, str] | None:
        """How a speaker sounds, and the embedding model that says so; None where too little was heard of it."""
        return self._content.voice(speaker_id)

    @property
    def closed(self) -> bool:
        """True once nothing more can happen here: ended and stored, open with nobody in it, or being deleted."""
        if self.state is State.OPEN and not self.discarded:
            return self._recording.shutting_down or (self._audience.deserted and not self.sources.current)
        return self.discarded or self._recording.over

    @property
    def unfinished(self) -> bool:
        """True when nothing more can happen here, and a later session must finish the meeting."""
        return self._recording.unfinished

    @property
    def recovering(self) -> bool:
        """True while what an earlier process left is replayed."""
        return self._recording.recovery is not None and not self.closed

    @property
    def busy(self) -> bool:
        """True while a source takes up the machine: from its `start` until everything is stored."""
        return bool(self.sources.current) and not self.closed

    @property
    def ending(self) -> bool:
        """True once its end has been asked for: no audio that comes now is taken."""
        return self._recording.ending

    @property
    def wake_at(self) -> float | None:
        """When a `Tick` is due, on the clock of `now`; None when nothing is waited for."""
        return None if self.closed else self._recording.wake_at

    @property
    def viewers(self) -> int:
        """Connected clients that are no source."""
        return self._audience.viewers(self.sources.clients)

    def source_of(self, client: int) -> str | None:
        """Id of the source that comes through a client; None where it is none."""
        live = self.sources.of_client(client)
        return None if live is None else live.source.id

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What must be done about an event, in this order; `now` is in seconds on any steady clock."""
        return _too_late(self, event) if self.unfinished else self._handle(event, now)

    def _handle(self, event: Event, now: float) -> list[Effect]:
        match event:
            case FrameReceived(client, frame):  # first, as the most frequent one
                return self._take(client, frame, now)
            case ClientJoined(client, role):
                return self._join(client, role)
            case ClientLeft(client):
                return self._leave(client, now)
            case ClientRejected(client, error):
                return self._reject(client, error, now)
            case StartReceived():
                return self._start(event, now)
            case StopReceived(client):
                return self._stop(client, now)
            case EndRequested(ticket):
                return [*self._recording.end(), Answer(ticket, None if self.closed else ())]
            case EditRequested(ticket, change, change_id):
                return self._edit(ticket, change, change_id)
            case MuteRequested(ticket, source_id, muted):
                return self._change_source(ticket, source_id, lambda live: self._recording.mute(live, muted))
            case RemoveRequested(ticket, source_id):
                return self._change_source(ticket, source_id, self._recording.remove)
            case CloseRequested(code, reason, discard):
                self.discarded = self.discarded or discard
                return self._recording.abandon(code, reason) if discard else self._recording.shut_down(code, reason)
            case OutputReceived(source_id, output):
                return [] if self.closed else self._recording.outputs.take(source_id, output)
            case GapFound(gap, lost):
                return [] if self.closed else self._recording.outputs.add_gap(gap, lost)
            case TitleChanged(title):
                self._content.title = title
                return [Broadcast(StateMessage(self.state.value, title))]
            case HotwordsChanged(hotwords):
                return self._expect(hotwords)
            case VoicesChanged(profiles):
                return [] if self.closed else self._content.know_voices(profiles)
            case StorageFailing(what, message):
                self._troubles[what] = message
                return [Broadcast(ErrorMessage(ErrorCode.STORAGE, message, False))]
            case StorageWorking(what):
                return self._trouble_over(what)
            case MeetingRestored(restored):
                lives = [known_source(known, *self._resuming, now) for known in restored.sources]
                return self._recording.restore(lives, restored)
            case Tick():
                return [] if self.closed else self._recording.tick(now, self._troubles.get("text"))
            case _:
                return self._reports.handle(event, now)

    def _trouble_over(self, what: str) -> list[Effect]:
        if self._troubles.pop(what, None) is None or self._troubles:
            return []
        return [Broadcast(ErrorMessage(ErrorCode.STORAGE_OK, "everything can be saved again", False))]

    def _expect(self, hotwords: tuple[str, ...]) -> list[Effect]:
        self._content.hotwords = hotwords
        return [] if self.closed else [live.expect_effect(hotwords) for live in self.sources.received]

    def _change_source(self, ticket: int, source_id: str, change: Callable[[LiveSource], list[Effect]]) -> list[Effect]:
        if self.closed:
            return [Answer(ticket, None)]
        live = self.sources.get(source_id)
        if live is None or not live.opened:
            return [Answer(ticket, NotFound("there is no such source in this meeting"))]
        effects = change(live)
        return [*effects, Answer(ticket, (live.message(),))]

    def _edit(self, ticket: int, change: Change, change_id: str | None) -> list[Effect]:
        if self.closed:
            return [Answer(ticket, None)]
        try:
            step, effects = self._content.edit(change, change_id)
        except MeetingError as error:
            return [Answer(ticket, error)]
        if self._recording.recovery is not None:
            self._recording.recovery.take_edits()
        return [*effects, Answer(ticket, answer(change, step, self.transcript))]

    # Clients

    def _join(self, client: int, role: Role) -> list[Effect]:
        if self.discarded:
            return [Disconnect(client, CloseCode.NOT_FOUND, "deleted")]
        if self.state is State.ENDED:
            ended = Send(client, Ended(self.transcript.count))
            return [self._recording.snapshot(client), ended, Disconnect(client, CloseCode.NORMAL, "ended")]
        effects = self._audience.admit(client, role, self.sources.clients)
        if client not in self._audience:
            return effects
        troubles = [Send(client, ErrorMessage(ErrorCode.STORAGE, text, False)) for text in self._troubles.values()]
        return [*effects, self._recording.snapshot(client), *troubles]

    def _leave(self, client: int, now: float) -> list[Effect]:
        self._audience.leave(client)
        live = self.sources.of_client(client)
        return [] if live is None else self._recording.client_left(live, now)

    def _reject(self, client: int, error: ProtocolError, now: float) -> list[Effect]:
        """Tell a client what is wrong, and close its connection; where it was a source, that may be resumed."""
        if client not in self._audience:
            return []
        return [*self._audience.reject(client, error.code, str(error), error.close), *self._leave(client, now)]

    # Clients of sources

    def _start(self, event: StartReceived, now: float) -> list[Effect]:
        client, start, sources = event.client, event.start, self._recording.sources
        if client not in self._audience:
            return []
        if start.resume is None and self.state is State.LIVE:
            silent = next((live for live in sources.received if live.never_spoke and live.same_client(start)), None)
            if silent is not None and sources.of_client(client) is None:
                # Its client may have been cut off before it was told its token, and could never come back to it.
                return self._recording.start_again(silent, event)
            if self._recording.recovery is not None:
                again = self._audience.disconnect(client, CloseCode.TRY_AGAIN_LATER, "try again")
                return [*again, *self._leave(client, now)]
        problem = _start_problem(self._recording, event, self._most_sources)
        if problem is not None:
            # A second `start` closes the connection only: the source waits for its client to resume.
            return self._reject(client, problem, now)
        known = None if start.resume is None else sources.get(start.resume.source_id)
        if known is not None and start.resume is not None:
            return self._recording.resume(known, client, start.resume.token)
        return self._recording.start(new_source(event, *self._resuming))

    def _stop(self, client: int, now: float) -> list[Effect]:
        live = self.sources.of_client(client)
        if live is not None:
            return self._recording.stop(live)
        # A host that is no source may end the meeting, once there is something to end.
        if self._audience.role(client) >= Role.HOST and self.busy:
            return self._recording.end()
        return self._reject(client, ProtocolError("stop comes after start"), now)

    def _take(self, client: int, frame: AudioFrame, now: float) -> list[Effect]:
        live = self.sources.of_client(client)
        try:
            if live is None:
                raise ProtocolError("audio comes after start")
            if len(frame.payload) > self._frame_bytes:
                message = f"a frame has at most {self._frame_bytes} bytes, this one {len(frame.payload)}"
                raise ProtocolError(message, ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE)
            return self._recording.take(live, frame, now)
        except ProtocolError as error:
            return self._reject(client, error, now)


def _too_late(session: Session, event: Event) -> list[Effect]:
    """What is still done once the meeting is left to a later session: its sources have no workers any more."""
    match event:
        case ClientJoined(client):
            return [Disconnect(client, CloseCode.TRY_AGAIN_LATER, "try again later")]
        case EndRequested(ticket) | EditRequested(ticket) | MuteRequested(ticket) | RemoveRequested(ticket):
            return [Answer(ticket, None)]
        case CloseRequested(discard=True):
            session.discarded = True
    return []


def _start_problem(recording: Recording, event: StartReceived, most_sources: int) -> ProtocolError | None:
    """Why a client may not start a source, or go on with one that is there; None when it may."""
    sources, resume = recording.sources, event.start.resume
    if sources.of_client(event.client) is not None:
        return ProtocolError("this connection has already started a source")
    if resume is not None:
        live = sources.get(resume.source_id)
        return no_such_source() if live is None else live.refusal(event.start)
    if recording.state.closing:
        state = recording.state.now.value
        return ProtocolError(f"a source can start in a meeting that is open or live, not in one that is {state}")
    for count, most in ((len(sources.received), most_sources), (len(sources), MOST_SOURCES)):
        if count >= most:
            message = f"this meeting has as many sources as it takes ({most})"
            return ProtocolError(message, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
    if event.refusal is not None:
        return ProtocolError(event.refusal, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
    return None
