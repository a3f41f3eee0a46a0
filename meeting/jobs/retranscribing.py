"""A meeting that is over is heard again from its sound, in one that is not kept, whose transcript it then takes."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from meeting.cluster.commands import taken
from meeting.core.errors import Conflict
from meeting.core.ids import new_id
from meeting.core.records import Edits, Job, JobState, Meeting, Source, State
from meeting.jobs.again import Kept, transcript_again
from meeting.jobs.hearing_again import HearingAgain
from meeting.live.rooms import Rooms
from meeting.storage.edit_store import EditStore
from meeting.storage.kept_sound import kept_sound
from meeting.storage.queue.retranscription_store import RetranscriptionStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SpeakerCount

TRIES = 10
"""How often a transcript is made of what was heard, where people edit the meeting meanwhile"""
PATIENCE = 600.0
"""Seconds for which another server may have the meeting once it was heard, such as for its notes"""
JOURNAL_BYTES = 4
"""What a sample takes on disk while it is heard again, beside the sound that is made of it once more"""


@dataclass(frozen=True, slots=True)
class MeetingSound:
    """The sound of a meeting that is over."""

    meeting: Meeting
    sources: tuple[tuple[Source, Path], ...]
    """Those whose sound is there, in the order in which they began, and where it lies"""
    missing: tuple[Source, ...]
    """Those that were heard, and whose sound is there no more"""
    size: int
    """Bytes"""

    @property
    def needed_bytes(self) -> int:
        """What has to be free on disk to hear it again."""
        return self.size + JOURNAL_BYTES * sum(source.samples for source, _ in self.sources)

    @property
    def remark(self) -> str | None:
        """What is to be said of a meeting of which not all sound is there."""
        if not self.missing:
            return None
        names = ", ".join(source.name or f"microphone {source.number}" for source in self.missing)
        return f"there is no sound any more of {names}: what was transcribed of it stays as it was"


def sound_of(store: Store, meeting_id: str) -> MeetingSound:
    """The sound of a meeting that is over; raises NotFound where there is none, and Conflict."""
    record = TranscriptStore(store).record(meeting_id)
    if record.meeting.state != State.ENDED:
        raise Conflict("a meeting can be transcribed again once it has ended")
    heard = [(source, kept_sound(store, record.meeting, source.id)) for source in record.sources if source.samples]
    there = tuple((source, path) for source, path in heard if source.audio is not None and path.is_file())
    if not there:
        raise NotFound("no sound was kept of this meeting, so that it cannot be transcribed again")
    missing = tuple(source for source, path in heard if (source, path) not in there)
    return MeetingSound(record.meeting, there, missing, sum(path.stat().st_size for _, path in there))


def new_attempt(
    sound: MeetingSound,
    state: JobState,
    language: str | None,
    speakers: SpeakerCount | None,
    models: str | None = None,
) -> Job:
    """A job that transcribes a meeting again; how many speak in it is as it was, where nothing else is said.

    `models` is the name of those that it is heard with in a process of its own, None for those that are loaded.
    """
    meeting, now = sound.meeting, datetime.now(timezone.utc)
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
    return Job(
        new_id(),
        state,
        meeting.title,
        sound.size,
        0,
        heard_in,
        language,
        new_id(),
        token,
        now,
        again_of=meeting.id,
        models=models,
    )


async def transcribe_again(rooms: Rooms, job: Job, hearing: HearingAgain, sound: MeetingSound) -> str | None:
    """Hear the sound of the job's meeting, then put what was heard in the place of its lines; what is to be said of it.

    Returns also when the server stops. Raises MeetingError where the meeting stays as it is.
    """
    new = await hearing.run()
    if new is None:
        return None
    # Only now: people may edit it while it is heard, at whichever server they are.
    async with taken(rooms.ownership, sound.meeting.id, PATIENCE) as claim:
        await _replace(claim.store, job, sound.meeting.id, new)
    return sound.remark


async def _replace(store: Store, job: Job, meeting_id: str, new: Kept) -> None:
    for _ in range(TRIES):
        edits, old = await asyncio.to_thread(_as_it_is, store, meeting_id)
        made = await asyncio.to_thread(transcript_again, old, edits, new, job.meeting.id[:6])
        replaced = RetranscriptionStore(store).replace(meeting_id, edits, made, new.record.meeting.models, job.language)
        if await asyncio.wrap_future(replaced):
            return
    raise Conflict("people kept on editing this meeting: transcribe it again later")


def _as_it_is(store: Store, meeting_id: str) -> tuple[Edits, Kept]:
    # Edits first: where somebody edits in between, they are not those that there are any more, and it is done anew.
    edits, transcripts = EditStore(store).edits(meeting_id), TranscriptStore(store)
    return edits, Kept(transcripts.record(meeting_id), transcripts.source_turns(meeting_id))
