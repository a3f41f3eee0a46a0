"""Ids of meetings, sources and links: unguessable, and fit for addresses and file names."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """A new unguessable id (82 bits): 16 lower-case letters and digits, fit for addresses and file names."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))
