"""Requests for what another server has."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from meeting.cluster.duties import JOBS
from meeting.cluster.ownership import SingleServer
from meeting.core.errors import Elsewhere, ErrorCode, Moving
from meeting.server.security.routing import RoutingMiddleware, subject_of
from pipelines.errors import StoreError

THERE = Elsewhere("https://example.org/servers/b")


class HasNothing(SingleServer):
    """Has nothing itself."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def holds(self, subject: str) -> bool:
        return subject == "mine"

    async def require(self, subject: str) -> None:
        self.asked.append(subject)
        if self.answer is not None:
            raise self.answer


def shape(path: str, status: int, code: ErrorCode, message: str) -> dict[str, object]:
    return {"code": code, "path": path}


def ask(answer: Exception | None, path: str, method: str = "GET", query: str = "", kind: str = "http") -> Any:
    """The status, headers and body that are answered; None where the request goes through."""
    sent: list[Any] = []
    through: list[Any] = []

    async def app(*_: Any) -> None:
        through.append(path)

    async def send(message: Any) -> None:
        sent.append(message)

    ownership = HasNothing(answer)
    scope = {"type": kind, "path": path, "method": method, "query_string": query.encode()}
    asyncio.run(RoutingMiddleware(app, ownership, shape)(scope, None, send))  # type: ignore[arg-type]
    if through:
        assert not sent
        return None
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("/api/meetings/abc", "abc"),
        ("/api/meetings/abc/speakers/spk1", "abc"),
        ("/api/meetings/abc/transcription", JOBS),
        ("/api/jobs", JOBS),
        ("/api/jobs/j/recording", JOBS),
        ("/api/meetings", None),
        ("/api/search", None),
        ("/m/abc", None),
        ("/healthz", None),
    ],
)
def test_what_a_request_is_about(path: str, subject: str | None) -> None:
    assert subject_of(path) == subject


def test_who_asks_about_a_meeting_of_another_server_is_sent_there_with_all_that_was_asked() -> None:
    status, headers, body = ask(THERE, "/api/meetings/abc/export", query="format=srt")
    assert status == 307
    assert headers["location"] == "https://example.org/servers/b/api/meetings/abc/export?format=srt"
    assert body == {"code": "elsewhere", "path": "/api/meetings/abc/export"}


def test_what_changes_a_meeting_on_its_way_waits_and_what_reads_it_is_answered_here() -> None:
    status, headers, body = ask(Moving(1.2), "/api/meetings/abc", "PATCH")
    assert (status, headers["retry-after"], body["code"]) == (503, "2", "moving")
    assert ask(Moving(1.2), "/api/meetings/abc") is None


def test_what_is_here_or_nobodys_is_answered_here() -> None:
    assert ask(THERE, "/api/meetings/mine", "DELETE") is None
    assert ask(THERE, "/api/meetings") is None
    assert ask(None, "/api/meetings/abc", "PATCH") is None
    assert ask(THERE, "/ws/meetings/abc", kind="websocket") is None


def test_recordings_that_no_server_takes_now_wait() -> None:
    assert ask(None, "/api/jobs")[0] == 503
    assert ask(Moving(1.0), "/api/jobs/j")[0] == 503
    assert ask(THERE, "/api/jobs/j")[0] == 307


def test_a_database_that_cannot_be_asked_is_told_by_whoever_needs_it() -> None:
    assert ask(StoreError("not now"), "/api/meetings/abc", "PATCH") is None
