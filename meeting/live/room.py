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
from datetime import datetime, timedelta, timezone

from meeting.config.settings import Limits
from meeting.core.access import Role
from meeting.core.edits import Change
from meeting.core.error_text import client_message
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.ids import new_id
from meeting.core.messages import ServerMessage, SnapshotMessage, Start, encode
from meeting.core.rate_limit import RateLimiter
from meeting.core.records import Meeting, Restored, State
from meeting.delivery.history import History
from meeting.delivery.outbox import Receiver
from meeting.live.save_queue import SaveQueue
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
    FinishSource,
    FrameAppended,
    FrameReceived,
    Log,
    MeetingRestored,
    OpenSource,
    SaveEdits,
    SaveGap,
    SaveLabels,
    SaveResume,
    SaveSegment,
    SaveSource,
    SaveSpeaker,
    SaveState,
    SaveTranscript,
    SaveTurns,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceStored,
    StartReceived,
    StorageFailing,
    StorageWorking,
    Tick,
)
from meeting.session.session import Session
from meeting.sources.engine_loader import Services
from meeting.sources.flow_control import FlowControl
from meeting.sources.source_worker import SourceWorker
from meeting.storage.edit_store import EditStore
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError
from pipelines.types import ModelInfo

log = logging.getLogger(__name__)

SAVES = (
    SaveSegment,
    SaveLabels,
    SaveSpeaker,
    SaveTurns,
    SaveEdits,
    SaveSource,
    SaveResume,
    SaveGap,
    SaveTranscript,
    SaveState,
)
"""Effects for the store"""

PATIENCE = 10.0
"""Seconds that a meeting has to let go of everything when it is deleted, before it is made to"""
STUBBORN = 60.0
"""Seconds that the threads of its sources then have: what they gave to the models may have to come back first"""


