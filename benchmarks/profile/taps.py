"""The one place that knows where in the engine each model is called: taps that measure the CPU time of the calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

PARTS = {
    "speech encoder": "_speech.recogniser._encoder",
    "speech decoder": "_speech.recogniser._decoder",
    "voice activity": "_vad._session",
    "segmentation": "_find_speakers._segment",
    "embedding": "_find_speakers._embed",
}
"""Name of a part -> where the engine keeps what does it: a function, or a session with `run`"""


@dataclass
class Spent:
    """CPU seconds of the calling thread and number of calls, by part."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, measured."""

        def measured(*args: Any, **named: Any) -> Any:
            before = time.thread_time()
            try:
                return call(*args, **named)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.thread_time() - before
                self.calls[part] = self.calls.get(part, 0) + 1

        return measured

    def clear(self) -> None:
        """Forget what was measured so far."""
        self.seconds.clear()
        self.calls.clear()


class Tap:
    """Stands where a model stood."""

    def __init__(self, inner: Any, part: str, spent: Spent) -> None:
        self._inner = inner
        self._call = spent.timed(part, inner) if callable(inner) else None
        if hasattr(inner, "run"):
            self.run = spent.timed(part, inner.run)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The model's own call."""
        assert self._call is not None
        return self._call(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def tap(engine: Any) -> tuple[Spent, list[str]]:
    """Measure every part from now on; also names the parts that this engine does not have."""
    spent, absent = Spent(), []
    for part, path in PARTS.items():
        *way, last = path.split(".")
        try:
            holder = reduce(getattr, way, engine)
            setattr(holder, last, Tap(getattr(holder, last), part, spent))
        except AttributeError:
            absent.append(part)
    return spent, absent


class Patience:
    """Waits for all that an engine was asked, so that nothing is overtaken."""

    def __init__(self, engine: Any) -> None:
        self._asked: list[Future[Any]] = []
        for name in ("recognise", "find_speakers"):
            setattr(engine, name, self._noted(getattr(engine, name)))

    def _noted(self, ask: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        def asked(*args: Any, **named: Any) -> Future[Any]:
            self._asked.append(ask(*args, **named))
            return self._asked[-1]

        return asked

    def wait(self) -> None:
        """Until every answer is there."""
        while self._asked:
            waiting, self._asked = self._asked, []
            for future in waiting:
                future.exception()
