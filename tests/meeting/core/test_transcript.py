"""The transcript as a reducer, and the rules of turns and merged voices."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.transcript import Transcript, follow, resolve
from pipelines.types import (
    BlockFailed,
    LabelChange,
    PipelineStats,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)


def line(
    id_: str, rev: int = 1, start: int = 0, final: bool = True, text: str = "hello", who: str | None = None
) -> Segment:
    """A segment of one second."""
    span = Span(start, start + 16_000)
    return Segment(id_, rev, final, "a", span, who, tuple(Word(word, span) for word in text.split()))


def relabel(*changes: tuple[str, int, str | None]) -> SpeakersRevised:
    """New labels."""
    return SpeakersRevised(tuple(LabelChange(id_, rev, None, who) for id_, rev, who in changes), "recluster")


def turn(start: int, end: int, speaker: str) -> Turn:
    """A turn."""
    return Turn(Span(start, end), speaker)


def test_a_higher_revision_replaces_and_others_change_nothing() -> None:
    transcript = Transcript()
    assert transcript.apply(line("s1", 2, text="hello"))
    assert transcript.apply(line("s1", 3, text="hello world"))
    assert not transcript.apply(line("s1", 3, text="again"))
    assert not transcript.apply(line("s1", 1, text="old"))
    assert [segment.text for segment in transcript.segments] == ["hello world"]


def test_no_words_withdraw_a_segment_and_an_older_revision_does_not_bring_it_back() -> None:
    transcript = Transcript([line("s1", 1)])
    assert transcript.apply(line("s1", 3, text=""))
    assert not transcript.apply(line("s1", 2))
    assert transcript.segments == ()
    assert transcript.segment("s1") is None
    assert transcript.apply(line("s1", 4))
    assert transcript.count == 1


def test_withdrawing_what_was_never_there_changes_nothing() -> None:
    assert not Transcript().apply(line("s1", text=""))


def test_segments_are_in_order_of_start_then_id_also_when_a_start_moves() -> None:
    transcript = Transcript([line("s3", start=50), line("s2", start=10), line("s1", start=50)])
    assert [segment.id for segment in transcript.segments] == ["s2", "s1", "s3"]
    transcript.apply(line("s2", 2, start=60))
    assert [segment.id for segment in transcript.segments] == ["s1", "s3", "s2"]


def test_only_final_segments_with_words_are_counted() -> None:
    transcript = Transcript([line("s1"), line("s2", final=False), line("s3", text="")])
    assert transcript.count == 1
    transcript.apply(line("s2", 2))
    assert transcript.count == 2
    transcript.apply(line("s1", 2, text=""))
    assert transcript.count == 1


def test_labels_change_and_keep_the_words() -> None:
    transcript = Transcript([line("s1", 2, who="spk1"), line("s2", 2, who="spk1")])
    assert transcript.apply(relabel(("s1", 3, "spk2"), ("s2", 3, None), ("s9", 1, "spk1")))
    assert [(s.rev, s.speaker, s.text) for s in transcript.segments] == [(3, "spk2", "hello"), (3, None, "hello")]
    assert not transcript.apply(relabel(("s1", 3, "spk9")))
    assert not transcript.apply(line("s1", 3, text="stale"))


def test_speakers_are_in_order_of_first_appearance_with_their_newest_state() -> None:
    transcript = Transcript()
    assert transcript.apply(Speaker("spk2"))
    assert transcript.apply(Speaker("spk1"))
    assert transcript.apply(Speaker("spk2", "Ann"))
    assert not transcript.apply(Speaker("spk2", "Ann"))
    assert transcript.speakers == (Speaker("spk2", "Ann"), Speaker("spk1"))
    assert transcript.speaker("spk2") == Speaker("spk2", "Ann")
    assert transcript.speaker("spk9") is None


def test_what_is_not_about_text_or_speakers_changes_nothing() -> None:
    transcript = Transcript()
    for output in (
        TurnsRevised(Span(0, 9), (turn(0, 9, "spk1"),)),
        PipelineStats(0.1, 0, 0, 0),
        BlockFailed("asr", "x", Span(0, 9)),
    ):
        assert not transcript.apply(output)


def test_lines_are_read_backwards_from_any_place() -> None:
    transcript = Transcript([line("s2", start=9), line("s1"), line("s3", start=9)])
    assert [(place, found.id) for place, found in transcript.backwards(None)] == [
        ((9, "s3"), "s3"),
        ((9, "s2"), "s2"),
        ((0, "s1"), "s1"),
    ]
    assert [found.id for _, found in transcript.backwards((9, "s3"))] == ["s2", "s1"]
    assert [transcript.before(place) for place in (None, (9, "s3"), (9, ""), (0, "s1"))] == [3, 2, 1, 0]


def test_a_copy_goes_its_own_way() -> None:
    transcript = Transcript([line("s1")], [Speaker("spk1")])
    copy = transcript.copy()
    assert (copy.segments, copy.speakers, copy.count) == (transcript.segments, transcript.speakers, transcript.count)
    copy.apply(line("s2", start=9))
    copy.apply(Speaker("spk2"))
    assert (transcript.segments, transcript.speakers) == ((line("s1"),), (Speaker("spk1"),))
    assert copy.count == transcript.count + 1


OUTPUTS = st.lists(
    st.builds(
        line,
        st.sampled_from(["s1", "s2", "s3"]),
        st.integers(0, 5),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from(["", "one", "two"]),
    )
    | st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 5), st.sampled_from([None, "spk1"])).map(relabel)
)


@settings(deadline=None)
@given(OUTPUTS)
def test_order_and_count_are_those_of_a_plain_model(outputs: list[Segment | SpeakersRevised]) -> None:
    transcript, model = Transcript(), {}
    for output in outputs:
        transcript.apply(output)
        if isinstance(output, Segment):
            if output.rev > model.get(output.id, line("", -1)).rev:
                model[output.id] = output
        else:
            for change in output.changes:
                old = model.get(change.id)
                if old is not None and old.words and change.rev > old.rev:
                    model[change.id] = replace(old, rev=change.rev, speaker=change.after)
    said = sorted((s for s in model.values() if s.words), key=lambda s: (s.span.start, s.id))
    assert transcript.segments == tuple(said)
    assert transcript.count == sum(segment.final for segment in said)


def test_merged_voices_lead_to_the_one_they_turned_out_to_be() -> None:
    merged = {"a": None, "b": "a", "c": "b", "d": "x"}
    speakers = [Speaker(id_, merged_into=into) for id_, into in merged.items()]
    assert resolve(speakers) == {"a": "a", "b": "a", "c": "a", "d": "x"}


@pytest.mark.timeout(10)
def test_voices_merged_in_a_ring_do_not_hang() -> None:
    assert resolve([Speaker("a", merged_into="b"), Speaker("b", merged_into="a")]) == {"a": "a", "b": "a"}


def test_a_voice_is_followed_through_merges_and_a_ring_has_one_end() -> None:
    assert follow("a", {"a": "b", "b": "c", "c": None}) == "c"
    assert follow("z", {"a": "b"}) == "z"
    assert {follow(one, {"a": "b", "b": "a"}) for one in "ab"} == {"a"}


def test_the_revision_of_a_line_is_known_also_after_it_was_withdrawn() -> None:
    transcript = Transcript([line("s1", 4)])
    transcript.apply(line("s1", 5, text=""))
    assert (transcript.rev("s1"), transcript.rev("s2")) == (5, 0)
