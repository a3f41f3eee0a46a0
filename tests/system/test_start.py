"""What a server needs before others may reach it: a token, or a word that it shall do without; and a certificate."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from meeting.cli import EXIT_ERROR, main
from meeting.client import Client as PythonClient
from meeting.client import ServerUnreachable
from meeting.config.settings import Server
from meeting.server.listening import check_tls
from meeting.server.run import serve
from pipelines.errors import ServeError, SettingsError
from tests.fakes.server_fakes import Client, config, tone
from tests.patient_clients import connect

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-this-test-server"

SCRIPT = """
import os, sys
from dataclasses import replace
from pathlib import Path
import meeting.server.run
from meeting.server.app import create_app
from meeting.config.settings import Server
from tests.fakes.server_fakes import FakeBackend, config
os.umask(0)
meeting.server.run.create_app = lambda settings, **options: create_app(settings, FakeBackend(), **options)
host, token, insecure, cert, key = (None if part == "-" else part for part in sys.argv[2:])
server = Server(
    host=host, port=0, token=token, insecure_no_auth=bool(insecure),
    tls_cert=cert and Path(cert), tls_key=key and Path(key),
)
meeting.server.run.serve(replace(config(Path(sys.argv[1])), server=server))
"""


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """`main` sets up logs for the output of one test, which later ones do not have."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("meeting", "pipelines")]
    before = root.handlers[:], [one.level for one in ours]
    yield
    root.handlers[:] = before[0]
    for one, level in zip(ours, before[1], strict=True):
        one.setLevel(level)


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator[str]:
    """A server of its own process that lets everyone read by default; its address."""
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert ": open http" in line, line
        yield line.split("open ")[1].split("/ ")[0]
    finally:
        running.kill()
        running.communicate()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_that_others_can_reach_does_not_start_without_a_token(tmp_path: Path, host: str) -> None:
    settings = replace(config(tmp_path / "data"), server=Server(host=host, port=0))
    with pytest.raises(SettingsError, match=r"other machines can reach .* token"):
        serve(settings)
    assert not (tmp_path / "data").exists()


def test_the_command_says_so_in_one_sentence_and_opens_no_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:  # a port that cannot be had: were it tried, the sentence would be another
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        code = main(["serve", "--host", "0.0.0.0", "--port", str(taken.getsockname()[1])])
    err = capsys.readouterr().err
    assert code == EXIT_ERROR
    assert "--insecure-no-auth" in err
    assert err.count("\n") == 1


def test_a_short_token_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEETING_SERVER_TOKEN", "hunter2")
    assert main(["serve", "--host", "0.0.0.0"]) == EXIT_ERROR
    err = capsys.readouterr().err
    assert "at least 16" in err
    assert "hunter2" not in err


def test_a_token_file_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--token-file", "nowhere"]) == EXIT_ERROR
    assert "nowhere cannot be read" in capsys.readouterr().err


def test_the_command_makes_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["token"]), main(["token"])) == (0, 0)
    one, other = capsys.readouterr().out.split()
    assert one != other
    assert len(one) >= 32


@pytest.mark.slow
def test_with_a_token_it_starts_and_asks_for_it(tmp_path: Path) -> None:
    with process(tmp_path, "0.0.0.0", TOKEN, "-", "-", "-") as address:
        ask = httpx.Client(base_url=address, trust_env=False)
        assert ask.get("/api/meetings").status_code == 401
        assert ask.get("/api/meetings", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        ask.close()


@pytest.mark.slow
def test_told_to_do_without_it_asks_for_none(tmp_path: Path) -> None:
    with process(tmp_path, "0.0.0.0", "-", "yes", "-", "-") as address:
        assert httpx.get(f"{address}/api/meetings", trust_env=False).status_code == 200


@pytest.mark.slow
def test_new_files_are_for_their_owner_whatever_the_user_lets_others_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with process(folder, "127.0.0.1", "-", "-", "-", "-") as address:
        httpx.post(f"{address}/api/meetings", trust_env=False)
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in [folder.parent, folder, *folder.rglob("*")]}
    assert modes
    assert {name: mode for name, mode in modes.items() if mode not in ("0o600", "0o700")} == {}


@pytest.mark.slow
def test_https_and_wss_are_served_with_a_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=str(cert))
    with process(tmp_path, "127.0.0.1", "-", "-", str(cert), str(key)) as address:
        assert address.startswith("https://127.0.0.1:")
        with httpx.Client(verify=trusting, base_url=address, trust_env=False) as ask:
            meeting_id = ask.post("/api/meetings", headers={"Origin": address}).json()["id"]
        with connect(
            f"{address.replace('https', 'wss')}/ws/meetings/{meeting_id}", ssl=trusting, proxy=None
        ) as socket_:
            assert Client(socket_).receive()["type"] == "snapshot"


def test_a_certificate_that_cannot_be_used_is_a_sentence(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    (tmp_path / "rubbish").write_text("no certificate")
    for server, sentence in [
        (Server(tls_key=key), "name the certificate"),
        (Server(tls_cert=cert), "belong together"),
        (Server(tls_cert=tmp_path / "rubbish", tls_key=key), "PEM"),
        (Server(tls_cert=tmp_path / "none", tls_key=key), "cannot be read"),
    ]:
        with pytest.raises(ServeError, match=sentence):
            check_tls(server)
    check_tls(Server())
    check_tls(Server(tls_cert=cert, tls_key=key))


def test_a_key_with_a_password_does_not_stop_at_a_prompt(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-out", str(locked), "-passout", "pass:secret"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ServeError, match="no password"):
        check_tls(Server(tls_cert=cert, tls_key=locked))


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("2", 2)])
def test_numpy_has_one_thread_unless_the_environment_says_otherwise(asked: str | None, threads: int) -> None:
    pytest.importorskip("threadpoolctl")
    script = """
import meeting.cli, meeting.server.run, numpy
from threadpoolctl import threadpool_info
print({pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"})
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if asked:
        environment["OPENBLAS_NUM_THREADS"] = asked
    told = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.strip() in (f"{{{min(threads, os.cpu_count() or 1)}}}", f"{{{threads}}}"), told.stderr


@pytest.mark.slow
def test_the_python_client_speaks_https_and_knows_a_certificate_or_says_so(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = map(str, certificate)

    async def run(server: str) -> None:
        client = PythonClient(server, TOKEN, context=ssl.create_default_context(cafile=cert))
        meeting = await client.create_meeting("Monday")
        assert meeting.links["speak"].startswith("https://")
        async with client.speak(meeting.id) as source:
            await source.send(tone(2.0))
        assert len((await client.transcript(meeting.id))["segments"]) == 2
        stranger = PythonClient(server, TOKEN)
        with pytest.raises(ServerUnreachable, match="certificate is not known"):
            await stranger.create_meeting()
        with pytest.raises(ServerUnreachable, match="certificate is not known"):
            async with stranger.speak(meeting.id):
                pass

    with process(tmp_path, "127.0.0.1", TOKEN, "-", cert, key) as server:
        assert server.startswith("https://")
        asyncio.run(run(server))
