"""The ways a server starts and ends, as a real process where signals matter."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from meeting.config.settings import Config, Server, Webhooks
from meeting.config.webhooks import read_endpoints
from meeting.server.run import serve
from meeting.storage.files import journal
from meeting.storage.files.lock import only_server
from meeting.storage.store import Store
from pipelines.errors import DatabaseTooNew, SettingsError, StoreError
from tests.fakes.server_fakes import Client, config, tone
from tests.patient_clients import connect

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_warning_is_given_at_the_start(tmp_path: Path) -> None:
    told = "server=Server(host='0.0.0.0', port=0, token='t' * 16)"
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("server=Server(port=0)", told), str(tmp_path), ""],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.terminate()
    _, errors = running.communicate(timeout=30)
    assert "0.0.0.0 is served without https" in errors


@pytest.mark.parametrize("server", [Server(port=0, public_url="nowhere"), Server(port=0, trusted_proxies=("*",))])
def test_an_address_of_a_proxy_that_cannot_be_one_stops_the_start_before_anything_is_made(
    tmp_path: Path, server: Server
) -> None:
    with pytest.raises(SettingsError, match=r"server\."):
        serve(replace(config(tmp_path / "data"), server=server))
    assert not (tmp_path / "data").exists()


def test_a_secret_of_a_webhook_that_is_none_stops_the_start_before_anything_is_made(tmp_path: Path) -> None:
    webhooks = Webhooks(read_endpoints([{"url": "https://example.org", "secret": "password"}], "x"))
    with pytest.raises(SettingsError, match=r"webhook example\.org: the secret must be whsec_"):
        serve(_any_port(replace(config(tmp_path / "data"), webhooks=webhooks)))
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    settings = config(tmp_path / "file" / "data")
    with pytest.raises(StoreError):
        serve(_any_port(settings))


def test_a_second_server_leaves_the_database_of_the_first_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "meetings.sqlite3").write_bytes(b"")
    with only_server(tmp_path), pytest.raises(StoreError, match="another server uses"):
        serve(_any_port(config(tmp_path)))
    assert (tmp_path / "meetings.sqlite3").stat().st_size == 0


def test_a_database_of_a_later_version_stops_the_start(tmp_path: Path) -> None:
    with Store(tmp_path):
        pass
    (database,) = tmp_path.glob("*.sqlite3")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()
    with pytest.raises(DatabaseTooNew):
        serve(_any_port(config(tmp_path)))


def _any_port(settings: Config) -> Config:
    return replace(settings, server=Server(port=0))


SCRIPT = """
import sys, threading
from dataclasses import replace
from pathlib import Path
import meeting.server.meeting_server
import meeting.server.run
from meeting.server.app import create_app
from meeting.config.settings import Server
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config

class StuckPipeline(FakePipeline):
    def finish(self):
        threading.Event().wait(60)

backend = FakeBackend(pipeline=StuckPipeline if sys.argv[2].startswith("stuck") else FakePipeline)
if sys.argv[2] == "stuck, and soon given up":
    meeting.server.meeting_server.FINISH_SECONDS = 1.0
meeting.server.run.create_app = lambda settings, **options: create_app(settings, backend, **options)
meeting.server.run.serve(replace(config(Path(sys.argv[1])), server=Server(port=0)))
"""


@contextmanager
def process(folder: Path, kind: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server with fake models as a process of its own, and its address."""
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert "open http://127.0.0.1:" in line, line
        yield running, line.split("http://")[1].split("/")[0]
    finally:
        running.kill()
        running.communicate()


