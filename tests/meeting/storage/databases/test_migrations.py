"""The way of a database file to the newest schema."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from meeting.config.package_files import MIGRATIONS
from meeting.storage.databases.sqlite import SqliteDatabase, connect
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.search.query import Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import Store
from meeting.storage.summary import newest_lines, read_speakers
from meeting.storage.tables import Base
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import DatabaseTooNew, MeetingError, StoreError
from pipelines.types import Speaker
from tests.databases.copied_file import migrated_bytes
from tests.fakes.stored import line

pytestmark = pytest.mark.usefixtures("new_databases_are_migrated")


def prepare(path: Path) -> None:
    """Bring a file to the newest schema."""
    SqliteDatabase(path).prepare()


REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


def differences(path: Path) -> list[object]:
    """What sets the file's schema apart from the models."""
    engine = connect(path, "BEGIN")
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_of_models}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, Base.metadata)
    engine.dispose()
    return list(found)


def is_of_models(name: str | None, kind: str, parents: object) -> bool:
    """Whether a table is one of the models: all are, but for those that SQLite makes for the full-text index."""
    return not (name or "").startswith("segment_search")


def move(path: Path, revision: str) -> None:
    """Migrate to exactly this revision, up or down."""
    engine = connect(path, "BEGIN IMMEDIATE")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        context = MigrationContext.configure(connection)
        down = revision == "base" or (context.get_current_revision() or "") > revision
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def test_models_equal_the_schema_migrated_from_blank(tmp_path: Path) -> None:
    prepare(tmp_path / "db")
    assert differences(tmp_path / "db") == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_models_equal_the_schema_migrated_from_every_revision(tmp_path: Path, revision: str) -> None:
    move(tmp_path / "db", revision)
    prepare(tmp_path / "db")
    assert differences(tmp_path / "db") == []


def test_what_other_tests_copy_is_byte_for_byte_what_migrating_makes(tmp_path: Path) -> None:
    prepare(tmp_path / "db")
    assert migrated_bytes() == (tmp_path / "db").read_bytes()
    (tmp_path / "copy").write_bytes(migrated_bytes())
    assert differences(tmp_path / "copy") == []


def test_meetings_of_an_earlier_version_expect_no_terms_and_no_number_of_people(tmp_path: Path) -> None:
    move(tmp_path / "meetings.sqlite3", "0004")
    with sqlite3.connect(tmp_path / "meetings.sqlite3") as connection:
        connection.execute(
            "INSERT INTO meetings (id, title, state, created_at, samples, models) "
            "VALUES ('a', 'Old', 'ended', '2026-01-02 00:00:00.000000', 0, '{}')"
        )
    connection.close()
    with Store(tmp_path) as store:
        assert store.meeting("a").hotwords == ()
        assert store.meeting("a").speakers is None


def test_speakers_of_an_earlier_version_are_as_people_named_them(tmp_path: Path) -> None:
    move(tmp_path / "meetings.sqlite3", "0010")
    with sqlite3.connect(tmp_path / "meetings.sqlite3") as connection:
        connection.execute(
            "INSERT INTO meetings (id, title, state, created_at, samples, models) "
            "VALUES ('a', 'Old', 'ended', '2026-01-02 00:00:00.000000', 0, '{}')"
        )
        connection.execute("INSERT INTO speakers (meeting_id, id, name, color) VALUES ('a', 'spk1', 'Ann', 0)")
    connection.close()
    with Store(tmp_path) as store:
        assert read_speakers(store, "a") == (Speaker("spk1", "Ann"),)
        assert VoiceStore(store).profiles() == ()


