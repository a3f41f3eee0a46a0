"""One running meeting: the dull driver between sockets, worker threads, the store and the session.

The order is always the same: take an event, let the session handle it, carry out the effects, wait for the next.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from meeting.config import Limits
from meeting.events import (
    AbandonSource,
    Broadcast,
    Drop,
    Effect,
    Event,
    FinishSource,
    Framed,
    Joined,
    Keep,
    Left,
    Note,
    OpenSource,
    SaveLabels,
    SaveSegment,
    SaveSource,
    SaveSpeaker,
    SaveState,
    SaveTurns,
    Send,
    Started,
    Tick,
    Unsaved,
)
from meeting.messages import Close, Start, encode
from meeting.outbox import Receiver
from meeting.records import ENDED, LIVE, Meeting
from meeting.session import Session
from meeting.store import new_id
from meeting.worker import Worker, Workshop
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

HIGH_WATER = 4 << 20
"""Bytes of audio on their way to disk above which a meeting's sockets are not read"""


class Gate:
    """Lets frames in while the bytes under way are below a mark; more than that waits."""

    def __init__(self, high: int = HIGH_WATER) -> None:
        self._high = high
        self._held = 0
        self._below = asyncio.Event()
        self._below.set()

    async def enter(self, size: int) -> None:
        """Wait for room, then count `size` bytes in."""
        await self._below.wait()
        self._held += size
        if self._held >= self._high:
            self._below.clear()

    def leave(self, size: int) -> None:
        """Count `size` bytes out."""
        self._held -= size
        if self._held < self._high:
            self._below.set()


class Room:
    """One meeting that is not over yet; lives on the event loop."""

    def __init__(
        self,
        meeting: Meeting,
        workshop: Workshop,
        limits: Limits,
        admitting: Callable[[], bool],
        on_closed: Callable[[Room], None],
    ) -> None:
        self.id = meeting.id
        self.session = Session(meeting.id, meeting.title, limits, workshop.engine.models)
        self._workshop = workshop
        self._admitting = admitting
        self._on_closed = on_closed
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._clients: dict[int, Receiver] = {}
        self._next_client = 1
        self._workers: dict[str, Worker] = {}
        self._gate = Gate()
        self._unsaved = False
        self.task = self._loop.create_task(self._run(), name=f"room-{meeting.id}")
        self.task.add_done_callback(self._stopped)

    def join(self, receiver: Receiver) -> int:
        """Let a client in; its number is what later calls name it by."""
        client = self._next_client
        self._next_client += 1
        self._clients[client] = receiver
        self.post(Joined(client))
        return client

    def leave(self, client: int) -> None:
        """A client's connection is gone."""
        self._clients.pop(client, None)
        self.post(Left(client))

    def start(self, client: int, start: Start) -> None:
        """A client wants to be the source."""
        self.post(Started(client, start, new_id(), secrets.token_urlsafe(24)))

    async def frame(self, event: Framed) -> None:
        """Take a frame; waits while too much is on its way to disk."""
        await self._gate.enter(len(event.frame.payload))
        self.post(event)

    def post(self, event: Event) -> None:
        """Let an event happen; from the event loop only."""
        self._inbox.put_nowait(event)

    def post_from_thread(self, event: Event) -> None:
        """Let an event happen, from any thread; nothing once the loop is gone."""
        self._call(self.post, event)

    def _call(self, function: Callable[..., None], argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:  # the loop has been closed: the process ends
            log.debug("meeting %s: too late for news", self.id)

    # The driver

    async def _run(self) -> None:
        log.info("meeting %s: opened", self.id)
        while not (self.session.closed and self._inbox.empty()):
            event = await self._inbox.get()
            if isinstance(event, Started):
                event = replace(event, admitted=self._admitting(), models=self._workshop.engine.models)
            effects = self.session.handle(event, time.monotonic())
            for effect in effects:
                await self._carry_out(effect)
            if isinstance(event, Framed) and not any(isinstance(effect, Keep) for effect in effects):
                self._gate.leave(len(event.frame.payload))
            if isinstance(event, Tick) or self.session.wake_at != self._due:
                self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = self.session.wake_at
        if self._due is not None:
            self._timer = self._loop.call_later(max(0.0, self._due - time.monotonic()), self.post, Tick())

    def _stopped(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._timer is not None:
            self._timer.cancel()
        if error is not None:
            log.error("meeting %s: stopped by %s", self.id, type(error).__name__, exc_info=error)
        for receiver in self._clients.values():
            receiver.close(Close.INTERNAL if error else Close.GOING_AWAY, "internal error" if error else "closed")
        self._clients.clear()
        for worker in self._workers.values():
            worker.abandon()
        self._workers.clear()
        log.info("meeting %s: closed", self.id)
        self._on_closed(self)

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(client, message):
                if client in self._clients:
                    self._clients[client].put(message, encode(message))
            case Broadcast(message):
                text = encode(message)
                for receiver in self._clients.values():
                    receiver.put(message, text)
            case Drop(client, code, reason):
                receiver_ = self._clients.pop(client, None)
                if receiver_ is not None:
                    receiver_.close(code, reason)
            case OpenSource(source_id):
                self._workers[source_id] = self._hire(effect)
            case Keep(source_id, frame):
                self._workers[source_id].keep(frame)
            case FinishSource(source_id):
                self._workers[source_id].finish()
            case AbandonSource(source_id):
                self._workers.pop(source_id).abandon()
            case Note(text):
                log.info("meeting %s: %s", self.id, text)
            case _:
                await self._save(effect)

    def _hire(self, job: OpenSource) -> Worker:
        return Worker(
            self._workshop, self.id, job, self.post_from_thread, lambda size: self._call(self._gate.leave, size)
        )

    async def _save(self, effect: Effect) -> None:
        try:
            await asyncio.wrap_future(self._write(effect))
        except StoreError as error:
            log.error("meeting %s: not saved: %s", self.id, type(error).__name__)
            if not self._unsaved:
                self._unsaved = True
                self.post(Unsaved(f"what is heard cannot be saved: {error}"))
        if isinstance(effect, SaveState) and effect.state == ENDED and not self._unsaved:
            for worker in self._workers.values():
                worker.remove_journal()

    def _write(self, effect: Effect) -> Future[None]:
        store = self._workshop.store
        match effect:
            case SaveSegment(segment):
                return store.save_segments(self.id, [segment])
            case SaveLabels(changes):
                return store.save_labels(self.id, changes)
            case SaveSpeaker(speaker):
                return store.save_speakers(self.id, [speaker])
            case SaveTurns(revision):
                return store.save_turns(self.id, revision)
            case SaveSource(source):
                return store.save_source(self.id, source)
            case SaveState(state, samples, models):
                now = datetime.now(timezone.utc)
                return store.set_state(
                    self.id,
                    state,
                    started_at=now if state == LIVE else None,
                    ended_at=now if state == ENDED else None,
                    samples=samples,
                    models=models,
                )
            case _:
                raise AssertionError(f"no way to carry out {type(effect).__name__}")
