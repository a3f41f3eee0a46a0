"""The sound of a meeting's sources, played side by side into a meeting that is not kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from meeting.core.errors import ErrorCode
from meeting.core.messages import AudioFrame
from meeting.core.records import Job, Meeting, Source, State
from meeting.jobs.again import Kept
from meeting.jobs.rules import Progress, shortness
from meeting.live.rooms import Rooms
from meeting.recordings.pcm import decoded_in_thread, to_pieces
from meeting.recordings.playing import PlayingClient, to_frames
from meeting.recordings.playing_together import Part, play_together
from meeting.storage.transcript_store import TranscriptStore
from pipelines.audio.recording_process import isolated_recording
from pipelines.errors import AudioError, MeetingError, StoreError
from pipelines.types import SAMPLE_RATE, seconds

FRAME_SAMPLES = SAMPLE_RATE // 2
"""Samples of a frame"""
TRIES, RETRY_SECONDS = 10, 5.0
"""How often it is heard again from the beginning where the disk did not take it, and the time between two tries"""


class HearingAgain:
    """A meeting's sound on its way through the models; lives on the event loop.

    What an earlier process, or an earlier try, heard of it is not kept: it is heard from the beginning.
    """

    def __init__(self, rooms: Rooms, job: Job, meeting: Meeting, sources: Sequence[tuple[Source, Path]]) -> None:
        """`sources` are those of `meeting` that are heard, and where their sound lies."""
        self._rooms = rooms
        self._job = job
        self._meeting = meeting
        self._sources = sources
        self._lengths = {source.id: source.samples for source, _ in sources}
        """In samples: as it is known, then as the file says"""
        self.progress = Progress(sum(map(seconds, self._lengths.values())))

    def update(self, now: float) -> Progress:
        """How far it is at time `now` of a steady clock, in seconds of all sources together."""
        room = self._rooms.get(self._job.meeting.id)
        if room is not None:
            heard = sum(seconds(live.samples) for live in room.session.sources)
            self.progress.update(now, max(0.0, heard - room.waiting()))
        return self.progress

    async def run(self) -> Kept | None:
        """What is heard; None when the server stops. Raises MeetingError where not all can be heard."""
        longest = self._rooms.limits.meeting_hours * 3600
        if seconds(self._meeting.samples) > longest:
            raise MeetingError(
                f"a meeting lasts at most {longest / 3600:g} hours (limits.meeting_hours), this one more"
            )
        rooms, id_ = self._rooms, self._job.meeting.id
        for _ in range(TRIES):
            await asyncio.wrap_future(rooms.store.create_meeting(self._job.meeting))
            with rooms.unkept.hold(id_):
                done = await self._play()
                if rooms.stopping:
                    return None
                if done:
                    return await asyncio.to_thread(self._heard)
            await asyncio.wait([rooms.unkept.delete_soon(id_, rooms.get(id_))])
            await asyncio.sleep(RETRY_SECONDS)
        raise StoreError("what is heard again cannot be stored: look at the server's disk, then try once more")

    async def _play(self) -> bool:
        """Play all of it; whether it is stored. Raises MeetingError where that is not for the disk's sake."""
        room = await self._rooms.enter(self._job.meeting.id)
        assert room is not None, "it has just been made"
        parts = [Part(source, partial(self._frames, source, path), FRAME_SAMPLES) for source, path in self._sources]
        clients = await play_together(room, parts, self._job.language, self._job.token)
        if self._rooms.stopping:
            return False
        problem = _problem(clients)
        if problem is not None:
            raise MeetingError(f"not all of its sound could be heard, and it stays as it is: {problem}")
        meeting = await asyncio.to_thread(self._rooms.store.meeting, self._job.meeting.id)
        return meeting.state == State.ENDED

    def _heard(self) -> Kept:
        """What is stored of it; raises MeetingError where that is less than there is."""
        transcripts, id_ = TranscriptStore(self._rooms.store), self._job.meeting.id
        record = transcripts.record(id_)
        for source in record.sources:
            problem = shortness(seconds(self._lengths[source.id]), seconds(source.samples))
            if problem is not None:
                raise MeetingError(f"not all of its sound could be heard, and it stays as it is: {problem}")
        return Kept(record, transcripts.source_turns(id_))

    async def _frames(self, source: Source, path: Path) -> AsyncGenerator[AudioFrame, None]:
        with ExitStack() as opened:
            try:
                recording = await asyncio.to_thread(opened.enter_context, isolated_recording(path))
                if recording.seconds is not None:
                    self._lengths[source.id] = round(recording.seconds * SAMPLE_RATE)
                pieces = to_pieces(iter(recording), FRAME_SAMPLES)
                async for frame in decoded_in_thread(to_frames(pieces, FRAME_SAMPLES)):
                    yield frame
            except AudioError as error:
                name = source.name or f"microphone {source.number}"
                raise AudioError(str(error).replace(path.name, f"the sound of {name}")) from error


def _problem(clients: Sequence[PlayingClient]) -> str | None:
    problems = (client.problem for client in clients if client.problem is not None)
    return next((one.message for one in problems if one.code != ErrorCode.STORAGE), None)
