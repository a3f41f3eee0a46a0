"""Which time to judge the age of meetings by, where the clock of the machine may have been set; pure.

A clock that has jumped ahead would make everything look old. So a time of day is believed only up to a day beyond what
is known, or once the server has run for a day without another jump; until then what was known goes on by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """What is known of the time at one look at the clock."""

    trusted: datetime
    """UTC time that is believed"""
    clock: datetime
    """UTC time that the clock showed"""
    agreed_for: timedelta = timedelta(0)
    """For how long the server has run since the clock jumped away from `trusted`, without another jump"""

    @property
    def clock_doubted(self) -> bool:
        """Whether the clock is not believed."""
        return self.trusted != self.clock

    @property
    def earlier(self) -> datetime:
        """The time by which meetings may be judged: neither beyond the clock nor beyond what is believed."""
        return min(self.trusted, self.clock)


def observe(last: TrustedTime | None, clock: datetime, elapsed: timedelta) -> TrustedTime:
    """What is known now that the clock shows `clock`, `elapsed` after the last look by a steady clock.

    At a start `elapsed` is 0: how long the server was away nobody knows.
    """
    if last is None:
        return TrustedTime(clock, clock)
    trusted = last.trusted + elapsed
    goes_on = abs(clock - (last.clock + elapsed)) <= DAY
    agreed = last.agreed_for + elapsed if goes_on else timedelta(0)
    if abs(clock - trusted) <= DAY or agreed >= DAY:
        return TrustedTime(clock, clock)
    return TrustedTime(trusted, clock, agreed)
