"""How long to wait before the next try to reach a server, and when to stop trying."""

from __future__ import annotations

import random
from collections.abc import Callable

from meeting.core.rate_limit import growing_wait

FIRST_WAIT = 0.2
"""Seconds before the first new try, at most"""
LONGEST_WAIT = 10.0
"""Seconds between later tries, at most"""

STABLE = 5.0
"""Seconds that a connection must have lasted, so that the waits begin anew"""


class Backoff:
    """Waits that double, each shortened by chance so that many clients do not come back together."""

    def __init__(self, give_up_after: float | None, chance: Callable[[], float] = random.random) -> None:
        """`give_up_after`: seconds without a connection after which there is no further try; None: never."""
        self._give_up_after = give_up_after
        self._chance = chance
        self._tries = 0
        self._connected_at: float | None = None
        self._lost_at: float | None = None

    def connected(self, now: float) -> None:
        """The server has answered: what is lost next is another loss."""
        self._connected_at, self._lost_at = now, None

    def next_wait(self, now: float) -> float | None:
        """Seconds until the next try; None when it is time to give up. `now` is in seconds on any steady clock."""
        if self._lost_at is None:
            self._lost_at = now
            # One that is lost again and again at once is no better than none.
            if self._connected_at is not None and now - self._connected_at >= STABLE:
                self._tries = 0
        if self._give_up_after is not None and now - self._lost_at >= self._give_up_after:
            return None
        self._tries += 1
        return growing_wait(self._tries, FIRST_WAIT, 2.0, LONGEST_WAIT, self._chance())
