"""How full the machine is, and what is left out when it is too full: the least important first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Thinning(IntEnum):
    """What is left out; each includes those before it. Final text is never left out."""

    NONE = 0
    RARE_PARTIALS = 1
    """Every second growing result"""
    NO_PARTIALS = 2
    """All growing results"""
    LONG_HOP = 3
    """Every second diarization window: a hop of one second"""

    @property
    def label(self) -> str:
        """As told to clients."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class GovernorOptions:
    """When more or less is left out; times in seconds."""

    high: float = 0.9
    """Real-time factor from which more is left out"""
    low: float = 0.7
    """The one below which less is"""
    over: float = 3.0
    """Time over which it is taken"""
    rise: float = 3.0
    """Time between two steps up"""
    rest: float = 10.0
    """Time before a step down; doubles, up to `longest`, with each step down that had to be taken back"""
    longest: float = 120.0


class Governor:
    """Decides from the time that each worker has computed; knows no clock."""

    def __init__(self, options: GovernorOptions | None = None) -> None:
        self._options = options or GovernorOptions()
        self._last = float("-inf")
        self._forget()

    def _forget(self) -> None:
        self._notes: deque[tuple[float, tuple[float, ...]]] = deque()
        self._changed = float("-inf")
        self._fell = float("-inf")
        self._rest = self._options.rest
        self.load = 0.0
        """Real-time factor of the busiest worker"""
        self.thinning = Thinning.NONE
        """What is left out now"""

    def note(self, now: float, spent: Sequence[float]) -> Thinning:
        """What is left out from time `now` on.

        `spent` are the seconds that each worker has computed so far for what must be done in time.
        """
        options = self._options
        if now - self._last > options.rest:
            self._forget()  # nobody spoke: what was before was another meeting's
        self._last, notes = now, self._notes
        if notes and now - notes[-1][0] < options.over / 6:
            return self.thinning
        notes.append((now, tuple(spent)))
        while len(notes) > 2 and notes[1][0] <= now - options.over:
            notes.popleft()
        then, before = notes[0]
        if now - then < options.over / 2:
            return self.thinning
        self.load = max(after - was for after, was in zip(spent, before, strict=True)) / (now - then)
        quiet = now - self._changed
        if self.load > options.high and self.thinning < Thinning.LONG_HOP and quiet >= options.rise:
            taken_back = now - self._fell < 2 * self._rest
            self._rest = min(2 * self._rest, options.longest) if taken_back else self._rest
            self._fell = float("-inf")
            self._step(now, 1)
        elif self.load < options.low and self.thinning > Thinning.NONE and quiet >= self._rest:
            self._step(now, -1)
            self._fell = now
        return self.thinning

    def _step(self, now: float, by: int) -> None:
        self.thinning = Thinning(self.thinning + by)
        self._changed = now
        # what was measured before says nothing about what is measured now
        self._notes.clear()
