"""The store: what is written comes back, in whatever order and from however many threads."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from meeting.core.records import Meeting, State
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.tables import MeetingRow, SegmentRow, SourceRow, SpeakerRow, TurnRow
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound, StoreError
from pipelines.types import Speaker, SpeakerCount
from tests.fakes.disks import files_of_at_most
from tests.fakes.stored import NOON, SOURCE, kept, line, revised, turns
from tests.meeting.storage.conftest import Databases
from tests.meeting.storage.objects.fake_objects import FakeObjects

pytestmark = pytest.mark.usefixtures("every_database")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store in a blank folder."""
    with Store(tmp_path / "data") as store:
        yield store


@pytest.fixture
def meeting(store: Store) -> Meeting:
    """A meeting that is kept."""
    return kept(store)


# The folder


@pytest.mark.usefixtures("sqlite_file", "new_databases_are_migrated")
def test_folder_and_file_are_their_owners_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with Store(tmp_path / "new" / "data") as store:
            kept(store)
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in [store.data_dir, *store.data_dir.iterdir()]
            }
    finally:
        os.umask(old)
    assert modes.pop("data") == modes.pop("audio") == 0o700
    assert "meetings.sqlite3" in modes
    assert set(modes.values()) == {0o600}


def test_an_unusable_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file/data cannot be used: Not a directory"):
        Store(tmp_path / "file" / "data").open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path / "data").open()


@pytest.mark.usefixtures("sqlite_file")
def test_a_folder_in_the_place_of_the_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "meetings.sqlite3").mkdir()
    with pytest.raises(StoreError, match="check the permissions"):
        Store(tmp_path).open()


def test_meetings_are_there_after_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        kept(store)
        TranscriptStore(store).save_segments("m1", [line("s1")])
    with Store(tmp_path) as store:
        assert TranscriptStore(store).record("m1").segments == (line("s1"),)


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="not open"):
        store.meetings()
    assert isinstance(store.rename_meeting("m", "x").exception(), StoreError)
    store.close()
    store.open().open()
    store.close()
    store.close()


@pytest.mark.slow
def test_what_was_committed_survives_a_kill(tmp_path: Path, every_database: Databases) -> None:
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from meeting.config.settings import Storage
        from meeting.storage.store import Store
        from meeting.storage.transcript_store import TranscriptStore
        from tests.fakes.stored import kept, line
        store = Store.configured(Storage(Path(sys.argv[1]), sys.argv[2] or None)).open()
        kept(store)
        TranscriptStore(store).save_segments("m1", [line(f"s{i}") for i in range(20)]).result()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).resolve().parents[3]
    url = every_database.url(tmp_path) or ""
    subprocess.run([sys.executable, "-c", program, str(tmp_path), url], cwd=root, check=False, timeout=60)
    with Store(tmp_path) as store:
        assert store.meeting("m1").segments == 20


# Meetings


def test_a_meeting_comes_back_as_it_was(store: Store) -> None:
    cest = timezone(timedelta(hours=2))
    meeting = Meeting(
        "m1", "Ünï", State.LIVE, NOON, NOON.astimezone(cest), None, 5, 0, {"speech": {"name": "x"}, "why": "é"}
    )
    store.create_meeting(meeting).result()
    assert store.meeting("m1") == meeting


def test_a_second_meeting_of_the_same_id_is_refused(store: Store, meeting: Meeting) -> None:
    with pytest.raises(StoreError, match="already"):
        store.create_meeting(meeting).result()


def test_what_does_not_exist_is_not_found(store: Store) -> None:
    for future in (
        store.rename_meeting("x", "y"),
        store.delete_meeting("x"),
        store.set_state("x", State.ENDED),
        TranscriptStore(store).save_source("x", SOURCE),
        TranscriptStore(store).save_segments("x", [line("s1")]),
        TranscriptStore(store).save_speakers("x", [Speaker("spk1")]),
        TranscriptStore(store).save_turns("x", "src", revised(0, 8, (0, 8, "spk1"))),
    ):
        with pytest.raises(NotFound):
            future.result()
    with pytest.raises(NotFound):
        store.meeting("x")
    with pytest.raises(NotFound):
        TranscriptStore(store).record("x")


