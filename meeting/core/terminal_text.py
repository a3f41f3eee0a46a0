"""Text for a terminal: what would move the cursor, change colours or turn the reading direction is shown."""

from __future__ import annotations

import re

_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INSIDE_LINES = re.compile(_COMMANDS.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))


def printable(text: object, lines: bool = False) -> str:
    """A text on one line, each control character as its number, such as `\\u001b`; with `lines` line ends stay.

    In JSON this is the same text, since that writes such characters so.
    """
    return (_INSIDE_LINES if lines else _COMMANDS).sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def clock(seconds: float) -> str:
    """A time as it is shown there, such as 1:02:05."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
