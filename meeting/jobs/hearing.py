"""One job's recording: read, played into a meeting of its own, and gone on with where an earlier process stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

from meeting.core.errors import ErrorCode
from meeting.core.messages import AudioFrame, ResumeInfo
from meeting.core.records import Job, Meeting, State
from meeting.jobs.rules import Progress, shortness
from meeting.live.rooms import Rooms
from meeting.recordings.pcm import decoded_in_thread, to_pieces
from meeting.recordings.playing import PlayingClient, play, source_start, to_frames
from pipelines.audio.recording_process import IsolatedRecording, isolated_recording
from pipelines.errors import AudioError, MeetingError, NotFound, StoreError
from pipelines.types import SAMPLE_RATE, seconds

FRAME_SAMPLES = SAMPLE_RATE // 2
"""Samples of a frame"""
TRIES, RETRY_SECONDS = 10, 5.0
"""How often a meeting is gone on with that the disk did not take, and the time between two tries"""


class Hearing:
    """A recording on its way through the models; lives on the event loop."""

    def __init__(self, rooms: Rooms, job: Job, path: Path) -> None:
        """`path` is where the recording lies."""
        self._rooms = rooms
        self._job = job
        self._path = path
        self._longest = rooms.limits.meeting_hours * 3600
        self.progress = Progress(None)

    def update(self, now: float) -> Progress:
        """How far it is at time `now` of a steady clock."""
        room = self._rooms.get(self._job.meeting.id)
        if room is not None:
            self.progress.update(now, max(0.0, seconds(room.session.samples) - room.backlog()))
        return self.progress

    async def run(self) -> str | None:
        """Hear all of it; what is to be said of it, if anything is. Raises MeetingError where no meeting came of it.

        Returns also when the server stops, and NotFound says that somebody has deleted the meeting.
        """
        meeting = await self._meeting()
        if meeting.state == State.ENDED:
            return None
        with ExitStack() as opened:
            name, path = self._job.name, self._path
            try:
                recording = await asyncio.to_thread(opened.enter_context, isolated_recording(path))
                self.progress.total = self._checked(recording)
                for _ in range(TRIES):
                    if await self._play(recording):
                        return await self._remark()
                    # A meeting that could not be stored is gone on with a little later, in a room of its own.
                    await asyncio.sleep(RETRY_SECONDS)
                    opened.close()
                    recording = await asyncio.to_thread(opened.enter_context, isolated_recording(path))
            except AudioError as error:
                raise AudioError(str(error).replace(path.name, name)) from error
        raise StoreError("the meeting cannot be stored: look at the server's disk, then send the recording again")

    async def _remark(self) -> str | None:
        meeting = await asyncio.to_thread(self._rooms.store.meeting, self._job.meeting.id)
        return shortness(self.progress.total, seconds(meeting.samples))

    async def _meeting(self) -> Meeting:
        """The job's meeting as an earlier process left it, or made now."""
        store, meeting = self._rooms.store, self._job.meeting
        try:
            found = await asyncio.to_thread(store.meeting, meeting.id)
        except NotFound:
            await asyncio.wrap_future(store.create_meeting(meeting))
            return meeting
        if found.state == State.ENDED and not found.samples:  # its process died before any sound was on disk
            await asyncio.wrap_future(store.delete_meeting(meeting.id))
            await asyncio.wrap_future(store.create_meeting(meeting))
            return meeting
        return found

    def _checked(self, recording: IsolatedRecording) -> float | None:
        """Length as the file declares it, in seconds; raises AudioError where no meeting may be so long."""
        declared = recording.seconds
        if declared is not None and declared > self._longest:
            raise AudioError(f"{self._job.name} is {declared / 3600:.1f} hours long, and {self._at_most}")
        return declared

    @property
    def _at_most(self) -> str:
        return f"a meeting lasts at most {self._longest / 3600:g} hours (limits.meeting_hours)"

    async def _play(self, recording: IsolatedRecording) -> bool:
        """Play it from where the meeting has come; whether there is no more to do."""
        job, client = self._job, PlayingClient()
        room = await self._rooms.enter(job.meeting.id)
        if room is None:
            return True
        known = ResumeInfo(job.source_id, job.token)
        start = source_start(job.name, job.language, known if room.session.state is not State.OPEN else None)
        await play(room, client, start, lambda first: self._frames(recording, first), known)
        if self._rooms.stopping:
            return True
        state = (await asyncio.to_thread(self._rooms.store.meeting, job.meeting.id)).state
        if client.problem is not None and not (state == State.ENDED and client.problem.code == ErrorCode.STORAGE):
            raise MeetingError(client.problem.message)
        return state == State.ENDED

    async def _frames(self, recording: IsolatedRecording, first: int) -> AsyncIterator[AudioFrame]:
        """The recording from a frame on; raises AudioError where it goes on for longer than a meeting may last."""
        pieces = to_pieces(iter(recording), FRAME_SAMPLES)
        async for frame in decoded_in_thread(to_frames(pieces, FRAME_SAMPLES)):
            if frame.seq * FRAME_SAMPLES > self._longest * SAMPLE_RATE:
                raise AudioError(f"{self._job.name} goes on and on, and {self._at_most}")
            if frame.seq >= first:
                yield frame
