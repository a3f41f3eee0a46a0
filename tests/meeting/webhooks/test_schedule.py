"""Waits between tries: longer each time, never together, as long as receivers ask for, and not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from meeting.webhooks.schedule import LONGEST_ASKED, next_try

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
DAYS = timedelta(days=3)


def wait(tries: int, chance: float = 1.0, asked: float | None = None, age: timedelta = timedelta()) -> float | None:
    due = next_try(tries, NOON - age, NOON, DAYS, chance, asked)
    return None if due is None else (due - NOON).total_seconds()


def test_each_wait_is_longer_than_the_one_before_up_to_an_hour() -> None:
    assert [wait(tries) for tries in range(1, 8)] == [5, 20, 80, 320, 1280, 3600, 3600]
    assert wait(10**6) == 3600


def test_chance_shortens_a_wait_by_up_to_half() -> None:
    assert (wait(2, 0.0), wait(2, 0.5)) == (10, 15)


def test_a_receiver_is_left_alone_for_as_long_as_it_asks_but_for_no_more_than_a_day() -> None:
    assert wait(1, asked=90.0) == 90
    assert wait(6, asked=90.0) == 3600
    assert wait(1, asked=1e9) == LONGEST_ASKED


def test_what_could_only_be_tried_too_late_is_given_up() -> None:
    assert wait(5, age=DAYS - timedelta(seconds=1280)) == 1280
    assert wait(5, age=DAYS - timedelta(seconds=1279)) is None
    assert wait(1, asked=90.0, age=DAYS - timedelta(seconds=30)) is None


def test_waiting_as_the_schedule_says_ends() -> None:
    now, tries = NOON, 0
    due: datetime | None = NOON
    while due is not None:
        now, tries = due, tries + 1
        due = next_try(tries, NOON, now, DAYS, 0.5)
    assert 90 < tries < 110
    assert now <= NOON + DAYS
