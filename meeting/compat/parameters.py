"""What an address says behind its question mark: values checked, wrong ones refused with a sentence. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import JsonObject
from pipelines.options import LANGUAGES

_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_SHOWN = 40
"""Characters of a wrong value that are quoted"""
_TITLE = 200
"""Characters of a title that are kept"""


class Parameters:
    """The parameters of one request, in order; each is asked for by name, and those that nobody asked for remain."""

    def __init__(self, given: Sequence[tuple[str, str]]) -> None:
        self._given = list(given)
        self._asked: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """The value of a parameter that is given once at most."""
        values = self.texts(name)
        if len(values) > 1:
            raise refused(f"{name} is given {len(values)} times: once will do")
        return values[0] if values else default

    def texts(self, name: str) -> list[str]:
        """All values of a parameter."""
        self._asked.add(name)
        return [value for known, value in self._given if known == name]

    def flag(self, name: str, default: bool = False) -> bool:
        """The value of a parameter that is true or false."""
        value = self.text(name).lower()
        if value and value not in (*_YES, *_NO):
            raise refused(f"{name} must be true or false, not {_short(value)}")
        return value in _YES if value else default

    def number(self, name: str, least: int, most: int, default: int) -> int:
        """The value of a parameter that is a whole number."""
        value = self.text(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and least <= int(value[:20]) <= most):
            raise refused(f"{name} must be a whole number from {least} to {most}, not {_short(value)}")
        return int(value)

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """The value of a parameter that is one of some, in small letters."""
        value = self.text(name).lower() or default
        if value not in choices and value != default:
            raise refused(f"{name} must be one of {', '.join(sorted(choices))}, not {_short(value)}")
        return value

    def language(self, name: str = "language", automatic: Collection[str] = ()) -> str | None:
        """The value of a parameter that is a language, as `language_of` has it; what is `automatic` is None, too."""
        value = self.text(name)
        return None if value.strip().lower() in automatic else language_of(name, value)

    def title(self) -> str:
        """What the meeting is to be called."""
        return self.text("title")[:_TITLE]

    @property
    def rest(self) -> list[str]:
        """Names of the parameters that nobody has asked for, each once."""
        return list(dict.fromkeys(name for name, _ in self._given if name not in self._asked))


def refused(message: str) -> ProtocolError:
    """A value that makes no sense."""
    return ProtocolError(message, ErrorCode.BAD_REQUEST)


def language_of(name: str, value: str) -> str | None:
    """A language as the recogniser is told it: "en-GB" is "en", and nothing is None; `name` is what an error is about.

    Several with commas are those of which it chooses.
    """
    value = value.strip().lower()
    if not value:
        return None
    codes = [_language_code(one.strip()) for one in value.split(",")]
    if None in codes:
        raise refused(f"{name} must be a language code such as en, en-GB, de or zh, not {_short(value)}")
    return ",".join(dict.fromkeys(map(str, codes)))


def warning(name: str, message: str = "it means nothing here") -> JsonObject:
    """What a client is told of a parameter or field that has no effect."""
    return {"parameter": name[:100], "type": "unsupported", "message": message}


def _language_code(value: str) -> str | None:
    """A code that Whisper knows; None where there is none for it."""
    codes = (value, value.replace("_", "-").partition("-")[0])
    return next((code for code in codes if code in LANGUAGES), None)


def _short(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
