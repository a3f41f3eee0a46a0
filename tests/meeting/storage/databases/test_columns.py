"""Columns that mean the same in every database: what one refuses and another takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from meeting.storage.databases.columns import Text, escape_nul
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from tests.fakes.stored import kept, line

pytestmark = pytest.mark.usefixtures("every_database")

POSTGRESQL, SQLITE = postgresql.dialect(), sqlite.dialect()
ODD = [
    "",
    "\0",
    "a\0b\0",
    "\U0010ffff",
    "\U0010ffff\0",
    "\U0010ffff\U0010fffe",
    "\0\U0010fffe",
    "\U0010ffff\U0010ffff\0",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store."""
    with Store(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("text", ODD)
def test_a_text_that_postgresql_refuses_is_kept_as_another_and_comes_back(text: str) -> None:
    bound = Text().process_bind_param(text, POSTGRESQL)
    assert bound is not None
    assert "\0" not in bound
    assert Text().process_result_value(bound, POSTGRESQL) == text
    assert Text().process_bind_param(text, SQLITE) == Text().process_result_value(text, SQLITE) == text


def test_different_texts_stay_different() -> None:
    assert len({escape_nul(text) for text in ODD}) == len(ODD)


def test_a_nul_in_a_title_and_in_a_line_comes_back(store: Store) -> None:
    kept(store, title="a\0b")
    said = line("s1", text="one\0two three")
    TranscriptStore(store).save_segments("m1", [said]).result()
    record = TranscriptStore(store).record("m1")
    assert (record.meeting.title, record.segments) == ("a\0b", (said,))
    assert [meeting.id for meeting in store.meetings(title="A\0B")[0]] == ["m1"]
    assert store.meetings(title="ab")[0] == []


def test_whole_numbers_have_64_bits(store: Store) -> None:
    kept(store)
    late = line("s1", start=2**40)
    TranscriptStore(store).save_segments("m1", [late]).result()
    store.set_state("m1", "live", samples=2**40).result()
    record = TranscriptStore(store).record("m1")
    assert (record.segments, record.meeting.samples) == ((late,), 2**40)


@pytest.mark.parametrize("rev", [2**63, 2**200])
def test_one_that_has_more_is_refused_as_what_never_fits(store: Store, rev: int) -> None:
    kept(store)
    error = TranscriptStore(store).save_segments("m1", [line("s1", rev=rev)]).exception()
    assert isinstance(error, StoreError)
    assert "does not fit" in str(error)
    cause = getattr(error.__cause__, "orig", None) or error.__cause__
    assert isinstance(cause, ValueError | OverflowError), "who saves must not try this again"


def test_text_is_sorted_by_its_code_points(store: Store) -> None:
    ids = ["Z", "a", "A", "ä", "z", "é", "-", "_", "aB", "ab"]
    for id_ in ids:
        kept(store, id_)
    listed, _ = store.meetings(limit=99)
    assert [meeting.id for meeting in listed] == sorted(ids, reverse=True)


def test_pages_are_the_same_whatever_the_ids_are(store: Store) -> None:
    ids = ["Z", "a", "A", "ä", "z", "é", "a\0", "_"]
    for id_ in ids:
        kept(store, id_)
    cursor, found = None, []
    while True:
        page, cursor = store.meetings(3, cursor)
        found += [meeting.id for meeting in page]
        if cursor is None:
            break
    assert found == sorted(ids, reverse=True)
