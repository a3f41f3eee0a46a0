"""The full-text index: kept with the lines in the same transaction, and without a trace of what was deleted."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from meeting.storage.databases.sqlite import SqliteDatabase
from meeting.storage.search.fts5 import Fts5Index, expression
from meeting.storage.search.index import LAST_NUMBER
from meeting.storage.search.query import Search, Term, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import DATABASE, Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from tests.fakes.stored import kept, line
from tests.meeting.storage.databases.test_migrations import move


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An open store."""
    return Store(tmp_path).open()


def found(store: Store, query: str) -> list[str]:
    """Ids of the lines that a search finds."""
    return [hit.segment_id for hit in SearchStore(store).search(Search(parse_query(query))).hits]


def check(store: Store) -> None:
    """See that the index is sound, and has the words of all lines of meetings that are kept and no others."""
    store.write(
        lambda s: s.execute(text("INSERT INTO segment_search(segment_search) VALUES ('integrity-check')"))
    ).result()
    with closing(sqlite3.connect(store.data_dir / DATABASE)) as connection:
        connection.executescript(
            """
            CREATE VIRTUAL TABLE temp.anew USING fts5(text, tokenize='unicode61 remove_diacritics 2');
            INSERT INTO temp.anew(rowid, text) SELECT segments.rowid, text FROM segments
                JOIN meetings ON meetings.id = meeting_id AND kept;
            CREATE VIRTUAL TABLE temp.expected USING fts5vocab('temp', 'anew', 'instance');
            CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'segment_search', 'instance');
            """
        )
        words, expected = (connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("words", "expected"))
        assert sorted(words) == sorted(expected)


def test_words_of_a_query_are_the_only_thing_of_it_that_means_something() -> None:
    terms = (Term('say "no" OR yes'), Term("rel", True), Term("text:x^2"))
    assert expression(terms) == '"say ""no"" OR yes" "rel"* "text:x^2"'


@pytest.mark.parametrize(
    "query", ['"', "a AND", "NEAR(", "text: x", "a-b", "{", "^", "(a", "a*b", "'; DROP TABLE segments"]
)
def test_the_language_of_the_index_is_taken_literally(store: Store, query: str) -> None:
    kept(store)
    TranscriptStore(store).save_segments("m1", [line("s1", text="a b c")]).result()
    matches = Fts5Index().matches([Term(query)], 0, LAST_NUMBER, 9)
    with store.read() as session:
        session.execute(matches).all()
    store.close()


def test_the_index_follows_a_line_through_its_changes(store: Store) -> None:
    kept(store)
    transcripts = TranscriptStore(store)
    transcripts.save_segments("m1", [line("s1", text="the old words")]).result()
    transcripts.save_segments("m1", [line("s1", rev=2, text="the new words")]).result()
    assert (found(store, "old"), found(store, "new")) == ([], ["s1"])
    withdrawn = line("s1", rev=3, text="")
    transcripts.save_segments("m1", [withdrawn]).result()
    assert found(store, "new") == []
    check(store)
    store.close()


def test_what_is_said_in_a_meeting_that_is_not_kept_is_never_in_the_index(store: Store) -> None:
    kept(store)
    store.write(lambda session: session.execute(text("UPDATE meetings SET kept = 0"))).result()
    TranscriptStore(store).save_segments("m1", [line("s1", text="zanzibar")]).result()
    TranscriptStore(store).save_segments("m1", [line("s1", rev=2, text="zanzibar again")]).result()
    assert found(store, "zanzibar") == []
    store.delete_meeting("m1").result()
    check(store)
    store.close()
    assert b"zanzibar" not in (store.data_dir / "meetings.sqlite3").read_bytes()


def test_a_deleted_meeting_leaves_nothing_in_the_index(store: Store) -> None:
    for id_, word in (("m1", "zanzibar"), ("m2", "timbuktu")):
        kept(store, id_)
        TranscriptStore(store).save_segments(id_, [line(f"s{i}", text=f"{word} {i}") for i in range(300)]).result()
    database = store.data_dir / "meetings.sqlite3"
    store.delete_meeting("m1").result()
    assert (found(store, "zanzibar"), len(found(store, "timbuktu"))) == ([], 20)
    traces = [path.name for path in store.data_dir.iterdir() if path.is_file() and b"zanzibar" in path.read_bytes()]
    assert traces == []
    with sqlite3.connect(database) as connection:
        terms = "CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'segment_search', 'row')"
        connection.execute(terms)
        assert connection.execute("SELECT count(*) FROM terms WHERE term = 'zanzibar'").fetchone() == (0,)
    connection.close()
    check(store)
    store.close()


def test_lines_are_found_after_the_file_was_compacted(store: Store) -> None:
    kept(store)
    lines = [line(f"s{i}", start=8000 * i, text=f"word{i}") for i in range(50)]
    TranscriptStore(store).save_segments("m1", lines).result()
    for number in range(0, 50, 2):
        TranscriptStore(store).save_segments("m1", [line(f"s{number}", rev=2, text="")]).result()
    store.close()
    with sqlite3.connect(store.data_dir / "meetings.sqlite3") as connection:
        connection.execute("VACUUM")
    connection.close()
    store.open()
    assert found(store, "word31") == ["s31"], "row numbers have changed: give segments a number of their own"
    store.close()


def old_meetings(path: Path, lines: int) -> None:
    """A database from before there was an index, with a meeting that is kept and one that is not."""
    move(path, "0007")
    with sqlite3.connect(path) as connection:
        for id_, kept_ in (("m1", 1), ("m2", 0)):
            connection.execute(
                "INSERT INTO meetings (id, title, state, created_at, samples, models, kept) "
                "VALUES (?, 'Old', 'ended', '2026-01-02 00:00:00.000000', 0, '{}', ?)",
                (id_, kept_),
            )
            connection.executemany(
                "INSERT INTO segments (meeting_id, id, rev, source_id, start, end, text, words) "
                "VALUES (?, ?, 1, 'a', 0, 8000, ?, '[]')",
                [(id_, f"s{number}", f"word{number} again") for number in range(lines)],
            )
    connection.close()


def test_meetings_of_an_earlier_version_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_meetings(tmp_path / "meetings.sqlite3", 20_010)
    caplog.set_level(logging.INFO, logger="meeting.storage.migrations")
    ticks = iter(range(0, 10_000, 3))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    SqliteDatabase(tmp_path / "meetings.sqlite3").prepare()
    monkeypatch.undo()
    assert [record.getMessage() for record in caplog.records if record.name == "meeting.storage.migrations"] == [
        "search: 40020 lines are put into an index, which is done once",
        "search: 20000 of 40020 lines are in the index",
        "search: 40000 of 40020 lines are in the index",
        "search: 40020 of 40020 lines are in the index",
        "search: the index is complete",
    ]
    with Store(tmp_path) as store:
        for number in (0, 19_999, 20_000, 20_009):
            hits = SearchStore(store).search(Search((Term(f"word{number}"),))).hits
            assert [(hit.meeting_id, hit.segment_id) for hit in hits] == [("m1", f"s{number}")]
        check(store)


def test_an_index_that_was_being_built_when_the_process_died_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_meetings(tmp_path / "meetings.sqlite3", 3)

    def killed() -> float:
        raise OSError("no more")

    with monkeypatch.context() as patched:
        patched.setattr("time.monotonic", killed)
        with pytest.raises(StoreError):
            SqliteDatabase(tmp_path / "meetings.sqlite3").prepare()
    with Store(tmp_path) as store:
        assert found(store, "word2") == ["s2"]