class Room:
    """One meeting that is not over yet; lives on the event loop."""

    def __init__(
        self,
        meeting: Meeting,
        services: Services,
        limits: Limits,
        refusal: Callable[[], str | None],
        on_closed: Callable[[Room], None],
        restored: Restored | None = None,
        resumable: bool = True,
    ) -> None:
        """`refusal` says why no further meeting may go live; `restored` is what an earlier process left of this one."""
        self.id = meeting.id
        self.session = Session(meeting.id, meeting.title, limits, services.engine.models, resumable)
        self._services = services
        self._transcript_store = TranscriptStore(services.store)
        self._recovery_store = RecoveryStore(services.store)
        self._edit_store = EditStore(services.store)
        self._refusal = refusal
        self._on_closed = on_closed
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._clients: dict[int, Receiver] = {}
        self._arriving: dict[int, Receiver] = {}
        self._next_client = 1
        self._asked: dict[int, asyncio.Future[tuple[ServerMessage, ...] | None]] = {}
        self._next_ticket = 0
        self._workers: dict[str, SourceWorker] = {}
        self._hired: list[SourceWorker] = []
        """Every worker whose thread may still run, those that were let go included"""
        self.turn = asyncio.Lock()
        """For the outboxes of this meeting's clients"""
        self._flow = FlowControl(RateLimiter(limits.source_bytes))
        self._unsettled: set[str] = set()
        self._save_queue = SaveQueue(self.id, self._write, self._troubled, self._relieved)
        # The time of day is read once: a clock that is set while a meeting runs must not turn its times around.
        self._clock = (datetime.now(timezone.utc), time.monotonic())
        self._started_at = meeting.started_at
        self._heard_at = restored.last_frame_at if restored else None
        self._lost_at = restored.resume.lost_at if restored else None
        self._first = self.session.handle(MeetingRestored(restored), time.monotonic()) if restored else []
        self._history = History(self.session.transcript)
        self.task = self._loop.create_task(self._run(), name=f"room-{meeting.id}")
        self.task.add_done_callback(self._stopped)

    def join(self, receiver: Receiver, role: Role = Role.SERVER) -> int:
        """Let a client in that may do what `role` says; its number is what later calls name it by."""
        client = self._next_client
        self._next_client += 1
        if self.task.done():  # nobody would ever tell it anything
            receiver.close(CloseCode.TRY_AGAIN_LATER, "try again")
            return client
        # Told nothing before its turn comes: the first message of all is the snapshot.
        self._arriving[client] = receiver
        self.post(ClientJoined(client, role))
        return client

    def leave(self, client: int) -> None:
        """A client's connection is gone."""
        self._arriving.pop(client, None)
        self._clients.pop(client, None)
        self.post(ClientLeft(client))

    def start(self, client: int, start: Start) -> None:
        """A client wants to be the source."""
        self.post(StartReceived(client, start, new_id(), secrets.token_urlsafe(24)))

    async def edit(self, change: Change) -> tuple[ServerMessage, ...] | None:
        """Let a person change something, and tell what is now; None when this meeting is over. Raises MeetingError."""
        return await self._ask(lambda ticket: EditRequested(ticket, change))

    async def end(self) -> bool:
        """End this meeting with all that was received; false when it is over already."""
        return await self._ask(EndRequested) is not None

    async def _ask(self, question: Callable[[int], Event]) -> tuple[ServerMessage, ...] | None:
        if self.task.done():
            return None
        self._next_ticket += 1
        ticket, answered = self._next_ticket, self._loop.create_future()
        self._asked[ticket] = answered
        self.post(question(ticket))
        try:
            told: tuple[ServerMessage, ...] | None = await answered
            return told
        finally:
            del self._asked[ticket]

    async def discard(self) -> bool:
        """Let go of everything: the meeting is being deleted. False when a source's thread does not end in time."""
        self.post(CloseRequested(CloseCode.NOT_FOUND, "deleted", discard=True))
        await asyncio.wait([self.task], timeout=PATIENCE)
        if not self.task.done():  # it waits for a disk that refuses
            self.task.cancel()
            await asyncio.wait([self.task])
        return await self.released(STUBBORN)

    async def released(self, seconds: float) -> bool:
        """Wait until no thread of its sources runs any more; whether that is so."""
        until = time.monotonic() + seconds
        left = [worker.wait for worker in self._hired]
        return all([await asyncio.to_thread(wait, max(0.0, until - time.monotonic())) for wait in left])

    async def frame(self, event: FrameReceived) -> None:
        """Take a frame; waits while too much is on its way to disk, or when it comes faster than it may."""
        size = len(event.frame.payload)
        if not await self._flow.admit(size):
            return
        self._inbox.put_nowait(event)
        # What others send is refused and thrown away: it must not use up what the source may send.
        if self.session.speaks(event.client):
            await self._flow.limit_rate(size)

    async def ready(self) -> None:
        """Wait until there is room for what a client says."""
        await self._flow.room_for_outputs()

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the sources that are being heard."""
        return tuple(self._workers)

    @property
    def unfinished(self) -> bool:
        """Whether a later room must go on with this meeting, once this one is over."""
        cut_off = self.session.state in (State.LIVE, State.ENDING) or self._save_queue.overflowed
        return cut_off and not self.session.discarded

    def post(self, event: Event) -> None:
        """Let an event happen; from the event loop only. Frames come by `frame`."""
        self._flow.output_queued()
        self._inbox.put_nowait(event)

    def post_from_thread(self, event: Event) -> None:
        """Let an event happen, from any thread; nothing once the loop is gone."""
        # Counted here and not once the loop has it: what is on its way there takes as much room.
        self._flow.output_queued()
        try:
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, event)
        except RuntimeError:  # the loop has been closed: the process ends
            log.debug("meeting %s: too late for news", self.id)

    def _troubled(self, sentence: str) -> None:
        self.post(StorageFailing("text", client_message(sentence, self._services.store.data_dir)))

    def _relieved(self) -> None:
        self.post(StorageWorking("text"))
        unsettled, self._unsettled = self._unsettled, set()
        for source_id in unsettled:
            self.post(self._whether_settled(source_id))

    def _whether_settled(self, source_id: str) -> SourceStored | SourceFailed:
        if self._save_queue.overflowed or self._save_queue.gave_up:
            return SourceFailed(source_id, ErrorCode.STORAGE, "the meeting cannot be stored: start a new one")
        return SourceStored(source_id)

    def _now(self) -> datetime:
        day, steady = self._clock
        return day + timedelta(seconds=time.monotonic() - steady)

    # The driver

    async def _run(self) -> None:
        log.info("meeting %s: opened", self.id)
        await self._carry_out(self._first)
        while not (self.session.closed and self._inbox.empty()):
            event = await self._inbox.get()
            if not isinstance(event, FrameReceived):
                self._flow.output_taken()
            if isinstance(event, StartReceived):
                event = replace(event, refusal=self._refusal())
            elif isinstance(event, FrameAppended):
                self._heard_at = self._now()
            elif isinstance(event, ClientJoined) and event.client in self._arriving:
                self._clients[event.client] = self._arriving.pop(event.client)
            effects = self.session.handle(event, time.monotonic())
            if not await self._carry_out(effects):
                return
            if isinstance(event, FrameReceived) and not any(isinstance(effect, AppendFrame) for effect in effects):
                self._flow.frame_done(len(event.frame.payload))
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
        self._save_queue.close()
        self._flow.close()
        if self._timer is not None:
            self._timer.cancel()
        if error is not None:
            log.error("meeting %s: stopped by %s", self.id, type(error).__name__, exc_info=error)
        for receiver in (*self._clients.values(), *self._arriving.values()):
            receiver.close(
                CloseCode.INTERNAL if error else CloseCode.GOING_AWAY, "internal error" if error else "closed"
            )
        self._clients.clear()
        self._arriving.clear()
        for worker in self._workers.values():
            worker.abandon()
        self._workers.clear()
        for ticket in self._asked:
            self._answer(ticket, None)
        log.info("meeting %s: closed", self.id)
        self._on_closed(self)

    async def _carry_out(self, effects: list[Effect]) -> bool:
        """Do it all, in order; false when the meeting's end cannot be stored and is left to a later room."""
        for effect in effects:
            if isinstance(effect, SaveState) and effect.state == State.ENDED:
                if not await self._save_end(effect):
                    return False
            elif isinstance(effect, SAVES):
                await self._save_queue.save(effect)
            elif isinstance(effect, ConfirmStored):
                if not self._save_queue.idle:
                    self._unsettled.add(effect.source_id)
                    continue
                news = self._whether_settled(effect.source_id)
                if not await self._carry_out(self.session.handle(news, time.monotonic())):
                    return False
            else:
                self._do(effect)
        return True

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(client, message):
                if client in self._clients:
                    self._clients[client].put(message, encode(message))
            case Broadcast(message, change):
                text = encode(message)
                if change is not None:
                    self._history.add(change, text)
                for receiver in self._clients.values():
                    receiver.put(message, text)
            case SendSnapshot(client, head):
                self._send_snapshot(client, head)
            case Disconnect(client, code, reason):
                receiver_ = self._clients.pop(client, None)
                if receiver_ is not None:
                    receiver_.close(code, reason)
            case OpenSource(source_id):
                self._workers[source_id] = self._hire(effect)
            case AppendFrame(source_id, frame):
                self._workers[source_id].append(frame)
            case FinishSource(source_id, hurry):
                self._workers[source_id].finish(hurry)
            case AbandonSource(source_id):
                self._workers.pop(source_id).abandon()
            case Answer(ticket, outcome):
                self._answer(ticket, outcome)
            case Log(text):
                log.info("meeting %s: %s", self.id, text)
            case _:
                raise AssertionError(f"no way to carry out {type(effect).__name__}")

    def _send_snapshot(self, client: int | None, head: SnapshotMessage) -> None:
        if client is None:  # what was told before may not hold any more
            self._history = History(self.session.transcript)
        for id_, receiver in self._clients.items():
            if client in (None, id_):
                text, earlier = self._history.snapshot(head)
                receiver.put(head, text)
                receiver.follow(earlier)

    def _answer(self, ticket: int, outcome: tuple[ServerMessage, ...] | MeetingError | None) -> None:
        asked = self._asked.get(ticket)
        if asked is None or asked.done():
            return
        if isinstance(outcome, MeetingError):
            asked.set_exception(outcome)
        else:
            asked.set_result(outcome)

    def _hire(self, job: OpenSource) -> SourceWorker:
        worker = SourceWorker(self._services, self.id, job, self._flow.open_source(), self.post_from_thread)
        worker.start()
        self._hired = [*(one for one in self._hired if not one.wait(0)), worker]
        return worker

    async def _save_end(self, effect: SaveState) -> bool:
        """Store the end behind everything else, however long that takes; then the frames as received can go."""
        if not await self._save_queue.settle():
            log.error("meeting %s: too much could not be stored; it will be rebuilt from its audio", self.id)
            return False
        await self._save_queue.save(effect)
        await self._save_queue.settle()
        if not self._save_queue.gave_up:
            for worker in self._workers.values():
                worker.remove_journal()
        return True

    def _write(self, effect: Effect) -> Future[None]:
        match effect:
            case SaveSegment(segment):
                return self._transcript_store.save_segments(self.id, [segment])
            case SaveLabels(changes):
                return self._transcript_store.save_labels(self.id, changes)
            case SaveSpeaker(speaker):
                return self._transcript_store.save_speakers(self.id, [speaker])
            case SaveTurns(revision):
                return self._transcript_store.save_turns(self.id, revision)
            case SaveEdits(edits, line):
                return self._edit_store.save(self.id, edits, line)
            case SaveSource(source):
                return self._transcript_store.save_source(self.id, source)
            case SaveResume(resume, away):
                self._lost_at = (self._lost_at or self._now()) if away else None
                return self._recovery_store.save_resume(self.id, replace(resume, lost_at=self._lost_at))
            case SaveGap(gap):
                return self._recovery_store.save_gap(self.id, gap)
            case SaveTranscript(segments, speakers, gaps):
                return self._recovery_store.replace_transcript(self.id, segments, speakers, gaps)
            case SaveState(state, samples, models):
                return self._write_state(state, samples, models)
            case _:
                raise AssertionError(f"no way to carry out {type(effect).__name__}")

    def _write_state(self, state: State, samples: int, models: ModelInfo) -> Future[None]:
        if state == State.LIVE and self._started_at is None:
            self._started_at = self._now()
        ended_at = self._heard_at or self._now() if state == State.ENDED else None
        if ended_at is not None and self._started_at is not None:
            ended_at = max(ended_at, self._started_at)
        return self._services.store.set_state(
            self.id, state, started_at=self._started_at, ended_at=ended_at, samples=samples, models=models
        )
