"""What is left of jobs that came to nothing, and how it goes: the meeting, the recording, and last the job itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from meeting.core.records import Job
from meeting.jobs.recording_files import RecordingFiles
from meeting.live.rooms import Rooms
from meeting.storage.queue.job_store import JobStore
from pipelines.errors import NotFound, StoreError

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""After which is tried again what the disk refused"""


class Cleanup:
    """Removes what jobs leave; lives on the event loop."""

    def __init__(self, rooms: Rooms, store: JobStore, files: RecordingFiles) -> None:
        self._rooms = rooms
        self._store = store
        self._files = files

    async def everything(self, job: Job) -> None:
        """Leave nothing of a job that is no longer at work, however long the disk or the database refuses."""
        while True:
            try:
                await self.meeting(job)
                await self.recording(job)
                return
            except StoreError as error:
                log.error("job %s: not all of it can be removed yet: %s", job.id, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def recording(self, job: Job) -> None:
        """Remove a job with its recording; its meeting stays. Raises StoreError."""
        await asyncio.to_thread(self._files.remove, job.id)
        await asyncio.wrap_future(self._store.remove(job.id))

    async def meeting(self, job: Job) -> None:
        """Remove the meeting of a job, where it has one yet; raises StoreError where it does not go."""
        # the writer may not have come to the meeting that its work asked for just before it was stopped
        await asyncio.wrap_future(self._store.settled())
        with suppress(NotFound):
            await asyncio.to_thread(self._rooms.store.meeting, job.meeting.id)
            room = await self._rooms.enter(job.meeting.id)
            await asyncio.wait([self._rooms.unkept.delete_soon(job.meeting.id, room)])
            await asyncio.to_thread(self._rooms.store.meeting, job.meeting.id)
            raise StoreError("its meeting cannot be deleted")
