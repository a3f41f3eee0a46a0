"""A stand-in for a language model's server: behaves unless told otherwise, and remembers what it was sent."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from meeting.config.settings import Notes

Asked = dict[str, Any]
"""The body of a request"""


@dataclass
class Reply:
    """One answer to a request."""

    content: str = ""
    """What the model says"""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    raw: bytes | None = None
    """The whole body, in the place of what the API would send"""
    delay: float = 0.0
    """Seconds before it comes"""
    until: threading.Event | None = None
    """What it waits for"""
    drip: float = 0.0
    """Seconds between two of its bytes"""
    hang_up: bool = False
    """Whether the connection ends without a word"""

    def body(self) -> bytes:
        """The body as the API sends it."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.content, "type": "x"}}).encode()
        message = {"role": "assistant", "content": self.content}
        return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": self.finish}]}).encode()


def obedient(asked: Asked) -> Reply:
    """What a model that does as it is told answers: it notes a part's first line, and puts together what there is."""
    user = asked["messages"][1]["content"]
    drafts = [json.loads(found) for found in re.findall(r"^Part \d+: (\{.*\})$", user, re.M)]
    if drafts:
        return Reply(json.dumps({kind: [one for draft in drafts for one in draft[kind]] for kind in drafts[0]}))
    number, who, text = re.findall(r"^\[(\d+)\] (.*?): (.*)$", user, re.M)[0]
    noted = {"text": f"It was said: {text}", "lines": [int(number)]}
    return Reply(
        json.dumps({"summary": [noted], "decisions": [], "actions": [{**noted, "who": who, "when": "Friday"}]})
    )


@dataclass
class ModelServer:
    """Answers what its `replies` say, in turn, and behaves once they are used up."""

    port: int = 0
    replies: list[Reply | Callable[[Asked], Reply]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def settings(self, **more: Any) -> Notes:
        """Settings that lead here."""
        return Notes(**{"url": f"http://127.0.0.1:{self.port}/v1", "model": "tiny", "timeout": 20.0, **more})

    def forget(self) -> None:
        """As at the start."""
        for kept in (self.replies, self.asked, self.headers, self.paths):
            kept.clear()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """The answer to a request."""
        asked = json.loads(body)
        self.asked.append(asked)
        self.headers.append(headers)
        self.paths.append(path)
        reply = self.replies.pop(0) if self.replies else obedient
        return reply if isinstance(reply, Reply) else reply(asked)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A stand-in on a free port of this machine."""
    server = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.take(self.path, headers, self.rfile.read(length))
            time.sleep(reply.delay)
            if reply.until is not None:
                reply.until.wait(30)
            if reply.hang_up:
                return
            body = reply.body()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in [body[at : at + 1] for at in range(len(body))] if reply.drip else [body]:
                    self.wfile.write(piece)
                    time.sleep(reply.drip)
            except ConnectionError:  # a client that has seen enough
                return

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)
