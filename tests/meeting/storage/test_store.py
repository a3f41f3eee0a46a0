"""The store: what is written comes back, in whatever order and from however many threads."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meeting.core.records import ENDED, LIVE, OPEN, Meeting, Source
from meeting.storage.store import Store, new_id
from pipelines.errors import NotFound, StoreError
from pipelines.types import LabelChange, Segment, Span, Speaker, Turn, TurnsRevised, Word

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
SOURCE = Source("a", "Ann", "room", "pcm_s16le", 48000, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store in a blank folder."""
    with Store(tmp_path / "data") as store:
        yield store


@pytest.fixture
def meeting(store: Store) -> Meeting:
    """A meeting that is kept."""
    return kept(store)


def kept(store: Store, id_: str = "m1", created_at: datetime = NOON, title: str = "Plans") -> Meeting:
    """Keep a meeting."""
    meeting = Meeting(id_, title, OPEN, created_at)
    store.create_meeting(meeting).result()
    return meeting


def line(id_: str, start: int = 0, rev: int = 1, speaker: str | None = None, text: str = "Hello there.") -> Segment:
    """A final segment, each word half a second long."""
    spans = (Span(at, at + 8000) for at in range(start, 2**60, 8000))
    words = tuple(Word(word, span, 0.5) for word, span in zip(text.split(), spans))  # noqa: B905 - spans have no end
    span = Span(start, start + 8000 * len(words))
    return Segment(id_, rev, True, "a", span, speaker, words, len(text))


def revised(start: int, end: int, *turns: tuple[int, int, str]) -> TurnsRevised:
    """A revision of the turns between two samples."""
    return TurnsRevised(Span(start, end), tuple(Turn(Span(a, b), who) for a, b, who in turns))


def turns(store: Store, id_: str = "m1") -> list[tuple[int, int, str]]:
    """The turns that are kept."""
    return [(turn.span.start, turn.span.end, turn.speaker) for turn in store.record(id_).turns]


# The folder


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


def test_a_folder_in_the_place_of_the_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "meetings.sqlite3").mkdir()
    with pytest.raises(StoreError, match="check the permissions"):
        Store(tmp_path).open()


def test_meetings_are_there_after_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        kept(store)
        store.save_segments("m1", [line("s1")])
    with Store(tmp_path) as store:
        assert store.record("m1").segments == (line("s1"),)


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="not open"):
        store.meetings()
    assert isinstance(store.rename_meeting("m", "x").exception(), StoreError)
    store.close()
    store.open().open()
    store.close()
    store.close()


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from tests.meeting.storage.test_store import Store, kept, line
        store = Store(Path(sys.argv[1])).open()
        kept(store)
        store.save_segments("m1", [line(f"s{i}") for i in range(20)]).result()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False, timeout=60)
    with Store(tmp_path) as store:
        assert store.meeting("m1").segments == 20


# Meetings


def test_a_meeting_comes_back_as_it_was(store: Store) -> None:
    cest = timezone(timedelta(hours=2))
    meeting = Meeting("m1", "Ünï", LIVE, NOON, NOON.astimezone(cest), None, 5, 0, {"speech": {"name": "x"}, "why": "é"})
    store.create_meeting(meeting).result()
    assert store.meeting("m1") == meeting


def test_a_second_meeting_of_the_same_id_is_refused(store: Store, meeting: Meeting) -> None:
    with pytest.raises(StoreError, match="already"):
        store.create_meeting(meeting).result()


def test_what_does_not_exist_is_not_found(store: Store) -> None:
    for future in (
        store.rename_meeting("x", "y"),
        store.delete_meeting("x"),
        store.set_state("x", ENDED),
        store.save_source("x", SOURCE),
        store.save_segments("x", [line("s1")]),
        store.save_speakers("x", [Speaker("spk1")]),
        store.save_turns("x", revised(0, 8, (0, 8, "spk1"))),
    ):
        with pytest.raises(NotFound):
            future.result()
    with pytest.raises(NotFound):
        store.meeting("x")
    with pytest.raises(NotFound):
        store.record("x")


