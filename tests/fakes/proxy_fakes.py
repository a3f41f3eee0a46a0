"""A small reverse proxy: passes requests on to a server, with the path and the headers that a test chooses."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Headers = dict[str, str]
"""By names in small letters"""

ELSEWHERE = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 9\r\n\r\nelsewhere"


class Proxy(socketserver.ThreadingTCPServer):
    """Each connection carries one request, or a socket: that is all that a proxy needs to be for these tests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream: int, prefix: str, stripped: bool, change: Callable[[Headers, int], None]) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.upstream = upstream
        self.prefix = prefix
        self.stripped = stripped
        self.change = change
        self.asked: list[str] = []
        """Request lines as they came"""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class Connection(socketserver.StreamRequestHandler):
    """One connection."""

    server: Proxy

    def handle(self) -> None:
        """Pass it on, or say that there is nothing outside of the prefix."""
        proxy = self.server
        lines = [line.decode("latin-1").rstrip("\r\n") for line in iter(self.rfile.readline, b"\r\n") if line]
        if not lines:
            return
        proxy.asked.append(lines[0])
        method, target, version = lines[0].split(" ")
        if not target.startswith(f"{proxy.prefix}/") and target != proxy.prefix:
            self.wfile.write(ELSEWHERE)
            return
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if "upgrade" not in headers:
            headers["connection"] = "close"
        proxy.change(headers, proxy.upstream)
        target = (target.removeprefix(proxy.prefix) or "/") if proxy.stripped else target
        head = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        with socket.create_connection(("127.0.0.1", proxy.upstream)) as server:
            server.sendall("\r\n".join(head).encode("latin-1"))
            up = threading.Thread(target=_pass_on, args=(self.rfile.read1, server), daemon=True)
            up.start()
            _pass_on(server.recv, self.request)
            with suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            up.join(20)


def _pass_on(read: Callable[[int], bytes], to: socket.socket) -> None:
    with suppress(OSError):
        while data := read(65_536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)


@contextmanager
def proxied(
    upstream: int, prefix: str = "", stripped: bool = True, change: Callable[[Headers, int], None] = lambda *_: None
) -> Iterator[Proxy]:
    """A running proxy in a thread, before the server on a port of this machine.

    It shows the server below `prefix`, which it takes away if `stripped`; `change` alters the headers.
    """
    with Proxy(upstream, prefix, stripped, change) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join(20)
