"""Meetings that are transcribed again by a real server with fake models."""

from __future__ import annotations

from pathlib import Path

import httpx

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
    answer = again(open_server, keep_two_sources(store, "two").id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert answer.json()["error"]["message"] == "a meeting of several microphones cannot be transcribed again yet"


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


def test_a_meeting_that_is_deleted_before_its_turn_takes_its_job_along(tmp_path: Path) -> None:
    backend = FakeBackend(pipeline=SlowPipeline)
    with serving(config(tmp_path), backend) as server:
        wait_ready(server)
        meeting, other = server.held(), server.held(seconds=5.0)
        busy, job = again(server, other).json(), again(server, meeting).json()
        assert server.http.delete(f"/api/meetings/{meeting}").status_code == 204
        eventually(lambda: server.http.get(f"/api/jobs/{job['id']}").status_code == 404)
        assert until(server, busy, "done", "failed")["state"] == "done"