def test_state_moves_and_what_is_not_given_stays(store: Store, meeting: Meeting) -> None:
    store.set_state("m1", State.LIVE, started_at=NOON, models={"speech": "x"}).result()
    store.set_state("m1", State.ENDED, ended_at=NOON + timedelta(hours=1), samples=77).result()
    found = store.meeting("m1")
    assert (found.state, found.started_at, found.samples, found.models) == (State.ENDED, NOON, 77, {"speech": "x"})
    with pytest.raises(StoreError, match="open, live, ending, ended"):
        store.set_state("m1", "paused").result()


def test_a_meeting_gets_another_title(store: Store, meeting: Meeting) -> None:
    store.rename_meeting("m1", "Budget").result()
    assert store.meeting("m1").title == "Budget"


def test_a_meeting_expects_other_terms_and_those_before_leave_no_trace(store: Store, meeting: Meeting) -> None:
    assert store.meeting("m1").hotwords == ()
    store.set_hotwords("m1", ("Wombat", "Ångström")).result()
    assert store.meeting("m1").hotwords == ("Wombat", "Ångström")
    assert store.meetings()[0][0].hotwords == ("Wombat", "Ångström")
    store.set_hotwords("m1", ()).result()
    assert store.meeting("m1").hotwords == ()
    assert all(b"Wombat" not in file.read_bytes() for file in store.data_dir.glob("meetings.*"))
    with pytest.raises(NotFound):
        store.set_hotwords("m9", ()).result()


def test_terms_are_kept_with_a_new_meeting_and_never_printed(store: Store) -> None:
    made = Meeting("m5", "Monday", State.OPEN, NOON, hotwords=("Okapi",))
    store.create_meeting(made).result()
    assert store.meeting("m5") == made
    assert "Okapi" not in repr(made)


@pytest.mark.parametrize("speakers", [None, SpeakerCount(4, 4), SpeakerCount(2, 5)])
def test_how_many_people_speak_is_kept_with_a_new_meeting(store: Store, speakers: SpeakerCount | None) -> None:
    made = Meeting("m6", "Monday", State.OPEN, NOON, speakers=speakers)
    store.create_meeting(made).result()
    assert store.meeting("m6") == made
    assert store.meetings()[0] == [made]


def test_a_meeting_that_is_not_kept_is_found_by_its_whole_id_and_listed_nowhere(store: Store, meeting: Meeting) -> None:
    made = Meeting("m7", "A call", State.LIVE, NOON + timedelta(hours=1), kept=False)
    store.create_meeting(made).result()
    assert store.meeting("m7") == made
    assert store.unkept() == ["m7"]
    assert [found.id for found in store.meetings()[0]] == ["m1"]
    assert store.find("last").id == "m1"
    with pytest.raises(NotFound):
        store.find("m7")
    assert "m7" not in RecoveryStore(store).unfinished()


def test_pages_hold_every_meeting_once_newest_first(store: Store) -> None:
    for i in range(7):
        kept(store, f"m{i}", NOON + timedelta(seconds=i // 2))  # pairs of the same second
    seen: list[str] = []
    before = None
    while True:
        page, before = store.meetings(limit=2, before=before)
        seen += [meeting.id for meeting in page]
        if before is None:
            break
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1", "m0"]
    assert store.meetings(limit=7)[1] is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"title": "ärger"}, ["m3", "m0"]),
        ({"title": "STRASSE"}, ["m3"]),
        ({"title": "%"}, ["m1"]),
        ({"title": "_"}, []),
        ({"title": "'; DROP"}, []),
        ({"states": [State.LIVE]}, ["m2"]),
        ({"states": [State.LIVE, State.OPEN], "title": "g"}, ["m3", "m2", "m0"]),
        ({"title": "", "states": ()}, ["m3", "m2", "m1", "m0"]),
    ],
)
def test_the_list_can_be_narrowed_to_a_part_of_the_title_and_to_states(
    store: Store, wanted: dict[str, Any], found: list[str]
) -> None:
    for number, title in enumerate(("Ärger, Montag", "100 %", "Planning", "ärger in der Hauptstraße")):
        kept(store, f"m{number}", NOON + timedelta(seconds=number))
        store.rename_meeting(f"m{number}", title).result()
    store.set_state("m2", State.LIVE).result()
    store.set_state("m1", State.ENDED).result()
    pages, before = [], None
    while True:
        page, before = store.meetings(limit=2, before=before, **wanted)
        pages += [meeting.id for meeting in page]
        if before is None:
            break
    assert pages == found


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!!", "é", "MjAyNg", "a" * 99, "MjAyNi0wMS0wMSBt", "MDAwMS0wMS0wMVQwMDowMDowMCsyMzowMCBt"]
)
def test_a_page_that_cannot_be_is_a_sentence_and_no_fault_of_the_store(store: Store, cursor: str) -> None:
    with pytest.raises(MeetingError, match="first page") as refused:
        store.meetings(before=cursor)
    assert not isinstance(refused.value, StoreError)


