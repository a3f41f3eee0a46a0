"""Search over all meetings: by words, by who said them, by day, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.records import State
from meeting.storage import search_store
from meeting.storage.edit_store import EditStore
from meeting.storage.search.query import Hit, Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import Store
from meeting.storage.summary import text_lines
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError
from pipelines.types import Speaker
from tests.fakes.stored import NOON, kept, line
from tests.meeting.storage.conftest import Databases

pytestmark = pytest.mark.usefixtures("every_database")

MONDAY = [
    line("s1", 0, speaker="spk1", text="We ship the release on Friday."),
    line("s2", 80_000, speaker="spk2", text="The release notes are not ready."),
    line("s3", 160_000, speaker="spk3", text="Über die Straße."),
    line("s4", 240_000, text="Somebody mentions the release."),
]


@pytest.fixture(scope="module")
def store(every_database: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two meetings a week apart."""
    with Store(tmp_path_factory.mktemp("data")) as opened:
        transcripts = TranscriptStore(opened)
        kept(opened, "m1", NOON, "Monday")
        transcripts.save_segments("m1", MONDAY).result()
        voices = [Speaker("spk1", "Ann Österreich", 0), Speaker("spk2", None, 1), Speaker("spk3", None, 2, "spk2")]
        transcripts.save_speakers("m1", voices).result()
        kept(opened, "m2", NOON + timedelta(days=7), "A week later")
        transcripts.save_segments("m2", [line("s1", 16_000, speaker="spk1", text="The release was late.")]).result()
        transcripts.save_speakers("m2", [Speaker("spk1")]).result()
        yield opened


def hits(store: Store, query: str, **wanted: object) -> list[Hit]:
    """What a search finds."""
    return list(SearchStore(store).all_hits(Search(parse_query(query), **wanted)))  # type: ignore[arg-type]


def lines(store: Store, query: str, **wanted: object) -> list[str]:
    """Meeting and line of what a search finds."""
    return [f"{hit.meeting_id} {hit.segment_id}" for hit in hits(store, query, **wanted)]


def test_what_is_written_without_spaces_is_found_by_any_part_of_it_and_shown_as_it_is_written(
    every_database: Databases, tmp_path: Path
) -> None:
    with Store(tmp_path) as opened:
        kept(opened, "m1", NOON, "预算")
        said = line("s1", text="我 们 下周 讨论 预 算。 Python 3")
        TranscriptStore(opened).save_segments("m1", [said]).result()
        (kept_line,) = TranscriptStore(opened).record("m1").segments
        assert (kept_line.text, kept_line.stable_chars) == ("我们下周讨论预算。 Python 3", 18)
        for query in ("预算", "周讨", "我们*", '"讨论预算"', "python 预算"):
            assert [hit.excerpt for hit in hits(opened, query)] == [kept_line.text], query
        (hit,) = hits(opened, "讨论")
        assert [hit.excerpt[start:end] for start, end in hit.marks] == ["讨论"]
        assert hits(opened, "算预") == []
        assert [one.text for one in text_lines(opened, "m1", 5)] == [kept_line.text]


def test_a_hit_says_where_it_is_who_said_it_and_what_stands_around_it(store: Store) -> None:
    (hit,) = hits(store, "friday")
    assert hit == Hit(
        "m1",
        "Monday",
        NOON,
        "s1",
        MONDAY[0].span,
        "spk1",
        "Ann Österreich",
        "We ship the release on Friday.",
        ((23, 29),),
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("release", ["m2 s1", "m1 s4", "m1 s2", "m1 s1"]),
        ("RELEASE notes", ["m1 s2"]),
        ('"release notes"', ["m1 s2"]),
        ('"notes release"', []),
        ("rel* fri*", ["m1 s1"]),
        ('"the rel"*', ["m2 s1", "m1 s4", "m1 s2", "m1 s1"]),
        ("uber strasse", []),
        ("uber straße", ["m1 s3"]),
        ("release OR late", []),
        ("nobody", []),
    ],
)
def test_words_phrases_and_prefixes_are_found_last_said_first(store: Store, query: str, found: list[str]) -> None:
    assert lines(store, query) == found


@pytest.mark.parametrize(
    ("speaker", "found"),
    [
        ("ann ÖSTERREICH", ["m1 s1"]),
        ("Speaker 2", ["m1 s2"]),
        ("speaker  1", ["m2 s1"]),
        ("spk1", ["m2 s1", "m1 s1"]),
        ("Ann", []),
        ("%", []),
        ("", []),
    ],
)
def test_what_one_speaker_said_is_found_by_name_or_number(store: Store, speaker: str, found: list[str]) -> None:
    assert lines(store, "release", speaker=speaker) == found


