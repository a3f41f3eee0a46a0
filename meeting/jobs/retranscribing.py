"""A meeting that is over is heard again from its sound, in one that is not kept, whose transcript it then takes."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timezone
from pathlib import Path

from meeting.core.errors import Conflict
from meeting.core.ids import new_id
from meeting.core.records import Job, JobState, Meeting, Source, State
from meeting.jobs.again import transcript_again
from meeting.jobs.hearing import Hearing
from meeting.live.rooms import Rooms
from meeting.storage.edit_store import EditStore
from meeting.storage.queue.retranscription_store import RetranscriptionStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SpeakerCount

TRIES = 10
"""How often a transcript is made of what was heard, where people edit the meeting meanwhile"""


def sound_of(store: Store, meeting_id: str) -> tuple[Source, Path]:
    """The one source of a meeting that is over, and its sound; raises NotFound, Conflict or MeetingError."""
    record = TranscriptStore(store).record(meeting_id)
    if record.meeting.state != State.ENDED:
        raise Conflict("a meeting can be transcribed again once it has ended")
    heard = [source for source in record.sources if source.samples]
    if len(heard) > 1:
        raise MeetingError("a meeting of several microphones cannot be transcribed again yet")
    path = store.files.audio_path(meeting_id, heard[0].id) if heard else None
    if path is None or heard[0].audio is None or not path.is_file():
        raise NotFound("no sound was kept of this meeting, so that it cannot be transcribed again")
    return heard[0], path


def new_attempt(
    meeting: Meeting, state: JobState, size: int, language: str | None, speakers: SpeakerCount | None
) -> Job:
    """A job that transcribes a meeting again, whose sound has so many bytes; what is not said is as it was."""
    now = datetime.now(timezone.utc)
    heard_in = Meeting(
        new_id(),
        meeting.title,
        State.OPEN,
        now,
        hotwords=meeting.hotwords,
        speakers=speakers or meeting.speakers,
        kept=False,
        recorded=True,
    )
    token = secrets.token_urlsafe(24)
    return Job(new_id(), state, meeting.title, size, 0, heard_in, language, new_id(), token, now, again_of=meeting.id)


async def transcribe_again(rooms: Rooms, job: Job, hearing: Hearing) -> str | None:
    """Hear the sound of the job's meeting, then put what was heard in the place of its lines; nothing is to be said.

    Returns also when the server stops. Raises MeetingError where the meeting stays as it is.
    """
    store, meeting_id = rooms.store, job.again_of
    assert meeting_id is not None
    with rooms.unkept.hold(job.meeting.id):
        problem = await hearing.run()
        if rooms.stopping:
            return None
        if problem is not None:
            raise MeetingError(f"not all of its sound could be heard, and it stays as it is: {problem}")
        new = await asyncio.to_thread(TranscriptStore(store).record, job.meeting.id)
    for _ in range(TRIES):
        edits = await asyncio.to_thread(EditStore(store).edits, meeting_id)
        old = await asyncio.to_thread(TranscriptStore(store).record, meeting_id)
        source, _ = await asyncio.to_thread(sound_of, store, meeting_id)
        made = await asyncio.to_thread(transcript_again, old, edits, new, source.id, job.meeting.id[:6])
        replaced = RetranscriptionStore(store).replace(
            meeting_id, edits, made.segments, made.speakers, made.turns, new.meeting.models, job.language
        )
        if await asyncio.wrap_future(replaced):
            return None
    raise Conflict("people kept on editing this meeting: transcribe it again later")
