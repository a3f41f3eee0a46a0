"""A real server that asks for tokens, and ways to talk to it; for tests only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from meeting.server.security.guess_limiter import GuessLimiter
from tests.fakes.server_fakes import Client, Serving, config, serving, tone

TOKEN = "a-token-of-this-test-server"


@dataclass
class Given:
    """A meeting and the tokens of its three links."""

    id: str
    host: str
    speak: str
    view: str

    def path(self, role: str) -> str:
        """What the link of a role opens."""
        return f"/m/{self.id}#t={getattr(self, role)}"


@dataclass
class Locked:
    """A running server with a token."""

    serving: Serving

    def call(self, method: str, path: str, token: str | None = TOKEN, **options: Any) -> httpx.Response:
        """One request, with a token unless None."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        return self.serving.http.request(method, path, headers=headers, **options)

    def create(self, title: str = "Monday") -> Given:
        """A new meeting."""
        answer = self.call("POST", "/api/meetings", json={"title": title})
        assert answer.status_code == 201
        body = answer.json()
        return Given(body["id"], **{role: url.partition("#t=")[2] for role, url in body["links"].items()})

    def link(self, meeting: Given, role: str, **options: Any) -> tuple[str, str]:
        """A further link: its id and its token."""
        answer = self.call("POST", f"/api/meetings/{meeting.id}/links", json={"role": role, **options})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], answer.json()["url"].partition("#t=")[2]

    def forget_guesses(self) -> None:
        """Start counting wrong tokens anew: a test guesses more often than one may."""
        self.serving.app.state.authenticator._limiter = GuessLimiter()
        self.serving.app.state.authenticator._link_limiter = GuessLimiter()

    @contextmanager
    def connect(self, meeting_id: str, token: str | None) -> Iterator[Client]:
        """A socket that brings its token in a header."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with self.serving.connect(meeting_id, additional_headers=headers) as client:
            yield client

    def held(self, title: str = "Monday", seconds: float = 1.0) -> Given:
        """A meeting that has been held."""
        meeting = self.create(title)
        with self.connect(meeting.id, meeting.speak) as source:
            source.start()
            source.frame(0, tone(seconds))
            source.send("stop")
            source.close_code()
        return meeting


@contextmanager
def locked(folder: Path, *, viewers: int = 200, **server: Any) -> Iterator[Locked]:
    """A real server in a thread that asks for tokens."""
    settings = config(folder, viewers=viewers)
    settings = replace(settings, server=replace(settings.server, token=TOKEN, **server))
    with serving(settings) as running:
        yield Locked(running)
