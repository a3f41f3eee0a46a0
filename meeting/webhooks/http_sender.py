"""Sends one signed request: to an address that may be connected to, within bounds, and tells what became of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timezone

import certifi
import httpcore

import meeting
from meeting.core.rate_limit import asked_wait
from meeting.webhooks.addresses import AddressPolicy
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.signature import signed_headers

TIMEOUT = 15.0
"""Seconds that a receiver has for all of it, from the resolution of its name to the status of its answer"""
CONNECT_TIMEOUT = 5.0
"""Seconds for each of its addresses"""
READ_ON_TIMEOUT = 0.25
"""Seconds for the rest of an answer whose status has come"""
MOST_CONNECTIONS = 100
"""At once, those included that are kept open for a moment; more than are asked for by all endpoints together"""
KEPT_OPEN = 5.0
"""Seconds for which a connection is kept for the next delivery"""
LARGEST_ANSWER = 65_536
"""Bytes of an answer's body that are read, and thrown away; with more the connection is closed"""
GONE = 410
"""Status of a receiver who wants to hear no more"""

Resolve = Callable[[str, int], list[str]]
"""The IP addresses of a name and port; raises OSError"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try."""

    status: int | None
    """Of the answer, where there was one"""
    problem: str | None = None
    """Why it did not succeed; None where it did"""
    asked_wait: float | None = None
    """Seconds after which the receiver wants to be asked again, at the earliest"""

    @property
    def gone(self) -> bool:
        """Whether the receiver wants to hear no more."""
        return self.status == GONE


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a name, as the system finds them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses only that a policy allows.

    The name is resolved here, once, and what is connected to is the address that was checked: whoever answers for
    the name cannot give another one afterwards (DNS rebinding).
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of a name's addresses; raises httpcore's errors."""
        try:
            addresses = await _in_a_thread(lambda: self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("its name cannot be resolved") from error
        allowed = [address for address in addresses if self._policy.allows(address)]
        if not allowed:
            raise httpcore.ConnectError(
                "it has no public address: name its network in webhooks.private_networks if it may be sent to"
            )
        for address in allowed[:-1]:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._backend.connect_tcp(allowed[-1], port, timeout, local_address, socket_options)


async def _in_a_thread(work: Callable[[], list[str]]) -> list[str]:
    """The result of what may hang, as a resolver does that answers nothing.

    In a thread that nobody waits for: neither the event loop's own, which meetings need, nor the end of the process.
    """
    found: Future[list[str]] = Future()
    # Running from the start: whoever stops waiting does not cancel what the thread is to fill in.
    found.set_running_or_notify_cancel()

    def run() -> None:
        try:
            found.set_result(work())
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    threading.Thread(target=run, name="webhook-resolver", daemon=True).start()
    return await asyncio.wrap_future(found)


class HttpSender:
    """Posts signed messages to endpoints; follows no redirect and no proxy of the environment."""

    def __init__(
        self,
        policy: AddressPolicy,
        timeout: float = TIMEOUT,
        resolve: Resolve = resolve,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """`timeout` in seconds until a request is answered; `clock` gives UTC."""
        self._timeout = timeout
        self._clock = clock
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEPT_OPEN,
            network_backend=CheckedBackend(policy, resolve),
        )

    async def send(self, endpoint: Endpoint, message_id: str, body: str) -> Outcome:
        """Try once; never raises for what a receiver does."""
        try:
            return await self._post(endpoint, message_id, body.encode())
        except (asyncio.TimeoutError, httpcore.TimeoutException):
            return Outcome(None, f"no answer within {self._timeout:g} s")
        except httpcore.ConnectError as error:
            return Outcome(None, f"cannot be reached: {_reason(error)}")
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            return Outcome(None, "closed the connection without an answer, or sent none that is HTTP")
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, ValueError):
            return Outcome(None, "its address cannot be written into a request")

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._pool.aclose()

    async def _post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Outcome:
        now = self._clock()
        headers = {
            "content-type": "application/json",
            "user-agent": f"meeting-transcriber/{meeting.__version__}",
            **signed_headers(endpoint.keys, message_id, int(now.timestamp()), body),
        }
        limits = {"timeout": {"connect": CONNECT_TIMEOUT}}
        request = self._pool.stream(
            "POST", endpoint.url, headers=list(headers.items()), content=body, extensions=limits
        )
        async with AsyncExitStack() as opened:
            answer = await asyncio.wait_for(opened.enter_async_context(request), self._timeout)
            outcome = _outcome(answer, now)  # stands, whatever becomes of the rest
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_read_on(answer), READ_ON_TIMEOUT)
        return outcome


def _outcome(answer: httpcore.Response, now: datetime) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(answer.status)
    moved = 300 <= answer.status < 400
    problem = f"answered {answer.status}" + (": redirects are not followed, change the url" if moved else "")
    asked = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
    return Outcome(answer.status, problem, asked_wait(asked.decode("latin-1"), now))


async def _read_on(answer: httpcore.Response) -> None:
    """Read the answer's body, so that the connection can be used again; what it says does not matter any more."""
    read = 0
    try:
        async for part in answer.aiter_stream():
            read += len(part)
            if read > LARGEST_ANSWER:
                return
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return


def _reason(error: Exception) -> str:
    """What stands behind a failed connection, in words that any log and database take, and not for ever."""
    return " ".join((str(error) or type(error).__name__).split())[:200].encode("ascii", "replace").decode()


def _tls() -> ssl.SSLContext:
    """What the system trusts, which an operator can add to, and what certifi knows."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
