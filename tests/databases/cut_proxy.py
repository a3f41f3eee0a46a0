"""What lies between a program and PostgreSQL, and loses the connection around a commit."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

COMMIT = b"COMMIT"


class CutProxy:
    """Passes everything on; `cut` says where the next commit's connection is lost, None nowhere."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.cut: str | None = None
        """"before": the commit never arrives, "after": its answer does not"""
        self.cuts = 0

    def serve(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server, suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        return
                    if side is client and COMMIT in data and self.cut is not None:
                        cut, self.cut, self.cuts = self.cut, None, self.cuts + 1
                        if cut == "after":
                            server.sendall(data)
                            server.recv(65536)
                        return
                    (server if side is client else client).sendall(data)


@contextmanager
def cut_proxy(port: int) -> Iterator[CutProxy]:
    """One before the server at a port of this machine."""
    proxy = CutProxy(port)
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
