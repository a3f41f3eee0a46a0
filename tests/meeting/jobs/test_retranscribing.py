"""Meetings that are transcribed again by a real server with fake models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks.harness.server import Server
from meeting.core.records import Gap, Record, Source
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import Span, samples, seconds
from tests.fakes.server_fakes import FakeBackend, Serving, config, serving, wait_ready
from tests.fakes.stored import keep_two_sources
from tests.fakes.web_fakes import eventually
from tests.meeting.jobs.test_jobs import SlowPipeline, until


def lines(server: Serving, meeting: str) -> list[tuple[str, str]]:
    """Text and name of each line."""
    told = server.http.get(f"/api/meetings/{meeting}/transcript").json()
    names = {voice["id"]: voice["name"] for voice in told["speakers"]}
    return [(line["text"], names[line["speaker"]]) for line in told["segments"]]


def again(server: Serving, meeting: str, **body: object) -> httpx.Response:
    """Ask for a meeting to be transcribed again."""
    return server.http.post(f"/api/meetings/{meeting}/transcription", json=body)


@pytest.mark.slow
def test_names_and_edited_lines_stay_and_the_rest_is_heard_again(open_server: Serving) -> None:
    meeting = open_server.held(seconds=3.0)
    open_server.http.patch(f"/api/meetings/{meeting}/speakers/spk1", json={"name": "Ann"})
    first = open_server.http.get(f"/api/meetings/{meeting}/transcript").json()["segments"][0]
    path = f"/api/meetings/{meeting}/segments/{first['id']}"
    rev = 3  # partial, final, labelled
    assert open_server.http.patch(path, json={"rev": rev, "text": "Won!"}).status_code == 200
    before = open_server.http.get(f"/api/meetings/{meeting}").json()
    tag = open_server.http.get(f"/api/meetings/{meeting}").headers["etag"]
    answer = again(open_server, meeting, language="de", speakers=2)
    assert answer.status_code == 202
    job = answer.json()
    assert (job["again"], job["meeting"], job["title"]) == (True, meeting, before["title"])
    assert until(open_server, job, "done", "failed")["problem"] is None
    assert lines(open_server, meeting) == [("Won!", "Ann"), ("one", "Ann"), ("one", "Ann")]
    facts = open_server.http.get(f"/api/meetings/{meeting}").json()
    assert [(voice["id"], voice["name"]) for voice in facts["speakers"]] == [("spk1", "Ann")]
    assert facts["sources"][0]["language"] == "de"
    assert {name: facts[name] for name in ("id", "created_at", "started_at", "ended_at", "duration", "segments")} == {
        name: before[name] for name in ("id", "created_at", "started_at", "ended_at", "duration", "segments")
    }
    store = open_server.app.state.rooms.store
    eventually(lambda: store.unkept() == [] and len(store.files.all()) == 1)
    assert len(open_server.http.get("/api/meetings").json()["meetings"]) == 1
    hits = open_server.http.get("/api/search", params={"q": "one"}).json()["hits"]
    assert len(hits) == 2
    tags = [tag, open_server.http.get(f"/api/meetings/{meeting}").headers["etag"]]
    assert again(open_server, meeting).status_code == 202, "and once more"
    eventually(lambda: [job["state"] for job in open_server.http.get("/api/jobs").json()["jobs"]] == ["done", "done"])
    assert lines(open_server, meeting) == [("Won!", "Ann"), ("one", "Ann"), ("one", "Ann")]
    tags.append(open_server.http.get(f"/api/meetings/{meeting}").headers["etag"])
    assert len(set(tags)) == 3, "whoever looks whether it has changed finds that it has"


def test_what_cannot_be_transcribed_again_says_why(open_server: Serving) -> None:
    meeting = open_server.create()
    answer = again(open_server, meeting)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "live")
    assert again(open_server, "none").status_code == 404
    held = open_server.held()
    assert again(open_server, held, language="klingon").status_code == 400
    store = open_server.app.state.rooms.store
    for path in store.files.of(held):
        path.unlink()
    answer = again(open_server, held)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "no sound was kept" in answer.json()["error"]["message"]


@pytest.mark.slow
def test_a_meeting_stays_as_it_is_while_it_is_heard_again_and_where_that_is_stopped(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as server:
        wait_ready(server)
        meeting = server.held(seconds=20.0)
        before = server.http.get(f"/api/meetings/{meeting}/transcript").json()
        backend.pipeline = SlowPipeline
        job = again(server, meeting).json()
        assert again(server, meeting).json()["error"]["code"] == "running"
        eventually(lambda: (until(server, job, "running")["heard"] or 0) > 1)
        assert server.http.get(f"/api/meetings/{meeting}/transcript").json() == before
        assert server.http.delete(f"/api/jobs/{job['id']}").status_code == 204
        store = server.app.state.rooms.store
        eventually(lambda: store.unkept() == [])
        assert server.http.get(f"/api/meetings/{meeting}/transcript").json() == before
        job = again(server, meeting).json()
        eventually(lambda: (until(server, job, "running")["heard"] or 0) > 1)
    with serving(config(tmp_path), FakeBackend()) as server:
        assert until(server, job, "done", "failed")["state"] == "done"
        after = server.http.get(f"/api/meetings/{meeting}/transcript").json()
        assert [line["text"] for line in after["segments"]] == [line["text"] for line in before["segments"]]
        assert len(server.http.get("/api/meetings").json()["meetings"]) == 1
        eventually(lambda: server.app.state.rooms.store.unkept() == [])


@pytest.mark.slow
def test_several_microphones_are_heard_side_by_side_as_they_stood_in_the_meeting(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as server:
        wait_ready(server)
        store, gap = server.app.state.rooms.store, Gap("b", Span(samples(4.0), samples(5.0)), "lost")
        meeting = keep_two_sources(store, "two").id
        headset = replace(sources(store, meeting)["b"], kind="solo", name="Ben", speakers={"spk1": "spk2"}, muted=True)
        TranscriptStore(store).save_source(meeting, headset).result()
        RecoveryStore(store).save_gap(meeting, gap).result()
        server.http.patch(f"/api/meetings/{meeting}/speakers/spk1", json={"name": "Anna"})
        edit = server.http.patch(f"/api/meetings/{meeting}/segments/2s1", json={"rev": 1, "text": "Five and six."})
        assert edit.status_code == 200
        before = server.http.get(f"/api/meetings/{meeting}").json()
        job = again(server, meeting, language="de").json()
        assert until(server, job, "done", "failed")["problem"] is None
        facts = server.http.get(f"/api/meetings/{meeting}").json()
        after, record = sources(store, meeting), TranscriptStore(store).record(meeting)
        eventually(lambda: store.unkept() == [] and len(store.files.all()) == 2)
    assert said(record, "a") == [(float(start), "one", "spk1") for start in range(6)]
    assert said(record, "b") == [
        (2.0, "one", "spk2"),
        (3.0, "Five and six.", "spk2"),
        (5.0, "one", "spk2"),
        (6.0, "one", "spk2"),
        (7.0, "one", "spk2"),
    ]
    assert [(voice["id"], voice["name"]) for voice in facts["speakers"]] == [("spk1", "Anna"), ("spk2", "Ben")]
    assert facts["duration"] == before["duration"] == 8.0
    assert {pipeline.prefix: pipeline.solo for pipeline in backend.pipelines} == {"s": False, "m2s": True}
    assert after == {
        "a": replace(after["a"], language="de", speakers={"spk1": "spk1"}, anchors=()),
        "b": replace(headset, language="de"),
    }
    assert record.gaps == (gap,)


def said(record: Record, source_id: str) -> list[tuple[float, str, str | None]]:
    """When something is said in a source, what, and by whom."""
    lines = (line for line in record.segments if line.source_id == source_id)
    return [(seconds(line.span.start), line.text, line.speaker) for line in lines]


def sources(store: Store, meeting: str) -> dict[str, Source]:
    """A meeting's sources by their ids."""
    return {source.id: source for source in TranscriptStore(store).record(meeting).sources}


