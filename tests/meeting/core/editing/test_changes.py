"""What a person may ask to be changed."""

from __future__ import annotations

from meeting.core.editing.changes import SegmentChange, SpeakerChange, SplitChange, Undo, written_line
from meeting.core.editing.steps import Step


def test_a_line_whose_words_are_written_is_named_and_no_other() -> None:
    assert written_line(SegmentChange("s1", 1, text="a")) == "s1"
    assert written_line(SplitChange("s2", 1, ("a", "b"))) == "s2"
    for change in (SegmentChange("s1", 1, True), SpeakerChange("spk1"), Undo(Step())):
        assert written_line(change) is None
