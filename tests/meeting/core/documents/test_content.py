"""What of a meeting stands in a document."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.documents.content import Passage, Section
from meeting.core.export import document
from tests.meeting.core.test_export import NOON, NOTES, SHORT


def test_a_document_has_title_facts_notes_and_who_said_what_when() -> None:
    made = document(replace(SHORT, notes=replace(NOTES, incomplete=True)))
    assert (made.title, made.began) == ("Plans & <budget>", NOON)
    assert made.facts[:2] == ("Date: 2026-05-04 12:00 UTC", "Length: 00:01:15")
    assert made.passages == (
        Passage(0, "00:00:00", "Ann", 0, "Hello there."),
        Passage(59, "00:00:59", "Speaker ?", None, "Who?"),
        Passage(61, "00:01:01", "Speaker 2", 1, "Me."),
    )
    assert made.notes == (
        Section(
            "Notes",
            (
                "Notes by tiny_model at 127.0.0.1:11434, 2026-05-04 12:00 UTC",
                "An answer of the model broke off: something may be missing.",
            ),
            (),
        ),
        Section("Summary", (), ("They said hello. (00:00:00; 00:01:01)",)),
        Section("Decisions", ("None.",), ()),
        Section("Actions", (), ("Ask <b>who</b> it was (who: Ann & Ben; when: #1 of May; doubtful)",)),
    )


def test_without_notes_nothing_is_said_of_them() -> None:
    assert document(SHORT).notes == ()