def test_what_a_microphone_heard_whose_sound_is_gone_stays_and_that_is_said(open_server: Serving) -> None:
    store = open_server.app.state.rooms.store
    meeting = keep_two_sources(store, "two").id
    store.files.audio_path(meeting, "a").unlink()
    before = TranscriptStore(store).record(meeting)
    done = until(open_server, again(open_server, meeting).json(), "done", "failed")
    assert done["state"] == "done"
    assert done["problem"] == "there is no sound any more of Ann: what was transcribed of it stays as it was"
    after = TranscriptStore(store).record(meeting)
    assert [line for line in after.segments if line.source_id == "a"] == [before.segments[0]]
    assert [start for start, _, _ in said(after, "b")] == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    turns = TranscriptStore(store).source_turns(meeting)
    assert [(turn.span.start, turn.span.end) for turn in turns["a"]] == [(0, samples(2)), (samples(4), samples(6))]
    assert len(turns["b"]) == 1


@pytest.mark.slow
def test_microphones_that_came_one_after_the_other_are_one_meeting(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path, sources=1), backend) as server:
        wait_ready(server)
        store = server.app.state.rooms.store
        meeting = keep_two_sources(store, "two").id
        late = replace(sources(store, meeting)["b"], anchors=((0, samples(60.0)),))
        TranscriptStore(store).save_source(meeting, late).result()
        assert until(server, again(server, meeting).json(), "done", "failed")["problem"] is None
        told = server.http.get(f"/api/meetings/{meeting}/transcript").json()["segments"]
    assert [line["start"] for line in told] == [0, 1, 2, 3, 4, 5, 60, 61, 62, 63, 64, 65]


