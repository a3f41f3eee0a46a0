"""How often one may guess a token."""

from __future__ import annotations

from collections import OrderedDict

from meeting.transport.addresses import client_network


class GuessLimiter:
    """Counts wrong tokens by address: `tries` at once, and one more for each `seconds / tries` that pass.

    It remembers the last `addresses` that guessed wrong, so its memory is bounded.
    """

    def __init__(self, tries: int = 20, seconds: float = 60.0, addresses: int = 4096) -> None:
        self._tries = tries
        self._rate = tries / seconds
        self._addresses = addresses
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, address: str, now: float) -> float:
        """Seconds until an address may guess again; 0 when it may now."""
        return max(0.0, (self._level(client_network(address), now) - self._tries + 1) / self._rate)

    def failed(self, address: str, now: float) -> None:
        """Count a wrong token; `now` is in seconds on any steady clock."""
        key = client_network(address)
        self._levels[key] = (min(self._level(key, now) + 1, float(self._tries)), now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._addresses:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, then = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - then) * self._rate)
