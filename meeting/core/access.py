"""Roles, links into a meeting, what a token allows, and random tokens themselves."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

TOKEN_BYTES = 24
"""Random bytes of a token that we make: 192 bits"""

_LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


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


FULL_ACCESS = Grant(Role.SERVER)
"""What the server's own token allows, and everyone where none is asked for"""


def new_token() -> str:
    """A new secret, fit for addresses, headers and subprotocols."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token: SHA-256 in hex. Random tokens cannot be found again from it, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_link_token(token: str) -> bool:
    """Whether a token has the form of a link's, so that it is worth looking up."""
    return _LINK_TOKEN.fullmatch(token) is not None
