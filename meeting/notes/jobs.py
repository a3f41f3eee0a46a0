"""Notes that a server makes: one job at a time for each meeting, in turn, each with an outcome that is kept."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace

from meeting.cluster.ownership import Claim, Ownership, SingleServer, holding
from meeting.config.settings import Notes
from meeting.core.error_text import fault_message
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import NotesState, NotesStatus
from meeting.notes.endpoint import endpoint_of
from meeting.notes.note_taking import take_notes
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, SettingsError, StoreError

log = logging.getLogger(__name__)

MOST_JOBS = 16
"""Meetings whose notes are being made, or wait for their turn: a model at home answers one question at a time"""
LONGEST_JOB = 4 * 3600.0
"""Seconds that the notes of one meeting may take"""
INTERRUPTED = "the server was stopped before these notes were finished: make them again"

STOPPED = "somebody stopped it"


@dataclass
class Job:
    """Notes that are being made."""

    task: asyncio.Task[None] | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has a task, or could not begin"""
    done: int = 0
    """Parts of the transcript that were read"""
    parts: int = 0
    """0 while it waits for its turn"""


class NotesJobs:
    """Makes notes for whoever asks; lives on the event loop."""

    def __init__(self, store: Store, settings: Notes, ownership: Ownership | None = None) -> None:
        """`ownership` says which meetings are this server's; without it all are. Raises SettingsError."""
        self._ownership: Ownership = ownership or SingleServer(store)
        self.endpoint = endpoint_of(settings)
        """Where transcripts go; None where notes are off"""
        self._settings = settings
        self._store = store
        self._notes = NotesStore(store)
        self._jobs: dict[str, Job] = {}
        self._turn = asyncio.Semaphore(1)

    def job(self, meeting_id: str) -> Job | None:
        """What is being made for a meeting, if anything is."""
        return self._jobs.get(meeting_id)

    def status(self, meeting_id: str) -> NotesStatus | None:
        """What is kept about a meeting's notes, to be called in a thread; raises NotFound."""
        working = meeting_id in self._jobs
        kept = self._notes.find(meeting_id)
        # Whoever makes them has the meeting, and who asks about it comes there: what nobody works at here, before this
        # look nor after it, ended with an earlier process.
        if kept is not None and kept.state is NotesState.RUNNING and not working and meeting_id not in self._jobs:
            return replace(kept, state=NotesState.FAILED, problem=INTERRUPTED)
        return kept

    async def start(self, meeting_id: str) -> None:
        """Begin to make notes of a meeting that is over.

        Raises NotFound, SettingsError where notes are off, Conflict while they are being made, and Elsewhere or Moving
        where the meeting is another server's.
        """
        if self.endpoint is None:
            raise SettingsError("this server knows no language model: set notes.url and notes.model")
        if meeting_id in self._jobs:
            raise Conflict("notes of this meeting are being made already", ErrorCode.RUNNING)
        if len(self._jobs) >= MOST_JOBS:
            raise Conflict("notes of too many meetings are being made: try again later", ErrorCode.TOO_MANY)
        job = self._jobs[meeting_id] = Job()
        claim = None
        try:
            claim = await self._ownership.take(meeting_id)
            await asyncio.wrap_future(NotesStore(claim.store).begin(meeting_id))
        except BaseException:
            del self._jobs[meeting_id]
            if claim is not None:
                await self._ownership.give_back(claim)
            raise
        finally:
            job.begun.set()  # who waits for it goes on when this one waits again: then the task is there
        job.task = asyncio.create_task(self._run(meeting_id, job, claim))
        # Not within the task: one that is stopped at once never runs.
        job.task.add_done_callback(lambda _: self._over(meeting_id, claim))

    async def remove(self, meeting_id: str) -> None:
        """Stop making a meeting's notes, where earlier ones stay; or else forget those that there are.

        Raises NotFound, and Elsewhere or Moving where the meeting is another server's.
        """
        async with holding(self._ownership, meeting_id) as claim:
            await self._remove(meeting_id, NotesStore(claim.store))

    async def _remove(self, meeting_id: str, notes: NotesStore) -> None:
        job = self._jobs.get(meeting_id)
        if job is not None and await _stop_job(job):
            kept = await asyncio.to_thread(self._notes.find, meeting_id)
            # One that has stored its notes is still there for a moment: they are what is to be forgotten.
            if kept is not None and kept.state is not NotesState.DONE:
                await asyncio.wrap_future(notes.fail(meeting_id, STOPPED))
                return
        await asyncio.wrap_future(notes.remove(meeting_id))

    async def close(self) -> None:
        """Stop all that are being made; the next server tells that they were not finished."""
        for job in list(self._jobs.values()):
            await _stop_job(job)

    def _over(self, meeting_id: str, claim: Claim) -> None:
        self._jobs.pop(meeting_id)
        self._ownership.give_back_after(claim, _nothing)

    async def _run(self, meeting_id: str, job: Job, claim: Claim) -> None:
        making = asyncio.create_task(self._make(meeting_id, job, claim.store))
        try:
            await asyncio.wait({making})
            problem = _problem(meeting_id, making)
            if problem is not None:
                await asyncio.wrap_future(NotesStore(claim.store).fail(meeting_id, problem))
        except StoreError as error:
            log.error("meeting %s: cannot keep why its notes failed: %s", meeting_id, error)
        finally:
            await _stop(making)

    async def _make(self, meeting_id: str, job: Job, store: Store) -> None:
        async with self._turn:
            await asyncio.wait_for(self._make_now(meeting_id, job, store), LONGEST_JOB)

    async def _make_now(self, meeting_id: str, job: Job, store: Store) -> None:
        assert self.endpoint is not None

        async def on_progress(done: int, parts: int) -> None:
            # Nothing more is sent of a meeting that was deleted meanwhile.
            await asyncio.to_thread(self._store.meeting, meeting_id)
            job.done, job.parts = done, parts

        summary = await asyncio.to_thread(read_summary, self._store, meeting_id)
        record = await asyncio.to_thread(TranscriptStore(self._store).record, meeting_id)
        notes = await take_notes(record, summary.fingerprint, self.endpoint, self._settings, on_progress)
        await asyncio.wrap_future(NotesStore(store).save(meeting_id, notes))
        log.info("meeting %s: notes are made", meeting_id)


async def _nothing() -> None:
    pass


async def _stop_job(job: Job) -> bool:
    """Whether there was anything to stop: a job that could not begin has nothing."""
    await job.begun.wait()
    if job.task is not None:
        await _stop(job.task)
    return job.task is not None


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _problem(meeting_id: str, making: asyncio.Task[None]) -> str | None:
    """Why notes were not finished, for people; None where they were."""
    error = making.exception()
    if error is None:
        return None
    log.warning("meeting %s: notes failed (%s)", meeting_id, type(error).__name__)
    if isinstance(error, asyncio.TimeoutError):
        return f"the notes took more than {LONGEST_JOB / 3600:g} hours"
    if isinstance(error, MeetingError):
        return str(error)
    log.error("meeting %s: notes ended by a fault of this program", meeting_id, exc_info=error)
    return fault_message(error)
