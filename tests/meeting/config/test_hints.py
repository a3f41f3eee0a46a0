"""A word that is not known comes with the one that was meant, or with those that there are."""

from __future__ import annotations

from meeting.config.hints import hint


def test_the_nearest_word_is_named() -> None:
    assert hint("evnts", ["url", "events"]) == "; did you mean events?"


def test_all_are_named_where_none_is_near() -> None:
    assert hint("wombat", ("url", "events")) == "; known are url, events"
