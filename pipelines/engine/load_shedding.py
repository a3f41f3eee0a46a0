"""Load shedding: how full the machine is, and what is left out when it is too full, the least important first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Shedding(IntEnum):
    """What is left out; each includes those before it. Final text is never left out."""

    NONE = 0
    RARE_PARTIALS = 1
    """Every second partial result"""
    NO_PARTIALS = 2
    """All partial results; sentences become final with their utterance only"""
    LONG_HOP = 3
    """Every second diarization window: a hop of one second"""

    @property
    def label(self) -> str:
        """As told to clients."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class LoadShedderOptions:
    """When more or less is left out; times in seconds.

    The gap between the two loads, and going down later than up, keep it from swinging: leaving out lowers the load.
    """

    raise_above: float = 0.9
    """Load above which more is left out"""
    lower_below: float = 0.7
    """Load below which less is left out"""
    window: float = 3.0
    """Time over which the load is measured"""
    raise_interval: float = 3.0
    """Time between two steps up: one must have had an effect before the next"""
    lower_after: float = 10.0
    """Time before a step down"""
    max_lower_after: float = 120.0
    """What `lower_after` grows to at most: it doubles with each step down that had to be taken back"""


class LoadShedder:
    """Decides from the time that each worker has computed; has no clock of its own."""

    def __init__(self, options: LoadShedderOptions | None = None) -> None:
        self._options = options or LoadShedderOptions()
        self._last_update = float("-inf")
        self._start_over()

    def _start_over(self) -> None:
        self._history: deque[tuple[float, tuple[float, ...]]] = deque()
        self._changed_at = float("-inf")
        self._lowered_at = float("-inf")
        self._lower_after = self._options.lower_after
        self.load = 0.0
        """Real-time factor of the busiest worker"""
        self.shedding = Shedding.NONE
        """What is left out now"""

    def update(self, now: float, busy: Sequence[float]) -> Shedding:
        """What is left out from time `now` (seconds) on.

        `busy` are the seconds that each worker has computed so far for what must be done in time.
        """
        options = self._options
        if now - self._last_update > options.lower_after:
            self._start_over()  # nobody spoke: what was before was another meeting's
        self._last_update, history = now, self._history
        if history and now - history[-1][0] < options.window / 6:  # called with each window and partial of all meetings
            return self.shedding
        history.append((now, tuple(busy)))
        while len(history) > 2 and history[1][0] <= now - options.window:
            history.popleft()
        then, before = history[0]
        if now - then < options.window / 2:
            return self.shedding
        self.load = max(after - was for after, was in zip(busy, before, strict=True)) / (now - then)
        unchanged = now - self._changed_at
        too_full = self.load > options.raise_above and self.shedding < Shedding.LONG_HOP
        if too_full and unchanged >= options.raise_interval:
            taken_back = now - self._lowered_at < 2 * self._lower_after
            self._lower_after = min(2 * self._lower_after, options.max_lower_after) if taken_back else self._lower_after
            self._lowered_at = float("-inf")
            self._step(now, 1)
        elif self.load < options.lower_below and self.shedding > Shedding.NONE and unchanged >= self._lower_after:
            self._step(now, -1)
            self._lowered_at = now
        return self.shedding

    def _step(self, now: float, by: int) -> None:
        self.shedding = Shedding(self.shedding + by)
        self._changed_at = now
        # what was measured before says nothing about what is measured now
        self._history.clear()
