"""HTTP with strangers: what never becomes a request, bodies that do not come, answers that nobody takes."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from meeting.server import meeting_server
from meeting.transport import http_connection
from meeting.transport.http_connection import HIGH_WATER, READ_BYTES, HttpConnection
from tests.fakes.server_fakes import Serving, config, serving

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server that looks often."""
    monkeypatch.setattr(meeting_server, "SWEEP_SECONDS", 0.02)
    with serving(config(tmp_path)) as running:
        yield running


@contextmanager
def connected(served: Serving, receives: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as mine:
        if receives is not None:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        mine.settimeout(20)
        mine.connect(("127.0.0.1", served.port))
        yield mine


def ended(mine: socket.socket) -> bytes:
    """What comes until the server ends the connection; a test that waits in vain fails by its timeout."""
    came = b""
    try:
        while part := mine.recv(65536):
            came += part
    except ConnectionError:
        pass
    return came


def http(served: Serving) -> list[HttpConnection]:
    """The server's side of each HTTP connection."""
    return [one for one in list(served.server.server_state.connections) if isinstance(one, HttpConnection)]


def send_on(mine: socket.socket, parts: Iterable[bytes]) -> bool:
    """Send one part after the other; whether the server ended the connection meanwhile, or took no more."""
    try:
        for part in parts:
            mine.sendall(part)
            if len(part) < 100:
                pause()
    except OSError:
        return True
    return False


def was_reset(mine: socket.socket) -> bool:
    """Whether the connection ends by a reset, when all that came has been read."""
    try:
        while mine.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def pause() -> None:
    threading.Event().wait(0.02)


@pytest.mark.parametrize("before", [b"", GET], ids=["at first", "after an answer"])
def test_a_request_that_trickles_in_is_given_up(
    served: Serving, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(http_connection, "HEADER_SECONDS", 0.3)
    with connected(served) as mine:
        mine.sendall(before)
        if before:
            assert mine.recv(4096).startswith(b"HTTP/1.1 200")
        assert send_on(mine, (bytes([byte]) for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 1000))


def test_an_answered_request_whose_body_goes_on_and_on_is_given_up(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "HEADER_SECONDS", 0.3)
    with connected(served) as mine:
        mine.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert send_on(mine, [b"1\r\nx\r\n"] * 1000)


def test_a_body_that_comes_too_slowly_is_given_up(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.3)
    with connected(served) as mine:
        mine.sendall(b"POST /api/meetings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
        assert send_on(mine, [b" "] * 900)


def test_a_body_that_comes_in_time_is_taken_however_it_is_cut(served: Serving) -> None:
    body = b'{"title":"' + b"x" * 100 + b'"}'
    with connected(served) as mine:
        mine.sendall(
            b"POST /api/meetings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        for at in range(0, len(body), 20):
            mine.sendall(body[at : at + 20])
            pause()
        assert ended(mine).startswith(b"HTTP/1.1 201")


def test_requests_whose_answers_nobody_takes_wait_in_the_system_and_not_in_memory(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "STUCK_SECONDS", 2.0)
    largest = len(served.http.get("/docs").content) + 4096
    with connected(served, receives=4096) as mine:
        mine.settimeout(0.5)
        assert send_on(mine, [LARGE * 100] * 10_000)
        held = max((one.transport.get_write_buffer_size() for one in http(served)), default=0)
        unread = max((len(one.conn.trailing_data[0]) for one in http(served)), default=0)
        assert held <= HIGH_WATER + 2 * largest
        assert unread <= 4 * READ_BYTES
        while any(one.transport.get_write_buffer_size() for one in http(served)):
            pause()  # until it is given up


def test_pipelined_requests_are_all_answered_to_who_reads(served: Serving) -> None:
    with connected(served) as mine:
        mine.sendall(GET * 200 + b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert ended(mine).count(b"HTTP/1.1 200 OK") == 201


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"POST /api/meetings HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        GET + b"\x00\x00\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 70_000,
    ],
)
def test_what_is_no_http_ends_without_a_traceback(
    served: Serving, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), connected(served) as mine:
        with suppress(ConnectionError):
            mine.sendall(text)
        ended(mine)
    assert not [record for record in caplog.records if record.exc_info]
    assert served.http.get("/healthz").status_code == 200


def test_a_closed_connection_whose_rest_nobody_takes_is_gone_in_the_end(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "CLOSING_SECONDS", 0.2)
    monkeypatch.setattr(http_connection, "STUCK_SECONDS", 1000.0)
    with connected(served, receives=4096) as mine:
        mine.settimeout(0.3)
        assert send_on(mine, [LARGE * 100] * 10_000)
        for one in http(served):
            one.loop.call_soon_threadsafe(one.transport.close)
        while any(one.transport.get_write_buffer_size() for one in http(served)):
            pause()


def test_who_is_dropped_is_told_by_a_reset_and_nothing_stays_in_the_system(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "STUCK_SECONDS", 0.2)
    with connected(served, receives=4096) as mine:
        mine.settimeout(0.3)
        told = False
        try:
            for _ in range(10_000):
                mine.sendall(LARGE * 100)
            pytest.fail("all of it was taken")
        except ConnectionResetError:
            told = True  # while it was still sending, and a socket tells it once
        except TimeoutError:
            pass
        while http(served):
            pause()
        mine.settimeout(20)
        assert told or was_reset(mine)


def test_an_answer_that_is_out_of_our_hands_reaches_who_is_dropped_behind_it(served: Serving) -> None:
    with connected(served) as mine:
        mine.sendall(LARGE)
        whole = len(served.http.get("/docs").content)
        # that of the client above, and mine
        while sum(one.cycle is not None and one.cycle.response_complete for one in http(served)) < 2:
            pause()
        for one in http(served):
            one.loop.call_soon_threadsafe(one.drop)
        assert len(ended(mine).partition(b"\r\n\r\n")[2]) == whole
