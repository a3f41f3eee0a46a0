"""Meetings that are transcribed again with other models, by processes of their own; the models are fakes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.harness.server import Server
from meeting.config.settings import Cluster, Config, Models
from meeting.core.errors import Conflict, ProtocolError
from meeting.jobs import hearing_elsewhere
from meeting.jobs.hearing_elsewhere import AvailableModels, _environment
from meeting.jobs.rules import MOST_ATTEMPTS
from meeting.storage.store import Store
from tests.fakes.children import alive, children
from tests.fakes.models.other_models import BROKEN, CHOICES, COMMAND, SLOW, with_others
from tests.fakes.server_fakes import FakeBackend, LeanPipeline, Serving, config, serving, wait_ready
from tests.fakes.web_fakes import eventually
from tests.meeting.jobs.test_jobs import until
from tests.meeting.jobs.test_retranscribing import again, lines

pytestmark = pytest.mark.slow


def others(settings: Config = Config()) -> AvailableModels:  # noqa: B008
    """The fakes' ones."""
    return AvailableModels(settings, lambda: CHOICES, lambda: "fake")


def chosen(models: AvailableModels, name: str | None, language: str | None = None) -> str | None:
    """What a job gets that asks for these."""
    return asyncio.run(models.chosen(name, language))


def test_models_are_asked_for_by_name_and_those_of_the_server_need_no_process() -> None:
    assert chosen(others(), None) is None
    assert chosen(others(), "parrot") is None
    assert chosen(others(), "owl") == chosen(others(), "owl", "de,en") == "owl"
    assert chosen(others(), "fox", "fr") == "fox", "what it reads is known once it is loaded"


def test_models_that_are_not_there_or_do_not_read_the_language_are_refused_with_what_there_is() -> None:
    with pytest.raises(ProtocolError, match="machine has: parrot, owl, fox"):
        chosen(others(), "wolf")
    with pytest.raises(ProtocolError, match="models read: de, en"):
        chosen(others(), "owl", "fr")


@pytest.mark.parametrize(
    "settings", [Config(cluster=Cluster(address="https://a.example.org")), Config(models=Models(engine="ray"))]
)
def test_with_several_servers_or_shared_models_it_is_left_to_the_command(settings: Config) -> None:
    assert asyncio.run(others(settings).choices()) == []
    assert chosen(others(settings), None) is None
    with pytest.raises(Conflict, match="python -m meeting retranscribe"):
        chosen(others(settings), "owl")


