"""Servers with models on a Ray cluster: the same text and labels, and what dies meanwhile costs time only."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import soundfile

from benchmarks.harness.process import environment
from benchmarks.harness.ray_nodes import RayNode, RayNodes
from benchmarks.harness.server import ROOT, Server
from benchmarks.harness.shared_models import SharedModels
from meeting.cluster.shared_models.stalls import STALL_AFTER
from tests.cluster.people import Meeting
from tests.conftest import Sample

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.model, pytest.mark.timeout(900)]

PATIENCE = 180.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedModels]:
    """Shared models with one replica of each kind: on a head and a worker node until these are killed or stopped."""
    folder = tmp_path_factory.mktemp("models")
    shared = SharedModels(folder, nodes=RayNodes(folder / "nodes"))
    try:
        shared.start()
        yield shared
    finally:
        shared.stop()


@pytest.fixture
def server(tmp_path: Path, models: SharedModels) -> Iterator[Server]:
    """A server that is to use them, not yet started."""
    server = Server(tmp_path / "server", settings=models.settings)
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill()


def replay(
    folder: Path, recording: Path, settings: dict[str, str], meanwhile: Callable[[Path], None] = lambda events: None
) -> dict[str, Any]:
    """What a recording becomes that is replayed by itself, without what differs from time to time."""
    out, events = folder / "out", folder / "events"
    folder.mkdir()
    command = [sys.executable, "-m", "meeting", "replay", "--models", "embedded", "--data-dir", str(folder / "data")]
    process = subprocess.Popen(
        [*command, "--out", str(out), "--events", str(events), str(recording)],
        cwd=ROOT,
        env={**environment(ROOT), **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        meanwhile(events)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors.decode()
    finally:
        process.kill()
    transcript = json.loads((out / f"{recording.stem}.json").read_text())
    return {
        "models": transcript["models"],
        "lines": [[segment[key] for key in ("start", "end", "speaker", "text")] for segment in transcript["segments"]],
        "words": [segment["words"] for segment in transcript["segments"]],
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> dict[str, Any]:
    """The sample meeting by models of the process itself."""
    return replay(tmp_path_factory.mktemp("local") / "run", sample.audio, {})


def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def begun(events: Path) -> bool:
    """Whether some line has been told."""
    return events.exists() and b'"segment' in events.read_bytes()


def test_lines_words_and_labels_are_those_of_local_models(
    tmp_path: Path, models: SharedModels, sample: Sample, local: dict[str, Any]
) -> None:
    assert len(local["lines"]) > 10
    assert replay(tmp_path / "shared", sample.audio, models.settings) == local


@pytest.mark.parametrize("application", ["speech", "speakers"])
def test_a_replica_that_is_killed_in_the_middle_changes_nothing(
    application: str, tmp_path: Path, models: SharedModels, sample: Sample, local: dict[str, Any]
) -> None:
    killed: list[int] = []

    def kill(events: Path) -> None:
        until(lambda: begun(events))
        killed.append(models.replica(application))
        os.kill(killed[0], signal.SIGKILL)

    assert replay(tmp_path / "killed", sample.audio, models.settings, kill) == local
    until(lambda: any(f"Replica:{application}:" in command for command in models.processes.values()))
    assert models.replica(application) != killed[0]


def test_a_node_that_dies_with_all_replicas_in_a_live_meeting_costs_time_only(
    models: SharedModels, server: Server, sample: Sample, local: dict[str, Any]
) -> None:
    assert models.nodes is not None
    (dies,) = models.nodes.workers
    assert dies.replicas() == ["speakers", "speech"]
    other = models.nodes.add()
    assert other.replicas() == []
    server.start()
    server.ready()
    meeting, moved = asyncio.run(hold(server, sample, dies, other))
    silent = metric(server, "meeting_models_stalled_seconds_total")
    for row in meeting.rows():
        print(f"node killed | {row}")
    same = alike(lines(server), local)
    print(f"node killed | new replicas begin to load after {moved:.1f} s, no answers for {silent + STALL_AFTER:.1f} s")
    print(f"node killed | words as without it: {same:.3f}")
    assert silent > 0
    assert [seen.losses for seen in (meeting.source, *meeting.readers)] == [0, 0, 0]
    assert "the shared models answer again" in server.log
    assert "Traceback" not in server.log
    # sentences become final with their utterance only while partial results are left out
    assert same > 0.9


async def hold(server: Server, sample: Sample, dies: RayNode, other: RayNode) -> tuple[Meeting, float]:
    """The sample meeting, in the middle of which a node dies; how many seconds later another has its replicas."""
    audio = soundfile.read(sample.audio, dtype="int16")[0].tobytes()
    meeting = Meeting(f"http://127.0.0.1:{server.port}", server.new_meeting("node"), audio, speed=1.0)
    holding = asyncio.create_task(meeting.run())
    try:
        while meeting.sent < 0.3 and not holding.done():
            await asyncio.sleep(0.1)
        began = time.monotonic()
        dies.kill()
        await asyncio.to_thread(until, lambda: other.replicas() == ["speakers", "speech"])
        moved = time.monotonic() - began
        meeting.hold.set()
        await asyncio.wait_for(holding, PATIENCE)
    finally:
        holding.cancel()
    return meeting, moved


def test_a_head_that_dies_in_a_live_meeting_is_as_a_machine_that_is_too_full(
    tmp_path: Path, models: SharedModels, server: Server, sample: Sample, local: dict[str, Any]
) -> None:
    server.start()
    server.ready()
    client = play(server, tmp_path, sample, "--speed", "1", "--events", str(tmp_path / "events"))
    try:
        until(lambda: lines(server))
        models.kill()
        # steps are three seconds apart
        until(lambda: metric(server, "meeting_models_stalled_seconds_total") > 10)
        assert server.get("/healthz")
        assert "no shared model has answered" in server.log
        models.start()
        assert client.wait(PATIENCE) == 0
    finally:
        client.kill()
        client.wait()
    assert "the shared models answer again" in server.log
    told = [json.loads(line)["event"] for line in (tmp_path / "events").read_text().splitlines()]
    stats = [event for event in told if event["type"] == "stats"]
    assert {"no_partials", "long_hop"} & {event["left_out"] for event in stats}
    assert {event["models_answer"] for event in stats} == {True, False}
    assert stats[-1]["models_answer"]
    assert [event for event in told if event["type"] == "error"] == []
    # sentences become final with their utterance only while partial results are left out
    assert alike(lines(server), local) > 0.9


def test_a_server_that_starts_before_its_models_waits_for_them_and_says_so(
    tmp_path: Path, models: SharedModels, server: Server, sample: Sample, local: dict[str, Any]
) -> None:
    models.stop()
    server.start()
    until(lambda: f"asking the shared models for speech at {models.address}" in answer(server, "/readyz"))
    assert server.get("/readyz") is None
    client = play(server, tmp_path, sample)
    try:
        models.start()
        server.ready()
        assert client.wait(PATIENCE) == 0
    finally:
        client.kill()
        client.wait()
    assert alike(lines(server), local) > 0.9


def test_a_server_loads_neither_models_nor_ray(models: SharedModels, server: Server) -> None:
    server.start()
    server.ready()
    assert server.process is not None
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "cygrpc" in mapped
    for library in ("libtorch", "ctranslate2", "_raylet"):
        assert library not in mapped, library


def play(server: Server, folder: Path, sample: Sample, *options: str) -> subprocess.Popen[bytes]:
    """The sample meeting on its way to a server."""
    to = ["--server", f"http://127.0.0.1:{server.port}", "--out", str(folder / "out")]
    return subprocess.Popen(
        [sys.executable, "-m", "meeting", "replay", *to, *options, str(sample.audio)],
        cwd=ROOT,
        env=environment(ROOT),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def lines(server: Server) -> list[str]:
    """The lines that are stored of its newest meeting."""
    meetings = server.get("/api/meetings")["meetings"]
    return [segment["text"] for segment in server.transcript(meetings[0]["id"])] if meetings else []


def alike(found: list[str], local: dict[str, Any]) -> float:
    """How much of the words of both is the same."""
    expected = " ".join(line[3] for line in local["lines"])
    return SequenceMatcher(None, " ".join(found).split(), expected.split(), autojunk=False).ratio()


def answer(server: Server, path: str) -> str:
    """An answer's text, whatever its status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as given:
            return str(given.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def metric(server: Server, name: str) -> float:
    """One of its figures."""
    lines = [line.split() for line in answer(server, "/metrics").splitlines()]
    return next(float(line[1]) for line in lines if line and line[0] == name)