def test_a_meeting_is_found_by_the_start_of_its_id(store: Store) -> None:
    kept(store, "abcd")
    kept(store, "abxy", NOON + timedelta(hours=1))
    kept(store, "abx")
    assert store.find("abc").id == "abcd"
    assert store.find("ABXY").id == "abxy"
    assert store.find("abx").id == "abx"
    assert store.find("last").id == "abxy"
    with pytest.raises(NotFound, match="more than one"):
        store.find("ab")
    for nothing in ("zz", "", "a%", "____"):
        with pytest.raises(NotFound, match="there is no meeting"):
            store.find(nothing)


def test_the_last_of_no_meetings_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="no meeting yet"):
        store.find("last")


def test_text_that_is_no_unicode_is_refused_in_a_sentence(store: Store, meeting: Meeting) -> None:
    with pytest.raises(StoreError, match="does not fit"):
        store.rename_meeting("m1", "\ud800").result()
    with pytest.raises(StoreError, match="zone"):
        store.set_state("m1", State.LIVE, started_at=datetime(2026, 1, 1)).result()


# Deleting


def test_deleting_a_meeting_takes_its_rows_and_files_and_no_others(store: Store) -> None:
    for id_ in ("m1", "m1-2", "m2"):
        kept(store, id_)
        TranscriptStore(store).save_source(id_, replace(SOURCE, audio=store.files.audio_path(id_, "a").name))
        TranscriptStore(store).save_speakers(id_, [Speaker("spk1", "Ann")])
        TranscriptStore(store).save_segments(id_, [line("s1")])
        TranscriptStore(store).save_turns(id_, "src", revised(0, 10, (0, 10, "spk1"))).result()
        store.files.audio_path(id_, "a").touch()
        store.files.journal_path(id_, "a").touch()
        store.files.journal_path(id_, "b").touch()
    store.delete_meeting("m1").result()
    assert sorted(path.name for path in (store.data_dir / "audio").iterdir()) == [
        "m1-2.a.flac", "m1-2.a.journal", "m1-2.b.journal", "m2.a.flac", "m2.a.journal", "m2.b.journal",
    ]  # fmt: skip
    with store.read() as session:
        for column in (MeetingRow.id, *(t.meeting_id for t in (SourceRow, SpeakerRow, SegmentRow, TurnRow))):
            assert list(session.scalars(select(column).distinct().order_by(column))) == ["m1-2", "m2"]


