"""Jobs in a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.core.records import Job, JobState, Meeting, State
from meeting.storage.queue.job_store import JobStore
from meeting.storage.store import Store
from pipelines.types import SpeakerCount

pytestmark = pytest.mark.usefixtures("every_database")

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def job(id_: str, minute: int = 0) -> Job:
    """A job that was asked for so many minutes after `NOW`."""
    created = NOW + timedelta(minutes=minute)
    count = SpeakerCount(2, 5)
    meeting = Meeting(f"m-{id_}", "Talk", State.OPEN, created, hotwords=("Zoë",), speakers=count, recorded=True)
    return Job(
        id_, JobState.RECEIVING, "talk.wav", 1 << 40, 1_700_000_000_000, meeting, "en,de", "s", "secret", created
    )


def test_jobs_come_back_as_they_were_in_the_order_of_their_coming(tmp_path: Path) -> None:
    first, second = job("b"), job("a", 1)
    with Store(tmp_path) as store:
        jobs = JobStore(store)
        jobs.save(second).result()
        jobs.save(first).result()
        assert jobs.all() == [first, second]
        failed = replace(first, state=JobState.FAILED, problem="no audio", models="whisper:small")
        jobs.save(failed).result()
        jobs.remove("a").result()
    with Store(tmp_path) as store:
        assert JobStore(store).all() == [failed]


def test_that_a_meeting_is_made_of_a_recording_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.create_meeting(job("a").meeting).result()
        assert store.meeting("m-a") == job("a").meeting
