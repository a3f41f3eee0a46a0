"""What agents are told of what is kept: bounded, in order, and only of the meetings that a token opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from meeting.agents import library as agents
from meeting.agents.library import Library
from meeting.core.access import FULL_ACCESS, Grant, Link, Role
from meeting.core.errors import Forbidden
from meeting.core.records import State
from meeting.storage.search.query import Search, parse_query
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound
from pipelines.types import SAMPLE_RATE, Speaker
from tests.fakes.stored import NOON, kept, line

SECOND = SAMPLE_RATE
LINES = [
    line("s1", 0, speaker="spk1", text="We ship the release on Friday."),
    line("s2", 5 * SECOND, speaker="spk2", text="Not ready."),
    line("s3", 8 * SECOND, speaker="spk3", text="The release notes are missing."),
    line("s4", 12 * SECOND, text="Who said that?"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A meeting that is over, and a later one that is live."""
    with Store(tmp_path_factory.mktemp("data")) as opened:
        kept(opened, "m1", NOON, "Monday")
        transcripts = TranscriptStore(opened)
        transcripts.save_segments("m1", LINES).result()
        voices = [Speaker("spk1", "Ann", 0), Speaker("spk2", None, 1), Speaker("spk3", None, 2, "spk2")]
        transcripts.save_speakers("m1", voices).result()
        opened.set_state("m1", State.ENDED, samples=20 * SECOND).result()
        kept(opened, "m2", NOON + timedelta(days=1), "Tuesday")
        transcripts.save_segments("m2", [line("s1", text="Another release.")]).result()
        opened.set_state("m2", State.LIVE).result()
        yield opened


@pytest.fixture
def all_of_it(store: Store) -> Library:
    """What the server's token opens."""
    return Library(store, FULL_ACCESS)


@pytest.fixture
def linked(store: Store) -> Library:
    """What a link into the first meeting opens."""
    return Library(store, Grant(Role.VIEW, Link("l", "m1", Role.VIEW, NOON)))


def read(library: Library, **asked: object) -> list[str]:
    """Speakers and texts of a part of the first meeting."""
    given = {"meeting": "m1", "since": 0.0, "until": None, "speaker": None, "limit": 50, "cursor": None, **asked}
    return [f"{one['speaker']}: {one['text']}" for one in library.transcript(**given)["lines"]]  # type: ignore[arg-type]


def test_meetings_are_listed_with_what_they_are_and_who_speaks(all_of_it: Library) -> None:
    listed = all_of_it.meetings(1, None)
    assert listed["meetings"] == [
        {
            "meeting": "m2",
            "title": "Tuesday",
            "state": "live",
            "began": "2026-05-05T12:00:00.000Z",
            "duration": None,
            "speakers": [],
        }
    ]
    (second,) = all_of_it.meetings(1, listed["next"])["meetings"]
    assert (second["meeting"], second["duration"], second["speakers"]) == ("m1", 20.0, ["Ann", "Speaker 2"])


def test_a_transcript_is_read_in_order_of_time_by_the_names_of_now(all_of_it: Library) -> None:
    assert read(all_of_it) == [
        "Ann: We ship the release on Friday.",
        "Speaker 2: Not ready.",
        "Speaker 2: The release notes are missing.",
        "Speaker ?: Who said that?",
    ]


def test_a_part_of_a_transcript_is_what_touches_it(all_of_it: Library) -> None:
    assert read(all_of_it, since=2.0, until=6.0) == ["Ann: We ship the release on Friday.", "Speaker 2: Not ready."]
    assert read(all_of_it, since=14.0) == []
    assert read(all_of_it, since=9.0, until=1.0) == []


@pytest.mark.parametrize("speaker", ["Speaker 2", "  speaker  2 ", "spk2"])
def test_what_one_speaker_said_holds_what_voices_said_that_turned_out_to_be_it(
    all_of_it: Library, speaker: str
) -> None:
    assert read(all_of_it, speaker=speaker) == ["Speaker 2: Not ready.", "Speaker 2: The release notes are missing."]


def test_nobody_of_a_name_says_who_there_is(all_of_it: Library) -> None:
    with pytest.raises(MeetingError, match=r"nobody in this meeting is called so; there are: Ann, Speaker 2$"):
        read(all_of_it, speaker="Speaker 3")
    with pytest.raises(MeetingError, match="no voices yet"):
        read(all_of_it, meeting="m2", speaker="Ann")


def test_a_transcript_is_read_in_parts_without_a_line_twice(all_of_it: Library) -> None:
    texts: list[str] = []
    cursor = None
    for _ in range(3):
        part = all_of_it.transcript("m1", 0.0, None, None, 2, cursor)
        texts += [one["id"] for one in part["lines"]]
        cursor = part["next"]
        if cursor is None:
            break
    assert texts == ["s1", "s2", "s3", "s4"]


