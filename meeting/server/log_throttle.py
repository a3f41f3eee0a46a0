"""A filter for log handlers: the same message comes through a few times a minute, and the rest as one count."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType

MAX_REPEATS = 10
"""Times that the same message comes through in one window"""
WINDOW_SECONDS = 60.0
"""Seconds of a window, which begins with the first message"""
MAX_PLACES = 300
"""Places of messages that are remembered; the one heard of longest ago is forgotten for a further one"""
MAX_WORDINGS = 8
"""Wordings told apart at one place, such as the reasons of an error; further ones are counted together"""

_VARYING = re.compile(r"0x[0-9a-f]+|\b(?=\w*\d)[\w-]+", re.IGNORECASE)
"""Numbers, ids and addresses"""

Place = tuple[object, ...]


@dataclass(slots=True)
class _Count:
    """What came in one wording."""

    logger: str
    level: int
    text: str
    seen: int = 0


@dataclass(slots=True)
class _Window:
    """What came from one place since its window began, by wording; None for those beyond `MAX_WORDINGS`."""

    began: float
    wordings: dict[str | None, _Count] = field(default_factory=dict)


class RepeatFilter(logging.Filter):
    """Lets each kind of message through `MAX_REPEATS` times a window; `emit` gets a record of how many were left out.

    A kind is the logger, the level, the place that logs, the type of an error and the place that raised it: such kinds
    never hide each other. At one place, messages that differ in more than numbers and ids are told apart as well, as
    far as there are few of them. It goes on a handler, where it holds for every logger; any thread may call it.
    """

    def __init__(
        self, emit: Callable[[logging.LogRecord], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[Place, _Window] = OrderedDict()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._windows)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record comes through; before it comes what was left out in windows that are over."""
        now = self._clock()
        with self._lock:
            over = self._over(now)
            counted = self._count(record, now, over)
        self._report(over)
        return counted.seen <= MAX_REPEATS

    def flush(self, everything: bool = False) -> None:
        """Tell what was left out in windows that are over, or in all of them, even if nothing more is logged."""
        with self._lock:
            over = self._over(self._clock())
            if everything:
                over += self._windows.values()
                self._windows.clear()
        self._report(over)

    def _count(self, record: logging.LogRecord, now: float, over: list[_Window]) -> _Count:
        place, wording = _kind(record)
        window = self._windows.setdefault(place, _Window(now))
        self._windows.move_to_end(place)
        if len(self._windows) > MAX_PLACES:
            over.append(self._windows.popitem(last=False)[1])
        key = wording if wording in window.wordings or len(window.wordings) < MAX_WORDINGS else None
        counted = window.wordings.get(key)
        if counted is None:
            counted = window.wordings[key] = _Count(record.name, record.levelno, _first_line(record))
        counted.seen += 1
        return counted

    def _over(self, now: float) -> list[_Window]:
        """Take out the windows that are over."""
        if now < self._next:
            return []
        ended = [place for place, window in self._windows.items() if window.began + WINDOW_SECONDS <= now]
        over = [self._windows.pop(place) for place in ended]
        self._next = min((window.began for window in self._windows.values()), default=now) + WINDOW_SECONDS
        return over

    def _report(self, over: Iterable[_Window]) -> None:
        for counted in [each for window in over for each in window.wordings.values()]:
            if counted.seen > MAX_REPEATS:
                arguments = (counted.seen - MAX_REPEATS, counted.text)
                message = "%d more like this were left out: %s"
                self._emit(logging.LogRecord(counted.logger, counted.level, "", 0, message, arguments, None))


def limit_repeats(handler: logging.Handler, clock: Callable[[], float] = time.monotonic) -> RepeatFilter:
    """Give a handler the filter; what was left out is told to the same handler, past its filters."""

    def emit(record: logging.LogRecord) -> None:
        # At the end of a program whoever lent the stream may have closed it already.
        if getattr(getattr(handler, "stream", None), "closed", False):
            return
        handler.acquire()
        try:
            handler.emit(record)
        finally:
            handler.release()

    made = RepeatFilter(emit, clock)
    handler.addFilter(made)
    return made


def flush_repeats() -> None:
    """Tell what was left out in windows that are over, by every handler of the root logger that has the filter."""
    for handler in logging.getLogger().handlers:
        for each in handler.filters:
            if isinstance(each, RepeatFilter):
                each.flush()


def _kind(record: logging.LogRecord) -> tuple[Place, str]:
    """The place of a record, and its wording."""
    error = record.exc_info[1] if record.exc_info else None
    raised = (type(error).__qualname__, _raised_at(error.__traceback__)) if error is not None else ()
    logs = (record.name, record.levelno, record.pathname, record.lineno, _without_varying(str(record.msg)))
    return (*logs, *raised), _without_varying(_first_line(record)) + (
        _without_varying(str(error)) if error is not None else ""
    )


def _without_varying(text: str) -> str:
    """The first line without what varies from one message to the next of its kind."""
    return _VARYING.sub("#", text.partition("\n")[0][:200])


def _first_line(record: logging.LogRecord) -> str:
    """The first line as it is logged; the template where the arguments do not fit it."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = str(record.msg)
    return text.partition("\n")[0][:200]


def _raised_at(traceback: TracebackType | None) -> tuple[str, int]:
    if traceback is None:
        return "", 0
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
