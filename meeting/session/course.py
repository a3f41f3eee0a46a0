"""The course of one meeting: its state, the progress of its source, and what an earlier process left of it.

The rules about clients and their messages stand on top of it, in `session`; the same limits hold for both.
"""

from __future__ import annotations

from dataclasses import replace

from meeting.config.settings import Limits
from meeting.core.access import Role
from meeting.core.edits import Overlay
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import (
    Ack,
    Ended,
    ErrorMessage,
    GapMessage,
    SessionMessage,
    SnapshotMessage,
    SpeakerMessage,
    StateMessage,
)
from meeting.core.records import Gap, State
from meeting.core.transcript import Transcript
from meeting.session.events import (
    AbandonSource,
    Broadcast,
    ConfirmStored,
    Disconnect,
    Effect,
    FinishSource,
    FrameAppended,
    Log,
    MeetingRestored,
    ModelsLoaded,
    OpenSource,
    SaveEdits,
    SaveGap,
    SaveResume,
    SaveSource,
    SaveState,
    SaveTranscript,
    SaveTurns,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    SourceStored,
)
from meeting.session.reactions import on_output, on_replayed_output
from meeting.session.salvage import outside, salvage
from meeting.session.source import LiveSource, known_source
from pipelines.types import SAMPLE_RATE, ModelInfo, Output, Span, TurnsRevised, seconds

