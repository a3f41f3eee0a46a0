"""How long nobody answered is added up once, however many wait."""

from __future__ import annotations

from meeting.cluster.shared_models.stalls import STALL_AFTER, Stalls


def test_a_call_that_is_answered_soon_adds_nothing() -> None:
    stalls = Stalls()
    for start in range(10):
        stalls.begin(start, float(start))
        stalls.end(start, start + STALL_AFTER)
    assert stalls.seconds(20.0) == 0
    assert not stalls.stalled(20.0)


def test_time_counts_from_when_the_answer_is_overdue_until_it_comes() -> None:
    stalls = Stalls()
    stalls.begin("a", 100.0)
    assert stalls.seconds(100 + STALL_AFTER + 2) == 2
    assert stalls.stalled(100 + STALL_AFTER + 2)
    stalls.end("a", 100 + STALL_AFTER + 5)
    assert stalls.seconds(200.0) == 5


def test_a_second_in_which_several_wait_counts_once() -> None:
    stalls = Stalls()
    for call, start in (("a", 0.0), ("b", 1.0), ("c", 4.0)):
        stalls.begin(call, start)
    stalls.end("a", STALL_AFTER + 2)
    assert stalls.seconds(STALL_AFTER + 3) == 3  # b is overdue from where a was
    stalls.end("b", STALL_AFTER + 3)
    assert not stalls.stalled(STALL_AFTER + 3.5)
    assert stalls.seconds(STALL_AFTER + 5) == 4  # c from STALL_AFTER + 4 on


def test_what_ends_twice_or_never_began_changes_nothing() -> None:
    stalls = Stalls()
    stalls.end("a", 1.0)
    assert stalls.seconds(100.0) == 0
