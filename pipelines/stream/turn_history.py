"""Who spoke, as it was told at a given time of the audio: the same whatever the speed of either branch.

The branch that recognises words asks for the turns that are known at some sample of the audio. It gets them as they
were told when that much had been heard, without what was told since, and waits where that is still to come.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol

from pipelines.turns import join_turns, replace_turns
from pipelines.types import STEP, LocalSpeakers, Span, Speaker, Turn, TurnsRevised, VoicesHeard, samples

KEPT = samples(60.0)
"""Audio whose turns are known here: more than the longest utterance"""
STATES = 64
"""Past states that are kept: more steps than are fed at once"""

Turns = tuple[Turn, ...]


class TurnHistory:
    """The turns of the last minute after each diarization window; thread-safe.

    Windows end `STEP` samples apart, the first one `STEP` samples from the start.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows = 0
        self._states: deque[Turns] = deque([()], maxlen=STATES)  # after each of the last windows
        self._waiting: list[tuple[int, Future[Turns]]] = []  # for so many windows
        self._closed = False

    def window_done(self, told: Iterable[object] = ()) -> None:
        """One more window, in order, with all that was told since the one before; nothing where it gave no result."""
        with self._lock:
            self._windows += 1
            kept = Span(self._windows * STEP - KEPT, self._windows * STEP)
            turns = list(self._states[-1])
            for revised in told:
                if isinstance(revised, TurnsRevised):
                    turns = replace_turns(turns, replace(revised, span=revised.span & kept))
            self._states.append(tuple(turn for turn in join_turns(turns) if turn.span & kept))
            self._answer(self._windows)

    def release(self) -> None:
        """Whoever waits gets what was told last."""
        with self._lock:
            self._answer(None)

    def close(self) -> None:
        """No window follows: who still waits gets what was told last, and so does who asks from now on."""
        self._closed = True
        self.release()

    def at(self, end: int) -> Future[Turns]:
        """The turns as the windows tell them that end at sample `end` of the audio at the latest.

        They reach back `KEPT` samples, and `end` is fed already, at most `STATES` steps before the last window.
        """
        future: Future[Turns] = Future()
        with self._lock:
            windows = max(0, end // STEP)
            self._waiting.append((windows, future))
            self._answer(None if self._closed else self._windows)
        return future

    def _answer(self, windows: int | None) -> None:
        """Whoever waits for so many windows, or fewer; everybody where that is None."""
        due = [one for one in self._waiting if windows is None or one[0] <= windows]
        self._waiting = [one for one in self._waiting if one not in due]
        for wanted, future in due:
            back = min(max(0, self._windows - wanted), len(self._states) - 1)
            future.set_result(self._states[-1 - back])


class Tracker(Protocol):
    """What says who speaks, window by window, such as `SpeakerTracker`."""

    def __call__(self, local: LocalSpeakers, /) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """One window further."""
        ...

    def flush(self) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """The last word on everything heard."""
        ...


class NotedTracker:
    """A tracker whose turns are noted, window by window: a block of the stream."""

    def __init__(self, tracker: Tracker, history: TurnHistory) -> None:
        self._tracker = tracker
        self._history = history
        self.flush = tracker.flush

    def __call__(self, local: LocalSpeakers) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """One window further; where the tracker fails, too."""
        told: list[Speaker | TurnsRevised | VoicesHeard] = []
        try:
            told = self._tracker(local)
        finally:
            self._history.window_done(told)
        return told
