"""Recordings through a real server with fake models: what is sent becomes a meeting, or nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.server import Server
from meeting.core.records import Job, JobState
from meeting.jobs import rules
from meeting.jobs.recording_files import RecordingFiles
from meeting.jobs.retranscribing import MeetingSound
from meeting.jobs.rules import KEPT_FOR
from meeting.storage.queue.job_store import JobStore
from meeting.storage.store import Store
from pipelines.errors import StoreError
from tests.fakes.bombs import BOMBS, faststart
from tests.fakes.containers import encoded, picture, silence, wav
from tests.fakes.server_fakes import FakeBackend, LeanPipeline, Serving, config, serving, tone, wait_ready
from tests.fakes.web_fakes import eventually

LIMITS: dict[str, Any] = {"meeting_hours": 0.01, "jobs": 3, "recording": 4}


class SlowPipeline(LeanPipeline):
    """Three tenths of a second for one of audio."""

    slow = 0.3


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that takes its time, and no meeting of more than 36 seconds."""
    settings = config(tmp_path_factory.mktemp("data"), **LIMITS)
    with serving(settings, FakeBackend(pipeline=SlowPipeline)) as running:
        wait_ready(running)
        yield running


def create(server: Serving, data: bytes, **fields: Any) -> dict[str, Any]:
    """A job for a recording of which nothing has been sent."""
    answer = server.http.post("/api/jobs", json={"name": "Talk.wav", "size": len(data), **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def send(server: Serving, job: dict[str, Any], data: bytes, offset: int = 0) -> int:
    """Send some of a recording; the status."""
    url = f"/api/jobs/{job['id']}/recording"
    return server.http.patch(url, content=data, headers={"Upload-Offset": str(offset)}).status_code


def until(server: Serving, job: dict[str, Any], *states: str) -> dict[str, Any]:
    """The job once it is in one of these states."""

    def told() -> dict[str, Any] | None:
        found = dict(server.http.get(f"/api/jobs/{job['id']}").json())
        return found if found["state"] in states else None

    return dict(eventually(told, seconds=60))


def sent(server: Serving, data: bytes, **fields: Any) -> dict[str, Any]:
    """A job whose recording has been sent."""
    job = create(server, data, **fields)
    assert send(server, job, data) == 204
    return job


def offset(server: Serving, job: dict[str, Any]) -> int:
    """How many bytes have arrived."""
    answer = server.http.head(f"/api/jobs/{job['id']}/recording")
    assert answer.headers["Upload-Length"] == str(job["size"])
    return int(answer.headers["Upload-Offset"])


def begin(server: Serving, job: dict[str, Any], data: bytes) -> socket.socket:
    """A connection that says it sends all of a recording, and sends these bytes of it."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = f"PATCH /api/jobs/{job['id']}/recording HTTP/1.1\r\nHost: 127.0.0.1\r\nUpload-Offset: 0\r\n"
    connection.sendall(f"{head}Content-Length: {job['size']}\r\n\r\n".encode() + data)
    return connection


def files(server: Serving) -> list[str]:
    """Files of recordings and sound that there are."""
    folder = server.app.state.rooms.store.data_dir
    return sorted(path.name for part in ("uploads", "audio") for path in (folder / part).glob("*"))


def forget(server: Serving, job: dict[str, Any]) -> None:
    """Cancel a job, and wait until nothing is left of it."""
    assert server.http.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert server.http.get(f"/api/jobs/{job['id']}").status_code == 404
    gone = lambda: files(server) == [] and server.http.get("/api/meetings").json()["meetings"] == []  # noqa: E731
    eventually(gone, seconds=60)


def test_a_recording_becomes_a_meeting_like_any_other(open_server: Serving) -> None:
    data = wav(tone(2.5))
    job = create(open_server, data, language="en", speakers="2-3")
    assert (job["state"], job["received"], job["title"], job["meeting"]) == ("receiving", 0, "Talk", None)
    assert send(open_server, job, data) == 204
    done = until(open_server, job, "done", "failed")
    assert (done["state"], done["problem"]) == ("done", None)
    details = open_server.http.get(f"/api/meetings/{done['meeting']}").json()
    assert (details["title"], details["state"], details["duration"]) == ("Talk", "ended", 2.5)
    assert (details["expected_speakers"], details["sources"][0]["language"]) == ("2-3", "en")
    assert open_server.http.get(f"/api/meetings/{done['meeting']}/audio").content[:4] == b"fLaC"
    assert open_server.http.get("/api/jobs").json()["jobs"] == [done]
    assert open_server.http.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert open_server.http.get("/api/jobs").json()["jobs"] == []
    assert open_server.http.get(f"/api/meetings/{done['meeting']}").status_code == 200


@pytest.mark.slow
def test_a_recording_that_is_dated_began_then_and_is_kept_from_now_on(tmp_path: Path) -> None:
    then, data = "2019-07-14T09:30:00.250+02:00", wav(tone(2.0))
    with serving(config(tmp_path)) as server:
        waiting = sent(server, data, recorded_at=then)
        assert waiting["recorded_at"] == "2019-07-14T07:30:00.250Z"
        assert sent(server, data)["recorded_at"] is None
    with serving(config(tmp_path)) as server:
        done = until(server, waiting, "done", "failed")
        assert done["recorded_at"] == waiting["recorded_at"]
        facts = server.http.get(f"/api/meetings/{done['meeting']}").json()
        assert facts["started_at"] == "2019-07-14T07:30:00.250Z"
        assert facts["ended_at"] >= facts["created_at"] >= done["created_at"]
        store = server.app.state.rooms.store
        assert store.older_than(datetime.now(timezone.utc) - timedelta(days=1)) == []
        head = server.http.get(f"/api/meetings/{done['meeting']}/export", params={"format": "md"}).text
        assert "2019-07-14" in head


def test_what_was_sent_before_a_lost_connection_is_not_sent_again(open_server: Serving) -> None:
    data = wav(tone(3.0))
    job = create(open_server, data)
    connection = begin(open_server, job, data[:40_000])
    eventually(lambda: offset(open_server, job) == 40_000)
    connection.close()
    assert send(open_server, job, data[40_000:60_000], 40_000) == 204
    assert offset(open_server, job) == 60_000
    assert send(open_server, job, data[60_000:], 60_000) == 204
    done = until(open_server, job, "done", "failed")
    assert open_server.http.get(f"/api/meetings/{done['meeting']}").json()["duration"] == 3.0


def test_a_connection_that_hangs_gives_way_to_a_newer_one(open_server: Serving) -> None:
    data = wav(tone(3.0))
    job = create(open_server, data)
    with begin(open_server, job, data[:40_000]) as hanging:
        eventually(lambda: offset(open_server, job) == 40_000)
        assert send(open_server, job, data[40_000:50_000], 40_000) == 204
        hanging.sendall(data[40_000:45_000])
        assert b" 409 " in hanging.recv(4096)
    assert send(open_server, job, data[50_000:], 50_000) == 204
    assert until(open_server, job, "done", "failed")["problem"] is None


@pytest.mark.parametrize(("at", "more", "code"), [(7, b"", "outdated"), (0, b"!", "too_large")])
def test_bytes_that_do_not_fit_are_refused_and_lose_nothing(
    open_server: Serving, at: int, more: bytes, code: str
) -> None:
    data = wav(tone(1.0))
    job = create(open_server, data)
    url = f"/api/jobs/{job['id']}/recording"
    answer = open_server.http.patch(url, content=data + more, headers={"Upload-Offset": str(at)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    there = offset(open_server, job)
    assert send(open_server, job, data[there:], there) == 204
    assert until(open_server, job, "done", "failed")["problem"] is None
    assert send(open_server, job, b"", there) == 409


@pytest.mark.slow
def test_a_file_that_is_cut_off_is_heard_as_far_as_it_goes_and_that_is_said(open_server: Serving) -> None:
    whole = faststart(20.0)
    done = until(open_server, sent(open_server, whole[: len(whole) // 2], name="cut.m4a"), "done", "failed")
    assert done["state"] == "done"
    assert "cut off" in done["problem"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"this is a text" * 100, "Talk.wav is not audio that can be read", id="text"),
        pytest.param(wav(b""), "Talk.wav holds no audio: its length is zero", id="nothing"),
        pytest.param(picture("mp4", "mpeg4"), "the file holds no audio", id="a film without sound"),
        pytest.param(encoded("m4a", 4.0)[:300], "the file holds no audio", id="cut off"),
        pytest.param(wav(bytes(32_000 * 60)), "a meeting lasts at most 0.01 hours (limits.meeting_hours)", id="long"),
        pytest.param(silence(120, "libopus", "webm"), "Talk.wav goes on and on, and a meeting lasts", id="endless"),
    ],
)
def test_what_cannot_be_heard_fails_with_a_sentence_and_leaves_nothing(slow: Serving, data: bytes, told: str) -> None:
    job = sent(slow, data)
    failed = until(slow, job, "done", "failed")
    assert failed["state"] == "failed"
    assert told in failed["problem"]
    assert job["id"] not in failed["problem"]
    assert files(slow) == []
    assert slow.http.get("/api/meetings").json()["meetings"] == []
    forget(slow, job)


@pytest.mark.slow
def test_small_files_that_claim_to_be_huge_end_no_server(slow: Serving) -> None:
    for _, data in list(BOMBS.values())[:5]:
        job = sent(slow, data())
        until(slow, job, "done", "failed")
        slow.http.delete(f"/api/jobs/{job['id']}")
    for meeting in slow.http.get("/api/meetings").json()["meetings"]:
        slow.http.delete(f"/api/meetings/{meeting['id']}")


@pytest.mark.slow
def test_a_job_is_followed_and_can_be_cancelled_at_every_point(slow: Serving) -> None:
    data = wav(tone(30.0))
    running, queued, coming = sent(slow, data), sent(slow, data), create(slow, data)

    def heard() -> dict[str, Any] | None:
        told = until(slow, running, "running")
        return told if (told["heard"] or 0) > 3 else None

    told = eventually(heard, seconds=60)
    assert told["length"] == 30.0
    assert 0 < told["remaining"] < 60
    meeting = slow.http.get(f"/api/meetings/{told['meeting']}/transcript").json()
    assert meeting["segments"], "lines appear while a recording is heard"
    assert until(slow, queued, "queued")["meeting"] is None
    answer = slow.http.post("/api/jobs", json={"name": "One more", "size": 10})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_many")
    for job in (coming, queued, running):
        slow.http.delete(f"/api/jobs/{job['id']}")
    forget(slow, sent(slow, data))


def test_a_job_that_is_cancelled_while_it_is_being_begun_stays_cancelled(
    slow: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, saved, cancelled = slow.app.state.jobs, list[JobState](), list[asyncio.Task[None]]()
    save, choose = jobs._store.save, rules.next_up

    def chosen(*given: Any) -> list[Job]:
        found = choose(*given)
        # Just before the task that begins it.
        cancelled.extend(asyncio.create_task(jobs.cancel(job.id)) for job in found)
        return found

    with monkeypatch.context() as patched:
        patched.setattr("meeting.jobs.jobs.next_up", chosen)
        patched.setattr(jobs._store, "save", lambda job: saved.append(job.state) or save(job))
        job = sent(slow, wav(tone(2.0)))
        eventually(lambda: slow.http.get(f"/api/jobs/{job['id']}").status_code == 404, seconds=60)
        eventually(lambda: files(slow) == [], seconds=60)
    assert saved == [JobState.RECEIVING, JobState.QUEUED, JobState.CANCELLED]
    assert [task.exception() for task in cancelled] == [None]


def test_of_many_that_come_at_once_no_more_are_taken_than_there_are_places(slow: Serving) -> None:
    def one(number: int) -> int:
        return slow.http.post("/api/jobs", json={"name": f"{number}.wav", "size": 1000}).status_code

    with ThreadPoolExecutor(12) as clients:
        answers = sorted(clients.map(one, range(12)))
    assert answers == [201] * LIMITS["jobs"] + [400] * (12 - LIMITS["jobs"])
    for job in slow.http.get("/api/jobs").json()["jobs"]:
        slow.http.delete(f"/api/jobs/{job['id']}")


@pytest.mark.slow
def test_recordings_take_no_place_of_live_meetings_and_wait_for_them(tmp_path: Path) -> None:
    backend = FakeBackend(pipeline=SlowPipeline)
    with serving(config(tmp_path, meetings=1), backend) as server:
        wait_ready(server)
        job = sent(server, wav(tone(10.0)))
        eventually(lambda: backend.pipelines)
        server.held("Live", 1.0)
        recorded, live = backend.pipelines
        assert until(server, job, "running", "done")["state"] == "running"
        assert (recorded.live, live.live) == (False, True)
        forgotten = until(server, job, "running", "done")
        assert server.http.post(f"/api/meetings/{forgotten['meeting']}/end").status_code == 200
        assert until(server, job, "done", "failed")["state"] == "done"


@pytest.mark.slow
def test_the_next_server_goes_on_with_a_recording_after_a_stop(tmp_path: Path) -> None:
    data = wav(tone(20.0))
    with serving(config(tmp_path), FakeBackend(pipeline=SlowPipeline)) as server:
        wait_ready(server)
        job, waiting = sent(server, data), sent(server, data)
        eventually(lambda: (until(server, job, "running")["heard"] or 0) > 1)
    with serving(config(tmp_path), FakeBackend(pipeline=LeanPipeline)) as server:
        for one in (job, waiting):
            done = until(server, one, "done", "failed")
            assert (done["state"], done["problem"]) == ("done", None)
            facts = server.http.get(f"/api/meetings/{done['meeting']}").json()
            assert (facts["state"], facts["duration"], facts["segments"]) == ("ended", 20.0, 20)


@pytest.mark.slow
def test_the_next_server_goes_on_with_a_recording_after_a_kill(tmp_path: Path) -> None:
    import httpx

    server = Server(tmp_path, "fake", {"FAKE_SLOW": "0.1"})
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as http:
            client = Serving(None, server.port, http, None)  # type: ignore[arg-type]
            data = wav(tone(8.0))
            job, coming, gone = sent(client, data), create(client, data), sent(client, data)
            send(client, coming, data[:50_000])
            eventually(lambda: (until(client, job, "running")["heard"] or 0) > 2)
            client.http.delete(f"/api/jobs/{gone['id']}")
            server.kill()
            server.start()
            assert offset(client, coming) == 50_000
            assert send(client, coming, data[50_000:], 50_000) == 204
            for one in (job, coming):
                done = until(client, one, "done", "failed")
                assert (done["state"], done["problem"]) == ("done", None)
                facts = client.http.get(f"/api/meetings/{done['meeting']}").json()
                assert (facts["state"], facts["duration"], facts["segments"]) == ("ended", 8.0, 8)
            assert len(client.http.get("/api/meetings").json()["meetings"]) == 2
            assert "Traceback" not in server.log
    finally:
        server.stop()


@pytest.mark.slow
def test_a_server_that_died_behind_the_last_byte_or_within_a_removal_leaves_no_job_that_hangs(tmp_path: Path) -> None:
    data = wav(tone(1.0))
    with serving(config(tmp_path)) as server:
        whole, lost, rest = create(server, data), create(server, data), create(server, data)
    (tmp_path / "uploads" / whole["id"]).write_bytes(data)
    (tmp_path / "uploads" / lost["id"]).unlink()
    with serving(config(tmp_path)) as server:
        assert until(server, whole, "done", "failed")["state"] == "done"
        failed = until(server, lost, "done", "failed")
        assert (failed["state"], "send it again" in failed["problem"]) == ("failed", True)
        assert offset(server, rest) == 0


def test_a_recording_whose_file_is_lost_hides_no_other_and_fails_with_the_next_byte(open_server: Serving) -> None:
    data = wav(tone(1.0))
    job = create(open_server, data)
    (open_server.app.state.rooms.store.data_dir / "uploads" / job["id"]).unlink()
    (told,) = (one for one in open_server.http.get("/api/jobs").json()["jobs"] if one["id"] == job["id"])
    assert (told["state"], told["received"]) == ("receiving", 0)
    assert send(open_server, job, data) == 503
    assert until(open_server, job, "failed")["problem"]


def test_no_file_of_a_recording_that_comes_while_the_server_starts_is_taken_for_a_stray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removing, asked = RecordingFiles.remove_strays, threading.Event()

    def slowly(files: RecordingFiles, known: set[str]) -> None:
        asked.wait(0.5)
        removing(files, known)

    monkeypatch.setattr(RecordingFiles, "remove_strays", slowly)
    data = wav(tone(1.0))
    with serving(config(tmp_path)) as server:
        job = create(server, data)
        asked.set()
        assert send(server, job, data) == 204
        assert until(server, job, "done", "failed")["state"] == "done"


@pytest.mark.slow
def test_strays_that_cannot_be_removed_stop_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(files: RecordingFiles, known: set[str]) -> None:
        raise StoreError("no permission")

    monkeypatch.setattr(RecordingFiles, "remove_strays", refused)
    with serving(config(tmp_path)) as server:
        assert until(server, sent(server, wav(tone(1.0))), "done", "failed")["state"] == "done"


def test_what_the_database_refuses_leaves_no_file_and_a_job_that_can_still_be_cancelled(
    open_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(open_server, wav(tone(1.0)))

    def refused(store: JobStore, job: Job) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(StoreError("the database is in use by another program"))
        return future

    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "save", refused)
        assert open_server.http.post("/api/jobs", json={"name": "Talk.wav", "size": 10}).status_code == 503
        assert open_server.http.delete(f"/api/jobs/{job['id']}").status_code == 503
    uploads = open_server.app.state.rooms.store.data_dir / "uploads"
    assert [path.name for path in uploads.iterdir()] == [job["id"]]
    assert until(open_server, job, "receiving")["id"] == job["id"]
    assert open_server.http.delete(f"/api/jobs/{job['id']}").status_code == 204
    eventually(lambda: list(uploads.iterdir()) == [])


@pytest.mark.slow
def test_nothing_of_a_meeting_that_was_deleted_is_told_or_kept_by_its_jobs(open_server: Serving) -> None:
    job = sent(open_server, wav(tone(2.5)), name="Zyzzogeton.wav", hotwords=["Zyzzyx"])
    done = until(open_server, job, "done", "failed")
    answer = open_server.http.post(f"/api/meetings/{done['meeting']}/transcription")
    again = dict(answer.json())
    assert until(open_server, again, "done", "failed")["state"] == "done"
    store = open_server.app.state.rooms.store
    kept = lambda: b"".join(path.read_bytes() for path in store.data_dir.glob("meetings.sqlite3*"))  # noqa: E731
    assert b"Zyzzogeton" in kept()
    assert open_server.http.delete(f"/api/meetings/{done['meeting']}").status_code == 204
    told = [one["id"] for one in open_server.http.get("/api/jobs").json()["jobs"]]
    assert not {job["id"], again["id"]} & set(told)
    eventually(lambda: b"Zyzzogeton" not in kept() and b"Zyzzyx" not in kept())


def test_a_job_that_cannot_even_begin_fails_and_is_not_begun_again_and_again(
    open_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting, asked = open_server.held("Talk", 1.0), 0

    def unreadable(store: Store, meeting_id: str) -> MeetingSound:
        nonlocal asked
        asked += 1
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("meeting.jobs.jobs.sound_of", unreadable)
    job = dict(open_server.http.post(f"/api/meetings/{meeting}/transcription").json())
    assert "PermissionError" in until(open_server, job, "failed")["problem"]
    assert asked == 1


def test_a_full_disk_refuses_recordings_and_fails_those_that_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = wav(tone(1.0))
    with serving(config(tmp_path)) as server:
        job = create(server, data)
        disk = server.app.state.rooms.disk
        monkeypatch.setattr(disk, "free", lambda folder: disk.needed_bytes + 2 * len(data) - 1)
        answer = server.http.post("/api/jobs", json={"name": "One more", "size": len(data)})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage")
        assert "no room" in answer.json()["error"]["message"]

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("meeting.jobs.recording_files.open", full, raising=False)
        assert send(server, job, data) == 503
        assert "disk" in until(server, job, "failed")["problem"]
        assert files(server) == []


def test_what_nobody_goes_on_with_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.jobs.rules.KEPT_FOR", -KEPT_FOR)
    monkeypatch.setattr("meeting.jobs.jobs.FORGET_EVERY", 0.01)
    with serving(config(tmp_path)) as server:
        server.http.post("/api/jobs", json={"name": "Talk.wav", "size": 10})
        eventually(lambda: server.http.get("/api/jobs").json()["jobs"] == [] and files(server) == [])


def test_a_recording_whose_models_never_come_waits_for_the_next_start(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(config(tmp_path), FakeBackend(gate=gate)) as server:
        job = sent(server, wav(tone(1.0)))
        assert until(server, job, "queued")["state"] == JobState.QUEUED
        gate.set()
        assert until(server, job, "done", "failed")["state"] == "done"