def test_the_process_finds_the_same_modules_and_nothing_secret_and_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEETING_SERVER_TOKEN", "secret")
    monkeypatch.syspath_prepend("/somewhere/else")
    told = _environment()
    assert "secret" not in told.values()
    assert told["HF_HUB_OFFLINE"] == "1"
    assert told["PYTHONPATH"].split(os.pathsep)[0] == "/somewhere/else"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server beside which other models take two tenths of a second for one of audio."""
    monkeypatch.setenv(SLOW, "0.2")
    with serving(config(tmp_path), FakeBackend(pipeline=LeanPipeline)) as running:
        with_others(running.app)
        wait_ready(running)
        yield running


def held(server: Serving, seconds: float = 20.0) -> tuple[str, list[Any]]:
    """A meeting that is over, with a voice that has a name, and its lines."""
    meeting = server.held(seconds=seconds)
    server.http.patch(f"/api/meetings/{meeting}/speakers/spk1", json={"name": "Ann"})
    return meeting, lines(server, meeting)


def worker(server: Serving, job: dict[str, Any], other_than: int = 0) -> int:
    """The process that hears a job, once it has told how far it is."""
    assert eventually(lambda: (until(server, job, "running", "failed")["heard"] or 0) > 1, seconds=60)
    found = [pid for pid in children() if b"other_models" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return next(pid for pid in found if pid != other_than)


def nothing_left(server: Serving, files: int = 1) -> bool:
    """Whether of meetings that are heard again nothing is stored any more."""
    store = server.app.state.rooms.store
    return store.unkept() == [] and len(store.files.all()) == files


def test_names_and_edited_lines_stay_and_the_other_models_are_told_of(server: Serving) -> None:
    meeting, before = held(server, 3.0)
    first = server.http.get(f"/api/meetings/{meeting}/transcript").json()["segments"][0]
    path = f"/api/meetings/{meeting}/segments/{first['id']}"
    assert server.http.patch(path, json={"rev": 3, "text": "Won!"}).status_code == 200
    tag = server.http.get(f"/api/meetings/{meeting}").headers["etag"]
    job = again(server, meeting, models="owl", language="de", speakers=2).json()
    assert (job["models"], job["again"], job["meeting"]) == ("owl", True, meeting)
    done = until(server, job, "done", "failed")
    assert (done["state"], done["problem"], done["models"]) == ("done", None, "owl")
    assert lines(server, meeting) == [("Won!", "Ann"), *before[1:]]
    facts = server.http.get(f"/api/meetings/{meeting}")
    assert facts.headers["etag"] != tag, "whoever looks whether it has changed finds that it has"
    assert facts.json()["models"]["speech"] == "Owl"
    assert facts.json()["sources"][0]["language"] == "de"
    assert nothing_left(server)
    assert again(server, meeting, models="parrot").json()["models"] is None, "those are loaded already"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_a_process_of_little_weight_tells_how_far_it_is_and_is_gone_with_all_when_the_job_is_cancelled(
    server: Serving,
) -> None:
    meeting, before = held(server)
    job = again(server, meeting, models="owl").json()
    second = again(server, held(server)[0], models="owl").json()
    pid = worker(server, job)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
    told = eventually(lambda: (facts := until(server, job, "running"))["remaining"] and facts)
    assert told["length"] == 20.0
    assert until(server, second, "queued", "running")["state"] == "queued", "one at a time has models of its own"
    for one in (second, job):
        assert server.http.delete(f"/api/jobs/{one['id']}").status_code == 204
    eventually(lambda: not alive(pid) and nothing_left(server, 2))
    assert lines(server, meeting) == before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_a_process_that_is_killed_is_begun_anew_but_not_for_ever(server: Serving) -> None:
    meeting, before = held(server)
    job = again(server, meeting, models="owl").json()
    pid = 0
    for _ in range(MOST_ATTEMPTS):
        pid = eventually(lambda: next(iter(set(workers()) - {pid}), None), seconds=60)  # noqa: B023
        os.kill(pid, signal.SIGKILL)
    failed = until(server, job, "failed", "done")
    assert failed["state"] == "failed"
    assert "was ended 3 times, perhaps for lack of memory, and the meeting stays as it was" in failed["problem"]
    assert (lines(server, meeting), workers()) == (before, [])
    assert nothing_left(server)


def workers() -> list[int]:
    """The processes that hear with other models."""
    found = []
    for pid in children():
        path = Path(f"/proc/{pid}/cmdline")
        if path.exists() and b"other_models" in path.read_bytes() and alive(pid):
            found.append(pid)
    return found


def test_why_other_models_cannot_be_loaded_is_said_and_the_meeting_stays(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SLOW, BROKEN)
    meeting, before = held(server, 2.0)
    failed = until(server, again(server, meeting, models="owl").json(), "failed", "done")
    assert (failed["state"], failed["problem"]) == ("failed", "the owl cannot be loaded: it sleeps")
    assert lines(server, meeting) == before
    assert nothing_left(server)


def test_a_program_that_cannot_be_started_fails_the_job_and_no_more(server: Serving) -> None:
    server.app.state.jobs.others.command = ("/nowhere/python",)
    meeting, before = held(server, 2.0)
    failed = until(server, again(server, meeting, models="owl").json(), "failed", "done")
    assert "no further process can be started on the server" in failed["problem"]
    assert lines(server, meeting) == before


def test_what_a_stop_breaks_off_is_begun_anew_by_the_next_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SLOW, "0.2")
    with serving(config(tmp_path), FakeBackend(pipeline=LeanPipeline)) as running:
        with_others(running.app)
        wait_ready(running)
        meeting, before = held(running)
        job = again(running, meeting, models="owl").json()
        worker(running, job)
    assert workers() == []
    monkeypatch.setenv(SLOW, "0")
    monkeypatch.setattr(hearing_elsewhere, "COMMAND", COMMAND)
    with serving(config(tmp_path), FakeBackend()) as running:
        assert until(running, job, "done", "failed")["problem"] is None
        assert lines(running, meeting) == before
        eventually(lambda: nothing_left(running))


def test_a_server_that_is_killed_leaves_no_process_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    server = Server(tmp_path, "fake", {SLOW: "0.2"})
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as http:
            client = Serving(None, server.port, http, None)  # type: ignore[arg-type]
            meeting, before = held(client)
            job = again(client, meeting, models="owl").json()
            eventually(lambda: (until(client, job, "running")["heard"] or 0) > 1, seconds=60)
            pid = next(pid for pid in processes(b"tests.fakes.models.other_models"))
            server.kill()
            eventually(lambda: not alive(pid))
            server.settings[SLOW] = "0"
            server.start()
            assert until(client, job, "done", "failed")["problem"] is None
            assert lines(client, meeting) == before
            assert http.get(f"/api/meetings/{meeting}").json()["models"]["speech"] == "Owl"
            assert "Traceback" not in server.log
            assert "one" not in server.log.split(), "what was said is in no log"
    finally:
        server.stop()
    with Store(tmp_path / "data") as store:
        assert store.unkept() == []
        assert len(store.files.all()) == 1


def processes(name: bytes) -> Iterator[int]:
    """Those of this machine whose command names it."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if name in (path / "cmdline").read_bytes():
                yield int(path.name)
        except OSError:
            continue


def test_a_job_that_was_asked_for_before_there_were_several_servers_says_what_to_do(server: Serving) -> None:
    meeting, before = held(server, 2.0)
    models = server.app.state.jobs.others
    models.find, find = (lambda: _several(models)), models.find
    failed = until(server, again(server, meeting, models="owl").json(), "failed", "done")
    models.find = find
    assert "python -m meeting retranscribe" in failed["problem"]
    assert lines(server, meeting) == before


def _several(models: AvailableModels) -> tuple[Any, ...]:
    models.config = replace(models.config, cluster=Cluster(address="https://a.example.org"))
    return CHOICES
