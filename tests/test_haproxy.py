"""HAProxy's settings in deploy/, in a real HAProxy where there is one: who comes to which server."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from meeting.config.settings import Server
from tests.conftest import ROOT
from tests.fakes.server_fakes import config, serving, wait_ready

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy on this machine")
MEETINGS = [f"k3v9x0c2m1q8r{number:03}" for number in range(60)]
PATIENCE = 30.0


def settings_of_a_machine() -> str:
    return (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")


def settings_of_pods() -> str:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "haproxy.yaml").read_text(encoding="utf-8"))
    settings: str = next(one for one in documents if one["kind"] == "ConfigMap")["data"]["haproxy.cfg"]
    return settings


BOTH = pytest.mark.parametrize("settings", [settings_of_a_machine(), settings_of_pods()], ids=["machines", "pods"])


class Backend(ThreadingHTTPServer):
    """A server that says its name and what it was asked; `ready` is what `/readyz` answers."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.ready = True


class Handler(BaseHTTPRequestHandler):
    """Answers everything."""

    server: Backend

    def do_GET(self) -> None:
        told = {"server": self.server.name, "path": self.path, "forwarded": self.headers.get("X-Forwarded-For")}
        body = json.dumps(told).encode()
        self.send_response(200 if self.server.ready or self.path != "/readyz" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Balancer:
    """HAProxy with some settings, before servers of this process."""

    def __init__(self, port: int, backends: dict[str, Backend]) -> None:
        self.port = port
        self.backends = backends

    def ask(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            is_json = answer.status == 200 and body.startswith(b"{")
            return answer.status, json.loads(body) if is_json else {}
        finally:
            connection.close()

    def server_of(self, path: str) -> str | None:
        """Who answers."""
        found: str | None = self.ask(path)[1].get("server")
        return found

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not come to pass"
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def balanced(settings: str, folder: Path, real: int | None = None) -> Iterator[Balancer]:
    """The settings as they are, but for addresses: HAProxy listens on a free port, servers are here.

    All of them are what listens on the port `real`, where that is given.
    """
    with ExitStack() as stack:
        backends: dict[str, Backend] = {}
        for name in dict.fromkeys(re.findall(r"^ +server (\S+) ", settings, re.MULTILINE)):
            backends[name] = backend = Backend(name)
            stack.callback(backend.server_close)
            threading.Thread(target=backend.serve_forever, daemon=True).start()
            stack.callback(backend.shutdown)
        port = free_port()
        text = re.sub(r"bind :\d+.*", f"bind 127.0.0.1:{port}", settings)
        text = re.sub(r"bind 127\.0\.0\.1:8404", f"bind 127.0.0.1:{free_port()}", text)
        text = text.replace("/run/haproxy", str(folder))
        text = re.sub(r"resolvers cluster init-addr none ?", "", text)
        text = re.sub(r"^ +default-server\s*$", "", text, flags=re.MULTILINE)
        ports = {name: real or backend.server_port for name, backend in backends.items()}
        servers = re.compile(r"^( +server (\S+)) \S+", re.MULTILINE)
        text = servers.sub(lambda found: f"{found[1]} 127.0.0.1:{ports[found[2]]}", text)
        (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            ["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")], stderr=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        balancer = Balancer(port, backends)
        balancer.until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, "it has ended"
        yield balancer


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@BOTH
def test_haproxy_takes_its_settings(settings: str, tmp_path: Path) -> None:
    text = re.sub(r" ssl crt \S+ alpn \S+", "", settings)  # the certificate is not here
    (tmp_path / "haproxy.cfg").write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr


@BOTH
def test_page_api_and_socket_of_a_meeting_come_to_one_server(settings: str, tmp_path: Path) -> None:
    with balanced(settings, tmp_path) as balancer:
        chosen = []
        for meeting in MEETINGS:
            paths = (
                "/m/{}",
                "/m/{}/captions",
                "/api/meetings/{}/transcript?x=1",
                "/ws/meetings/{}",
                "/api/meetings/{}",
            )
            (server,) = {balancer.server_of(path.format(meeting)) for path in paths}
            chosen.append(server)
        assert set(chosen) == set(balancer.backends)
        assert max(map(chosen.count, set(chosen))) < 0.8 * len(MEETINGS)


@pytest.mark.slow
@BOTH
def test_a_server_that_is_not_ready_takes_only_its_own_meetings_along(settings: str, tmp_path: Path) -> None:
    with balanced(settings, tmp_path) as balancer:
        before = {meeting: balancer.server_of(f"/m/{meeting}") for meeting in MEETINGS}
        gone = before[MEETINGS[0]]
        assert gone is not None
        balancer.backends[gone].ready = False
        balancer.until(lambda: balancer.server_of(f"/m/{MEETINGS[0]}") != gone)
        after = {meeting: balancer.server_of(f"/m/{meeting}") for meeting in MEETINGS}
        stayed = [meeting for meeting, server in before.items() if server != gone]
        assert [after[meeting] for meeting in stayed] == [before[meeting] for meeting in stayed]
        assert gone not in after.values()
        balancer.backends[gone].ready = True
        balancer.until(lambda: balancer.server_of(f"/m/{MEETINGS[0]}") == gone)
        assert {meeting: balancer.server_of(f"/m/{meeting}") for meeting in MEETINGS} == before


def test_a_server_that_is_drained_takes_no_further_meeting_and_is_reached_by_its_name(tmp_path: Path) -> None:
    with balanced(settings_of_a_machine(), tmp_path) as balancer:
        balancer.until((tmp_path / "admin.sock").exists)
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(tmp_path / "admin.sock"))
            admin.sendall(b"set server by_meeting/a state drain; set server any/a state drain\n")
            assert admin.recv(1000).strip() == b""
        balancer.until(lambda: {balancer.server_of(f"/m/{meeting}") for meeting in MEETINGS} == {"b"})
        assert {balancer.server_of("/api/meetings") for _ in range(4)} == {"b"}
        assert balancer.server_of("/servers/a/api/meetings/x") == "a"


@BOTH
def test_each_server_is_reached_by_its_name_whether_ready_or_not(settings: str, tmp_path: Path) -> None:
    with balanced(settings, tmp_path) as balancer:
        for backend in balancer.backends.values():
            backend.ready = False
        for name in balancer.backends:
            for asked, path in (("/api/meetings/x?since=3", "/api/meetings/x?since=3"), ("", "/"), ("/", "/")):
                status, told = balancer.ask(f"/servers/{name}{asked}")
                assert (status, told["server"], told["path"]) == (200, name, path)
        assert balancer.ask("/servers/nobody/api/meetings/x")[0] == 404


@BOTH
def test_what_is_of_no_meeting_is_answered_by_any(settings: str, tmp_path: Path) -> None:
    with balanced(settings, tmp_path) as balancer:
        for path in ("/", "/api/meetings", "/api/search?q=x", "/v1/listen", "/static/app.js"):
            assert balancer.server_of(path) in balancer.backends


@BOTH
def test_a_real_server_is_found_ready_and_reached_by_its_public_name(settings: str, tmp_path: Path) -> None:
    public = Server(host="0.0.0.0", public_url="https://meet.example.org/", insecure_no_auth=True)
    with (
        serving(replace(config(tmp_path / "data"), server=public)) as served,
        balanced(settings, tmp_path, served.port) as balancer,
    ):
        wait_ready(served)
        balancer.until(lambda: balancer.ask("/api/meetings", Host="meet.example.org")[0] == 200)
        assert balancer.ask(f"/m/{MEETINGS[0]}", Host="elsewhere.example.org")[0] == 421


def test_who_asks_is_told_by_haproxy_and_by_nobody_before_it(tmp_path: Path) -> None:
    with balanced(settings_of_a_machine(), tmp_path) as balancer:
        told = balancer.ask("/", **{"X-Forwarded-For": "10.1.2.3"})[1]
        assert told["forwarded"] == "127.0.0.1"


def test_both_files_say_the_same_of_who_comes_where() -> None:
    def rules(settings: str) -> list[str]:
        lines = [line.strip() for line in settings.splitlines()]
        kept = [
            line
            for line in lines
            if re.match(r"(use_backend|default_backend|balance|hash-type|http-request set-var)", line)
        ]
        return kept + [
            line for line in lines if line.startswith(("http-request replace-path", "http-check", "use-server"))
        ]

    assert rules(settings_of_a_machine()) == rules(settings_of_pods())