@contextmanager
def live(address: str) -> Iterator[tuple[Client, str]]:
    """A source that has sent a second and a half, and its meeting's id."""
    meeting_id = httpx.post(f"http://{address}/api/meetings", trust_env=False).json()["id"]
    with connect(f"ws://{address}/ws/meetings/{meeting_id}") as socket_:
        client = Client(socket_)
        client.start()
        client.frame(0, tone(1.5))
        client.until("ack")
        yield client, meeting_id


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_finishes_and_stores_live_meetings(tmp_path: Path, number: int) -> None:
    with process(tmp_path) as (running, address), live(address) as (client, meeting_id):
        running.send_signal(number)
        assert client.until("ended")["segments"] == 2
        _, errors = running.communicate(timeout=30)
        assert (running.returncode, "Traceback" in errors) == (0, False)
    with Store(tmp_path) as store:
        assert (store.meeting(meeting_id).state, store.meeting(meeting_id).segments) == ("ended", 2)


@pytest.mark.slow
def test_a_second_signal_forces_the_end_and_what_was_said_is_kept(tmp_path: Path) -> None:
    with process(tmp_path, "stuck") as (running, address), live(address) as (client, meeting_id):
        running.send_signal(signal.SIGINT)
        client.until("state")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 0
    with Store(tmp_path) as store:
        assert store.meeting(meeting_id).segments == 1


@pytest.mark.slow
def test_a_killed_server_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    with process(tmp_path) as (running, address), live(address) as (client, meeting_id):
        session = next(message for message in client.seen if message["type"] == "session")
        running.kill()
        running.communicate(timeout=30)
    (path,) = (tmp_path / "audio").glob(f"{meeting_id}.*.journal")
    assert [len(frame.payload) for frame in journal.read(path)] == [48_000]
    with process(tmp_path) as (_, address), connect(f"ws://{address}/ws/meetings/{meeting_id}") as socket_:
        client = Client(socket_)
        again = client.start(resume={"source_id": session["source_id"], "token": session["resume_token"]})
        again = client.until("session") if again["type"] == "error" else again
        assert again["next_seq"] == 1
        client.frame(1, tone(1.5))
        client.send("stop")
        assert client.until("ended")["segments"] == 3
    with Store(tmp_path) as store:
        assert (store.meeting(meeting_id).state, store.meeting(meeting_id).samples) == ("ended", 48_000)
    assert not path.exists()


@pytest.mark.slow
def test_neither_a_half_sent_request_nor_a_deaf_reader_keeps_a_server_from_stopping(tmp_path: Path) -> None:
    with (
        process(tmp_path, "stuck, and soon given up") as (running, address),
        live(address) as (_, meeting_id),
        connect(f"ws://{address}/ws/meetings/{meeting_id}", max_queue=1, close_timeout=0.1),
        socket.create_connection(tuple(address.split(":"))) as half,
    ):
        half.sendall(b"POST /api/meetings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{")
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
        assert running.returncode == 0


@pytest.mark.slow
def test_what_does_not_finish_in_time_is_left_to_the_next_start(tmp_path: Path) -> None:
    with process(tmp_path, "stuck, and soon given up") as (running, address), live(address) as (client, meeting_id):
        running.send_signal(signal.SIGTERM)
        assert client.close_code() == 1001
        _, errors = running.communicate(timeout=30)
        assert (running.returncode, "Traceback" in errors) == (0, False)
    with Store(tmp_path) as store:
        assert store.meeting(meeting_id).state == "ending"
    with process(tmp_path) as (_, address), connect(f"ws://{address}/ws/meetings/{meeting_id}") as socket_:
        assert Client(socket_).until("ended")["segments"] == 2


@pytest.mark.slow
def test_too_low_a_limit_of_open_files_is_said_at_the_start_and_a_meeting_is_held_all_the_same(tmp_path: Path) -> None:
    script = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))\n" + SCRIPT
    running = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), ""],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        line = running.stdout.readline()
        address = line.split("http://")[1].split("/")[0]
        idle = [socket.create_connection(tuple(address.split(":"))) for _ in range(450)]
        with live(address) as (client, _):
            client.send("stop")
            assert client.until("ended")["segments"] == 2
        for one in idle:
            one.close()
    finally:
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=30)
    assert "may have 400 files open" in errors
    assert "LimitNOFILE=" in errors
    assert "Traceback" not in errors
    assert len(errors) < 5000
