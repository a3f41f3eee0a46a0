"""One recording on its way, where its meeting is in a state that a server seldom finds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.config.settings import Limits, Models
from meeting.core.records import Job, JobState, Meeting, State
from meeting.jobs.hearing import Hearing
from meeting.live.rooms import Rooms
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.store import Store
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE
from tests.fakes.containers import wav
from tests.fakes.server_fakes import FakeBackend, tone

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
JOB = Job(
    "j", JobState.RUNNING, "Talk.wav", 1, 0, Meeting("m", "Talk", State.OPEN, NOW, recorded=True), None, "s", "t", NOW
)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    backend = FakeBackend()
    with Store(tmp_path / "data") as store:
        engine = EngineLoader(backend, Models())
        engine.load()
        engine.wait()
        yield Services(store, backend, engine)


def hear(services: Services, path: Path, limits: Limits | None = None) -> str | None:
    """Hear the job's recording; what is said of it."""

    async def run() -> str | None:
        rooms = Rooms(services, limits or Limits())
        try:
            return await Hearing(rooms, JOB, path).run()
        finally:
            await rooms.finish_all()

    return asyncio.run(run())


def test_a_meeting_that_ended_before_any_sound_was_on_disk_is_begun_anew(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(wav(tone(2.0)))
    services.store.create_meeting(Meeting("m", "Talk", State.ENDED, NOW, recorded=True)).result()
    assert hear(services, path) is None
    assert services.store.meeting("m").samples == 2 * SAMPLE_RATE
    path.unlink()  # one that has been heard is not heard again
    assert hear(services, path) is None


def test_what_is_wrong_with_a_file_is_told_under_the_name_that_people_know(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"text")
    with pytest.raises(AudioError, match=r"^Talk\.wav is not audio"):
        hear(services, path)


def test_a_recording_longer_than_a_meeting_may_be_is_not_begun(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(wav(bytes(2 * SAMPLE_RATE * 40)))
    with pytest.raises(AudioError, match=r"at most 0\.01 hours"):
        hear(services, path, Limits(meeting_hours=0.01))
    assert services.store.meeting("m").state == State.OPEN