TRANSITIONS: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.LIVE}),
    State.LIVE: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Which state may follow which"""

GRACE = 30.0
"""Seconds that a source has at least to come back once its meeting is rebuilt, however long it was away before"""

REMIND = 5.0
"""Seconds after which a source that has to wait is told its last `ack` again: a silent server counts as dead"""

RECOVERING = ErrorMessage(
    ErrorCode.RECOVERING,
    "the server was interrupted and reads again what it has; nothing is lost, and the text follows",
    False,
)
"""What a source is told that comes back before its meeting is rebuilt"""

UNSETTLED = "the meeting cannot be stored yet: recording begins as soon as it can"
"""Why a source may not speak yet, when nothing more is known"""

LOADING = ErrorMessage(
    ErrorCode.LOADING,
    "the models are being loaded; what is said is saved, and its text follows as soon as they are",
    False,
)
"""What a source is told that nothing can hear yet"""

GONE = frozenset({ErrorCode.LOST, ErrorCode.BAD_AUDIO})
"""Failures of a recovery that trying again cannot mend"""


class Course:
    """What happens to a meeting whoever is in it."""

    def __init__(
        self,
        meeting_id: str,
        title: str,
        limits: Limits,
        models: ModelInfo | None = None,
        resumable: bool = True,
    ) -> None:
        """`resumable` says whether a source may come back to a later process."""
        self.meeting_id = meeting_id
        self.title = title
        self.state = State.OPEN
        self.samples = 0
        self._overlay = Overlay(Transcript())
        self._gaps: dict[tuple[str, int], Gap] = {}
        self._lost: list[Span] = []
        """Where sound was heard that is no longer there"""
        self._limits = limits
        self._resumable = resumable
        self._models = models or {}
        self._clients: dict[int, Role] = {}
        self._source: LiveSource | None = None
        self._live_since = 0.0
        self._visited = False
        self._dismissed = False
        self._rebuilt: Overlay | None = None
        self._troubles: dict[str, str] = {}
        self.discarded = False
        """True once the meeting is being deleted"""
        self.unfinished = False
        """True when nothing more can happen here, and a later session must finish the meeting"""

    @property
    def transcript(self) -> Transcript:
        """Everything said so far, as people have left it."""
        return self._overlay.transcript

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What never arrived."""
        return tuple(self._gaps.values())

    @property
    def closed(self) -> bool:
        """True once nothing more can happen here: ended and stored, open with nobody in it, or being deleted."""
        if self.discarded:
            return True
        if self.state is State.OPEN:
            empty = self._visited and not self._clients and self._source is None
            return self._dismissed or empty
        return self.unfinished or self.state is State.ENDED

    @property
    def recovering(self) -> bool:
        """True while what an earlier process left is heard again."""
        return self._rebuilt is not None and not self.closed

    @property
    def busy(self) -> bool:
        """True while a source takes up the machine: from its `start` until everything is stored."""
        return self._source is not None and not self.closed

    @property
    def ending(self) -> bool:
        """True once its end has been asked for: nothing that comes now is heard."""
        return self.state in (State.ENDING, State.ENDED) or (self._source is not None and self._source.stopping)

    @property
    def wake_at(self) -> float | None:
        """When a `Tick` is due, on the clock of `now`; None when nothing is waited for."""
        live = self._source
        if live is None or self.closed:
            return None
        due = [live.told_at + REMIND] if live.waiting or live.unsettled else []
        if self.state is State.LIVE and self._rebuilt is None:
            due.append(self._live_since + self._limits.meeting_hours * 3600)
            if live.lost_at is not None:
                due.append(live.lost_at + self._limits.resume_window)
        return min(due, default=None)

    # What others see

    def _snapshot(self) -> SnapshotMessage:
        speakers = tuple(SpeakerMessage.of(speaker) for speaker in self.transcript.speakers)
        audio = seconds(self.samples)
        gaps = tuple(GapMessage.of(gap) for gap in self.gaps)
        return SnapshotMessage((), speakers, self.state.value, self.title, audio, self._models, gaps)

    def _session(self, live: LiveSource) -> SessionMessage:
        return SessionMessage(self.meeting_id, live.source.id, live.token, live.kept, self._models)

    def _welcome(self, live: LiveSource) -> list[Effect]:
        """Tell a source's client that it may speak, and why it is not heard at once, if so."""
        if live.client is None:
            return []
        why = RECOVERING if self._rebuilt is not None else None if self._models else LOADING
        told = [Send(live.client, self._session(live)), *([] if why is None else [Send(live.client, why)])]
        return [*told, *self._unread_language(live)]

    def _unread_language(self, live: LiveSource) -> list[Effect]:
        """Tell a source that it asked for a language that these models do not read; they read theirs all the same."""
        known, wanted = self._models.get("languages"), live.start.language
        if live.client is None or wanted is None or not known or wanted in known:
            return []
        message = f"the models of this server read {', '.join(known)} only: what is said in {wanted} comes out wrong"
        return [Send(live.client, ErrorMessage(ErrorCode.LANGUAGE, message, False))]

    # The source's own progress

    def _hear(self, output: Output) -> list[Effect]:
        if self.closed:
            return []
        if isinstance(output, TurnsRevised) and self._lost:
            return [SaveTurns(revised) for revised in outside(output, self._lost)]
        overlay, listen = (self._overlay, on_output) if self._rebuilt is None else (self._rebuilt, on_replayed_output)
        return [effect for shown in overlay(output) for effect in listen(overlay.transcript, shown)]

    def _missed(self, gap: Gap, lost: bool = False) -> list[Effect]:
        if lost:
            self._lost.append(gap.span)
        key = (gap.source_id, gap.span.start)
        known = self._gaps.get(key)
        # One may grow; heard again it does so from its beginning.
        if self.closed or known == gap or (known is not None and known.span.end > gap.span.end):
            return []
        self._gaps[key] = gap
        return [SaveGap(gap), Broadcast(GapMessage.of(gap))]

    def _source_event(
        self,
        event: SourceOpened
        | SourceStored
        | ModelsLoaded
        | SourceReopened
        | SourceRecovered
        | FrameAppended
        | SourceFailed
        | SourceFinished,
        now: float,
    ) -> list[Effect]:
        live = self._source
        if live is None or live.source.id != event.source_id:
            return []
        match event:
            case SourceOpened():
                return self._opened(live, event, now)
            case SourceStored():
                return self._settled(live, now)
            case ModelsLoaded(_, models):
                self._models = models
                saved = SaveState(self.state, self.samples, models)
                return [saved, SendSnapshot(None, self._snapshot()), *self._unread_language(live)]
            case SourceReopened(_, frames, stopped):
                live.stopping = live.stopping or stopped
                return self._reopened(live, frames)
            case SourceRecovered():
                return self._recovered(live, event, now)
            case FrameAppended(_, seq, samples):
                live.told_at = now
                return self._kept(live, seq, samples)
            case SourceFailed(_, code, message):
                return self._failed(live, code, message)
            case SourceFinished(_, samples, complete):
                return self._drained(live, samples) if complete else self._leave_unfinished(live)

    def _opened(self, live: LiveSource, event: SourceOpened, now: float) -> list[Effect]:
        live.opened, live.told_at = True, now
        live.source = replace(live.source, audio=event.audio)
        self._models = event.models or {}
        self._live_since = now
        effects: list[Effect] = [SaveSource(live.source), SaveResume(live.resume, live.client is None)]
        effects += [*self._become(State.LIVE), ConfirmStored(live.source.id)]
        return [*effects, *(self._finish() if live.stopping or self._dismissed else [])]

    def _settled(self, live: LiveSource, now: float) -> list[Effect]:
        """A later process would find the source: from now on what is acknowledged stays."""
        if live.settled:
            return []
        live.settled, live.told_at = True, now
        early = [] if live.client is None or not live.kept else [self._ack(live.client, live.kept - 1)]
        return [*self._welcome(live), *early]

    def _ack(self, client: int, seq: int) -> Send:
        return Send(client, Ack(seq, seconds(self.samples)))

    def _kept(self, live: LiveSource, seq: int, samples: int) -> list[Effect]:
        self.samples = samples
        live.kept = seq + 1
        effects: list[Effect] = []
        if live.client is not None and live.settled:
            effects.append(self._ack(live.client, seq))
        if self.state is State.LIVE and samples >= self._limits.meeting_hours * 3600 * SAMPLE_RATE:
            effects += self._too_long()
        return effects

    def _failed(self, live: LiveSource, code: ErrorCode, message: str) -> list[Effect]:
        if self._rebuilt is not None:
            return self._not_recovered(live, code, message)
        if self.state is State.ENDING:
            return [] if live.client is None else [Send(live.client, ErrorMessage(code, message, False))]
        told: list[Effect] = []
        if live.client is not None:
            told = farewell(live.client, code, message, CloseCode.BAD_MESSAGE)
            self._clients.pop(live.client, None)
            live.client = None
        if not live.opened:
            self._source = None
            return [Log(f"source refused: {code}"), AbandonSource(live.source.id), *told]
        over = self._leave_unfinished(live) if code == ErrorCode.MODELS and not self._models else self._finish()
        return [Log(f"source failed: {code}"), *told, *over]

    def _drained(self, live: LiveSource, samples: int) -> list[Effect]:
        self.samples = samples
        return [SaveSource(replace(live.source, samples=samples)), *self._end()]

    def _end(self) -> list[Effect]:
        effects: list[Effect] = [*self._become(State.ENDED), Broadcast(Ended(self.transcript.count))]
        effects += [Disconnect(client, CloseCode.NORMAL, "ended") for client in sorted(self._clients)]
        self._clients.clear()
        return effects

    # What an earlier process left

    def _restart(self, event: MeetingRestored, now: float) -> list[Effect]:
        restored = event.restored
        record, away = restored.record, self._limits.resume_window - restored.remaining
        self.state = record.meeting.state
        self.samples = max([record.meeting.samples, *(segment.span.end for segment in record.segments)])
        stored = Transcript(record.segments, record.speakers)
        self._overlay = Overlay(stored, restored.edits, record.speakers)
        self._rebuilt = Overlay(Transcript(), restored.edits)
        for shown in self._rebuilt.lay():
            self._rebuilt.transcript.apply(shown)
        self._gaps = {(gap.source_id, gap.span.start): gap for gap in record.gaps}
        self._models = record.meeting.models
        self._source = known_source(restored.source, restored.resume, now - away)
        return [replace(opening(self._source, recover=True), processed=max(self.samples, restored.processed))]

    def _reopened(self, live: LiveSource, frames: int) -> list[Effect]:
        live.opened, live.next_seq, live.kept = True, frames, frames
        return self._welcome(live)

    def _recovered(self, live: LiveSource, event: SourceRecovered, now: float) -> list[Effect]:
        if self._rebuilt is None:
            return []
        live.source = replace(live.source, audio=event.audio)
        if live.lost_at is not None:
            window = self._limits.resume_window
            live.lost_at = max(live.lost_at, now - window + min(GRACE, window))
        kept = self._salvaged(self._rebuilt, event.samples)
        self._overlay, self._rebuilt = self._rebuilt, None
        self.samples, self._models = event.samples, event.models
        self._live_since = now - event.samples / SAMPLE_RATE
        effects: list[Effect] = [
            Log(f"rebuilt from {seconds(event.samples)} s of audio"),
            *kept,
            SaveTranscript(self.transcript.segments, self.transcript.speakers, self.gaps),
            SaveSource(live.source),
            SaveResume(live.resume, live.client is None),
            SaveState(self.state, self.samples, self._models),
            SendSnapshot(None, self._snapshot()),
        ]
        if self.state is State.ENDING:
            return [*effects, FinishSource(live.source.id, self._dismissed)]
        over = live.stopping or live.digest is None
        return [*effects, *(self._finish() if over else [])]

    def _salvaged(self, rebuilt: Overlay, samples: int) -> list[Effect]:
        """Lay over the rebuilt transcript what was stored where sound is lost; what must be saved because of it."""
        lost = [*self._lost, Span(samples, max(samples, self.samples))]
        edits = salvage(self.transcript, lost, rebuilt.edits)
        lines = [id_ for id_ in edits.lines if id_ not in rebuilt.edits.lines]
        if not lines:
            return []
        for speaker in self.transcript.speakers:
            rebuilt.transcript.apply(speaker)
        for shown in rebuilt.take(edits):
            rebuilt.transcript.apply(shown)
        return [Log(f"{len(lines)} line(s) kept whose sound is lost"), *(SaveEdits(edits, line) for line in lines)]

    def _not_recovered(self, live: LiveSource, code: ErrorCode, message: str) -> list[Effect]:
        if code not in GONE:
            told = Broadcast(ErrorMessage(code, message, False))
            return [Log(f"not rebuilt yet: {code}"), told, *self._leave_unfinished(live)]
        self._rebuilt = None
        effects: list[Effect] = [Log(f"cannot be rebuilt: {code}"), AbandonSource(live.source.id)]
        for shown in self._overlay.lay():  # an edit may have been stored just before its line could be
            effects += on_output(self.transcript, shown)
        if live.client is not None:
            effects.append(Send(live.client, ErrorMessage(code, message, False)))
        if self.state is State.LIVE:
            effects += self._become(State.ENDING)
        return [*effects, *self._end()]

    def _leave_unfinished(self, live: LiveSource) -> list[Effect]:
        self.unfinished = True
        effects: list[Effect] = [Log("left unfinished"), AbandonSource(live.source.id)]
        effects += [
            Disconnect(client, CloseCode.TRY_AGAIN_LATER, "try again later") for client in sorted(self._clients)
        ]
        self._clients.clear()
        return effects

    # The meeting's life

    def _become(self, state: State) -> list[Effect]:
        if state not in TRANSITIONS[self.state]:
            allowed = ", ".join(sorted(s.value for s in TRANSITIONS[self.state])) or "nothing"
            raise AssertionError(f"expected {allowed} after {self.state.value}, got {state.value}")
        self.state = state
        return [
            SaveState(state, self.samples, self._models),
            Broadcast(StateMessage(state.value, self.title)),
        ]

    def _finish(self) -> list[Effect]:
        if self.state is not State.LIVE or self._source is None:
            return []
        return [*self._become(State.ENDING), FinishSource(self._source.source.id, self._dismissed)]

    def _too_long(self) -> list[Effect]:
        message = f"the meeting has reached its longest time of {self._limits.meeting_hours:g} hours and is ended"
        return [Broadcast(ErrorMessage(ErrorCode.TOO_LONG, message, False)), *self._finish()]

    def _tick(self, now: float) -> list[Effect]:
        live, due = self._source, self.wake_at
        if live is None or due is None or now < due:
            return []
        if live.waiting and now >= live.told_at + REMIND:
            assert live.client is not None
            live.told_at = now
            return [self._ack(live.client, live.kept - 1), *self._tick(now)]
        if live.unsettled and now >= live.told_at + REMIND:
            assert live.client is not None
            live.told_at = now
            why = self._troubles.get("text", UNSETTLED)
            return [Send(live.client, ErrorMessage(ErrorCode.STORAGE, why, False)), *self._tick(now)]
        if live.lost_at is not None and now >= live.lost_at + self._limits.resume_window:
            return [Log("source did not come back"), *self._finish()]
        return self._too_long()


def farewell(client: int, code: ErrorCode, message: str, close: CloseCode) -> list[Effect]:
    """Tell a client what is wrong and close its connection."""
    # A close reason has at most 123 bytes; the whole sentence is in the message before it.
    return [Send(client, ErrorMessage(code, message, True)), Disconnect(client, close, code)]


def opening(live: LiveSource, recover: bool = False) -> OpenSource:
    """What makes a source ready to be heard."""
    start = live.start
    return OpenSource(live.source.id, start.audio, start.language, start.hotwords, recover)
