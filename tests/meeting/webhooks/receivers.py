"""A receiver of webhooks with a will of its own: takes, refuses, hangs, cuts off."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from meeting.config.webhooks import EVENTS
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.signature import parse_secret

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

Answer = int | tuple[int, dict[str, str], bytes] | str
"""A status, or one with headers and a body, or "hang", "cut" (no answer), "half" (of one), "drip" (one for ever)"""


@dataclass
class Receiver:
    """What came, and what is answered: the next of `answers`, then 204."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    """What came with a valid signature and was taken"""
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook?key=hidden"

    @property
    def setting(self) -> dict[str, Any]:
        """It as an endpoint of the settings."""
        return {"name": "crm", "url": self.url, "secret": SECRET, "events": list(EVENTS)}

    @property
    def endpoint(self) -> Endpoint:
        """It as the program has it."""
        return Endpoint("crm", self.url, f"127.0.0.1:{self.port}", EVENTS, parse_secret(SECRET))

    def events(self) -> list[str]:
        """The types of what was taken."""
        return [message["type"] for message in self.told]

    def until(self, holds: Callable[[], bool], patience: float = 20.0) -> None:
        """Wait until something holds of what came."""
        with self.news:
            assert self.news.wait_for(holds, patience), self.events()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        """Note what came, check its signature, and answer as is to be answered."""
        body, receiver = self.rfile.read(int(self.headers["content-length"])), self.receiver
        headers = {name.lower(): value for name, value in self.headers.items()}
        message = Webhook(SECRET).verify(body, headers)  # raises where it is not as the specification has it
        with receiver.news:
            receiver.requests.append((headers, body))
            answer = receiver.answers.pop(0) if receiver.answers else 204
            if isinstance(answer, int) and 200 <= answer < 300:
                receiver.told.append(message)
            receiver.news.notify_all()
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        if answer == "hang":
            self.receiver.over.wait(20)
        if isinstance(answer, str):
            self.close_connection = True
        if answer == "half":
            self.wfile.write(b"HTTP/1.1 200 O")
        if answer == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.receiver.over.wait(0.05):
                self.wfile.write(b"x-more: 1\r\n")
        if isinstance(answer, str):
            return
        status, extra, body = (answer, {}, b"") if isinstance(answer, int) else answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that goes is none of ours."""


@contextmanager
def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver in threads of its own."""
    receiver = Receiver(list(answers))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": receiver}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
