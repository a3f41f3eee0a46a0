"""Jobs of a server on a real database: one for each meeting, each with an outcome that is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meeting.config.settings import Notes
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import MeetingNotes, NotesState, NotesStatus, State
from meeting.notes import jobs as jobs_module
from meeting.notes.jobs import INTERRUPTED, STOPPED, NotesJobs
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound, SettingsError
from pipelines.types import Speaker
from tests.fakes.stored import kept
from tests.meeting.notes.meetings import LONG, NOW, RECORD
from tests.meeting.notes.model_server import ModelServer, Reply

NOTES = MeetingNotes((), (), (), "tiny", "here", NOW, "print")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two meetings that are over, a short and a long one."""
    with Store(tmp_path) as opened:
        for id_, record in (("m1", RECORD), ("m2", LONG)):
            kept(opened, id_)
            TranscriptStore(opened).save_speakers(id_, record.speakers).result()
            TranscriptStore(opened).save_segments(id_, record.segments).result()
            opened.set_state(id_, State.ENDED).result()
        yield opened


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What answers of the stand-in may wait for; set once the test is over."""
    event = threading.Event()
    yield event
    event.set()


def run(store: Store, settings: Notes, work: Callable[[NotesJobs], Awaitable[Any]]) -> Any:
    """Let jobs do something, and close them."""

    async def running() -> Any:
        jobs = NotesJobs(store, settings)
        try:
            return await work(jobs)
        finally:
            await jobs.close()

    return asyncio.run(running())


async def finished(jobs: NotesJobs, meeting_id: str = "m1") -> NotesStatus:
    """What has become of a job, once it is over."""
    while jobs.job(meeting_id) is not None:
        await asyncio.sleep(0.01)
    status = jobs.status(meeting_id)
    assert status is not None
    return status


def test_notes_are_made_and_kept(store: Store, model: ModelServer) -> None:
    async def work(jobs: NotesJobs) -> None:
        assert jobs.status("m1") is None
        await jobs.start("m1")
        status = jobs.status("m1")
        assert status is not None
        assert status.state is NotesState.RUNNING
        status = await finished(jobs)
        assert (status.state, status.problem) == (NotesState.DONE, None)
        assert status.notes is not None
        assert status.notes.fingerprint == read_summary(store, "m1").fingerprint
        assert TranscriptStore(store).record("m1").notes == status.notes

    run(store, model.settings(), work)


def test_a_change_of_a_line_or_a_name_makes_notes_outdated(store: Store) -> None:
    before = read_summary(store, "m1").fingerprint
    TranscriptStore(store).save_speakers("m1", [Speaker("spk1", "Carl")]).result()
    renamed = read_summary(store, "m1").fingerprint
    TranscriptStore(store).save_segments("m1", [replace(RECORD.segments[0], rev=2)]).result()
    assert len({before, renamed, read_summary(store, "m1").fingerprint}) == 3


def test_what_fails_is_told_and_leaves_transcript_and_earlier_notes(store: Store, model: ModelServer) -> None:
    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m1")
        before = await finished(jobs)
        model.replies.append(Reply("boom", 500))
        await jobs.start("m1")
        status = await finished(jobs)
        assert status.state is NotesState.FAILED
        assert status.problem is not None
        assert "refuses (500); it says: boom" in status.problem
        assert status.notes == before.notes
        assert TranscriptStore(store).record("m1").segments == RECORD.segments
        await jobs.start("m1")
        assert (await finished(jobs)).problem is None

    run(store, model.settings(), work)


@pytest.mark.slow
def test_a_meeting_has_one_job_at_a_time_and_a_server_only_so_many(
    store: Store, model: ModelServer, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_JOBS", 1)
    model.replies.append(Reply(until=released))

    async def work(jobs: NotesJobs) -> None:
        outcomes = await asyncio.gather(*(jobs.start("m1") for _ in range(20)), return_exceptions=True)
        assert outcomes.count(None) == 1
        assert {error.code for error in outcomes if isinstance(error, Conflict)} == {ErrorCode.RUNNING}
        with pytest.raises(Conflict, match="too many meetings") as caught:
            await jobs.start("m2")
        assert caught.value.code is ErrorCode.TOO_MANY

    run(store, model.settings(), work)


@pytest.mark.slow
def test_meetings_are_noted_in_turn(store: Store, model: ModelServer) -> None:
    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m2")
        await jobs.start("m1")
        waiting = jobs.job("m1")
        assert waiting is not None
        await finished(jobs, "m2")
        assert (await finished(jobs)).state is NotesState.DONE

    run(store, model.settings(context=2048), work)
    titles = [("Point" in body["messages"][1]["content"]) for body in model.asked]
    assert titles == sorted(titles, reverse=True)


@pytest.mark.slow
def test_a_server_that_stops_or_dies_leaves_a_job_that_is_told_as_failed(
    store: Store, model: ModelServer, released: threading.Event
) -> None:
    model.replies.append(Reply(until=released))
    run(store, model.settings(), lambda jobs: jobs.start("m1"))
    NotesStore(store).begin("m2").result()  # as a killed server leaves it

    async def work(jobs: NotesJobs) -> None:
        for meeting_id in ("m1", "m2"):
            status = jobs.status(meeting_id)
            assert status is not None
            assert (status.state, status.problem) == (NotesState.FAILED, INTERRUPTED)
        model.replies.clear()
        await jobs.start("m1")
        assert (await finished(jobs)).state is NotesState.DONE

    run(store, model.settings(), work)


@pytest.mark.slow
def test_a_meeting_that_is_deleted_is_sent_no_further_and_comes_not_back(
    store: Store, model: ModelServer, released: threading.Event
) -> None:
    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m2")
        while not model.asked:
            await asyncio.sleep(0.005)
        await asyncio.wrap_future(store.delete_meeting("m2"))
        released.set()
        while jobs.job("m2") is not None:
            await asyncio.sleep(0.01)
        with pytest.raises(NotFound):
            jobs.status("m2")

    model.replies.append(Reply('{"summary": []}', until=released))
    run(store, model.settings(context=2048), work)
    assert len(model.asked) == 1


@pytest.mark.slow
def test_notes_that_are_being_made_can_be_stopped_and_finished_ones_forgotten(
    store: Store, model: ModelServer, released: threading.Event
) -> None:
    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m1")
        before = await finished(jobs)
        model.replies.append(Reply(until=released))
        await jobs.start("m1")
        await jobs.remove("m1")
        assert jobs.job("m1") is None
        status = jobs.status("m1")
        assert status is not None
        assert (status.state, status.problem, status.notes) == (NotesState.FAILED, STOPPED, before.notes)
        await jobs.remove("m1")
        assert jobs.status("m1") is None
        await jobs.remove("m1")
        with pytest.raises(NotFound):
            await jobs.remove("none")

    run(store, model.settings(), work)
    assert TranscriptStore(store).record("m1").segments == RECORD.segments


@pytest.mark.slow
def test_notes_that_have_not_quite_begun_can_be_stopped_and_nothing_is_sent(
    store: Store, model: ModelServer, released: threading.Event
) -> None:
    async def work(jobs: NotesJobs) -> None:
        store.write(lambda _: released.wait(20))
        beginning = asyncio.create_task(jobs.start("m1"))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(jobs.remove("m1"))
        await asyncio.sleep(0.05)
        released.set()
        await asyncio.gather(beginning, stopping)
        status = await finished(jobs)
        assert (status.state, status.problem) == (NotesState.FAILED, STOPPED)

    run(store, model.settings(), work)
    assert model.asked == []


@pytest.mark.slow
def test_notes_that_were_just_finished_are_forgotten_although_their_job_is_still_there(
    store: Store, model: ModelServer, released: threading.Event
) -> None:
    async def work(jobs: NotesJobs) -> None:
        model.replies.append(Reply(until=released))
        await jobs.start("m1")
        NotesStore(store).save("m1", NOTES).result()
        assert jobs.job("m1") is not None
        await jobs.remove("m1")
        assert jobs.status("m1") is None

    run(store, model.settings(), work)


@pytest.mark.slow
def test_nothing_is_begun_for_a_meeting_that_is_not_there_or_where_notes_are_off(store: Store) -> None:
    async def work(jobs: NotesJobs) -> None:
        with pytest.raises(SettingsError, match=r"notes\.url"):
            await jobs.start("m1")

    run(store, Notes(), work)

    async def unknown(jobs: NotesJobs) -> None:
        with pytest.raises(NotFound):
            await jobs.start("none")
        assert jobs.job("none") is None

    run(store, Notes(url="http://127.0.0.1:9/v1", model="tiny"), unknown)


@pytest.mark.slow
def test_a_job_that_takes_too_long_ends(
    store: Store, model: ModelServer, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "LONGEST_JOB", 0.1)
    model.replies.append(Reply(until=released))

    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m1")
        status = await finished(jobs)
        assert status.problem is not None
        assert "took more than" in status.problem

    run(store, model.settings(), work)


@pytest.mark.slow
def test_a_fault_of_ours_is_told_without_what_it_says(
    store: Store, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("wombat")

    monkeypatch.setattr(jobs_module, "take_notes", broken)

    async def work(jobs: NotesJobs) -> None:
        await jobs.start("m1")
        status = await finished(jobs)
        assert status.problem == "something unforeseen happened (ZeroDivisionError); the server's log says where"

    run(store, model.settings(), work)
