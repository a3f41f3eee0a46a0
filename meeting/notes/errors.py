"""What goes wrong with notes."""

from __future__ import annotations

from pipelines.errors import MeetingError


class NotesError(MeetingError):
    """The language model cannot be used, or its answer cannot."""


class UnusableAnswer(NotesError):
    """An answer came and cannot be read; the sentence says to the model what was wrong."""
