"""What a meeting does with the pipeline's outputs."""

from __future__ import annotations

from meeting.core.messages import SegmentMessage, SpeakerMessage, SpeakerRevisionMessage
from meeting.core.transcript import Transcript
from meeting.session.events import Broadcast, Log, SaveLabels, SaveSegment, SaveSpeaker
from meeting.session.reactions import on_output, on_replayed_output
from pipelines.types import (
    BlockFailed,
    LabelChange,
    PipelineStats,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Word,
)

SPAN = Span(0, 16_000)


def line(rev: int, final: bool, words: tuple[str, ...] = ("Hi",)) -> Segment:
    return Segment("s1", rev, final, "a", SPAN, None, tuple(Word(word, SPAN) for word in words))


def test_a_partial_line_is_told_and_not_saved() -> None:
    assert on_output(Transcript(), line(1, False)) == [Broadcast(SegmentMessage.of(line(1, False)))]


def test_a_final_line_is_saved_and_then_told() -> None:
    final = line(1, True)
    assert on_output(Transcript(), final) == [SaveSegment(final), Broadcast(SegmentMessage.of(final))]


def test_a_withdrawn_line_is_told_as_one_without_words() -> None:
    transcript = Transcript([line(1, False)])
    assert on_output(transcript, line(2, True, ())) == [
        SaveSegment(line(2, True, ())),
        Broadcast(SegmentMessage.of(line(2, True, ()))),
    ]


def test_an_older_revision_is_neither_saved_nor_told() -> None:
    assert on_output(Transcript([line(2, True)]), line(1, True)) == []


def test_changed_labels_are_saved_and_told() -> None:
    changes = (LabelChange("s1", 2, None, "spk1"),)
    transcript = Transcript([line(1, True)])
    assert on_output(transcript, SpeakersRevised(changes, "live")) == [
        SaveLabels(changes),
        Broadcast(SpeakerRevisionMessage.of(changes, "live")),
    ]
    assert transcript.segments[0].speaker == "spk1"


def test_a_revision_without_changes_is_nothing() -> None:
    assert on_output(Transcript(), SpeakersRevised((), "live")) == []


def test_a_new_voice_is_saved_and_told_once() -> None:
    transcript, speaker = Transcript(), Speaker("spk1")
    assert on_output(transcript, speaker) == [SaveSpeaker(speaker), Broadcast(SpeakerMessage.of(speaker))]
    assert on_output(transcript, speaker) == []


def test_a_failed_block_is_noted_by_name_and_time_only() -> None:
    (effect,) = on_output(Transcript(), BlockFailed("asr", "reason", SPAN))
    assert effect == Log("block asr failed on 0.0-1.0 s")


def test_what_is_replayed_changes_the_transcript_and_nothing_else() -> None:
    transcript = Transcript()
    for output in (line(1, True), Speaker("spk1"), PipelineStats(0.2, 0.1, 0.3, 0)):
        assert on_replayed_output(transcript, output) == []
    assert (transcript.count, transcript.speakers) == (1, (Speaker("spk1"),))
    assert on_replayed_output(transcript, BlockFailed("asr", "reason", SPAN)) == [Log("block asr failed on 0.0-1.0 s")]
