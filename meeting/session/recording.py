"""A meeting's recording: its sources from `start` until everything about them is stored, and the state that follows.

A meeting is open until a source is ready, live while one is received, ending while what was received is still being
processed, and ended once all is stored. After a process has died, the next one goes on in the state that it finds,
with a `Recovery` beside the sources until what was received before is processed again.
"""

from __future__ import annotations

from dataclasses import replace

from meeting.config.settings import Limits
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import AudioFrame, Ended, ErrorMessage
from meeting.core.records import Restored, State
from meeting.session.audience import Audience
from meeting.session.content import Content
from meeting.session.events import (
    AbandonSource,
    Broadcast,
    ConfirmStored,
    Effect,
    FinishSource,
    Log,
    MuteSource,
    SaveResume,
    SaveSource,
    Send,
    SendSnapshot,
    StartReceived,
)
from meeting.session.live_sources import LiveSources
from meeting.session.meeting_state import MeetingState
from meeting.session.notices import RECOVERING, welcome
from meeting.session.recovery import Recovery
from meeting.session.source import LiveSource
from meeting.session.source_outputs import SourceOutputs
from pipelines.types import ModelInfo


class Recording:
    """What happens to a meeting's sources and, because of that, to the meeting. Who may do what is not decided here."""

    def __init__(
        self, meeting_id: str, limits: Limits, models: ModelInfo, audience: Audience, content: Content
    ) -> None:
        """`models` is what transcribes it as far as that is known."""
        self.state = MeetingState(models, content)
        self.sources = LiveSources()
        self.outputs = SourceOutputs(content)
        self.unfinished = False
        """True when nothing more can happen here, and a later session must finish the meeting"""
        self.shutting_down, self.recorded = False, False
        """True once the server stops, and whether a later process then hears the rest"""
        self.longest = limits.meeting_hours * 3600
        """Seconds that it lasts at most"""
        self.live_since = 0.0
        """When it began, in seconds on the session's clock"""
        self._meeting_id = meeting_id
        self._audience = audience
        self._content = content

    @property
    def recovery(self) -> Recovery | None:
        """Until what an earlier process received is processed again."""
        return self.outputs.recovery

    @property
    def ending(self) -> bool:
        """True once its end has been asked for: no audio that comes now is taken."""
        current = self.sources.current
        asked = bool(current) and all(live.stop_requested or live.finishing for live in current)
        return asked or (self.state.closing and not any(live.incomplete for live in current))

    @property
    def over(self) -> bool:
        """True once nothing more can happen to what was recorded here."""
        return self.unfinished or self.state.now is State.ENDED

    @property
    def wake_at(self) -> float | None:
        """When `tick` is due; None when nothing is waited for."""
        due = [at for live in self.sources.current for at in (live.reminder_at, self._given_up_at(live))]
        if self._timed:
            due.append(self.live_since + self.longest)
        return min([at for at in due if at is not None], default=None)

    @property
    def _timed(self) -> bool:
        """Whether the clock ends it: a recording may wait for live meetings as long as it has to, its length counts."""
        return self.state.now is State.LIVE and self.recovery is None and not self.recorded

    def _given_up_at(self, live: LiveSource) -> float | None:
        """When a source is not waited for any more; None where nobody waits for it."""
        # One that is not ready yet cannot be ended either: it is given up as soon as it is.
        ready = live.opened or live.restored
        waits = self.state.now is State.LIVE and self.recovery is None and ready and not live.finishing
        return live.complete_by or (live.resumption.deadline if waits else None)

    def tick(self, now: float, trouble: str | None) -> list[Effect]:
        """Do what is due; `trouble` is why nothing can be stored, where that is known."""
        effects: list[Effect] = []
        for live in self.sources.current:
            if live.reminder_at is not None and now >= live.reminder_at:
                effects += live.remind(now, trouble)
            given_up_at = self._given_up_at(live)
            if given_up_at is not None and now >= given_up_at:
                effects += [Log("source did not come back"), *self.finish(live)]
        too_long = self._timed and now >= self.live_since + self.longest
        return [*effects, *(self.too_long() if too_long else [])]

    # Asked for by clients and by the server

    def start(self, live: LiveSource) -> list[Effect]:
        """Make a source ready."""
        self.sources.add(live)
        return [live.open_effect(self._content.hotwords)]

    def start_again(self, live: LiveSource, event: StartReceived) -> list[Effect]:
        """Let a client that never learnt its token go on with its source under a new one."""
        others = event.start.hotwords != live.start.hotwords
        live.reissue(event.start, event.token)
        effects: list[Effect] = [live.expect_effect(self._content.hotwords)] if others else []
        return [*effects, *self.resume(live, event.client, event.token)]

    def restore(self, lives: list[LiveSource], restored: Restored) -> list[Effect]:
        """Go on with the sources and the meeting that an earlier process left."""
        meeting = restored.record.meeting
        self.state.now, self.state.models = meeting.state, meeting.models
        self.state.samples = max([meeting.samples, *(line.span.end for line in restored.record.segments)])
        self._content.restore(restored.record, restored.edits)
        heard = {live.source.id for live in lives}
        self.sources.past = tuple(source for source in restored.record.sources if source.id not in heard)
        past = (line.span.end for line in restored.record.segments if line.source_id not in heard)
        self.outputs.reserve(self.sources.past, max(past, default=0))
        for live in lives:
            self.sources.add(live)
            self.outputs.add(live)
        self.outputs.recovery = Recovery(self._content, heard, [source.id for source in self.sources.past])
        effects: list[Effect] = []
        for live, known in zip(lives, restored.sources, strict=True):
            live.samples = max(known.processed, self.state.samples if len(lives) == 1 else 0)
            effects.append(live.open_effect(self._content.hotwords, recover=True, processed=live.samples))
        return effects

    def resume(self, live: LiveSource, client: int, token: str) -> list[Effect]:
        """Let a client go on with a source; an older connection of it is closed."""
        effects: list[Effect] = []
        if live.client is not None:
            effects = self._audience.disconnect(live.client, CloseCode.CONFLICT, "resumed elsewhere")
        live.attach(client, token)
        if live.opened:
            # Under a new token it is told that it may speak only once that is stored.
            known = self.welcome(live) if live.stored else [ConfirmStored(live.source.id)]
            return [*effects, SaveResume(live.resume, False), *known, Broadcast(live.message())]
        return [*effects, *([] if self.recovery is None else [Send(client, RECOVERING)])]

    def client_left(self, live: LiveSource, now: float) -> list[Effect]:
        """A source's connection is gone: its client is waited for, unless it could not come back."""
        live.detach(now)
        if live.ended:
            return []
        if not live.opened and not live.next_seq and self.recovery is None:
            # It never learnt its token, and sent nothing.
            return self.drop(live)
        if self.state.now is not State.LIVE or not live.opened or live.finishing:
            return []
        return [SaveResume(live.resume, True), Broadcast(live.message())]

    def take(self, live: LiveSource, frame: AudioFrame, now: float) -> list[Effect]:
        """Take a frame; raises ProtocolError where some before it lack."""
        # Which number is next says what a recovery finds on disk: until then none can be taken.
        unknown = self.recovery is not None and not live.opened
        over = live.finishing or live.stop_requested or (self.state.closing and not live.incomplete)
        return [] if unknown or over else live.take(frame, now)

    def stop(self, live: LiveSource) -> list[Effect]:
        """End a source with all that was received of it; as soon as it is ready, where it is not yet."""
        live.stop_requested = live.stop_requested or not live.opened
        return self.finish(live) if live.opened else []

    def remove(self, live: LiveSource) -> list[Effect]:
        """End a source on behalf of a host: its client has to go, and cannot come back to it."""
        live.resumption.revoke()
        effects: list[Effect] = [SaveResume(live.resume, live.client is None)]
        if live.client is not None:
            message = "a host of this meeting has ended your sharing; what was heard of it stays"
            effects += self._audience.reject(live.client, ErrorCode.REMOVED, message, CloseCode.CONFLICT)
            live.client = None
        return [*effects, *self.stop(live)]

    def mute(self, live: LiveSource, muted: bool) -> list[Effect]:
        """Hear silence in the place of what a source sends from here on, or let it be heard again."""
        if live.source.muted == muted or live.finishing:
            return []
        live.source = replace(live.source, muted=muted)
        effects: list[Effect] = [MuteSource(live.source.id, muted), SaveSource(live.source)]
        return [*effects, Broadcast(live.message())] if live.opened else effects

    def end(self) -> list[Effect]:
        """End the meeting with all that was received."""
        return [effect for live in self.sources.received for effect in self.stop(live)]

    def shut_down(self, code: CloseCode, reason: str) -> list[Effect]:
        """The server stops: finish what is live, leave to a later process what cannot be finished, drop the rest."""
        self.shutting_down = True
        current = self.sources.current
        returning = any(live.resumption.digest is not None for live in current)
        recorded = self.recorded and self.state.now is State.LIVE and returning
        if current and (self.recovery is not None or recorded):
            return self.leave_unfinished()
        if self.state.now is State.OPEN:
            return self.abandon(code, reason)
        faster = [FinishSource(live.source.id, shutdown_fast=True) for live in current if live.finishing]
        return [*faster, *(effect for live in self.sources.received for effect in self.finish(live))]

    def abandon(self, code: CloseCode, reason: str) -> list[Effect]:
        """Finish nothing, and close every connection."""
        effects: list[Effect] = []
        for live in self.sources.current:
            self.sources.remove(live)
            effects.append(AbandonSource(live.source.id))
        return [*effects, *self._audience.disconnect_all(code, reason)]

    def snapshot(self, client: int | None) -> SendSnapshot:
        """Show one client, or all, everything so far."""
        state = self.state
        return SendSnapshot(
            client, self._content.snapshot(state.now, state.samples, state.models, self.sources.messages())
        )

    def welcome(self, live: LiveSource) -> list[Effect]:
        """Tell a source's client that it may speak."""
        return welcome(live, self._meeting_id, self.state.models, self.recovery is not None)

    # How sources end, and with them the meeting

    def finish(self, live: LiveSource) -> list[Effect]:
        """Take no more audio of a source, and have what was received processed; with the last one the meeting ends."""
        if live.finishing or not (self.state.now is State.LIVE or live.incomplete):
            return []
        live.mark_finishing()
        effects: list[Effect] = []
        if self.state.now is State.LIVE and not self.sources.received:
            effects += self.state.become(State.ENDING)
        effects.append(FinishSource(live.source.id, self.shutting_down))
        return [*effects, Broadcast(live.message())] if live.opened else effects

    def drop(self, live: LiveSource) -> list[Effect]:
        """Forget a source that came to nothing."""
        self.sources.remove(live)
        return [AbandonSource(live.source.id), *self.end_if_over()]

    def end_if_over(self) -> list[Effect]:
        """End the meeting where all of its sources have ended."""
        effects: list[Effect] = []
        if self.recovery is not None or self.state.now in (State.OPEN, State.ENDED):
            return []
        if self.state.now is State.LIVE and not self.sources.received:
            effects += self.state.become(State.ENDING)
        if self.state.now is State.LIVE or self.sources.current:
            return effects
        effects += [*self.state.become(State.ENDED), Broadcast(Ended(self._content.transcript.count))]
        return [*effects, *self._audience.disconnect_all(CloseCode.NORMAL, "ended")]

    def too_long(self) -> list[Effect]:
        """End a meeting that lasts longer than it may."""
        message = f"the meeting has reached its longest time of {self.longest / 3600:g} hours and is ended"
        return [Broadcast(ErrorMessage(ErrorCode.TOO_LONG, message, False)), *self.end()]

    def leave_unfinished(self) -> list[Effect]:
        """Leave it to a later session."""
        self.unfinished = True
        effects: list[Effect] = [Log("left unfinished")]
        effects += [AbandonSource(live.source.id) for live in self.sources.current]
        return [*effects, *self._audience.disconnect_all(CloseCode.TRY_AGAIN_LATER, "try again later")]
