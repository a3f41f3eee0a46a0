"""Authentication: what a token allows, how many wrong ones are taken, and who is sent out when a link ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from starlette.types import Scope

from meeting.config.secret_files import read_secret
from meeting.config.settings import Server
from meeting.core.access import FULL_ACCESS, Grant, Link, Role, digest, is_link_token, new_token
from meeting.core.errors import TooManyGuesses, Unauthorized
from meeting.core.ids import new_id
from meeting.server.security.forwarding import Forwarding
from meeting.server.security.guess_limiter import GuessLimiter
from meeting.server.security.tokens import checked_server_token, secrets_equal
from meeting.storage.link_store import LinkStore
from meeting.transport.addresses import client_network, is_loopback
from pipelines.errors import SettingsError

log = logging.getLogger(__name__)

LINK_GUESSES = (600, 60.0)
"""Wrong tokens of the form of a link that an address may show, and in how many seconds"""
MAX_REMEMBERED = 10_000
"""Links that open nothing which are remembered with the address that has shown them"""

TOKEN_NEEDED = "this server asks for a token: open the link that you were given, or sign in with the server's token"

NO_LONGER_VALID = "this link is no longer valid"


def server_token(settings: Server) -> str | None:
    """The token that opens everything; None where nobody is asked for one.

    Raises SettingsError when others can reach this server and neither a token nor doing without was asked for.
    """
    if settings.token is not None and settings.token_file is not None:
        raise SettingsError("both server.token and server.token_file are set: take one of them away")
    token, where = settings.token, "server.token"
    if settings.token_file is not None:
        token, where = _token_from_file(settings.token_file), f"the token in {settings.token_file}"
    if token is not None and settings.insecure_no_auth:
        raise SettingsError("a server token is set beside server.insecure_no_auth: take one of them away")
    if token is not None:
        return checked_server_token(token, where)
    public = Forwarding((), settings.public_url).host_names  # a proxy brings there whom nobody knows
    reached = [name for name in (settings.host, *public) if not is_loopback(name)]
    if settings.insecure_no_auth or not reached:
        return None
    raise SettingsError(
        f"other machines can reach {reached[0]}, so a server token is needed: put one that "
        "`python -m meeting token` makes into MEETING_SERVER_TOKEN, or into a file for --token-file; "
        "--insecure-no-auth does without and lets everyone in"
    )


def _token_from_file(path: Path) -> str:
    token = read_secret(path, "the server token in")
    if path.stat().st_mode & 0o077:
        log.warning("%s can be read by other users of this machine: `chmod 600` it", path)
    return token


class Authenticator:
    """Says what a token allows, and sends out those whose link ends; lives on the event loop."""

    def __init__(self, token: str | None, links: LinkStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._links = links
        self._clock = clock
        self._limiter = GuessLimiter()
        self._link_limiter = GuessLimiter(*LINK_GUESSES)
        self._shown: OrderedDict[tuple[str, str], None] = OrderedDict()
        """(network, digest) of links that open nothing: to show the same one again is no further guess"""
        self._present: dict[str, set[Callable[[], None]]] = {}
        self._revoked: deque[str] = deque(maxlen=1000)
        """Links revoked of late: someone may be on the way in with one"""

    @property
    def required(self) -> bool:
        """Whether anyone needs a token."""
        return self._token is not None

    async def authenticate(self, token: str | None, address: str) -> Grant:
        """What a token allows; raises AccessDenied, and StoreError where links cannot be read.

        An address that has guessed wrong too often cannot try the server's token for a while. Links go on working:
        they cannot be guessed, and a meeting must not end for all behind one address because of one of them. What
        looks like a link is counted apart and hardly limited: people keep links of meetings that are long gone.
        """
        if self._token is None:
            return FULL_ACCESS
        if not token:
            raise Unauthorized(TOKEN_NEEDED)
        as_link = is_link_token(token)
        limiter = self._link_limiter if as_link else self._limiter
        wait = limiter.wait(address, self._clock())
        if not wait and secrets_equal(self._token, token):
            return FULL_ACCESS
        link = await asyncio.to_thread(self._links.find, digest(token)) if as_link else None
        if link is not None:
            if _seconds_left(link) <= 0:
                raise Unauthorized("this link has expired: ask the host for a new one")
            return Grant(link.role, link)
        if wait:
            raise TooManyGuesses("too many wrong tokens have come from this address: wait a minute", wait)
        if not (as_link and self._shown_before(token, address)):
            limiter.failed(address, self._clock())
        raise Unauthorized("this token opens nothing here: ask the host for a new link")

    def _shown_before(self, token: str, address: str) -> bool:
        """Whether an address has shown this token before; from now on it has."""
        shown = (client_network(address), digest(token))
        known = shown in self._shown
        self._shown[shown] = None
        self._shown.move_to_end(shown)
        if len(self._shown) > MAX_REMEMBERED:
            self._shown.popitem(last=False)
        return known

    async def create_links(
        self, meeting_id: str, roles: Iterable[Role], seconds: float | None = None, links: LinkStore | None = None
    ) -> dict[str, Link]:
        """New links into a meeting by their tokens, which are told only now; raises NotFound and Conflict.

        They are kept in `links`, where those are given.
        """
        now = datetime.now(timezone.utc)
        expires = None if seconds is None else now + timedelta(seconds=seconds)
        made = {new_token(): Link(new_id(), meeting_id, role, now, expires) for role in roles}
        await asyncio.wrap_future((links or self._links).add({digest(token): link for token, link in made.items()}))
        return made

    async def revoke(self, meeting_id: str, link_id: str, links: LinkStore | None = None) -> None:
        """Delete a link, from `links` where those are given, and send out whoever came in with it; raises NotFound."""
        await asyncio.wrap_future((links or self._links).remove(meeting_id, link_id))
        self._revoked.append(link_id)
        for on_end in list(self._present.get(link_id, ())):
            on_end()

    async def check_again(self, grant: Grant) -> None:
        """Raise Unauthorized where the link of a grant is gone by now; raises StoreError."""
        if grant.link is not None and not await asyncio.to_thread(self._links.has, grant.link.id):
            raise Unauthorized(NO_LONGER_VALID)

    def links(self, meeting_id: str) -> list[Link]:
        """A meeting's links, oldest first; reads the database."""
        return self._links.of(meeting_id)

    @contextmanager
    def while_valid(self, grant: Grant, on_end: Callable[[], None]) -> Iterator[None]:
        """Call `on_end` should the link end, by time or by hand, while someone is in with it."""
        link = grant.link
        if link is None:
            yield
            return
        timer = None
        if link.expires_at is not None:
            timer = asyncio.get_running_loop().call_later(max(0.0, _seconds_left(link)), on_end)
        self._present.setdefault(link.id, set()).add(on_end)
        if link.id in self._revoked:
            on_end()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            self._present[link.id].discard(on_end)
            if not self._present[link.id]:
                del self._present[link.id]


def client_address(scope: Scope) -> str:
    """Where a connection comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "?"


def _seconds_left(link: Link) -> float:
    """Seconds until a link expires."""
    if link.expires_at is None:
        return float("inf")
    return (link.expires_at - datetime.now(timezone.utc)).total_seconds()
