"""The few requests of the HTTP API that go with a socket: a meeting made, described, ended, read."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote

from meeting.client.addresses import ServerAddress
from meeting.client.errors import ClientError, NoSuchMeeting, ServerUnreachable, error_for_answer, explained
from meeting.core.messages import JsonObject

TIMEOUT = 30.0
"""Seconds that a server has to answer"""
MAX_ANSWER = 256 << 20
"""Bytes of an answer"""


@dataclass(frozen=True, slots=True)
class NewMeeting:
    """A meeting that was just made."""

    id: str
    title: str
    links: dict[str, str] = field(repr=False)
    """Whole addresses by role: "host", "speak", "view"; whoever has one is let in"""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token is for the server that it was given for: nobody else is sent it."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        """Follow none; it is told as an error."""


class ServerApi:
    """Requests to one server; each runs in a thread and keeps nobody waiting."""

    def __init__(self, address: ServerAddress, context: ssl.SSLContext | None = None) -> None:
        self._address = address
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    async def create(self, body: JsonObject) -> NewMeeting:
        """Make a meeting; `body` as `POST /api/meetings` takes it. Raises ClientError."""
        try:
            made = await self._ask("POST", "/api/meetings", body)
        except NoSuchMeeting:
            raise self._foreign() from None
        try:
            links = {str(role): self._address.absolute(link) for role, link in made["links"].items()}
            return NewMeeting(str(made["id"]), str(made["title"]), links)
        except (KeyError, TypeError, AttributeError):
            raise self._foreign() from None

    async def meeting(self, meeting_id: str) -> JsonObject:
        """What a meeting is and how far it has come. Raises ClientError."""
        return await self._ask("GET", f"/api/meetings/{quote(meeting_id, safe='')}")

    async def end(self, meeting_id: str) -> JsonObject:
        """End a meeting, also while its source is away. Raises ClientError."""
        return await self._ask("POST", f"/api/meetings/{quote(meeting_id, safe='')}/end")

    async def transcript(self, meeting_id: str) -> JsonObject:
        """The transcript so far, as in the JSON export. Raises ClientError."""
        return await self._ask("GET", f"/api/meetings/{quote(meeting_id, safe='')}/transcript")

    async def export(self, meeting_id: str, format: str) -> bytes:
        """The transcript as a file in a format of exports. Raises ClientError."""
        asked = f"/api/meetings/{quote(meeting_id, safe='')}/export?format={quote(format, safe='')}"
        return await asyncio.to_thread(self._request, "GET", asked, None)

    async def _ask(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        text = await asyncio.to_thread(self._request, method, path, body)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise self._foreign() from None
        if not isinstance(answer, dict):
            raise self._foreign()
        return answer

    def _request(self, method: str, path: str, body: JsonObject | None, at: ServerAddress | None = None) -> bytes:
        """What a server answers; `at` is the one that ours has sent us on to."""
        address = at or self._address
        data = None if body is None else json.dumps(body).encode()
        headers = {**address.headers, **({} if data is None else {"Content-Type": "application/json"})}
        asked = urllib.request.Request(address.api_url(path), data, headers, method=method)
        try:
            with self._opener.open(asked, timeout=TIMEOUT) as answer:
                return bytes(answer.read(MAX_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                there = None if at is not None else self._sent_on(error, path)
                if there is None:
                    raise error_for_answer(error.code, error.read(1 << 16)) from None
            return self._request(method, path, body, there)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            why = explained(reason) if isinstance(reason, BaseException) else str(reason)
            raise ServerUnreachable(f"{address.base} cannot be reached: {why}") from error
        except ValueError:
            raise self._foreign() from None

    def _sent_on(self, answer: urllib.error.HTTPError, path: str) -> ServerAddress | None:
        """Another server of the same cluster, where the meeting is; None for any other answer."""
        location = answer.headers.get("Location", "")
        if answer.code != 307 or not location.endswith(path):
            return None
        return self._address.moved_to(location.removesuffix(path))

    def _foreign(self) -> ClientError:
        return ServerUnreachable(f"what answers at {self._address.base} is no meeting server")
