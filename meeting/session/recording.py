"""A meeting's recording: its source from `start` until everything about it is stored, and the state that follows it.

A meeting is open until a source is ready, live while it is received, ending while what was received is still being
processed, and ended once all is stored. After a process has died, the next one goes on in the state that it finds,
with a `Recovery` beside the source until what was received before is processed again.
"""

from __future__ import annotations

from dataclasses import replace

from meeting.config.settings import Limits
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import AudioFrame, Ended, ErrorMessage, StateMessage
from meeting.core.records import Restored, State
from meeting.session.audience import Audience
from meeting.session.content import Content
from meeting.session.events import (
    AbandonSource,
    Broadcast,
    ConfirmStored,
    Effect,
    FinishSource,
    FrameAppended,
    Log,
    ModelsLoaded,
    SaveResume,
    SaveSource,
    SaveState,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    SourceStored,
)
from meeting.session.notices import RECOVERING, language_notices, welcome
from meeting.session.recovery import HOPELESS, Recovery
from meeting.session.source import LiveSource
from pipelines.types import SAMPLE_RATE, ModelInfo

TRANSITIONS: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.LIVE}),
    State.LIVE: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Which state may follow which"""

SourceEvent = (
    SourceOpened
    | SourceStored
    | ModelsLoaded
    | SourceReopened
    | SourceRecovered
    | FrameAppended
    | SourceFailed
    | SourceFinished
)
"""What the worker of a source reports"""


class Recording:
    """What happens to a meeting's source and, because of that, to the meeting. Who may do what is not decided here."""

    def __init__(
        self, meeting_id: str, limits: Limits, models: ModelInfo, audience: Audience, content: Content
    ) -> None:
        """`models` is what transcribes it as far as that is known."""
        self.state = State.OPEN
        self.samples = 0
        self.source: LiveSource | None = None
        self.recovery: Recovery | None = None
        """Until what an earlier process received is processed again"""
        self.unfinished = False
        """True when nothing more can happen here, and a later session must finish the meeting"""
        self.shutting_down, self.recorded = False, False
        """True once the server stops, and whether a later process then hears the rest"""
        self._meeting_id = meeting_id
        self._models = models
        self._longest = limits.meeting_hours * 3600
        self._live_since = 0.0
        self._audience = audience
        self._content = content

    @property
    def ending(self) -> bool:
        """True once its end has been asked for: no audio that comes now is taken."""
        live = self.source
        ending = self.state in (State.ENDING, State.ENDED) and not (live is not None and live.incomplete)
        return ending or (live is not None and live.stop_requested)

    @property
    def over(self) -> bool:
        """True once nothing more can happen to what was recorded here."""
        return self.unfinished or self.state is State.ENDED

    @property
    def wake_at(self) -> float | None:
        """When `tick` is due; None when nothing is waited for."""
        live = self.source
        if live is None:
            return None
        due = [live.reminder_at, live.complete_by]
        if self.state is State.LIVE and self.recovery is None:
            due += [live.resumption.deadline, self._live_since + self._longest]
        return min([at for at in due if at is not None], default=None)

    def tick(self, now: float, trouble: str | None) -> list[Effect]:
        """Do what is due; `trouble` is why nothing can be stored, where that is known."""
        live, due = self.source, self.wake_at
        if live is None or due is None or now < due:
            return []
        if live.reminder_at is not None and now >= live.reminder_at:
            return [*live.remind(now, self.samples, trouble), *self.tick(now, trouble)]
        deadline = live.complete_by or live.resumption.deadline
        if deadline is not None and now >= deadline:
            return [Log("source did not come back"), *self._finish_source()]
        return self._too_long()

    # Asked for by clients and by the server

    def start(self, live: LiveSource) -> list[Effect]:
        """Make a source ready."""
        self.source = live
        return [live.open_effect(self._content.hotwords)]

    def restore(self, live: LiveSource, restored: Restored) -> list[Effect]:
        """Go on with the source and the meeting that an earlier process left."""
        self.source, record = live, restored.record
        self.state, self._models = record.meeting.state, record.meeting.models
        self.samples = max([record.meeting.samples, *(segment.span.end for segment in record.segments)])
        self._content.restore(record, restored.edits)
        self.recovery = Recovery(self._content)
        processed = max(self.samples, restored.processed)
        return [live.open_effect(self._content.hotwords, recover=True, processed=processed)]

    def resume(self, live: LiveSource, client: int, token: str) -> list[Effect]:
        """Let a client go on with the source; an older connection of it is closed."""
        effects: list[Effect] = []
        if live.client is not None:
            effects = self._audience.disconnect(live.client, CloseCode.CONFLICT, "resumed elsewhere")
        live.attach(client, token)
        if live.opened:
            # Under a new token it is told that it may speak only once that is stored.
            known = self._welcome(live) if live.stored else [ConfirmStored(live.source.id)]
            return [*effects, SaveResume(live.resume, False), *known]
        return [*effects, *([] if self.recovery is None else [Send(client, RECOVERING)])]

    def client_left(self, live: LiveSource, now: float) -> list[Effect]:
        """The source's connection is gone: its client is waited for, unless it could not come back."""
        live.detach(now)
        if not live.opened and not live.next_seq and self.recovery is None:
            # It never learnt its token, and sent nothing.
            self.source = None
            return [AbandonSource(live.source.id)]
        return [SaveResume(live.resume, True)] if self.state is State.LIVE and live.opened else []

    def take(self, live: LiveSource, frame: AudioFrame, now: float) -> list[Effect]:
        """Take a frame; raises ProtocolError where some before it lack."""
        # Which number is next says what a recovery finds on disk: until then none can be taken.
        unknown = self.recovery is not None and not live.opened
        return [] if unknown or self.ending else live.take(frame, now)

    def end(self) -> list[Effect]:
        """End the meeting with all that was received; as soon as its source is ready, where it is not yet."""
        if self.source is not None and not self.source.opened:
            self.source.stop_requested = True
            return []
        return self._finish_source()

    def shut_down(self, code: CloseCode, reason: str) -> list[Effect]:
        """The server stops: finish what is live, leave to a later process what cannot be finished, drop the rest."""
        self.shutting_down = True
        live, recorded = self.source, self.recorded and self.state is State.LIVE
        if live is not None and (self.recovery is not None or (recorded and live.resumption.digest is not None)):
            return self._leave_unfinished(live)
        if self.source is not None and self.state is State.ENDING:
            return [FinishSource(self.source.source.id, shutdown_fast=True)]
        return self.abandon(code, reason) if self.state is State.OPEN else self._finish_source()

    def abandon(self, code: CloseCode, reason: str) -> list[Effect]:
        """Finish nothing, and close every connection."""
        live, self.source = self.source, None
        abandoned = [] if live is None else [AbandonSource(live.source.id)]
        return [*abandoned, *self._audience.disconnect_all(code, reason)]

    def snapshot(self, client: int | None) -> SendSnapshot:
        """Show one client, or all, everything so far."""
        return SendSnapshot(client, self._content.snapshot(self.state, self.samples, self._models))

    # Reported by the source's worker

    def handle(self, event: SourceEvent, now: float) -> list[Effect]:
        """What must be done about a report; nothing where it is about an earlier source."""
        live = self.source
        if live is None or live.source.id != event.source_id:
            return []
        match event:
            case SourceOpened(_, models, audio):
                return self._opened(live, models or {}, audio, now)
            case SourceStored():
                if live.stored:
                    return []
                live.mark_stored(now)
                return [*self._welcome(live), *live.ack(self.samples)]
            case ModelsLoaded(_, models):
                self._models = models
                return [self._save_state(), self.snapshot(None), *language_notices(live, models)]
            case SourceReopened(_, frames, stopped):
                live.mark_reopened(frames, stopped, self.state is State.ENDING)
                return self._welcome(live)
            case SourceRecovered():
                return self._recovered(live, event, now)
            case FrameAppended(_, seq, samples):
                live.mark_appended(seq, now)
                self.samples = samples
                too_long = self.state is State.LIVE and samples >= self._longest * SAMPLE_RATE
                return [*live.ack(samples), *(self._too_long() if too_long else [])]
            case SourceFailed(_, code, message):
                return self._failed(live, code, message)
            case SourceFinished(_, samples, complete):
                if not complete:
                    return self._leave_unfinished(live)
                self.samples = samples
                return [SaveSource(replace(live.source, samples=samples)), *self._end()]

    def _opened(self, live: LiveSource, models: ModelInfo, audio: str | None, now: float) -> list[Effect]:
        live.mark_opened(now)
        self._models, self._live_since = models, now
        # The question whether all is stored comes behind all that must be: its answer lets the client speak.
        effects = [*live.save(audio), *self._become(State.LIVE), ConfirmStored(live.source.id)]
        return [*effects, *(self._finish_source() if live.stop_requested or self.shutting_down else [])]

    def _welcome(self, live: LiveSource) -> list[Effect]:
        return welcome(live, self._meeting_id, self._models, self.recovery is not None)

    def _failed(self, live: LiveSource, code: ErrorCode, message: str) -> list[Effect]:
        if self.recovery is not None:
            return self._not_recovered(live, self.recovery, code, message)
        if self.state is State.ENDING:
            return [] if live.client is None else [Send(live.client, ErrorMessage(code, message, False))]
        messages: list[Effect] = []
        if live.client is not None:
            messages = self._audience.reject(live.client, code, message, CloseCode.BAD_MESSAGE)
            live.client = None  # and it is not waited for
        if not live.opened:
            self.source = None
            return [Log(f"source refused: {code}"), AbandonSource(live.source.id), *messages]
        # Without any models nothing was transcribed: a later process can.
        later = code == ErrorCode.MODELS and not self._models
        over = self._leave_unfinished(live) if later else self._finish_source()
        return [Log(f"source failed: {code}"), *messages, *over]

    def _recovered(self, live: LiveSource, event: SourceRecovered, now: float) -> list[Effect]:
        if self.recovery is None:
            return []
        live.mark_rebuilt(now)
        rebuilt = self.recovery.finish(event.samples, self.samples)
        self.recovery, self.samples, self._models = None, event.samples, event.models
        self._live_since = now - event.samples / SAMPLE_RATE
        # All of it is stored before anybody sees it. The end, if it was asked for, can be stored only behind that.
        effects = [*rebuilt, *live.save(event.audio), self._save_state(), self.snapshot(None)]
        if self.state is State.ENDING and not live.incomplete:
            return [*effects, FinishSource(live.source.id, self.shutting_down)]
        nobody_comes = live.stop_requested or live.resumption.digest is None
        return [*effects, *(self._finish_source() if nobody_comes else [])]

    def _not_recovered(self, live: LiveSource, recovery: Recovery, code: ErrorCode, message: str) -> list[Effect]:
        if code not in HOPELESS:
            broadcast = Broadcast(ErrorMessage(code, message, False))
            return [Log(f"not rebuilt yet: {code}"), broadcast, *self._leave_unfinished(live)]
        self.recovery = None
        effects = [Log(f"cannot be rebuilt: {code}"), AbandonSource(live.source.id), *recovery.give_up()]
        if live.client is not None:
            effects.append(Send(live.client, ErrorMessage(code, message, False)))
        if self.state is State.LIVE:
            effects += self._become(State.ENDING)
        return [*effects, *self._end()]

    # The meeting's state

    def _become(self, state: State) -> list[Effect]:
        if state not in TRANSITIONS[self.state]:
            allowed = ", ".join(sorted(s.value for s in TRANSITIONS[self.state])) or "nothing"
            raise AssertionError(f"expected {allowed} after {self.state.value}, got {state.value}")
        self.state = state
        return [self._save_state(), Broadcast(StateMessage(state.value, self._content.title))]

    def _save_state(self) -> SaveState:
        return SaveState(self.state, self.samples, self._models)

    def _finish_source(self) -> list[Effect]:
        if self.source is None or not (self.state is State.LIVE or self.source.incomplete):
            return []
        self.source.mark_complete()
        state = self._become(State.ENDING) if self.state is State.LIVE else []
        return [*state, FinishSource(self.source.source.id, self.shutting_down)]

    def _too_long(self) -> list[Effect]:
        message = f"the meeting has reached its longest time of {self._longest / 3600:g} hours and is ended"
        return [Broadcast(ErrorMessage(ErrorCode.TOO_LONG, message, False)), *self._finish_source()]

    def _end(self) -> list[Effect]:
        effects = [*self._become(State.ENDED), Broadcast(Ended(self._content.transcript.count))]
        return [*effects, *self._audience.disconnect_all(CloseCode.NORMAL, "ended")]

    def _leave_unfinished(self, live: LiveSource) -> list[Effect]:
        self.unfinished = True
        effects: list[Effect] = [Log("left unfinished"), AbandonSource(live.source.id)]
        return [*effects, *self._audience.disconnect_all(CloseCode.TRY_AGAIN_LATER, "try again later")]
