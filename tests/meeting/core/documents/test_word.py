"""A Word file, as python-docx reads it back."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any
from zipfile import ZipFile

import docx
import pytest
from hypothesis import given, settings

from meeting.core.export import export_file, paragraphs
from meeting.core.records import Record
from tests.meeting.core.test_export import EVIL, NOON, NOTES, SHORT, evil, plain, record, records, spoken


def opened(record: Record) -> Any:
    """The file that is made of a meeting, opened."""
    return docx.Document(io.BytesIO(export_file(record, "docx")))


def texts(record: Record) -> list[str]:
    """Its paragraphs."""
    return [paragraph.text for paragraph in opened(record).paragraphs]


def test_title_facts_notes_and_who_said_what_when_stand_in_it() -> None:
    told = texts(replace(SHORT, notes=NOTES))
    assert told[:2] == ["Plans & <budget>", "Date: 2026-05-04 12:00 UTC"]
    assert told[told.index("Notes") :] == [
        "Notes",
        "Notes by tiny_model at 127.0.0.1:11434, 2026-05-04 12:00 UTC",
        "Summary",
        "They said hello. (00:00:00; 00:01:01)",
        "Decisions",
        "None.",
        "Actions",
        "Ask <b>who</b> it was (who: Ann & Ben; when: #1 of May; doubtful)",
        "Transcript",
        "Ann  00:00:00\nHello there.",
        "Speaker ?  00:00:59\nWho?",
        "Speaker 2  00:01:01\nMe.",
    ]


def test_the_file_says_what_it_is_and_nothing_of_who_made_it() -> None:
    about = opened(SHORT).core_properties
    assert (about.title, about.author, about.comments, about.created) == ("Plans & <budget>", "", "", NOON)
    assert opened(replace(SHORT, meeting=replace(SHORT.meeting, title="T" * 1000))).core_properties.title == "T" * 255


def test_one_meeting_always_makes_the_same_file() -> None:
    with ZipFile(io.BytesIO(export_file(SHORT, "docx"))) as file:
        assert {part.date_time[0] for part in file.infolist()} == {1980}
        assert file.testzip() is None


@pytest.mark.parametrize("text", EVIL)
def test_names_titles_and_words_are_shown_as_they_are(text: str) -> None:
    told = texts(evil(text))
    assert told[0] == plain(text)
    assert told[-1] == f"{plain(text)}  00:00:00\n{plain(text)} end"


@pytest.mark.parametrize("said", ["\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_shown_as_lost(said: str) -> None:
    told = texts(record(spoken(f"a{said}b"), name=said, title=said))
    assert (told[0], told[-1]) == ("\ufffd", "\ufffd  00:00:00\na\ufffdb")


@settings(deadline=None, max_examples=25)
@given(records())
def test_whatever_was_said_it_can_be_opened_and_all_is_there(record: Record) -> None:
    told = texts(record)
    said = [re.sub("[\ud800-\udfff\ufffe\uffff]", "\ufffd", p.text) for p in paragraphs(record)]
    assert [text.partition("\n")[2] for text in told[told.index("Transcript") + 1 :]] == said