def test_a_file_named_outside_the_folder_is_never_deleted(store: Store, meeting: Meeting, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    TranscriptStore(store).save_source("m1", replace(SOURCE, audio="../../precious"))
    store.delete_meeting("m1").result()
    assert precious.exists()


def test_a_meeting_whose_file_cannot_go_stays_to_be_deleted_again(store: Store, meeting: Meeting) -> None:
    stuck = store.files.audio_path("m1", "a")
    stuck.mkdir()
    with pytest.raises(StoreError, match=stuck.name):
        store.delete_meeting("m1").result()
    assert store.meeting("m1") == meeting
    stuck.rmdir()
    store.delete_meeting("m1").result()
    assert store.meetings() == ([], None)


def test_words_of_lines_that_were_gone_before_the_meeting_was_are_gone_from_the_disk(
    store: Store, meeting: Meeting
) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", text="Zyzzogeton.")]).result()
    store.set_state("m1", State.LIVE, started_at=NOON).result()
    RecoveryStore(store).replace_transcript("m1", [], [], []).result()
    store.delete_meeting("m1").result()
    assert not [path for path in store.data_dir.glob("*") if path.is_file() and b"zyzzogeton" in path.read_bytes()]


def test_deleted_words_are_gone_from_the_disk(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", text="xylophone " * 2000)]).result()
    store.delete_meeting("m1").result()
    assert not [path for path in store.data_dir.iterdir() if path.is_file() and b"xylophone" in path.read_bytes()]


# Many at once, and trouble


@pytest.mark.slow
def test_writers_from_many_threads_lose_nothing_while_readers_read(store: Store) -> None:
    for i in range(4):
        kept(store, f"m{i}")
    errors: list[BaseException] = []
    done = threading.Event()

    def write(id_: str) -> None:
        try:
            for i in range(50):
                future = TranscriptStore(store).save_segments(id_, [line(f"s{i}", i * 16000)])
                turns = revised(i * 10, i * 10 + 10, (i * 10, i * 10 + 10, "spk1"))
                TranscriptStore(store).save_turns(id_, "src", turns)
            future.result()
        except BaseException as error:
            errors.append(error)

    def read() -> None:
        try:
            while not done.is_set():
                for i in range(4):
                    record = TranscriptStore(store).record(f"m{i}")
                    # One state of the database: the count and the lines are of the same moment.
                    assert record.meeting.segments == len(record.segments)
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(f"m{i}",)) for i in range(4)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    store.close()
    store.open()
    assert errors == []
    for i in range(4):
        assert [segment.id for segment in TranscriptStore(store).record(f"m{i}").segments] == [
            f"s{n}" for n in range(50)
        ]
        assert turns(store, f"m{i}") == [(0, 500, "spk1")]


def test_a_second_program_reads_and_writes_beside_the_first(store: Store, meeting: Meeting) -> None:
    with Store(store.data_dir) as other:
        other.rename_meeting("m1", "Other").result()
        TranscriptStore(store).save_segments("m1", [line("s1")]).result()
        assert TranscriptStore(other).record("m1").segments == (line("s1"),)
    assert store.meeting("m1").title == "Other"


def test_a_room_awaits_a_write(store: Store, meeting: Meeting) -> None:
    async def room() -> None:
        await asyncio.wrap_future(store.rename_meeting("m1", "Awaited"))
        with pytest.raises(NotFound):
            await asyncio.wrap_future(store.rename_meeting("m9", "Awaited"))

    asyncio.run(room())
    assert store.meeting("m1").title == "Awaited"


@pytest.mark.usefixtures("sqlite_file")
def test_a_disk_that_takes_no_more_fails_the_write_and_keeps_what_was_there(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1")]).result()
    with files_of_at_most(300_000), pytest.raises(StoreError):
        TranscriptStore(store).save_segments("m1", [line(f"x{i}", text="long " * 200) for i in range(200)]).result()
    assert [segment.id for segment in TranscriptStore(store).record("m1").segments] == ["s1"]
    TranscriptStore(store).save_segments("m1", [line("s2", 16000)]).result()
    assert [segment.id for segment in TranscriptStore(store).record("m1").segments] == ["s1", "s2"]


@pytest.mark.slow
def test_a_meeting_is_deleted_once_its_objects_are_and_stays_where_they_cannot_go(tmp_path: Path) -> None:
    objects = FakeObjects()
    with Store(tmp_path) as store:
        store.objects = AudioObjects(objects, store.files, tmp_path / "sound", 1e9)
        store.create_meeting(Meeting("o" * 16, "t", State.OPEN, datetime.now(timezone.utc))).result()
        objects.held[f"audio/{'o' * 16}/x/y.flac"] = b"sound"
        objects.away = True
        with pytest.raises(StoreError):
            store.delete_meeting("o" * 16).result()
        assert store.meeting("o" * 16).id == "o" * 16
        objects.away = False
        store.delete_meeting("o" * 16).result()
        with pytest.raises(NotFound):
            store.meeting("o" * 16)
    assert objects.held == {}
