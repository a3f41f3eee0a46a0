"""The full-text index, whichever database it lies in: kept with the lines in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from meeting.storage.search.query import Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from tests.fakes.stored import kept, line

pytestmark = pytest.mark.usefixtures("every_database")


@pytest.fixture
def store(every_database: str, tmp_path: Path) -> Iterator[Store]:
    """An open store."""
    with Store(tmp_path) as opened:
        yield opened


def found(store: Store, query: str) -> list[str]:
    """Ids of the lines that a search finds."""
    return [hit.segment_id for hit in SearchStore(store).search(Search(parse_query(query))).hits]


def test_a_write_that_fails_leaves_the_index_as_it_was(store: Store) -> None:
    kept(store)
    TranscriptStore(store).save_segments("m1", [line("s1", text="before")]).result()

    def work(session: object) -> None:
        session.execute(text("UPDATE segments SET text = 'after'"))  # type: ignore[attr-defined]
        raise StoreError("no")

    with pytest.raises(StoreError):
        store.write(work).result()
    assert (found(store, "before"), found(store, "after")) == (["s1"], [])


def test_a_withdrawn_line_is_found_no_more(store: Store) -> None:
    kept(store)
    transcripts = TranscriptStore(store)
    transcripts.save_segments("m1", [line("s1", text="the old words")]).result()
    transcripts.save_segments("m1", [line("s1", rev=2, text="the new words")]).result()
    assert (found(store, "old"), found(store, "new")) == ([], ["s1"])
    transcripts.save_segments("m1", [line("s1", rev=3, text="")]).result()
    assert found(store, "new") == []


def test_what_is_said_in_a_meeting_that_is_not_kept_is_never_found(store: Store) -> None:
    kept(store)
    store.write(lambda session: session.execute(text("UPDATE meetings SET kept = false"))).result()
    TranscriptStore(store).save_segments("m1", [line("s1", text="zanzibar")]).result()
    TranscriptStore(store).save_segments("m1", [line("s1", rev=2, text="zanzibar again")]).result()
    store.write(lambda session: session.execute(text("UPDATE meetings SET kept = true"))).result()
    assert found(store, "zanzibar") == []
