"""One running meeting: the dull driver between sockets, the threads of sources, the store and the session.

The order is always the same: take an event, let the session handle it, carry out the effects, set the next timer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from meeting.config.settings import Limits
from meeting.core.access import Role
from meeting.core.editing.changes import Change
from meeting.core.errors import CloseCode
from meeting.core.ids import new_id
from meeting.core.messages import ResumeInfo, ServerMessage, Start
from meeting.core.records import Meeting, Restored, Source, State
from meeting.delivery.outbox import Receiver
from meeting.live.clients import Clients
from meeting.live.latency import LatencyMeters
from meeting.live.meeting_saver import SAVES, MeetingSaver
from meeting.live.pending_answers import PendingAnswers
from meeting.live.source_workers import SourceWorkers
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    CloseRequested,
    ConfirmStored,
    Disconnect,
    EditRequested,
    Effect,
    EndRequested,
    Event,
    ExpectHotwords,
    FinishSource,
    FrameAppended,
    FrameReceived,
    Log,
    MeetingRestored,
    MuteSource,
    OpenSource,
    OutputReceived,
    SaveEdits,
    SaveState,
    Send,
    SendSnapshot,
    StartReceived,
    StorageFailing,
    StorageWorking,
    Tick,
)
from meeting.session.session import Session
from meeting.sources.engine_loader import Services
from meeting.sources.flow_control import FlowControl
from meeting.sources.log_context import logged_meeting

log = logging.getLogger(__name__)

DISCARD_SECONDS = 10.0
"""Seconds that a meeting has to let go of everything when it is deleted, before it is made to"""
THREAD_SECONDS = 60.0
"""Seconds that the threads of its sources then have: what they gave to the models may have to come back first"""


class Room:
    """One meeting that is not over yet; lives on the event loop."""

    task: asyncio.Task[None]
    """What drives it from `start` on; done once the meeting is over, or is left to a later room"""

    def __init__(
        self,
        meeting: Meeting,
        services: Services,
        limits: Limits,
        refusal: Callable[[bool], str | None],
        on_closed: Callable[[Room], None],
        restored: Restored | None = None,
        resumable: bool = True,
    ) -> None:
        """`refusal` says why no source may begin in one that is live or not; `restored` is what is left of it."""
        self.id = meeting.id
        self.kept, self.recorded = meeting.kept, meeting.recorded
        """Whether its meeting stays once it is over, and whether it is made of a recording"""
        self.session = Session(
            meeting.id, meeting.title, limits, services.engine.models, resumable, meeting.hotwords, meeting.recorded
        )
        self._refusal, self._on_closed, self.held = refusal, on_closed, services.held
        """`held`: whether this server may still write and say something, by its own clock"""
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self.events_waiting = self._inbox.qsize
        """Says how many events are still to be handled"""
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._flow = FlowControl(limits.source_bytes, shared=meeting.recorded)
        self._workers = SourceWorkers(services, meeting.id, self._flow, self.post_from_thread, meeting.speakers)
        self.backlog, self.waiting = self._workers.backlog, self._workers.waiting
        """Say how many seconds of audio wait for the models: of the source that is furthest behind, and of all"""
        self.released = self._workers.wait
        """Waits at most so many seconds until no thread of its sources runs any more; whether that is so"""
        self._answers = PendingAnswers()
        self._latency = LatencyMeters(services.measurements if services.live else None)
        self._saver = MeetingSaver(services.store, meeting, restored, self.post, self._tell_at_once)
        self._first = self.session.handle(MeetingRestored(restored), time.monotonic()) if restored else []
        self._clients = Clients(self.session.transcript)
        self.turn = self._clients.turn
        """For the outboxes of this meeting's clients"""

    def start(self) -> None:
        """Start to drive it."""
        self.task = self._loop.create_task(self._run(), name=f"room-{self.id}")
        self.task.add_done_callback(self._stopped)

    # From clients

    def join(self, receiver: Receiver, role: Role = Role.SERVER) -> int:
        """Let a client in that may do what `role` says; its number is what later calls name it by."""
        client = self._clients.number()
        if self.task.done():  # nobody would ever tell it anything
            receiver.close(CloseCode.TRY_AGAIN_LATER, "try again")
            return client
        # Told nothing before its turn comes: the first message of all is the snapshot.
        self._clients.add(client, receiver)
        self.post(ClientJoined(client, role))
        return client

    def leave(self, client: int) -> None:
        """A client's connection is gone."""
        self._clients.remove(client)
        self.post(ClientLeft(client))

    def start_source(
        self, client: int, start: Start, resumption: ResumeInfo | None = None, known: Source | None = None
    ) -> None:
        """A client wants to be the source, which `resumption` is known by, or to play again one that is `known`."""
        told = resumption or ResumeInfo(new_id(), secrets.token_urlsafe(24))
        self.post(StartReceived(client, start, told.source_id, told.token, known=known))

    async def frame(self, event: FrameReceived) -> None:
        """Take a frame; waits while too much is on its way to disk, or when it comes faster than it may."""
        size = len(event.frame.payload)
        if not await self._flow.admit(size):
            return
        self._inbox.put_nowait(event)
        # What others send is refused and thrown away: it must not use up what the source may send.
        source_id = self.session.source_of(event.client)
        if source_id is not None:
            await self._flow.limit_rate(size, source_id)

    async def ready(self) -> None:
        """Wait until there is room for what a client says."""
        await self._flow.room_for_outputs()

    async def edit(self, change: Change, change_id: str | None = None) -> tuple[ServerMessage, ...] | None:
        """Let a person change something; what is now, once it is stored; None if this is over. Raises MeetingError."""
        self._saver.require_idle()
        return await self.ask(lambda ticket: EditRequested(ticket, change, change_id))

    async def end(self) -> bool:
        """End this meeting with all that was received; false when it is over already."""
        return await self.ask(EndRequested) is not None

    async def ask(self, request: Callable[[int], Event]) -> tuple[ServerMessage, ...] | None:
        """Let an event happen that is answered by its ticket; None when this meeting is over. Raises MeetingError."""
        return None if self.task.done() else await self._answers.ask(request, self.post)

    # From the server

    async def discard(self) -> bool:
        """Let go of everything: the meeting is being deleted. False when a source's thread does not end in time."""
        self.post(CloseRequested(CloseCode.NOT_FOUND, "deleted", discard=True))
        await asyncio.wait([self.task], timeout=DISCARD_SECONDS)
        if not self.task.done():  # it waits for a disk that refuses
            self.task.cancel()
            await asyncio.wait([self.task])
        return await self.released(THREAD_SECONDS)

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the sources that are being heard."""
        return self._workers.sources

    @property
    def unfinished(self) -> bool:
        """Whether a later room must go on with this meeting, once this one is over."""
        cut_off = self.session.state in (State.LIVE, State.ENDING) or self._saver.overflowed
        return cut_off and not self.session.discarded

    def post(self, event: Event) -> None:
        """Let an event happen; from the event loop only. Frames come by `frame`."""
        self._flow.output_queued()
        self._inbox.put_nowait(event)

    def post_from_thread(self, event: Event) -> None:
        """Let an event happen, from any thread; nothing once the loop is gone."""
        # Counted here and not once the loop has it: what is on its way there takes as much room.
        self._flow.output_queued()
        with suppress(RuntimeError):  # the loop has been closed: the process ends
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, event)

    # The driver

    async def _run(self) -> None:
        logged_meeting.set(self.id)
        log.info("meeting %s: opened", self.id)
        await self._carry_out(self._first)
        while not (self.session.closed and self._inbox.empty()):
            event = self._taken(await self._inbox.get())
            effects = self.session.handle(event, time.monotonic())
            if not await self._carry_out(effects):
                return
            if isinstance(event, FrameReceived) and not any(isinstance(effect, AppendFrame) for effect in effects):
                self._flow.frame_done(len(event.frame.payload))
            if isinstance(event, Tick) or self.session.wake_at != self._due:
                self._set_timer()

    def _taken(self, event: Event) -> Event:
        """An event as the session gets it; counted out, unless it is a frame, which counts until it is on disk."""
        if isinstance(event, FrameReceived):
            if (source_id := self.session.source_of(event.client)) is not None:
                self._latency.frame_came(source_id, event.frame.seq, time.monotonic())
            return event
        self._flow.output_taken()
        if isinstance(event, StartReceived):
            return replace(event, refusal=self._refusal(self.session.busy))
        if isinstance(event, FrameAppended):
            self._saver.frame_appended()
            self._latency.frame_appended(event.source_id, event.seq, event.samples)
        elif isinstance(event, OutputReceived) and not self.session.recovering:
            self._latency.output_made(event.source_id, event.output, time.monotonic())
        elif isinstance(event, ClientJoined):
            self._clients.admit(event.client)
        return event

    def _tell_at_once(self, storage: StorageFailing | StorageWorking) -> None:
        for effect in self.session.handle(storage, time.monotonic()):
            self._do(effect)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self.session.wake_at
        if self._due is not None:
            self._timer = self._loop.call_later(max(0.0, self._due - time.monotonic()), self.post, Tick())

    def _stopped(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        self._saver.close()
        # Whoever waits to bring more finds that there is nobody any more, before anybody is told to go.
        self._flow.close()
        if self._timer is not None:
            self._timer.cancel()
        if error is not None:
            log.error("meeting %s: stopped by %s", self.id, type(error).__name__, exc_info=error)
        self._clients.disconnect_all(*_goodbye(error, self.held()))
        self._workers.abandon_all()
        self._answers.close()
        log.info("meeting %s: closed", self.id)
        self._on_closed(self)

    async def _carry_out(self, effects: list[Effect]) -> bool:
        """Do it all, in order; false when the meeting's end cannot be stored and is left to a later room."""
        edited = any(isinstance(effect, SaveEdits) for effect in effects)
        for effect in effects:
            if not self.held():  # what is said now could be wrong where another server goes on
                return False
            # What is to be kept is on disk, or in the queue behind what is not, before the next effect tells of it.
            if isinstance(effect, SaveState) and effect.state == State.ENDED:
                if not await self._saver.save_end(effect):
                    return False
                if self._saver.complete:  # then nobody needs the frames as received any more
                    await self._workers.remove_journals()
            elif isinstance(effect, SAVES):
                await self._saver.save(effect)
            elif isinstance(effect, Answer) and edited:
                self._saver.once_stored(partial(self._do, effect))
            elif isinstance(effect, ConfirmStored):
                stored = self._saver.confirm(effect.source_id)
                # Handled at once and not posted: nothing may come between the storing and what follows from it.
                if stored is not None and not await self._carry_out(self.session.handle(stored, time.monotonic())):
                    return False
            else:
                self._do(effect)
        return True

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(client, message):
                self._clients.send(client, message)
            case Broadcast(message, change):
                self._clients.broadcast(message, change)
            case SendSnapshot(client, head):
                self._clients.send_snapshot(client, head, self.session.transcript)
            case Disconnect(client, code, reason):
                self._clients.disconnect(client, code, reason)
            case OpenSource():
                self._workers.open(effect)
            case ExpectHotwords(source_id, hotwords):
                self._workers.expect(source_id, hotwords)
            case MuteSource(source_id, muted):
                self._workers.mute(source_id, muted)
            case AppendFrame(source_id, frame):
                self._workers.append(source_id, frame)
            case FinishSource(source_id, shutdown_fast):
                self._workers.finish(source_id, shutdown_fast)
            case AbandonSource(source_id):
                self._workers.abandon(source_id)
            case Answer(ticket, outcome):
                self._answers.answer(ticket, outcome)
            case Log(text):
                log.info("meeting %s: %s", self.id, text)
            case _:
                raise AssertionError(f"no way to carry out {type(effect).__name__}")


def _goodbye(error: BaseException | None, held: bool) -> tuple[CloseCode, str]:
    """How the clients that are still there are told to go once the room is over."""
    if error is not None:
        return CloseCode.INTERNAL, "internal error"
    return (CloseCode.GOING_AWAY, "closed") if held else (CloseCode.TRY_AGAIN_LATER, "another server goes on")
