"""Which server has a meeting, as a value."""

from __future__ import annotations

from meeting.core.continuity.ownership import Claimed, Left, Owner


def test_what_was_given_back_has_no_former_server() -> None:
    assert Claimed("m", "a", 7).former is None
    assert Claimed("m", "a", 7).beside == ()
    assert Left("m", None).former is None
    assert Owner("a", "https://a.example.org", 2.5).left == 2.5
