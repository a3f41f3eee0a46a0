"""The sound of a meeting's sources on its way through the models once more, where something is in the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from meeting.config.settings import Limits
from meeting.core.records import Job, JobState
from meeting.jobs import hearing_again
from meeting.jobs.again import Kept
from meeting.jobs.hearing_again import HearingAgain
from meeting.jobs.retranscribing import MeetingSound, new_attempt, sound_of
from meeting.live.rooms import Rooms
from meeting.recordings.playing_together import play_together
from meeting.sources.engine_loader import Services
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import AudioError, MeetingError, StoreError
from pipelines.types import samples
from tests.fakes.stored import keep_two_sources
from tests.meeting.jobs.test_hearing import services

__all__ = ["services"]


def hear(services: Services, sound: MeetingSound, limits: Limits | None = None) -> tuple[Kept | None, HearingAgain]:
    """Hear it again; what is heard, and who heard it."""

    async def run() -> tuple[Kept | None, HearingAgain]:
        rooms = Rooms(services, limits or Limits())
        hearing = HearingAgain(rooms, job(sound), sound.meeting, sound.sources)
        try:
            return await hearing.run(), hearing
        finally:
            await rooms.finish_all()

    return asyncio.run(run())


def job(sound: MeetingSound) -> Job:
    return new_attempt(sound, JobState.RUNNING, None, None)


@pytest.fixture
def sound(services: Services) -> MeetingSound:
    return sound_of(services.store, keep_two_sources(services.store, "two").id)


def test_what_is_heard_is_told_with_whose_turns_are_heard_where(services: Services, sound: MeetingSound) -> None:
    heard, hearing = hear(services, sound)
    assert heard is not None
    assert {one.source_id for one in heard.record.segments} == {"a", "b"}
    assert {id_: (turns[0].span.start, turns[-1].span.end) for id_, turns in heard.turns.items()} == {
        "a": (0, samples(6.0)),
        "b": (samples(2.0), samples(8.0)),
    }
    assert hearing.progress.total == 12.0
    assert services.store.unkept() == []


def test_sound_that_cannot_be_read_is_told_by_the_name_of_its_source(services: Services, sound: MeetingSound) -> None:
    path = sound.sources[1][1]
    path.write_bytes(b"no flac")
    with pytest.raises(AudioError, match=r"^the sound of Ann holds no audio"):
        hear(services, sound)
    path.write_bytes(b"")
    nameless = tuple((replace(source, name=""), path) for source, path in sound.sources)
    with pytest.raises(AudioError, match="the sound of microphone 2"):
        hear(services, replace(sound, sources=nameless))


def test_sound_that_is_cut_off_replaces_nothing(services: Services, sound: MeetingSound) -> None:
    path = sound.sources[1][1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MeetingError, match="stays as it is"):
        hear(services, sound)


def test_a_meeting_that_is_longer_than_one_may_be_is_not_begun(services: Services, sound: MeetingSound) -> None:
    with pytest.raises(MeetingError, match=r"at most 0\.001 hours"):
        hear(services, sound, Limits(meeting_hours=0.001))


def test_what_could_not_be_stored_is_heard_from_the_beginning(
    services: Services, sound: MeetingSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def refused(room, *rest):  # type: ignore[no-untyped-def]
        tries.append(room.id)
        return [] if len(tries) < 3 else await play_together(room, *rest)

    monkeypatch.setattr(hearing_again, "play_together", refused)
    monkeypatch.setattr(hearing_again, "RETRY_SECONDS", 0.0)
    heard, _ = hear(services, sound)
    assert heard is not None
    assert len(tries) == 3
    assert services.store.unkept() == []
    monkeypatch.setattr(hearing_again, "TRIES", 2)
    tries.clear()
    with pytest.raises(StoreError, match="disk"):
        hear(services, sound)


def test_what_is_needed_on_disk_and_what_is_missing_is_known_before(services: Services, tmp_path: Path) -> None:
    meeting = keep_two_sources(services.store, "two").id
    source = replace(TranscriptStore(services.store).record(meeting).sources[0], audio=None, name="")
    TranscriptStore(services.store).save_source(meeting, source).result()
    sound = sound_of(services.store, meeting)
    assert [source.id for source, _ in sound.sources] == ["b"]
    assert sound.needed_bytes == sound.sources[0][1].stat().st_size + 4 * samples(6.0)
    assert sound.remark == "there is no sound any more of microphone 1: what was transcribed of it stays as it was"
