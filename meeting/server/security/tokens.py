"""How tokens are checked and compared, and how requests bring them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

from meeting.core.access import digest
from pipelines.errors import SettingsError

SUBPROTOCOL = "meeting.v1"
"""What a WebSocket speaks; answered to a client that offers it"""
TOKEN_PREFIX = "bearer."
"""Start of the further subprotocol by which a browser's WebSocket brings its token"""
SHORTEST_TOKEN = 16
"""Characters that a server token needs at least"""

_SERVER_TOKEN = re.compile(r"[A-Za-z0-9._~-]*")


def secrets_equal(token: str, given: str) -> bool:
    """Whether two secrets are equal, in a time that says nothing of either."""
    return hmac.compare_digest(digest(token), digest(given))


def checked_server_token(token: str, where: str) -> str:
    """A server token that is hard to guess and fits everywhere; raises SettingsError without showing it."""
    if len(token) < SHORTEST_TOKEN or not _SERVER_TOKEN.fullmatch(token):
        raise SettingsError(
            f"{where} must be at least {SHORTEST_TOKEN} letters, digits and any of - _ . ~; "
            "`python -m meeting token` makes a good one"
        )
    return token


def token_from_header(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header, or of `Token`, as clients of other services say."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() in ("bearer", "token") else None


def token_from_subprotocols(offered: Iterable[str]) -> str | None:
    """The token among the subprotocols that a WebSocket's client offers."""
    for name in offered:
        if name.startswith(TOKEN_PREFIX):
            return name[len(TOKEN_PREFIX) :] or None
    return None
