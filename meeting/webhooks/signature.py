"""Signatures as the Standard Webhooks specification (1.0.0) has them: receivers check them with its libraries; pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from pipelines.errors import SettingsError

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key: what the specification asks for"""


def parse_secret(text: str) -> tuple[bytes, ...]:
    """The keys of a secret: one `whsec_…`, or several with blanks between, to change it without a gap.

    Raises SettingsError, which never quotes it.
    """
    keys = tuple(map(_key, text.split()))
    if not keys:
        raise SettingsError("the secret is empty")
    return keys


def _key(word: str) -> bytes:
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True) if word.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not SHORTEST <= len(key) <= LONGEST:
        raise SettingsError(
            f"the secret must be {PREFIX} and {SHORTEST} to {LONGEST} random bytes in base64, such as "
            f"`echo {PREFIX}$(openssl rand -base64 32)` prints"
        )
    return key


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove who sends a body; `timestamp` is of this attempt, in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
