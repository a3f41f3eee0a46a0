"""Errors of notes."""

from __future__ import annotations

from meeting.notes.errors import NotesError, UnusableAnswer
from pipelines.errors import MeetingError


def test_an_answer_that_cannot_be_read_is_one_way_for_notes_to_fail() -> None:
    assert issubclass(UnusableAnswer, NotesError)
    assert issubclass(NotesError, MeetingError)
