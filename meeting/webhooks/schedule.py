"""When a delivery that did not succeed is tried again, and when it is given up; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from meeting.core.rate_limit import growing_wait

FIRST_WAIT = 5.0
"""Seconds before the second try, at most"""
GROWTH = 4.0
"""By how much each wait is longer than the one before"""
LONGEST_WAIT = 3600.0
"""Seconds between later tries, at most"""
LONGEST_ASKED = 86_400.0
"""Seconds that a receiver may ask for"""


def next_try(
    tries: int,
    created_at: datetime,
    now: datetime,
    give_up_after: timedelta,
    chance: float,
    asked: float | None = None,
) -> datetime | None:
    """When to try again after `tries` tries have failed; None when that would be too late, and it is given up.

    `chance`, from 0 to 1, shortens the wait by up to half, so that what failed together does not come back together;
    `asked`: seconds that the receiver wants to be left alone.
    """
    wait = max(growing_wait(tries, FIRST_WAIT, GROWTH, LONGEST_WAIT, chance), min(asked or 0.0, LONGEST_ASKED))
    due = now + timedelta(seconds=wait)
    return due if due <= created_at + give_up_after else None
