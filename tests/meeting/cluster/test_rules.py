"""What a server knows of its lease, and where it sends who comes to the wrong one."""

from __future__ import annotations

import pytest

from meeting.cluster.rules import LONGEST_WAIT, Lease, Unclaimed, refusal
from meeting.core.continuity.ownership import Owner
from meeting.core.errors import Elsewhere, Moving

LEASE = Lease("a", 10.0, renewed_at=100.0)


@pytest.mark.parametrize(("now", "held"), [(100.0, True), (108.9, True), (109.0, False), (5000.0, False)])
def test_a_lease_is_held_for_less_time_than_the_database_gives_it(now: float, held: bool) -> None:
    assert LEASE.held(now) is held


def test_a_lease_is_renewed_after_a_third_of_it() -> None:
    assert LEASE.until_renewal(100.0) == pytest.approx(10 / 3)
    assert LEASE.until_renewal(104.0) == 0.0


def test_a_renewal_counts_from_when_it_was_asked_for() -> None:
    renewed = LEASE.renewed(asked_at=104.0, now=106.0)
    assert renewed is not None
    assert renewed.held(112.9)
    assert not renewed.held(113.0)


def test_a_lease_that_was_taken_for_lost_stays_lost_whatever_is_answered_then() -> None:
    assert LEASE.renewed(asked_at=108.5, now=109.0) is None


def test_who_comes_to_the_wrong_server_is_sent_to_the_one_that_answers() -> None:
    sent = refusal(Owner("a", "https://a.example.org", 6.7), 10.0)
    assert isinstance(sent, Elsewhere)
    assert sent.address == "https://a.example.org"


@pytest.mark.parametrize(("left", "wait"), [(4.9, LONGEST_WAIT), (0.7, 0.7), (0.0, 0.1)])
def test_nobody_is_sent_to_a_server_that_has_missed_its_renewal(left: float, wait: float) -> None:
    told = refusal(Owner("a", "https://a.example.org", left), 10.0)
    assert isinstance(told, Moving)
    assert told.wait == wait


def test_a_meeting_without_a_server_waits_for_the_one_that_its_clients_choose() -> None:
    unclaimed = Unclaimed(10.0)
    assert unclaimed.ripe(["m"], 100.0) == []
    assert unclaimed.ripe(["m", "n"], 104.9) == []
    assert unclaimed.ripe(["m", "n"], 105.0) == ["m"]


def test_a_meeting_that_was_taken_meanwhile_waits_anew() -> None:
    unclaimed = Unclaimed(10.0)
    unclaimed.ripe(["m"], 100.0)
    unclaimed.ripe([], 104.0)
    assert unclaimed.ripe(["m"], 106.0) == []