def test_state_moves_and_what_is_not_given_stays(store: Store, meeting: Meeting) -> None:
    store.set_state("m1", LIVE, started_at=NOON, models={"speech": "x"}).result()
    store.set_state("m1", ENDED, ended_at=NOON + timedelta(hours=1), samples=77).result()
    found = store.meeting("m1")
    assert (found.state, found.started_at, found.samples, found.models) == (ENDED, NOON, 77, {"speech": "x"})
    with pytest.raises(StoreError, match="open, live, ending, ended"):
        store.set_state("m1", "paused").result()


def test_a_meeting_gets_another_title(store: Store, meeting: Meeting) -> None:
    store.rename_meeting("m1", "Budget").result()
    assert store.meeting("m1").title == "Budget"


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


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "é", "MjAyNg", "a" * 99])
def test_a_page_that_cannot_be_is_a_sentence(store: Store, cursor: str) -> None:
    with pytest.raises(StoreError, match="first page"):
        store.meetings(before=cursor)


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


def test_names_of_those_who_spoke(store: Store) -> None:
    kept(store, "m1")
    kept(store, "m2")
    store.save_speakers("m1", [Speaker("spk1", "Ann", 1), Speaker("spk2", None, 0), Speaker("spk3", "Silent", 2)])
    store.save_speakers("m1", [Speaker("spk4", None, 3, merged_into="spk1")])
    store.save_segments("m1", [line("s1", speaker="spk4"), line("s2", speaker="spk2"), line("s3")]).result()
    assert store.speaker_names(["m1", "m2", "m3"]) == {"m1": ["Speaker 2", "Ann"], "m2": [], "m3": []}
    assert store.speaker_names([]) == {}


# Text


