"""When a delivery that did not succeed is tried again, and when it is given up; pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

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
    longest = min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** min(tries - 1, 16))
    wait = max(longest * (0.5 + 0.5 * chance), min(asked or 0.0, LONGEST_ASKED))
    due = now + timedelta(seconds=wait)
    return due if due <= created_at + give_up_after else None


def asked_wait(retry_after: str, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date; None where it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
