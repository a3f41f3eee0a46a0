"""Waits between tries."""

from __future__ import annotations

from meeting.client.backoff import FIRST_WAIT, LONGEST_WAIT, STABLE, Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(None, chance=lambda: 1.0)
    waits = [backoff.next_wait(0.0) or 0.0 for _ in range(50)]
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_chance_takes_up_to_half_of_a_wait() -> None:
    assert Backoff(None, chance=lambda: 0.0).next_wait(0.0) == FIRST_WAIT / 2


def test_a_connection_that_lasted_begins_anew() -> None:
    backoff = Backoff(10.0, chance=lambda: 1.0)
    assert backoff.next_wait(0.0) == FIRST_WAIT
    assert backoff.next_wait(9.0) == 2 * FIRST_WAIT
    backoff.connected(9.5)
    assert backoff.next_wait(9.5 + STABLE) == FIRST_WAIT


def test_connections_that_do_not_last_are_tried_less_and_less_often_and_never_given_up() -> None:
    backoff, waits = Backoff(10.0, chance=lambda: 1.0), []
    for second in range(100):
        waits.append(backoff.next_wait(second))
        backoff.connected(second + 0.5)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_after_so_long_without_a_server_it_gives_up() -> None:
    backoff = Backoff(10.0)
    assert backoff.next_wait(100.0) is not None
    assert backoff.next_wait(109.9) is not None
    assert backoff.next_wait(110.0) is None
