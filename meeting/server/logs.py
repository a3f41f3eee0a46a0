"""How the program logs: one line each on stderr, nothing twice too often, nothing that was said."""

from __future__ import annotations

import atexit
import copy
import json
import logging
import re
import traceback
from datetime import datetime, timezone
from types import TracebackType

from meeting.core.terminal_text import printable
from meeting.server.log_throttle import limit_repeats
from meeting.sources.log_context import logged_meeting

_MEETING = re.compile(r"meeting ([a-z0-9]{16}):")
"""How a line begins that is about a meeting, whoever writes it"""

_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _NoTracebackOfBadText(logging.Filter):
    """Takes the traceback from what uvicorn logs when a client's text is not UTF-8: it is no fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "Invalid UTF-8" in str(record.msg):
            record.exc_info = None
        return True


class RedactingFormatter(logging.Formatter):
    """Writes where an unforeseen error came from and of which kind it is, never its message.

    Libraries put into that what they were given, such as the text that they could not handle.
    """

    def format(self, record: logging.LogRecord) -> str:
        """A line, and the places where there was an error."""
        own = copy.copy(record)
        own.exc_text = None  # another handler may have left there what it wrote of the error
        return printable(super().format(own), lines=True)

    def formatException(self, ei: _ErrorInfo) -> str:
        """The places in the code, and the kinds of the error and of those that led to it."""
        chain: list[BaseException] = []
        error: BaseException | None = ei[1]
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        parts = []
        for one in reversed(chain):
            kind = f"{type(one).__module__}.{type(one).__qualname__}".removeprefix("builtins.")
            places = "".join(traceback.format_tb(one.__traceback__))
            parts.append(f"Traceback (most recent call last):\n{places}{kind}")
        return "\n\nwhich led to\n\n".join(parts)


class JsonFormatter(RedactingFormatter):
    """Writes one JSON object on one line: `time`, `level`, `logger`, `message`, and `meeting` where it is about one.

    An error that nobody foresaw stands in `error`, as the other formatter writes it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """A line."""
        message = record.getMessage()
        named = _MEETING.match(message)
        body = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            "meeting": named[1] if named else logged_meeting.get(),
            "error": self.formatException(record.exc_info) if record.exc_info and record.exc_info[1] else None,
        }
        return json.dumps({name: value for name, value in body.items() if value is not None})


def set_up_logs(level: str, as_json: bool = False) -> None:
    """One line each on stderr, the same a few times a minute; libraries speak up only when something is wrong.

    `as_json` writes JSON objects instead, for programs that collect logs.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_NoTracebackOfBadText())
    atexit.register(limit_repeats(handler).flush, everything=True)
    handler.setFormatter(JsonFormatter() if as_json else RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("meeting", "pipelines"):
        logging.getLogger(name).setLevel(level.upper())