def test_segments_come_in_order_of_time(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s2", 9000), line("s1", 100), line("s3", 100)]).result()
    assert [segment.id for segment in store.record("m1").segments] == ["s1", "s3", "s2"]
    assert store.meeting("m1").segments == 3


def test_a_higher_revision_wins_and_an_older_one_loses(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s1", rev=2, text="two"), line("s1", rev=3, text="three")])
    store.save_segments("m1", [line("s1", rev=1, text="one"), line("s1", rev=3, text="again")]).result()
    assert [segment.text for segment in store.record("m1").segments] == ["three"]


def test_a_segment_without_words_is_withdrawn_unless_the_kept_one_is_newer(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s1", rev=5), line("s2", rev=5)])
    store.save_segments("m1", [line("s1", rev=4, text=""), line("s2", rev=6, text="")]).result()
    assert [segment.id for segment in store.record("m1").segments] == ["s1"]


def test_provisional_segments_are_not_kept(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [replace(line("s1"), final=False)]).result()
    assert store.record("m1").segments == ()


def test_labels_change_and_keep_the_words(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s1", rev=2, speaker="spk1"), line("s2", rev=2, speaker="spk1")])
    stale, early = LabelChange("s2", 1, "spk1", "spk9"), LabelChange("s9", 1, None, "spk1")
    store.save_labels("m1", [LabelChange("s1", 3, "spk1", "spk2"), stale, early]).result()
    first, second = store.record("m1").segments
    assert (first.speaker, first.rev, first.text) == ("spk2", 3, "Hello there.")
    assert (second.speaker, second.rev) == ("spk1", 2)


def test_merged_voices_are_resolved_everywhere(store: Store, meeting: Meeting) -> None:
    store.save_speakers("m1", [Speaker("spk1", "Ann"), Speaker("spk2", None, 1), Speaker("spk3", None, 2)])
    store.save_speakers("m1", [Speaker("spk2", None, 1, "spk1"), Speaker("spk3", None, 2, "spk2")])
    store.save_segments("m1", [line("s1", speaker="spk3"), line("s2", 90, speaker="spk8"), line("s3", 99)])
    store.save_turns("m1", revised(0, 100, (0, 50, "spk1"), (50, 80, "spk3"), (60, 100, "spk8"))).result()
    record = store.record("m1")
    assert [segment.speaker for segment in record.segments] == ["spk1", "spk8", None]
    assert turns(store) == [(0, 80, "spk1"), (60, 100, "spk8")]
    assert record.speakers[0] == Speaker("spk1", "Ann")


def test_a_source_is_kept_and_updated(store: Store, meeting: Meeting) -> None:
    store.save_source("m1", SOURCE)
    ended = replace(SOURCE, samples=5, audio="m1.a.flac", language="en")
    store.save_source("m1", ended).result()
    assert store.record("m1").sources == (ended,)


def test_text_that_is_no_unicode_is_refused_in_a_sentence(store: Store, meeting: Meeting) -> None:
    with pytest.raises(StoreError, match="does not fit"):
        store.rename_meeting("m1", "\ud800").result()
    with pytest.raises(StoreError, match="zone"):
        store.set_state("m1", LIVE, started_at=datetime(2026, 1, 1)).result()


# Turns


def test_turns_replace_what_was_said_about_their_span(store: Store, meeting: Meeting) -> None:
    store.save_turns("m1", revised(0, 100, (0, 40, "spk1"), (40, 100, "spk2")))
    store.save_turns("m1", revised(30, 60, (35, 50, "spk3"))).result()
    assert turns(store) == [(0, 30, "spk1"), (35, 50, "spk3"), (60, 100, "spk2")]


def test_a_turn_across_the_whole_span_is_cut_in_two(store: Store, meeting: Meeting) -> None:
    store.save_turns("m1", revised(0, 100, (0, 100, "spk1")))
    store.save_turns("m1", revised(40, 60)).result()
    assert turns(store) == [(0, 40, "spk1"), (60, 100, "spk1")]


def test_a_turn_that_grows_step_by_step_stays_one_row(store: Store, meeting: Meeting) -> None:
    for start in range(0, 80_000, 8000):
        store.save_turns("m1", revised(start, start + 8000, (start, start + 8000, "spk1"))).result()
    assert turns(store) == [(0, 80_000, "spk1")]
    connection = sqlite3.connect(store.data_dir / "meetings.sqlite3")
    assert connection.execute("SELECT count(*) FROM turns").fetchone() == (1,)
    connection.close()


def test_turns_of_other_meetings_stay(store: Store, meeting: Meeting) -> None:
    kept(store, "m2")
    store.save_turns("m2", revised(0, 10, (0, 10, "spk1")))
    store.save_turns("m1", revised(0, 10)).result()
    assert turns(store, "m2") == [(0, 10, "spk1")]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(1, 10),
            st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.sampled_from("AB"))),
        ),
        max_size=5,
    )
)
def test_kept_turns_say_the_last_word_about_every_sample(
    store: Store, plan: list[tuple[int, int, list[tuple[int, int, str]]]]
) -> None:
    id_ = new_id()
    kept(store, id_)
    heard: list[set[str]] = [set() for _ in range(60)]
    for start, length, said in plan:
        new = [(a, a + n, who) for a, n, who in said]
        store.save_turns(id_, revised(start, start + length, *new)).result()
        for sample in range(start, start + length):
            heard[sample] = {who for a, b, who in new if a <= sample < b}
    found: list[set[str]] = [set() for _ in range(60)]
    for a, b, who in turns(store, id_):
        for sample in range(a, b):
            assert who not in found[sample]
            found[sample].add(who)
    assert found == heard


# Files


def test_ids_are_long_and_plain() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id_) == 16 and id_.isalnum() and id_ == id_.lower() and id_.isascii() for id_ in ids)


def test_audio_lies_below_the_audio_folder(store: Store) -> None:
    assert store.audio_path("m1", "a").parent == store.data_dir / "audio"
    assert store.journal_path("m1", "a").parent == store.data_dir / "audio"
    assert store.audio_path("m1", "a") != store.audio_path("m1", "b") != store.journal_path("m1", "b")


@pytest.mark.parametrize("id_", ["", "..", "../x", "a/b", "a.b", "/etc/passwd", "a\0b", "ä", "x" * 65, "*"])
def test_an_id_that_could_leave_the_folder_is_not_found(store: Store, id_: str) -> None:
    with pytest.raises(NotFound):
        store.audio_path(id_, "a")
    with pytest.raises(NotFound):
        store.journal_path("m1", id_)


