"""Which time to judge the age of meetings by, where the clock of the machine may have been set; pure.

A clock that has jumped ahead would make everything look old. So a time of day is believed only up to a day beyond what
is known, or once the server has run for a day without another jump; until then what was known goes on by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the time at one look at the clock."""

    day: datetime
    """UTC time that is believed"""
    clock: datetime
    """UTC time that the clock showed"""
    agreed: timedelta = timedelta(0)
    """For how long the server has run since the clock jumped away from `day`, without another jump"""

    @property
    def doubted(self) -> bool:
        """Whether the clock is not believed."""
        return self.day != self.clock

    @property
    def latest(self) -> datetime:
        """The time by which meetings may be judged: neither beyond the clock nor beyond what is believed."""
        return min(self.day, self.clock)


def look(last: Known | None, clock: datetime, ran: timedelta) -> Known:
    """What is known now that the clock shows `clock`, `ran` after the last look by a steady clock.

    At a start `ran` is 0: how long the server was away nobody knows.
    """
    if last is None:
        return Known(clock, clock)
    day = last.day + ran
    goes_on = abs(clock - (last.clock + ran)) <= DAY
    agreed = last.agreed + ran if goes_on else timedelta(0)
    if abs(clock - day) <= DAY or agreed >= DAY:
        return Known(clock, clock)
    return Known(day, clock, agreed)
