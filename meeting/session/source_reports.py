"""What the workers of a meeting's sources report, and what follows from it for the recording."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import ErrorMessage
from meeting.core.records import State
from meeting.session.audience import Audience
from meeting.session.events import (
    AbandonSource,
    Broadcast,
    ConfirmStored,
    Effect,
    FinishSource,
    FrameAppended,
    Log,
    ModelsLoaded,
    Send,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    SourceStored,
)
from meeting.session.notices import language_notices
from meeting.session.recording import Recording
from meeting.session.recovery import HOPELESS, Recovery
from meeting.session.source import LiveSource
from pipelines.types import SAMPLE_RATE, ModelInfo, Span

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


class SourceReports:
    """Takes reports of workers into one recording."""

    def __init__(self, recording: Recording, audience: Audience) -> None:
        self._recording = recording
        self._audience = audience

    def handle(self, event: SourceEvent, now: float) -> list[Effect]:
        """What must be done about a report; nothing where it is about an earlier source."""
        recording = self._recording
        live = recording.sources.get(event.source_id)
        if live is None or live.ended:
            return []
        match event:
            case SourceOpened(_, models, audio):
                return self._opened(live, models or {}, audio, now)
            case SourceStored():
                if live.stored:
                    return []
                live.mark_stored(now)
                return [*recording.welcome(live), *live.ack()]
            case ModelsLoaded(_, models):
                recording.state.models = models
                return [recording.state.save(), recording.snapshot(None), *language_notices(live, models)]
            case SourceReopened(_, frames, stopped):
                live.mark_reopened(frames, stopped, recording.state.now is State.ENDING)
                return recording.welcome(live)
            case SourceRecovered():
                return self._recovered(live, event, now)
            case FrameAppended(_, seq, samples):
                return self._appended(live, seq, samples, now)
            case SourceFailed(_, code, message):
                return self._failed(live, code, message, now)
            case SourceFinished(_, samples, complete):
                return self._finished(live, samples, complete)

    def _opened(self, live: LiveSource, models: ModelInfo, audio: str | None, now: float) -> list[Effect]:
        recording = self._recording
        live.mark_opened(now)
        saved, joined = live.save(audio), recording.outputs.add(live)
        begins: list[Effect] = []
        if recording.state.now is State.OPEN:
            recording.state.models, recording.live_since = models, now
            begins = recording.state.become(State.LIVE)
        # The question whether all is stored comes behind all that must be: its answer lets the client speak.
        effects = [*saved, *begins, ConfirmStored(live.source.id), Broadcast(live.message()), *joined]
        over = live.stop_requested or recording.shutting_down
        return [*effects, *(recording.finish(live) if over else [])]

    def _appended(self, live: LiveSource, seq: int, samples: int, now: float) -> list[Effect]:
        recording = self._recording
        arrived = live.mark_appended(seq, samples, now)
        effects = live.ack()
        if recording.recovery is None and arrived is not None and not live.placed:
            effects += recording.outputs.observe(live, samples, arrived)
        state = recording.state
        state.samples = recording.outputs.end
        too_long = state.now is State.LIVE and state.samples >= recording.longest * SAMPLE_RATE
        return [*effects, *(recording.too_long() if too_long else [])]

    def _failed(self, live: LiveSource, code: ErrorCode, message: str, now: float) -> list[Effect]:
        recording = self._recording
        if recording.recovery is not None:
            return self._not_recovered(live, recording.recovery, code, message, now)
        if live.finishing:
            return [] if live.client is None else [Send(live.client, ErrorMessage(code, message, False))]
        messages: list[Effect] = []
        if live.client is not None:
            messages = self._audience.reject(live.client, code, message, CloseCode.BAD_MESSAGE)
            live.client = None  # and it is not waited for
        if not live.opened:
            return [Log(f"source refused: {code}"), *recording.drop(live), *messages]
        # Without any models nothing was transcribed: a later process can.
        later = code == ErrorCode.MODELS and not recording.state.models
        over = recording.leave_unfinished() if later else recording.finish(live)
        return [Log(f"source failed: {code}"), *messages, *over]

    def _finished(self, live: LiveSource, samples: int, complete: bool) -> list[Effect]:
        recording = self._recording
        if not complete:
            return recording.leave_unfinished()
        live.mark_ended(samples)
        recording.state.samples = recording.outputs.end
        effects = [*recording.outputs.finish(live), *recording.end_if_over()]
        # Where the meeting ends, too, everybody is told that at once.
        return effects if recording.over else [*effects, Broadcast(live.message())]

    # After the process before has died

    def _recovered(self, live: LiveSource, event: SourceRecovered, now: float) -> list[Effect]:
        recording = self._recording
        if recording.recovery is None:
            return []
        span = recording.outputs.span
        known = span(live.source.id, Span(0, live.samples))
        live.samples = event.samples
        recording.recovery.source_through(live.source.id, span(live.source.id, Span(0, event.samples)), known)
        recording.state.models = event.models
        live.source = replace(live.source, audio=event.audio)
        return self._rebuilt(recording.recovery, now)

    def _rebuilt(self, recovery: Recovery, now: float) -> list[Effect]:
        """One more source is through, or lost: with the last one the meeting goes on, or ends."""
        recording = self._recording
        if recovery.pending:
            return []
        rebuilt = recovery.give_up() if recovery.hopeless else recovery.finish()
        recording.outputs.recovery = None
        current = recording.sources.current
        recording.state.samples = recording.outputs.end
        recording.live_since = now - recording.state.samples / SAMPLE_RATE
        # All of it is stored before anybody sees it. The end, if it was asked for, can be stored only behind that.
        effects = [*rebuilt, *(effect for live in current for effect in live.save(live.source.audio))]
        effects += [recording.state.save(), recording.snapshot(None)]
        for live in current:
            live.mark_rebuilt(now)
            if recording.state.now is State.ENDING and not live.incomplete:
                live.mark_finishing()
                effects.append(FinishSource(live.source.id, recording.shutting_down))
            elif live.stop_requested or live.resumption.digest is None:
                effects += recording.finish(live)
        return [*effects, *recording.end_if_over()]

    def _not_recovered(
        self, live: LiveSource, recovery: Recovery, code: ErrorCode, message: str, now: float
    ) -> list[Effect]:
        recording = self._recording
        if code not in HOPELESS:
            broadcast = Broadcast(ErrorMessage(code, message, False))
            return [Log(f"not rebuilt yet: {code}"), broadcast, *recording.leave_unfinished()]
        recovery.source_lost(live.source.id)
        live.mark_lost()
        effects: list[Effect] = [Log(f"cannot be rebuilt: {code}"), AbandonSource(live.source.id)]
        if live.client is not None:  # which may read on
            effects.append(Send(live.client, ErrorMessage(code, message, False)))
        return [*effects, Broadcast(live.message()), *self._rebuilt(recovery, now)]