def test_deleting_a_meeting_takes_its_rows_and_files_and_no_others(store: Store) -> None:
    for id_ in ("m1", "m1-2", "m2"):
        kept(store, id_)
        store.save_source(id_, replace(SOURCE, audio=store.audio_path(id_, "a").name))
        store.save_speakers(id_, [Speaker("spk1", "Ann")])
        store.save_segments(id_, [line("s1")])
        store.save_turns(id_, revised(0, 10, (0, 10, "spk1"))).result()
        store.audio_path(id_, "a").touch()
        store.journal_path(id_, "a").touch()
        store.journal_path(id_, "b").touch()
    store.delete_meeting("m1").result()
    assert sorted(path.name for path in (store.data_dir / "audio").iterdir()) == [
        "m1-2.a.flac", "m1-2.a.journal", "m1-2.b.journal", "m2.a.flac", "m2.a.journal", "m2.b.journal",
    ]  # fmt: skip
    connection = sqlite3.connect(store.data_dir / "meetings.sqlite3")
    for table, key in [("meetings", "id"), *((t, "meeting_id") for t in ("sources", "speakers", "segments", "turns"))]:
        found = connection.execute(f"SELECT DISTINCT {key} FROM {table} ORDER BY 1").fetchall()
        assert found == [("m1-2",), ("m2",)]
    connection.close()


def test_a_file_named_outside_the_folder_is_never_deleted(store: Store, meeting: Meeting, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    store.save_source("m1", replace(SOURCE, audio="../../precious"))
    store.delete_meeting("m1").result()
    assert precious.exists()


def test_a_meeting_whose_file_cannot_go_stays_to_be_deleted_again(store: Store, meeting: Meeting) -> None:
    stuck = store.audio_path("m1", "a")
    stuck.mkdir()
    with pytest.raises(StoreError, match=stuck.name):
        store.delete_meeting("m1").result()
    assert store.meeting("m1") == meeting
    stuck.rmdir()
    store.delete_meeting("m1").result()
    assert store.meetings() == ([], None)


def test_deleted_words_are_gone_from_the_disk(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s1", text="xylophone " * 2000)]).result()
    store.delete_meeting("m1").result()
    assert not [path for path in store.data_dir.iterdir() if path.is_file() and b"xylophone" in path.read_bytes()]


# Many at once, and trouble


def test_writers_from_many_threads_lose_nothing_while_readers_read(store: Store) -> None:
    for i in range(4):
        kept(store, f"m{i}")
    errors: list[BaseException] = []
    done = threading.Event()

    def write(id_: str) -> None:
        try:
            for i in range(50):
                future = store.save_segments(id_, [line(f"s{i}", i * 16000)])
                store.save_turns(id_, revised(i * 10, i * 10 + 10, (i * 10, i * 10 + 10, "spk1")))
            future.result()
        except BaseException as error:
            errors.append(error)

    def read() -> None:
        try:
            while not done.is_set():
                for i in range(4):
                    record = store.record(f"m{i}")
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
        assert [segment.id for segment in store.record(f"m{i}").segments] == [f"s{n}" for n in range(50)]
        assert turns(store, f"m{i}") == [(0, 500, "spk1")]


def test_a_second_program_reads_and_writes_beside_the_first(store: Store, meeting: Meeting) -> None:
    with Store(store.data_dir) as other:
        other.rename_meeting("m1", "Other").result()
        store.save_segments("m1", [line("s1")]).result()
        assert other.record("m1").segments == (line("s1"),)
    assert store.meeting("m1").title == "Other"


def test_a_room_awaits_a_write(store: Store, meeting: Meeting) -> None:
    async def room() -> None:
        await asyncio.wrap_future(store.rename_meeting("m1", "Awaited"))
        with pytest.raises(NotFound):
            await asyncio.wrap_future(store.rename_meeting("m9", "Awaited"))

    asyncio.run(room())
    assert store.meeting("m1").title == "Awaited"


def test_a_disk_that_takes_no_more_fails_the_write_and_keeps_what_was_there(store: Store, meeting: Meeting) -> None:
    store.save_segments("m1", [line("s1")]).result()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(StoreError):
            store.save_segments("m1", [line(f"x{i}", text="long " * 200) for i in range(200)]).result()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [segment.id for segment in store.record("m1").segments] == ["s1"]
    store.save_segments("m1", [line("s2", 16000)]).result()
    assert [segment.id for segment in store.record("m1").segments] == ["s1", "s2"]
