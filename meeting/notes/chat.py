"""One question to a language model and its answer, over the OpenAI API; bounded in time and size."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any

from meeting.core.messages import JsonObject
from meeting.core.rate_limit import asked_wait
from meeting.core.terminal_text import printable
from meeting.notes.drafts import SCHEMA
from meeting.notes.endpoint import Endpoint
from meeting.notes.errors import NotesError
from meeting.notes.prompts import Question

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 18
"""Size of an answer, thoughts included"""
CONNECT_SECONDS = 10.0
BUSY = frozenset({429, 503})
"""Statuses of a server that asks to come back later"""
TRIES = 3
"""How often a busy server is asked"""
USUAL_WAIT = 10.0
"""Seconds that are waited for it where it does not say how long"""
LONGEST_WAIT = 60.0
"""Seconds that are waited for it at most between two tries"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said."""

    text: str
    broke_off: bool
    """Whether it was cut off because it grew too long"""


class Chat:
    """A connection to the server of a model, for the time of one job."""

    def __init__(
        self,
        endpoint: Endpoint,
        timeout: float,
        answer_tokens: int,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout`: seconds that an answer may take; `wait` waits for seconds."""
        import httpx  # not needed by a server that makes no notes

        self._endpoint = endpoint
        self._timeout = timeout
        self._wait = wait
        self._optional: JsonObject = {
            "temperature": 0,
            "max_tokens": answer_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "notes", "strict": True, "schema": SCHEMA},
            },
        }
        # No proxy or password of the environment comes between: what is said of where text goes must be true. The
        # certificates that this machine trusts are those of its system.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            verify=ssl.create_default_context() if endpoint.url.startswith("https:") else False,
            trust_env=False,
            # One that was left open may be closed by the server just when the next question is sent.
            limits=httpx.Limits(max_keepalive_connections=0),
            # Compressed, a small answer could unfold to any size.
            headers={"Accept-Encoding": "identity"}
            | ({} if endpoint.key is None else {"Authorization": f"Bearer {endpoint.key}"}),
        )

    async def __aenter__(self) -> Chat:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, question: Question) -> Answer:
        """The answer to a question; raises NotesError with a sentence on what to do."""
        for left in reversed(range(TRIES)):
            response = await self._send(question)
            if response.status in (400, 422) and self._optional:
                # It may know nothing of schemas, or of one of the other settings: the question is the same without.
                log.info("notes: %s refuses a form of answers, and is asked without", self._endpoint.host)
                self._optional = {}
                response = await self._send(question)
            if response.status in BUSY and left:
                await self._wait(response.wait)
                continue
            break
        return self._read(response)

    async def _send(self, question: Question) -> _Response:
        import httpx

        host = self._endpoint.host
        try:
            return await asyncio.wait_for(self._exchange(question), self._timeout)
        except (asyncio.TimeoutError, httpx.TimeoutException) as error:
            raise NotesError(
                f"the language model at {host} did not answer within {self._timeout:g} s: "
                "look whether it runs, or give it more time with notes.timeout"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotesError(
                f"the language model at {host} cannot be reached ({type(error).__name__}): "
                "look whether it runs, and whether notes.url is right"
            ) from error

    async def _exchange(self, question: Question) -> _Response:
        messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}]
        body = {"model": self._endpoint.model, "messages": messages, "stream": False, **self._optional}
        url = f"{self._endpoint.url}/chat/completions"
        async with self._http.stream("POST", url, json=body) as response:
            data = bytearray()
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise NotesError(f"the language model at {self._endpoint.host} sends more than {MOST_BYTES} bytes")
            return _Response(response.status_code, bytes(data), _waiting_time(response))

    def _read(self, response: _Response) -> Answer:
        host = self._endpoint.host
        body = _json(response.data)
        if response.status != 200:
            raise NotesError(f"the language model at {host} {_refusal(response.status)}{_reason(body)}")
        try:
            choice = body["choices"][0]
            text = choice["message"]["content"]
            reason = choice.get("finish_reason")
        except (TypeError, KeyError, IndexError, AttributeError):
            text = None
        if not isinstance(text, str):
            raise NotesError(f"what answers at {host} does not speak the OpenAI API: look whether notes.url is right")
        return Answer(text, reason == "length")


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    data: bytes
    wait: float
    """Seconds after which it may be asked again, where it is busy"""


def _waiting_time(response: httpx.Response) -> float:
    asked = asked_wait(response.headers.get("retry-after", ""), datetime.now(timezone.utc))
    return min(USUAL_WAIT if asked is None else asked, LONGEST_WAIT)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _refusal(status: int) -> str:
    if status in (401, 403):
        return "does not take the key: look at notes.key"
    if status == 404:
        return "is not there (404): look at notes.url and notes.model"
    if status == 429:
        return "has been asked too often (429): try again later"
    if 300 <= status < 400:
        return f"leads elsewhere ({status}), where nothing is sent: name that address in notes.url"
    return f"refuses ({status})"


def _reason(body: Any) -> str:
    """What the server says of it, shortened: it is for people."""
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    return f"; it says: {printable(' '.join(said.split())[:200])}" if isinstance(said, str) and said.strip() else ""