@pytest.mark.slow
def test_a_server_that_is_killed_over_a_meeting_begins_it_again_but_not_for_ever(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        meeting = keep_two_sources(store, "two").id
        before = TranscriptStore(store).record(meeting)
    server = Server(tmp_path, "fake", {"FAKE_SLOW": "0.2"})
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as http:
            client = Serving(None, server.port, http, None)  # type: ignore[arg-type]
            answer = again(client, meeting)
            assert answer.status_code == 202, answer.text
            job = answer.json()

            def part_of_it() -> bool:
                told = until(client, job, "running", "failed")
                assert told["state"] == "running", told["problem"]
                assert told["heard"] is None or told["length"] == 12.0
                return 1.0 < (told["heard"] or 0.0) < 11.0

            eventually(part_of_it)
            server.stop()  # no death: the next one goes on
            for _ in range(3):
                server.start()
                eventually(part_of_it)
                server.kill()
            server.start()
            failed = until(client, job, "done", "failed")
            assert "was killed 3 times while this meeting was heard again" in failed["problem"]
            job = again(client, meeting).json()
            assert until(client, job, "done", "failed")["state"] == "done", "whoever asks once more gets it"
            assert "Traceback" not in server.log
    finally:
        server.stop()
    with Store(tmp_path / "data") as store:
        assert store.unkept() == []
        after = TranscriptStore(store).record(meeting)
        assert {line.text for line in after.segments} == {"one"}
        assert [source.anchors for source in after.sources] == [source.anchors for source in before.sources]


@pytest.mark.slow
def test_a_server_that_crashed_over_a_meeting_leaves_it_as_it_was(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as server:
        wait_ready(server)
        meeting = server.held(seconds=20.0)
        backend.pipeline = SlowPipeline
        job = again(server, meeting).json()
        eventually(lambda: (until(server, job, "running")["heard"] or 0) > 1)
        before = server.http.get(f"/api/meetings/{meeting}/transcript").json()
    with serving(config(tmp_path), FakeBackend(), crashed=True) as server:
        assert "crashed" in until(server, job, "done", "failed")["problem"]
        assert server.http.get(f"/api/meetings/{meeting}/transcript").json() == before
        assert again(server, meeting).status_code == 202


@pytest.mark.slow
def test_a_meeting_that_is_deleted_before_its_turn_takes_its_job_along(tmp_path: Path) -> None:
    backend = FakeBackend(pipeline=SlowPipeline)
    with serving(config(tmp_path), backend) as server:
        wait_ready(server)
        meeting, other = server.held(), server.held(seconds=5.0)
        busy, job = again(server, other).json(), again(server, meeting).json()
        assert server.http.delete(f"/api/meetings/{meeting}").status_code == 204
        eventually(lambda: server.http.get(f"/api/jobs/{job['id']}").status_code == 404)
        assert until(server, busy, "done", "failed")["state"] == "done"
