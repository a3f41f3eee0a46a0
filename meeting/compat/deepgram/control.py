"""What a text message of a client of Deepgram asks for. Pure."""

from __future__ import annotations

import json


def kind_of(text: str) -> str | None:
    """The type of a control message; None where it is none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = body.get("type") if isinstance(body, dict) else None
    return kind if isinstance(kind, str) else None
