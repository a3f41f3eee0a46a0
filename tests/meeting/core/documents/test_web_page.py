"""A web page of its own: all of it is there, and nothing that was said is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from meeting.core.documents.web_page import DARK, LIGHT
from meeting.core.export import export, paragraphs
from meeting.core.records import Record
from tests.meeting.core.test_export import EVIL, NOTES, SHORT, evil, plain, records


class Parts(HTMLParser):
    """Elements with their attributes, and texts, of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """One text."""
        if data.strip():
            self.texts.append(data)


KNOWN = {(tag, frozenset(found)) for tag, found in Parts(export(replace(SHORT, notes=NOTES), "html")).elements}
"""Elements and attributes of a page in which nothing evil was said"""


def test_title_speakers_times_and_notes_stand_in_it() -> None:
    texts = Parts(export(replace(SHORT, notes=NOTES), "html")).texts
    assert texts[0] == "Plans & <budget>"
    assert texts[texts.index("Actions") :] == [
        "Actions", "Ask <b>who</b> it was (who: Ann & Ben; when: #1 of May; doubtful)", "Transcript",
        "Ann", "00:00:00", "Hello there.", "Speaker ?", "00:00:59", "Who?", "Speaker 2", "00:01:01", "Me.",
    ]  # fmt: skip


def test_it_needs_nothing_else_and_may_load_nothing() -> None:
    page = export(SHORT, "html")
    elements = Parts(page).elements
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in elements
    assert {tag for tag, _ in elements}.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert "url(" not in page


@pytest.mark.parametrize("text", EVIL)
def test_names_titles_and_words_are_shown_as_they_are(text: str) -> None:
    parts = Parts(export(evil(text), "html"))
    assert {(tag, frozenset(found)) for tag, found in parts.elements} <= KNOWN
    assert parts.texts[0] == plain(text)
    assert parts.texts[-3:] == [plain(text), "00:00:00", f"{plain(text)} end"]


@settings(deadline=None)
@given(records())
def test_whatever_was_said_the_page_has_the_same_elements_and_all_that_was_said(record: Record) -> None:
    parts = Parts(export(record, "html"))
    known = {*KNOWN, ("bdi", frozenset())}
    assert {(tag, frozenset(found)) for tag, found in parts.elements} <= known
    said = paragraphs(record)
    assert parts.texts[len(parts.texts) - 3 * len(said) + 2 :: 3] == [p.text for p in said]


@pytest.mark.parametrize(("colors", "paper"), [(LIGHT, "#ffffff"), (DARK, "#131614")])
def test_every_colour_of_a_speaker_is_readable(colors: list[str], paper: str) -> None:
    def light(color: str) -> float:
        parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for color in colors:
        bright, dark = sorted((light(color), light(paper)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5
        assert re.fullmatch("#[0-9a-f]{6}", color)
