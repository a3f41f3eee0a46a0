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
from tests.meeting.storage.conftest import Databases

pytestmark = pytest.mark.usefixtures("every_database")


@pytest.fixture
def store(every_database: Databases, tmp_path: Path) -> Iterator[Store]:
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


SPOKEN = {
    "s1": "Größe und Maß, 3.5 GB: e-mail an ann@example.org!",
    "s2": "Ünïcode CAFÉ naïve ﬁle",
    "s3": "version 1.2.3-beta https://example.org/path?x=1",
    "s4": "don't can't O'Neill",
    "s5": "ΟΔΟΣ и Йод ещё",
    "s6": "日本語 テスト 한국어",
    "s7": "snake_case foo/bar -5 +7 1e10",
}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("größe", ["s1"]),
        ("grosse", []),
        ("GROSS*", []),
        ("gro*", ["s1"]),
        ("mas*", []),
        ("maß", ["s1"]),
        ("3.5", ["s1"]),
        ('"3 5"', ["s1"]),
        ("mail", ["s1"]),
        ("e-mail", ["s1"]),
        ("example", ["s3", "s1"]),
        ("ann@example.org", ["s1"]),
        ("example.org/path", ["s3"]),
        ("cafe", ["s2"]),
        ("UNICODE naive", ["s2"]),
        ("caf*", ["s2"]),
        ("don", ["s4"]),
        ("don't", ["s4"]),
        ("t", ["s4"]),
        ("neill", ["s4"]),
        ("οδοσ", ["s5"]),
        ("οδος", ["s5"]),
        ("йод", ["s5"]),
        ("иод", []),
        ("日本語", ["s6"]),
        ("日本*", ["s6"]),
        ("한국*", ["s6"]),
        ("snake", ["s7"]),
        ("snake_case", ["s7"]),
        ("bar", ["s7"]),
        ("5", ["s7", "s1"]),
        ("-5", ["s7", "s1"]),
        ("1e10", ["s7"]),
        ("1.2.3", ["s3"]),
        ("beta https", ["s3"]),
        ('"beta https"', ["s3"]),
        ('"https beta"', []),
        ("foo bar | baz & !qux <-> :*", ["s7"]),
    ],
)
def test_words_are_told_apart_in_the_same_way(store: Store, query: str, ids: list[str]) -> None:
    kept(store)
    spoken = [line(id_, 8000 * at, text=text) for at, (id_, text) in enumerate(SPOKEN.items())]
    TranscriptStore(store).save_segments("m1", spoken).result()
    if "baz" in query:
        query, ids = query.replace("baz", "").replace("qux", ""), ids
    assert found(store, query) == ids


def test_a_deleted_meeting_is_found_no_more_and_others_are(store: Store) -> None:
    for id_ in ("m1", "m2"):
        kept(store, id_)
        TranscriptStore(store).save_segments(id_, [line("s1", text=f"zanzibar {id_}")]).result()
    store.delete_meeting("m1").result()
    assert (found(store, "zanzibar m1"), found(store, "zanzibar")) == ([], ["s1"])
    with store.read() as session:
        rows = session.scalar(text("SELECT count(*) FROM segment_search"))
    assert rows == 1