def test_an_answer_holds_no_more_text_than_it_may_and_one_line_at_least(
    all_of_it: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "MAX_TEXT", 35)
    part = all_of_it.transcript("m1", 0.0, None, None, 50, None)
    assert [one["id"] for one in part["lines"]] == ["s1"]
    assert [one["id"] for one in all_of_it.transcript("m1", 0.0, None, None, 50, part["next"])["lines"]] == ["s2"]
    monkeypatch.setattr(agents, "MAX_TEXT", 1)
    assert len(read(all_of_it)) == 1


@pytest.mark.parametrize("cursor", ["", "x", "1", "-s1", "²-s1", "9" * 30 + "-s1"])
def test_a_place_that_is_none_is_refused(all_of_it: Library, cursor: str) -> None:
    with pytest.raises(MeetingError, match="not a place in the transcript"):
        read(all_of_it, cursor=cursor)


def test_who_begins_to_follow_gets_the_last_lines_and_then_what_comes_after(all_of_it: Library, store: Store) -> None:
    first, enough = all_of_it.new_lines("m2", None)
    assert ([one["text"] for one in first["lines"]], enough, first["state"]) == (["Another release."], True, "live")
    after = int(first["after"])
    nothing, enough = all_of_it.new_lines("m2", after)
    assert (nothing["lines"], nothing["after"], enough) == ([], first["after"], False)
    TranscriptStore(store).save_segments("m1", [line("s9", 15 * SECOND, text="Elsewhere.")]).result()
    TranscriptStore(store).save_segments("m2", [line("s2", text="New.")]).result()
    new, enough = all_of_it.new_lines("m2", after)
    assert ([one["text"] for one in new["lines"]], enough) == (["New."], True)
    assert all_of_it.new_lines("m2", int(new["after"]))[0]["lines"] == []
    TranscriptStore(store).save_segments("m1", [line("s9", rev=2, text="")]).result()


def test_who_follows_gets_the_line_behind_newest_ones_that_were_withdrawn(tmp_path: Path) -> None:
    with Store(tmp_path) as opened:
        kept(opened, "m", NOON, "Monday")
        transcripts, library = TranscriptStore(opened), Library(opened, FULL_ACCESS)
        transcripts.save_segments("m", [line("a"), line("b", 5 * SECOND), line("c", 8 * SECOND)]).result()
        after = int(library.new_lines("m", None)[0]["after"])
        transcripts.save_segments("m", [line("b", text="", rev=2), line("c", text="", rev=2)]).result()
        transcripts.save_segments("m", [line("d", 8 * SECOND), line("e", 9 * SECOND)]).result()
        answer, _ = library.new_lines("m", after)
    assert [one["id"] for one in answer["lines"]] == ["d", "e"]


def test_of_a_meeting_that_is_over_nothing_is_waited_for(all_of_it: Library) -> None:
    told, enough = all_of_it.new_lines("m1", 10**9)
    assert (told["state"], told["lines"], enough) == ("ended", [], True)


def test_speakers_are_told_as_the_statistics_have_them(all_of_it: Library) -> None:
    told = all_of_it.speakers("m1")
    assert [(one["name"], one["seconds"], one["lines"], one["words"]) for one in told["speakers"]] == [
        ("Speaker 2", 3.5, 2, 7),
        ("Ann", 3.0, 1, 6),
        ("Speaker ?", 1.5, 1, 3),
    ]
    assert (told["meeting"], told["silence"], told["overlap"]) == ("m1", 12.0, 0.0)


def test_a_search_finds_lines_in_all_meetings_or_in_one(all_of_it: Library) -> None:
    wanted = Search(parse_query("release"))
    assert [hit["meeting"] for hit in all_of_it.search(wanted, 10, None)["hits"]] == ["m2", "m1", "m1"]
    (hit, _) = all_of_it.search(Search(parse_query("release"), meeting_id="m1"), 10, None)["hits"]
    assert (hit["line"], hit["start"], hit["speaker"], hit["excerpt"]) == (
        "s3",
        8.0,
        "Speaker 2",
        "The release notes are missing.",
    )


def test_a_link_shows_its_own_meeting_and_no_other(linked: Library) -> None:
    assert [one["meeting"] for one in linked.meetings(10, None)["meetings"]] == ["m1"]
    assert {hit["meeting"] for hit in linked.search(Search(parse_query("release")), 10, None)["hits"]} == {"m1"}
    for named in (None, "", "last", "m1"):
        assert linked.find(named).id == "m1"
    with pytest.raises(Forbidden):
        linked.find("m2")
    with pytest.raises(Forbidden):
        linked.search(Search(parse_query("release"), meeting_id="m2"), 10, None)
    with pytest.raises(Forbidden):
        read(linked, meeting="m2")
    with pytest.raises(Forbidden):
        linked.speakers("m2")


def test_a_meeting_is_named_by_its_id_the_start_of_one_or_last(all_of_it: Library) -> None:
    assert (all_of_it.find("last").id, all_of_it.find("m1").id) == ("m2", "m1")
    with pytest.raises(NotFound):
        all_of_it.find("nowhere")
    with pytest.raises(MeetingError, match="say which meeting"):
        all_of_it.find(None)
