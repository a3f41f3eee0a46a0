"""The jobs of a server: recordings that come, wait for their turn, are heard, and are told of for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from meeting.cluster.ownership import Claim
from meeting.config.settings import Limits
from meeting.core.error_text import fault_message
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.ids import new_id
from meeting.core.records import Job, JobState
from meeting.jobs.cleanup import Cleanup
from meeting.jobs.hearing import Hearing
from meeting.jobs.hearing_again import HearingAgain
from meeting.jobs.hearing_elsewhere import AvailableModels, HearingElsewhere
from meeting.jobs.recording_files import RecordingFiles
from meeting.jobs.retranscribing import MeetingSound, sound_of, transcribe_again
from meeting.jobs.rules import (
    WAITING,
    Progress,
    begun,
    gone_on_with,
    moved,
    next_up,
    require_place,
    require_size,
    to_forget,
)
from meeting.live.rooms import Rooms
from meeting.storage.queue.job_store import JobStore
from pipelines.errors import MeetingError, NotFound, StoreError

log = logging.getLogger(__name__)

Hearings = dict[str, Hearing | HearingAgain | HearingElsewhere]
"""Those that are at work, by the id of their job"""
RETRY_SECONDS = 5.0
"""After which is tried again what the disk refused"""
FORGET_EVERY = 600.0
"""Seconds between two looks for jobs that are to be forgotten"""


class Jobs:
    """Takes recordings and has them heard; lives on the event loop."""

    def __init__(self, rooms: Rooms, limits: Limits, others: AvailableModels, crashed: bool = False) -> None:
        """`crashed`: the process before this one ended by a fault of its own."""
        self._rooms = rooms
        self.others = others
        self._crashed = crashed
        self._limits = limits
        self._store = JobStore(rooms.store)
        self._files = RecordingFiles(rooms.store.data_dir, rooms.services.fsync)
        self._cleanup = Cleanup(rooms, self._store, self._files)
        self._jobs: dict[str, Job] = {}
        self._hearings: Hearings = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._removals: set[asyncio.Task[object]] = set()
        self._creating = asyncio.Lock()  # so that two at once are not taken for the last place, or the same disk
        self._changed = asyncio.Event()
        self._loaded = asyncio.Event()
        """Set once what an earlier process left is known"""
        rooms.on_deleted = self._meeting_deleted

    async def all(self) -> list[Job]:
        """The jobs that are told of, in the order in which they were asked for."""
        await self._loaded.wait()
        return [job for job in self._jobs.values() if job.state is not JobState.CANCELLED]

    async def job(self, job_id: str) -> Job:
        """One of them; raises NotFound."""
        await self._loaded.wait()
        job = self._jobs.get(job_id)
        if job is None or job.state is JobState.CANCELLED:
            raise NotFound(f"there is no job {job_id!r}")
        return job

    def progress(self, job_id: str) -> Progress | None:
        """How far a job's recording has been heard; None while it is not."""
        hearing = self._hearings.get(job_id)
        return None if hearing is None else hearing.update(time.monotonic())

    async def received(self, job: Job) -> int:
        """Bytes of a job's recording that have arrived; none where its file is gone, as whoever sends more is told."""
        if job.state is not JobState.RECEIVING:
            return job.size
        with suppress(StoreError):
            return await asyncio.to_thread(self._files.received, job.id)
        return 0

    # Recordings that come

    async def create(self, job: Job) -> None:
        """Take a recording, of which no byte has come; raises ProtocolError, or StoreError, where it may not come."""
        await self._loaded.wait()
        require_size(job, self._limits.recording)
        async with self._creating:
            waiting = require_place(self._jobs.values(), self._limits.jobs)
            coming = [one for one in waiting if one.state is JobState.RECEIVING]
            missing = sum([one.size - await self.received(one) for one in coming])
            disk = self._rooms.disk
            free = await asyncio.to_thread(disk.free_now)
            if free - missing - job.size < disk.needed_bytes:
                raise StoreError("the server's disk has no room for this recording")
            await asyncio.to_thread(self._files.create, job.id)
            try:
                await asyncio.wrap_future(self._store.save(job))
            except StoreError:
                await asyncio.to_thread(self._files.remove, job.id)
                raise
            self._jobs[job.id] = job

    async def create_again(self, job: Job, sound: MeetingSound) -> None:
        """Have a meeting with this sound transcribed again; raises Conflict, ProtocolError or StoreError."""
        await self._loaded.wait()
        async with self._creating:
            waiting = require_place(self._jobs.values(), self._limits.jobs)
            if any(one.again_of == job.again_of for one in waiting):
                raise Conflict("this meeting is being transcribed again already", ErrorCode.RUNNING)
            disk = self._rooms.disk
            if await asyncio.to_thread(disk.free_now) - sound.needed_bytes < disk.needed_bytes:
                raise StoreError("the server's disk has no room for what this meeting takes while it is heard again")
            await asyncio.wrap_future(self._store.save(job))
            self._jobs[job.id] = job
        self._changed.set()

    async def append(self, job_id: str, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Add to a recording what comes behind its first `offset` bytes; how many there are then.

        The last byte makes it wait for its turn. Raises NotFound, Conflict and StoreError; what has come stays, but
        where the disk refuses it: then the job has failed.
        """
        job = await self.job(job_id)
        if job.state is not JobState.RECEIVING:
            raise Conflict("this recording has been sent")
        try:
            there = await self._files.append(job_id, offset, job.size, pieces)
        except StoreError:
            if (await self.job(job_id)).state is JobState.RECEIVING:
                await self._finish(job, JobState.FAILED, "the server's disk did not take this recording")
            raise
        if there == job.size and self._jobs.get(job_id) is job:
            await self._move(job, JobState.QUEUED)
        return there

    # What becomes of them

    async def cancel(self, job_id: str) -> None:
        """Stop a job, with all that has come of it, or forget one that is over; raises NotFound and StoreError."""
        job = await self.job(job_id)
        if job.state not in WAITING:
            await self._cleanup.recording(job)
            self._jobs.pop(job.id, None)
            return
        try:
            await self._move(job, JobState.CANCELLED)
        except StoreError:
            self._jobs[job.id] = job  # the next start would go on with it, so that this one does as well
            raise
        self._start(self._remove(job))

    async def run(self, claim: Claim | None = None) -> None:
        """Go on with what was left, then have recordings heard in turn, until cancelled; `claim`: that of this duty."""
        if claim is not None:
            self._store = JobStore(claim.store)
            self._cleanup = Cleanup(self._rooms, self._store, self._files)
        self._loaded.clear()
        self._jobs.clear()
        try:
            while not await _done(self._load(), "what an earlier run left of jobs cannot be read"):
                await asyncio.sleep(RETRY_SECONDS)
            loop = asyncio.get_running_loop()
            self._rooms.services.engine.call_when_done(lambda: _later(loop, self._changed.set))
            while True:
                self._changed.clear()
                # Without models, and while the server stops, nothing is begun: the next start hears what waits.
                able = self._rooms.services.engine.models is not None and not self._rooms.stopping
                for job in next_up(self._jobs.values(), self._tasks.keys(), self._limits.jobs_at_once if able else 0):
                    self._tasks[job.id] = asyncio.create_task(self._work_on(job))
                await self._forget()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changed}, timeout=FORGET_EVERY)
                changed.cancel()
        finally:
            running = [*self._tasks.values(), *self._removals]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _load(self) -> None:
        self._jobs |= {job.id: job for job in await asyncio.to_thread(self._store.all)}
        left = list(self._jobs.values())
        # before anybody comes with a recording that is not known here
        strays = asyncio.to_thread(self._files.remove_strays, {job.id for job in left if job.state in WAITING})
        await _done(strays, "recordings of no job cannot be removed")
        for job in left:
            left_at = gone_on_with(job, await asyncio.to_thread(self._files.size, job.id), self._crashed)
            if left_at is not None:
                await self._move(job, *left_at)
        self._loaded.set()
        for job in left:
            if job.state is JobState.CANCELLED:
                self._start(self._remove(job))

    async def _forget(self) -> None:
        for job in to_forget(await self.all(), self._files.touched, datetime.now(timezone.utc)):
            await _done(self.cancel(job.id), f"job {job.id}: cannot be forgotten")

    def _meeting_deleted(self, meeting_id: str) -> None:
        """Nothing is told of a meeting that was deleted, whose rows of jobs have gone with it."""
        for job in list(self._jobs.values()):
            if job.state not in WAITING and meeting_id in (job.meeting.id, job.again_of):
                self._jobs.pop(job.id)
            elif job.state in WAITING and job.again_of == meeting_id:
                self._start(_done(self.cancel(job.id), f"job {job.id}: cannot be cancelled"))

    async def _begin(self, job: Job) -> tuple[Job, asyncio.Task[str | None]]:
        """The job as it runs, and its work; raises NotFound where it is another by now, or none."""
        if self._jobs.get(job.id) is not job:
            raise NotFound("this job has been cancelled")
        job = begun(job, datetime.now(timezone.utc), new_id())
        await self._save(job)
        return job, asyncio.create_task(
            _transcribe(self._rooms, self.others, job, self._files.path(job.id), self._hearings)
        )

    async def _work_on(self, job: Job) -> None:
        running: asyncio.Task[str | None] | None = None
        try:
            job, running = await self._begin(job)
            await asyncio.wait({running})
            if self._rooms.stopping:  # the next start goes on
                return
            error = running.exception()
            if isinstance(error, NotFound):  # its meeting is gone, or the one that was to be transcribed again
                await self.cancel(job.id)
            elif error is not None:
                await self._finish(job, JobState.FAILED, _reason(job, error))
            else:
                await self._finish(job, JobState.DONE, running.result())
        except NotFound:  # somebody has cancelled it meanwhile
            pass
        except StoreError as error:
            log.error("job %s: what has become of it cannot be kept: %s", job.id, error)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            if running is not None:
                running.cancel()
                await asyncio.wait({running})
            if job.again_of is not None and job.state is JobState.RUNNING and self._jobs.get(job.id) is job:
                # It is broken off, which is no death of this process. A server that stops has no time to wait for it.
                self._jobs[job.id] = replace(job, attempts=job.attempts - 1)
                self._store.save(self._jobs[job.id])
            self._hearings.pop(job.id, None)
            del self._tasks[job.id]
            self._changed.set()

    async def _finish(self, job: Job, state: JobState, problem: str | None) -> None:
        """The end of a job that was not cancelled; of one that failed nothing is left but why."""
        # Told only once nothing is left: should this process die before that, the next one comes here again.
        if state is JobState.FAILED:
            await self._cleanup.meeting(job)
        await asyncio.to_thread(self._files.remove, job.id)
        if self._jobs.get(job.id) is job:
            log.info("job %s: %s", job.id, state)
            await self._move(job, state, problem)

    async def _move(self, job: Job, state: JobState, problem: str | None = None) -> Job:
        changed = moved(job, state, datetime.now(timezone.utc), problem)
        await self._save(changed)
        return changed

    async def _save(self, job: Job) -> None:
        self._jobs[job.id] = job
        try:
            await asyncio.wrap_future(self._store.save(job))
        finally:
            self._changed.set()

    def _start(self, work: Coroutine[object, object, object]) -> None:
        self._removals.add(removal := asyncio.create_task(work))
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, job: Job) -> None:
        """Stop a cancelled job, and leave nothing of it."""
        task = self._tasks.get(job.id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._cleanup.everything(job)
        self._jobs.pop(job.id, None)


async def _transcribe(
    rooms: Rooms, others: AvailableModels, job: Job, recording: Path, hearings: Hearings
) -> str | None:
    """A job's work, which stands in `hearings` meanwhile; what is to be said of it. Raises MeetingError."""
    if job.again_of is None:
        hearing = hearings[job.id] = Hearing(rooms, job, recording)
        return await hearing.run()
    sound = await asyncio.to_thread(sound_of, rooms.store, job.again_of)
    if job.models is not None:
        elsewhere = hearings[job.id] = HearingElsewhere(rooms, job, sound, others)
        return await elsewhere.run()
    again = hearings[job.id] = HearingAgain(rooms, job, sound.meeting, sound.sources)
    return await transcribe_again(rooms, job, again, sound)


async def _done(work: Coroutine[object, object, object], problem: str) -> bool:
    """Whether work could be done, or there was nothing to do any more; what the disk refuses is a line in the log."""
    try:
        await work
    except NotFound:
        pass
    except StoreError as error:
        log.error("%s: %s", problem, error)
        return False
    return True


def _reason(job: Job, error: BaseException) -> str:
    """Why a job failed, for people."""
    if isinstance(error, MeetingError):
        return str(error)
    log.error("job %s: ended by a fault of this program", job.id, exc_info=error)
    return fault_message(error)


def _later(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has been closed: the process ends
        loop.call_soon_threadsafe(callback)
