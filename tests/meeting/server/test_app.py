"""The whole server in process: which files and headers get through, what settings become; models are fakes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from tests.fakes.server_fakes import Serving, config, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


def test_scripts_are_served_as_scripts_and_never_cached_blindly(served: Serving) -> None:
    answer = served.http.get("/static/net/connection.js")
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"


ROOT = Path(__file__).resolve().parents[3]
UP = ("..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..%00", "%2e%2e%2f", "..%5c", "..\\", "%c0%ae%c0%ae", "....//")
OUTSIDE = [
    *(f"/static/{up}/config.yaml" for up in UP),
    *(f"/static/sample/{up}/{up}/config.yaml" for up in UP),
    *(f"/static/{up}/web/../config.yaml" for up in UP),
    *(f"/static{slash}{ROOT}/config.yaml" for slash in ("/", "//", "/%2f", "%2f", "/%5c")),
    "/static/..\\config.yaml",
    "/static/..%2fconfig.yaml",
    "/static/..%5cconfig.yaml",
    "/static/%2e%2e%2fconfig.yaml",
    "/static//../config.yaml",
    "/static/.//..//config.yaml",
    "/static/../web/../config.yaml",
    "/../config.yaml",
    "/%2e%2e/config.yaml",
    "/m/../config.yaml",
    "/static/../config.yaml%00.js",
    "/static/%00/../../config.yaml",
    "/static/file:///etc/passwd",
    "/static/../../../../../../etc/passwd",
    "/static/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/static//etc/passwd",
    "/static/app.js%00",
    "/static/none.js",
    "/static/",
    "/static",
    "/static/sample",
    "/static/.",
    "/static/%2e%2e",
]


SOCKET = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {'a' * 22}==", "Sec-WebSocket-Version: 13")


def raw(served: Serving, path: str, *lines: str, method: str = "GET") -> tuple[int, bytes]:
    """The answer to a request sent as it is: clients take `..` out of paths, and know what a header may hold."""
    host = () if any(line.lower().startswith("host:") for line in lines) else (f"Host: 127.0.0.1:{served.port}",)
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        once = () if lines[-4:] == SOCKET else ("Connection: close",)
        request = "\r\n".join([f"{method} {path} HTTP/1.1", *host, *lines, *once, "", ""])
        connection.sendall(request.encode("latin-1"))
        if not once:
            return int(connection.recv(65_536).split(b" ", 2)[1]), b""
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("path", OUTSIDE)
def test_only_the_pages_folder_is_served(served: Serving, path: str) -> None:
    status, answer = raw(served, path)
    # A page is shown at /m/ANYTHING: it is the same for all.
    assert status in (400, 404) or (path.startswith("/m/") and b"<!doctype html>" in answer)
    assert (ROOT / "config.yaml").read_bytes()[:60] not in answer
    assert b"root:" not in answer


ODD = (
    "http://[",
    "http://]",
    "[",
    "null",
    "",
    "://",
    "http://[::1",
    "http://a:b",
    "\xff\xfe",
    "http://\xb2",
    "%",
    "a b",
    "*",
)
HEADERS = [
    *(f"Origin: {odd}" for odd in ODD),
    *(f"Host: {odd}" for odd in ODD),
    *(f"X-Forwarded-{name}: {odd}" for name in ("For", "Host", "Port", "Proto") for odd in ODD),
    *(f"{name}: {odd}" for name in ("Authorization", "Range", "If-None-Match", "Cookie", "Accept") for odd in ODD),
    *(f"Sec-WebSocket-Protocol: {odd}" for odd in ODD),
    "Range: bytes=9-1",
    "Range: bytes=\xb2-",
    "If-Range: \xff",
    "Authorization: Bearer \xff",
    "Content-Length: \xb2",
    "Content-Type: \xff",
    f"X-Forwarded-For: {'1.2.3.4, ' * 900}",
    f"Origin: http://{'a' * 8000}",
]


@pytest.mark.parametrize("line", HEADERS)
def test_no_header_is_more_than_a_refusal_however_odd_it_is(
    served: Serving, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    for path, method in (("/api/meetings", "POST"), ("/api/meetings/none/audio", "GET"), ("/static/app.js", "GET")):
        assert raw(served, path, line, method=method)[0] < 500
    assert raw(served, "/ws/meetings/none", line, *SOCKET)[0] < 500
    assert not [record for record in caplog.records if record.exc_info]


def test_a_malformed_origin_is_refused_like_that_of_another_site(served: Serving) -> None:
    assert raw(served, "/api/meetings", "Origin: http://[", method="POST")[0] == 403
    assert raw(served, "/ws/meetings/none", "Origin: http://[", *SOCKET)[0] == 403
    assert raw(served, "/", "Host: [")[0] == 421


def test_a_path_sent_as_it_is_finds_what_there_is(served: Serving) -> None:
    for path in ("/static/app.js", "/static/sample/../app.js", "/static//app.js", "/static/%61pp.js"):
        status, answer = raw(served, path)
        assert (status, b"composition root" in answer) == (200, True)


def test_a_body_sent_in_chunks_is_refused_once_it_is_too_large(served: Serving) -> None:
    body = iter([b" " * 65_536] * 20)
    answer = served.http.post("/api/meetings", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_meetings_are_there_after_a_restart(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as served:
        meeting_id = served.create("Kept")
    with serving(config(tmp_path)) as served:
        assert served.http.get(f"/api/meetings/{meeting_id}").json()["title"] == "Kept"


def test_durability_is_a_setting(tmp_path: Path) -> None:
    from dataclasses import replace

    from meeting.config.settings import Storage
    from meeting.server.app import create_app

    made = {value: replace(config(tmp_path), storage=Storage(tmp_path, durability=value)) for value in ("os", "fsync")}
    assert [create_app(made[value]).state.rooms.services.fsync for value in ("os", "fsync")] == [False, True]


def test_meetings_of_the_server_count_as_live(tmp_path: Path) -> None:
    from meeting.server.app import create_app

    assert create_app(config(tmp_path)).state.rooms.services.live


def test_notes_that_cannot_be_as_they_are_set_stop_the_start(tmp_path: Path) -> None:
    from meeting.config.settings import Notes
    from meeting.server.app import create_app

    with pytest.raises(SettingsError, match=r"notes\.model"):
        create_app(replace(config(tmp_path), notes=Notes(url="http://127.0.0.1:9/v1")))
