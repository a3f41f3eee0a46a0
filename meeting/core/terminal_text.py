"""Text for a terminal: what would move the cursor, change colours or turn the reading direction is shown."""

from __future__ import annotations

import codecs
import io
import re
from typing import Any

AS_NUMBERS = "as numbers"
"""Name under which `_as_numbers` is known to the codecs"""

_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INSIDE_LINES = re.compile(_COMMANDS.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))


def printable(text: object, lines: bool = False) -> str:
    """A text on one line, each control character as its number, such as `\\u001b`; with `lines` line ends stay.

    In JSON this is the same text, since that writes such characters so.
    """
    return (_INSIDE_LINES if lines else _COMMANDS).sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def never_refuse(stream: Any) -> None:
    """Let a text stream whose encoding lacks a character, such as ASCII, write it as its number, as JSON does."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        stream.reconfigure(errors=AS_NUMBERS)


def _as_numbers(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)), error.end


codecs.register_error(AS_NUMBERS, _as_numbers)


def clock(seconds: float) -> str:
    """A time as it is shown there, such as 1:02:05."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
