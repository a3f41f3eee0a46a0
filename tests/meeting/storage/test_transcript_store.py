"""Transcripts in the database: what is written of them comes back, in whatever order and at whatever revision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from meeting.core.ids import new_id
from meeting.core.records import Meeting
from meeting.storage.store import Store
from meeting.storage.tables import TurnRow
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import LabelChange, Span, Speaker
from tests.fakes.stored import SOURCE, kept, line, revised, turns

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


# Text


def test_segments_come_in_order_of_time(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s2", 9000), line("s1", 100), line("s3", 100)]).result()
    assert [segment.id for segment in TranscriptStore(store).record("m1").segments] == ["s1", "s3", "s2"]
    assert store.meeting("m1").segments == 3


def test_where_words_lie_is_told_by_source_of_the_lines_that_meet_a_part(store: Store, meeting: Meeting) -> None:
    transcripts = TranscriptStore(store)
    other = replace(line("2s1", 12_000), source_id="b")
    transcripts.save_segments("m1", [line("s2", 40_000), line("s1", 100), other, line("s3", 90_000)]).result()
    assert transcripts.words_shown("m1", Span(16_099, 40_001)) == {
        "a": [Span(100, 8100), Span(8100, 16_100), Span(40_000, 48_000), Span(48_000, 56_000)],
        "b": [Span(12_000, 20_000), Span(20_000, 28_000)],
    }
    assert transcripts.words_shown("m1", Span(28_000, 40_000)) == transcripts.words_shown("m2", Span(0, 90_000)) == {}


def test_a_higher_revision_wins_and_an_older_one_loses(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", rev=2, text="two"), line("s1", rev=3, text="three")])
    TranscriptStore(store).save_segments(
        "m1", [line("s1", rev=1, text="one"), line("s1", rev=3, text="again")]
    ).result()
    assert [segment.text for segment in TranscriptStore(store).record("m1").segments] == ["three"]


def test_a_segment_without_words_is_withdrawn_unless_the_kept_one_is_newer(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", rev=5), line("s2", rev=5)])
    TranscriptStore(store).save_segments("m1", [line("s1", rev=4, text=""), line("s2", rev=6, text="")]).result()
    assert [segment.id for segment in TranscriptStore(store).record("m1").segments] == ["s1"]


def test_partial_segments_are_not_kept(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [replace(line("s1"), final=False)]).result()
    assert TranscriptStore(store).record("m1").segments == ()


def test_labels_change_and_keep_the_words(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", rev=2, speaker="spk1"), line("s2", rev=2, speaker="spk1")])
    stale, early = LabelChange("s2", 1, "spk1", "spk9"), LabelChange("s9", 1, None, "spk1")
    TranscriptStore(store).save_labels("m1", [LabelChange("s1", 3, "spk1", "spk2"), stale, early]).result()
    first, second = TranscriptStore(store).record("m1").segments
    assert (first.speaker, first.rev, first.text) == ("spk2", 3, "Hello there.")
    assert (second.speaker, second.rev) == ("spk1", 2)


def test_merged_voices_are_resolved_everywhere(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_speakers(
        "m1", [Speaker("spk1", "Ann"), Speaker("spk2", None, 1), Speaker("spk3", None, 2)]
    )
    TranscriptStore(store).save_speakers("m1", [Speaker("spk2", None, 1, "spk1"), Speaker("spk3", None, 2, "spk2")])
    TranscriptStore(store).save_segments(
        "m1", [line("s1", speaker="spk3"), line("s2", 90, speaker="spk8"), line("s3", 99)]
    )
    TranscriptStore(store).save_turns(
        "m1", "src", revised(0, 100, (0, 50, "spk1"), (50, 80, "spk3"), (60, 100, "spk8"))
    ).result()
    record = TranscriptStore(store).record("m1")
    assert [segment.speaker for segment in record.segments] == ["spk1", "spk8", None]
    assert turns(store) == [(0, 80, "spk1"), (60, 100, "spk8")]
    assert record.speakers[0] == Speaker("spk1", "Ann")


def test_a_source_is_kept_and_updated(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_source("m1", SOURCE)
    ended = replace(SOURCE, samples=5, audio="m1.a.flac", language="en")
    TranscriptStore(store).save_source("m1", ended).result()
    assert TranscriptStore(store).record("m1").sources == (ended,)


# Turns


def test_turns_replace_what_was_said_about_their_span(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_turns("m1", "src", revised(0, 100, (0, 40, "spk1"), (40, 100, "spk2")))
    TranscriptStore(store).save_turns("m1", "src", revised(30, 60, (35, 50, "spk3"))).result()
    assert turns(store) == [(0, 30, "spk1"), (35, 50, "spk3"), (60, 100, "spk2")]


def test_a_turn_across_the_whole_span_is_cut_in_two(store: Store, meeting: Meeting) -> None:
    TranscriptStore(store).save_turns("m1", "src", revised(0, 100, (0, 100, "spk1")))
    TranscriptStore(store).save_turns("m1", "src", revised(40, 60)).result()
    assert turns(store) == [(0, 40, "spk1"), (60, 100, "spk1")]


def test_a_turn_that_grows_step_by_step_stays_one_row(store: Store, meeting: Meeting) -> None:
    for start in range(0, 80_000, 8000):
        step = revised(start, start + 8000, (start, start + 8000, "spk1"))
        TranscriptStore(store).save_turns("m1", "src", step).result()
    assert turns(store) == [(0, 80_000, "spk1")]
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(TurnRow)) == 1


def test_turns_of_other_meetings_stay(store: Store, meeting: Meeting) -> None:
    kept(store, "m2")
    TranscriptStore(store).save_turns("m2", "src", revised(0, 10, (0, 10, "spk1")))
    TranscriptStore(store).save_turns("m1", "src", revised(0, 10)).result()
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
        TranscriptStore(store).save_turns(id_, "src", revised(start, start + length, *new)).result()
        for sample in range(start, start + length):
            heard[sample] = {who for a, b, who in new if a <= sample < b}
    found: list[set[str]] = [set() for _ in range(60)]
    for a, b, who in turns(store, id_):
        for sample in range(a, b):
            assert who not in found[sample]
            found[sample].add(who)
    assert found == heard


def test_names_of_those_who_spoke(store: Store) -> None:
    kept(store, "m1")
    kept(store, "m2")
    TranscriptStore(store).save_speakers(
        "m1", [Speaker("spk1", "Ann", 1), Speaker("spk2", None, 0), Speaker("spk3", "Silent", 2)]
    )
    TranscriptStore(store).save_speakers("m1", [Speaker("spk4", None, 3, merged_into="spk1")])
    TranscriptStore(store).save_segments(
        "m1", [line("s1", speaker="spk4"), line("s2", speaker="spk2"), line("s3")]
    ).result()
    assert TranscriptStore(store).speaker_names(["m1", "m2", "m3"]) == {"m1": ["Speaker 2", "Ann"], "m2": [], "m3": []}
    assert TranscriptStore(store).speaker_names([]) == {}
