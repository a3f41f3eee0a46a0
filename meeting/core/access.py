"""Who may do what: roles, links, tokens, the rule for every route, and how often one may guess.

Pure: no clock, socket, file or database; time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cache

from pipelines.errors import MeetingError, SettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

SUBPROTOCOL = "meeting.v1"
"""What a socket speaks; answered to a client that offers it"""
BEARER = "bearer."
"""Start of the further subprotocol by which a browser's socket brings its token"""

TOKEN_BYTES = 24
"""Random bytes of a token that we make: 192 bits"""
SHORTEST_TOKEN = 16
"""Characters that a server token needs at least"""

_OURS = re.compile(r"[A-Za-z0-9_-]{32}")
_SERVER_TOKEN = re.compile(r"[A-Za-z0-9._~-]*")


class Denied(MeetingError):
    """A request that may not pass: no valid token (401), one that does not suffice (403), or too many tries (429)."""

    def __init__(self, message: str, status: int = 401, wait: float = 0.0) -> None:
        self.status = status
        self.wait = wait
        """Seconds after which another try makes sense"""
        super().__init__(message)

    @property
    def code(self) -> str:
        """The error code on the wire."""
        return {401: "unauthorized", 403: "forbidden"}.get(self.status, "too_many")


class Role(IntEnum):
    """What someone may do; each may do all that the ones before may."""

    ANYONE = 0
    VIEW = 1
    """Read one meeting"""
    SPEAK = 2
    """Be heard in it"""
    HOST = 3
    """Manage it"""
    SERVER = 4
    """Do anything, in every meeting"""


LINK_ROLES = {"host": Role.HOST, "speak": Role.SPEAK, "view": Role.VIEW}
"""Name -> role of the links that a meeting can have"""


@dataclass(frozen=True, slots=True)
class Link:
    """A link into a meeting, without its token: that is known only to those who were given it."""

    id: str
    meeting_id: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token was found to allow."""

    role: Role
    link: Link | None = None
    """None when every meeting is open to it"""

    def allows(self, role: Role, meeting_id: str | None) -> bool:
        """Whether something that takes `role` in a meeting (None: on the server) may be done."""
        within = self.link is None or self.link.meeting_id == meeting_id
        return role is Role.ANYONE or (self.role >= role and within)


EVERYTHING = Grant(Role.SERVER)

RULES: dict[tuple[str, str], Role] = {
    ("GET", "/"): Role.ANYONE,
    ("GET", "/m/{meeting_id}"): Role.ANYONE,
    ("GET", "/m/{meeting_id}/"): Role.ANYONE,
    ("GET", "/static/{path:path}"): Role.ANYONE,
    ("GET", "/docs"): Role.ANYONE,
    ("GET", "/openapi.json"): Role.ANYONE,
    ("GET", "/healthz"): Role.ANYONE,
    ("GET", "/readyz"): Role.ANYONE,
    ("GET", "/metrics"): Role.SERVER,
    ("GET", "/api/meetings"): Role.SERVER,
    ("POST", "/api/meetings"): Role.SERVER,
    ("GET", "/api/meetings/{meeting_id}"): Role.VIEW,
    ("PATCH", "/api/meetings/{meeting_id}"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/end"): Role.HOST,
    ("PATCH", "/api/meetings/{meeting_id}/speakers/{speaker_id}"): Role.HOST,
    ("PATCH", "/api/meetings/{meeting_id}/segments/{segment_id}"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/transcript"): Role.VIEW,
    ("GET", "/api/meetings/{meeting_id}/export"): Role.VIEW,
    ("GET", "/api/meetings/{meeting_id}/audio"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/links"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/links"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}/links/{link_id}"): Role.HOST,
    ("WEBSOCKET", "/ws/meetings/{meeting_id}"): Role.ANYONE,  # asks by itself, since it may be told by a message
}
"""(method, path) -> who may; what is not here takes the server token. The pages hold nothing of any meeting."""


def rule(method: str, path: str) -> tuple[Role, str | None]:
    """Who may send a request, and the meeting that it is about."""
    method = "GET" if method == "HEAD" else method
    for known, pattern, role in _patterns():
        if known == method and (found := pattern.fullmatch(path)):
            return role, found.groupdict().get("meeting_id")
    return Role.SERVER, None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], Role], ...]:
    return tuple((method, _pattern(path), role) for (method, path), role in RULES.items())


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\{(\w+):path\}", r"(?P<\1>.*)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", named))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    if host.lower() in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, even one that begins like an address, may stand for any machine
        return False


# Tokens


def new_token() -> str:
    """A new secret, fit for addresses, headers and subprotocols."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token: random ones cannot be found again from it, so that no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same(token: str, given: str) -> bool:
    """Whether two secrets are equal, in a time that says nothing of either."""
    return hmac.compare_digest(digest(token), digest(given))


def made_here(token: str) -> bool:
    """Whether a token looks like one of a link, so that it is worth looking up."""
    return _OURS.fullmatch(token) is not None


def checked_server_token(token: str, where: str) -> str:
    """A server token that is hard to guess and fits everywhere; raises SettingsError without showing it."""
    if len(token) < SHORTEST_TOKEN or not _SERVER_TOKEN.fullmatch(token):
        raise SettingsError(
            f"{where} must be at least {SHORTEST_TOKEN} letters, digits and any of - _ . ~; "
            "`python -m meeting token` makes a good one"
        )
    return token


def from_header(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def from_subprotocols(offered: Iterable[str]) -> str | None:
    """The token among the subprotocols that a socket's client offers."""
    for name in offered:
        if name.startswith(BEARER):
            return name[len(BEARER) :] or None
    return None


def network(address: str) -> str:
    """What counts as one guesser: an IPv4 address, or the /64 that one IPv6 customer has to himself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class Limiter:
    """Counts wrong tokens by address: `tries` at once, and one more for each `seconds / tries` that pass.

    It remembers the last `addresses` that guessed wrong, so its memory is bounded.
    """

    def __init__(self, tries: int = 20, seconds: float = 60.0, addresses: int = 4096) -> None:
        self._tries = tries
        self._pace = tries / seconds
        self._addresses = addresses
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, address: str, now: float) -> float:
        """Seconds until an address may guess again; 0 when it may now."""
        return max(0.0, (self._level(network(address), now) - self._tries + 1) / self._pace)

    def failed(self, address: str, now: float) -> None:
        """Count a wrong token; `now` is in seconds on any steady clock."""
        key = network(address)
        self._levels[key] = (min(self._level(key, now) + 1, float(self._tries)), now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._addresses:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, then = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - then) * self._pace)