def test_a_voice_that_turned_out_to_be_another_is_found_as_that(store: Store) -> None:
    (hit,) = hits(store, "straße", speaker="Speaker 2")
    assert (hit.speaker, hit.speaker_name) == ("spk2", "Speaker 2")
    assert lines(store, "straße", speaker="Speaker 3") == []


def test_a_ring_of_voices_ends_the_search_all_the_same(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        kept(store)
        TranscriptStore(store).save_segments("m1", MONDAY).result()
        ring = [Speaker("spk1", None, 0, "spk2"), Speaker("spk2", None, 1, "spk1")]
        TranscriptStore(store).save_speakers("m1", ring).result()
        assert lines(store, "release", speaker="Speaker 1") == []
        assert len(lines(store, "release")) == 3


def test_only_days_that_are_asked_for_are_searched(store: Store) -> None:
    week = NOON + timedelta(days=7)
    assert lines(store, "release", since=week) == ["m2 s1"]
    assert lines(store, "release late", until=week) == []
    assert lines(store, "release", since=NOON, until=NOON + timedelta(seconds=1)) == ["m1 s4", "m1 s2", "m1 s1"]


def test_one_meeting_may_be_searched_alone(store: Store) -> None:
    assert lines(store, "release", meeting_id="m2") == ["m2 s1"]
    assert lines(store, "release", meeting_id="m1", speaker="Speaker 2") == ["m1 s2"]
    assert lines(store, "release", meeting_id="nowhere") == []


def test_pages_follow_each_other_without_a_hit_twice(store: Store) -> None:
    search, cursor, found = Search(parse_query("release")), None, []
    for _ in range(4):
        page = SearchStore(store).search(search, 1, cursor)
        found += [f"{hit.meeting_id} {hit.segment_id}" for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
    assert found == ["m2 s1", "m1 s4", "m1 s2", "m1 s1"]
    assert cursor is None


def test_a_page_looks_at_no_more_lines_than_it_may(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_store, "EXAMINED", (1, 1))
    monkeypatch.setattr(search_store, "FEW_MEETINGS", 0)
    search = Search(parse_query("release"), speaker="ann österreich")
    page = SearchStore(store).search(search)
    assert (page.hits, page.next is None) == ((), False)
    assert lines(store, "release", speaker="ann österreich") == ["m1 s1"]


def test_where_many_meetings_may_hold_a_line_all_are_looked_through(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for few in (0, 1, 50):
        monkeypatch.setattr(search_store, "FEW_MEETINGS", few)
        assert lines(store, "release") == ["m2 s1", "m1 s4", "m1 s2", "m1 s1"]
        assert lines(store, "release", speaker="Ann Österreich") == ["m1 s1"]
        assert lines(store, "release", until=NOON + timedelta(days=1)) == ["m1 s4", "m1 s2", "m1 s1"]
        assert lines(store, "release", since=NOON + timedelta(days=9)) == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1 OR 1", "9" * 40, "²"])
def test_a_cursor_that_is_none_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(MeetingError, match="not a place in what was found"):
        SearchStore(store).search(Search(parse_query("release")), 5, cursor)


def test_edited_words_names_and_voices_are_what_is_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        kept(store)
        transcripts = TranscriptStore(store)
        transcripts.save_segments("m1", MONDAY).result()
        transcripts.save_speakers("m1", [Speaker("spk1"), Speaker("spk2", None, 1)]).result()
        store.set_state("m1", State.ENDED, ended_at=datetime(2026, 5, 5, tzinfo=timezone.utc)).result()
        edits = EditStore(store)
        edits.change("m1", SegmentChange("s1", rev=1, text="We ship the thing on Monday."))
        assert (lines(store, "friday"), lines(store, "monday thing")) == ([], ["m1 s1"])
        assert lines(store, "the") == ["m1 s4", "m1 s2", "m1 s1"], "an edit does not make a line a later one"
        edits.change("m1", SpeakerChange("spk1", rename=True, name="Bea"))
        assert (lines(store, "monday", speaker="bea"), lines(store, "monday", speaker="Speaker 1")) == (["m1 s1"], [])
        edits.change("m1", SpeakerChange("spk2", merge_into="spk1"))
        assert lines(store, "notes", speaker="Bea") == ["m1 s2"]
        store.delete_meeting("m1").result()
        assert lines(store, "release") == []
