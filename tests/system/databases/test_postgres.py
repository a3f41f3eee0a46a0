"""A server whose meetings are in PostgreSQL: a real process, a real socket, a PostgreSQL that is stopped under it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from benchmarks.harness.process import environment
from benchmarks.harness.server import ROOT, Server
from benchmarks.harness.source import Source
from benchmarks.torture.scenarios import missing
from benchmarks.torture.shared import Options, sample, stored_audio, told, uninterrupted
from tests.databases.postgres_server import PostgresServer, postgres_server, without_postgres

AWAY = 10.0
"""Seconds"""


@pytest.fixture
def own() -> Iterator[PostgresServer]:
    """A PostgreSQL server that may be stopped."""
    reason = without_postgres()
    if reason:
        pytest.skip(reason)
    with postgres_server() as running:
        yield running


@pytest.fixture
def server(own: PostgresServer, tmp_path: Path) -> Iterator[Server]:
    """A server that keeps its meetings there."""
    running = Server(tmp_path, "fake", {"MEETING_STORAGE_DATABASE": own.new_database(empty=True)})
    running.start()
    running.ready()
    yield running
    running.stop()


def answer(server: Server, path: str) -> tuple[int, str]:
    """Status and body of what a server answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def database_up(server: Server) -> float:
    """What the metrics say of the database."""
    (line,) = [line for line in answer(server, "/metrics")[1].splitlines() if line.startswith("meeting_database_up ")]
    return float(line.split()[1])


def command(server: Server, *arguments: str) -> str:
    """What a command prints that is run beside the server."""
    variables = {**environment(ROOT), **server.settings, "MEETING_DATA_DIR": str(server.data)}
    done = subprocess.run(
        [sys.executable, "-m", "meeting", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_is_stopped_in_mid_meeting_loses_nothing_and_does_nothing_twice(
    own: PostgresServer, server: Server, mode: str
) -> None:
    asyncio.run(_stopped(own, server, mode))


async def _stopped(own: PostgresServer, server: Server, mode: str) -> None:
    audio = sample(12.0)
    plain, _ = await uninterrupted(server, Options(server.folder, "fake", 1, 4.0, 12.0, 1))
    meeting = server.new_meeting("restart")
    source = Source(server.port, meeting, audio, 1.0)
    task = asyncio.create_task(source.run())
    while source.acked < len(source.frames) // 3:
        await asyncio.sleep(0.02)
    assert database_up(server) == 1
    await asyncio.to_thread(own.stop, mode)
    acked = source.acked
    while not any(message["code"] == "storage" for message in source.of("error")):
        await asyncio.sleep(0.05)
    status, body = await asyncio.to_thread(answer, server, "/api/meetings")
    assert (status, json.loads(body)["error"]["code"]) == (503, "storage")
    assert await asyncio.to_thread(database_up, server) == 0
    assert (await asyncio.to_thread(answer, server, "/healthz"))[0] == 200
    await asyncio.sleep(AWAY / 2)
    assert source.acked > acked, "frames are on disk, wherever the text is to go"
    await asyncio.to_thread(own.start)
    await server.outliving(task, 120)
    assert told(server.transcript(meeting)) == told(plain)
    assert not missing(server, meeting, source, source.acked)
    assert stored_audio(server, meeting) == audio
    assert source.connections == 1, "the source kept its connection"
    assert database_up(server) == 1
    name = make_url(server.settings["MEETING_STORAGE_DATABASE"]).database or ""
    counted = own.execute(f"SELECT count(*), count(DISTINCT id) FROM segments WHERE meeting_id = '{meeting}'", name)
    assert counted == [(len(plain), len(plain))]
    searched = own.execute("SELECT count(*) FROM segment_search", name)
    assert searched == own.execute("SELECT count(*) FROM segments", name)
    assert "Traceback" not in server.log
    assert "restart" not in server.log


@pytest.mark.slow
def test_commands_use_the_database_that_is_set(own: PostgresServer, server: Server) -> None:
    asyncio.run(
        server.outliving(Source(server.port, meeting := server.new_meeting("Budget"), sample(4.0), 4.0).run(), 60)
    )
    assert "Budget" in command(server, "list")
    text = command(server, "export", meeting, "--format", "txt")
    assert "one" in text
    assert "Budget" in command(server, "search", "one")
    assert "Budget" in command(server, "show", meeting)
    command(server, "statistics", meeting)
    command(server, "voices", "list")
    assert "database" in command(server, "migrate")
    asked = urllib.request.Request(f"http://127.0.0.1:{server.port}/api/meetings/{meeting}", method="DELETE")
    with urllib.request.urlopen(asked, timeout=60) as gone:
        assert gone.status < 300
    assert "Budget" not in command(server, "list")
    assert not list(server.data.glob("*.sqlite3*"))