def test_lines_of_an_earlier_version_keep_their_numbers_and_are_found(tmp_path: Path) -> None:
    path = tmp_path / "meetings.sqlite3"
    move(path, "0010")
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO meetings (id, title, state, created_at, samples, models, kept) "
            "VALUES ('a', 'Old', 'ended', '2026-01-02 00:00:00.000000', 0, '{}', 1)"
        )
        connection.execute(
            "INSERT INTO sources (meeting_id, id, name, kind, encoding, sample_rate, channels, samples) "
            "VALUES ('a', 'src', '', 'room', 'pcm_s16le', 16000, 1, 0)"
        )
        for number, text in ((3, "hello there"), (8, "goodbye")):
            connection.execute(
                'INSERT INTO segments (rowid, meeting_id, id, rev, source_id, start, "end", text, words) '
                "VALUES (?, 'a', ?, 1, 'src', 0, 1600, ?, ?)",
                (number, f"s{number}", text, json.dumps([[text, 0, 1600, None]])),
            )
    connection.close()
    with Store(tmp_path) as store:
        assert [(line.number, line.text) for line in newest_lines(store, "a", 5)] == [
            (3, "hello there"),
            (8, "goodbye"),
        ]
        assert not TranscriptStore(store).record("a").sources[0].translate
        TranscriptStore(store).save_segments("a", [line("s9", text="hello again"), line("s8", text="", rev=2)]).result()
        found = SearchStore(store).search(Search(parse_query("hello")))
        assert [hit.segment_id for hit in found.hits] == ["s9", "s3"]
        assert SearchStore(store).search(Search(parse_query("goodbye"))).hits == ()
    move(path, "0010")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT rowid, text FROM segments ORDER BY rowid").fetchall() == [
            (3, "hello there"),
            (9, "hello again"),
        ]
        connection.execute("INSERT INTO segment_search(segment_search, rank) VALUES ('integrity-check', 1)")
    connection.close()


def test_every_revision_can_be_undone(tmp_path: Path) -> None:
    path = tmp_path / "db"
    prepare(path)
    move(path, "base")
    with sqlite3.connect(path) as connection:
        left = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert left == {"alembic_version", "sqlite_sequence"}, "the latter is SQLite's own, which nobody may drop"


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "db"
    prepare(path)
    before = path.read_bytes()
    prepare(path)
    assert path.read_bytes() == before


def test_migrating_is_quiet_wherever_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    prepare(Path("a 100% odd?name#"))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_a_database_of_a_later_version_is_left_alone_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "db"
    prepare(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DatabaseTooNew, match=r"update the program, or choose another folder"):
        prepare(path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (address)")
    connection.close()
    with pytest.raises(StoreError, match="belongs to another program"):
        prepare(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("content", [b"not a database at all, but quite a long text " * 50, b"\x00" * 4096])
def test_a_file_that_is_no_database_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"db is damaged or no database"):
        prepare(path)
    assert path.read_bytes() == content


def test_a_truncated_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "db"
    prepare(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="damaged"):
        prepare(path)


def test_a_missing_migrations_folder_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.storage.databases.migrations.MIGRATIONS", tmp_path / "nowhere")
    with pytest.raises(StoreError, match="install the program again"):
        prepare(tmp_path / "db")


@pytest.mark.slow
def test_a_second_program_waits_for_the_first_on_a_blank_folder(tmp_path: Path) -> None:
    errors: list[MeetingError] = []

    def start() -> None:
        try:
            prepare(tmp_path / "db")
        except MeetingError as error:
            errors.append(error)

    # Alembic keeps the migration that runs in a module of its own, so that within one process they take turns;
    # here the second comes while the first holds the file.
    engine = connect(tmp_path / "db", "BEGIN IMMEDIATE")
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
        other = threading.Thread(target=start)
        other.start()
        other.join(0.2)
    other.join()
    engine.dispose()
    assert errors == []
    assert differences(tmp_path / "db") == []


@pytest.mark.slow
def test_two_programs_do_start_on_a_blank_folder_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from meeting.storage.store import Store; Store(pathlib.Path(sys.argv[1])).open().close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=MIGRATIONS.parent, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[1] for process in started] == [b"", b"", b""]
    assert differences(tmp_path / "meetings.sqlite3") == []


def test_the_file_is_written_ahead_once_it_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "db"
    prepare(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_that_stays_locked_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.storage.databases.sqlite.BUSY_SECONDS", 0.01)
    path = tmp_path / "db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="in use by another program"):
        prepare(path)
    other.close()
