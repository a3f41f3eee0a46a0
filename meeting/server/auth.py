"""The one at the door: knows tokens, counts wrong ones, and calls people out when their link ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from starlette.types import Scope

from meeting.config.settings import Server
from meeting.core.access import (
    EVERYTHING,
    Denied,
    Grant,
    Limiter,
    Link,
    Role,
    checked_server_token,
    digest,
    is_loopback,
    made_here,
    network,
    new_token,
    same,
)
from meeting.server.forwarding import Forwarding
from meeting.storage.link_store import Links
from meeting.storage.store import new_id
from pipelines.errors import SettingsError

log = logging.getLogger(__name__)

LINKS_TRIED = (600, 60.0)
"""Worthless tokens that look like links which an address may show, and in how many seconds"""
WORTHLESS = 10_000
"""Worthless links that are remembered with who has shown them"""

NEEDED = "this server asks for a token: open the link that you were given, or sign in with the server's token"


def server_token(settings: Server) -> str | None:
    """The token that opens everything; None where nobody is asked for one.

    Raises SettingsError when others can reach this server and neither a token nor doing without was asked for.
    """
    if settings.token is not None and settings.token_file is not None:
        raise SettingsError("both server.token and server.token_file are set: take one of them away")
    token, where = settings.token, "server.token"
    if settings.token_file is not None:
        token, where = _from_file(settings), f"the token in {settings.token_file}"
    if token is not None and settings.insecure_no_auth:
        raise SettingsError("a server token is set beside server.insecure_no_auth: take one of them away")
    if token is not None:
        return checked_server_token(token, where)
    public = Forwarding((), settings.public_url).names  # a proxy brings there whom nobody knows
    reached = [name for name in (settings.host, *public) if not is_loopback(name)]
    if settings.insecure_no_auth or not reached:
        return None
    raise SettingsError(
        f"other machines can reach {reached[0]}, so a server token is needed: put one that "
        "`python -m meeting token` makes into MEETING_SERVER_TOKEN, or into a file for --token-file; "
        "--insecure-no-auth does without and lets everyone in"
    )


def _from_file(settings: Server) -> str:
    path = settings.token_file
    assert path is not None
    try:
        if path.stat().st_mode & 0o077:
            log.warning("%s can be read by other users of this machine: `chmod 600` it", path)
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"the server token in {path} cannot be read: {reason}") from error


class Doorman:
    """Who comes with which token; lives on the event loop."""

    def __init__(self, token: str | None, links: Links, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._links = links
        self._clock = clock
        self._limiter = Limiter()
        self._links_tried = Limiter(*LINKS_TRIED)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Who has shown which worthless link: to show it once more is no further guess"""
        self._inside: dict[str, set[Callable[[], None]]] = {}
        self._gone: deque[str] = deque(maxlen=1000)
        """Links revoked of late: someone may be on the way in with one"""

    @property
    def asks(self) -> bool:
        """Whether tokens are asked for at all."""
        return self._token is not None

    async def identify(self, token: str | None, address: str) -> Grant:
        """What a token allows; raises Denied, and StoreError where links cannot be read.

        An address that has guessed wrong too often cannot try the server's token for a while. Links go on working:
        they cannot be guessed, and a meeting must not end for all behind one address because of one of them. What
        looks like a link is counted apart and hardly limited: people keep links of meetings that are long gone.
        """
        if self._token is None:
            return EVERYTHING
        if not token:
            raise Denied(NEEDED)
        as_link = made_here(token)
        limiter = self._links_tried if as_link else self._limiter
        wait = limiter.wait(address, self._clock())
        if not wait and same(self._token, token):
            return EVERYTHING
        link = await asyncio.to_thread(self._links.find, digest(token)) if as_link else None
        if link is not None:
            if _left(link) <= 0:
                raise Denied("this link has expired: ask the host for a new one")
            return Grant(link.role, link)
        if wait:
            raise Denied("too many wrong tokens have come from this address: wait a minute", 429, wait)
        if not (as_link and self._is_known(token, address)):
            limiter.failed(address, self._clock())
        raise Denied("this token opens nothing here: ask the host for a new link")

    def _is_known(self, token: str, address: str) -> bool:
        """Whether an address has shown this token before; from now on it has."""
        shown = (network(address), digest(token))
        known = shown in self._known
        self._known[shown] = None
        self._known.move_to_end(shown)
        if len(self._known) > WORTHLESS:
            self._known.popitem(last=False)
        return known

    async def invite(self, meeting_id: str, roles: Iterable[Role], seconds: float | None = None) -> dict[str, Link]:
        """New links into a meeting by their tokens, which are told only now; raises NotFound."""
        now = datetime.now(timezone.utc)
        expires = None if seconds is None else now + timedelta(seconds=seconds)
        made = {new_token(): Link(new_id(), meeting_id, role, now, expires) for role in roles}
        await asyncio.wrap_future(self._links.add({digest(token): link for token, link in made.items()}))
        return made

    async def revoke(self, meeting_id: str, link_id: str) -> None:
        """Make a link's token worthless and call out whoever came in with it; raises NotFound."""
        await asyncio.wrap_future(self._links.remove(meeting_id, link_id))
        self._gone.append(link_id)
        for leave in list(self._inside.get(link_id, ())):
            leave()

    def links(self, meeting_id: str) -> list[Link]:
        """A meeting's links, oldest first; reads the database."""
        return self._links.of(meeting_id)

    @contextmanager
    def inside(self, grant: Grant, leave: Callable[[], None]) -> Iterator[None]:
        """Call `leave` should the link end, by time or by hand, while someone is in with it."""
        link = grant.link
        if link is None:
            yield
            return
        timer = None
        if link.expires_at is not None:
            timer = asyncio.get_running_loop().call_later(max(0.0, _left(link)), leave)
        self._inside.setdefault(link.id, set()).add(leave)
        if link.id in self._gone:
            leave()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            self._inside[link.id].discard(leave)
            if not self._inside[link.id]:
                del self._inside[link.id]


def client_address(scope: Scope) -> str:
    """Where a connection comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "?"


def _left(link: Link) -> float:
    """Seconds until a link expires."""
    if link.expires_at is None:
        return float("inf")
    return (link.expires_at - datetime.now(timezone.utc)).total_seconds()
