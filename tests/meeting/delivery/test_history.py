"""What later readers are told: the newest lines at once, the rest in parts, and in the end all that everybody knows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.messages import EarlierMessage, SegmentMessage, SnapshotMessage, encode
from meeting.core.transcript import Transcript
from meeting.delivery import history
from meeting.delivery.history import EarlierLines, History
from meeting.session.events import Broadcast
from meeting.session.reactions import on_output
from pipelines.types import SAMPLE_RATE, LabelChange, Segment, Span, Speaker, SpeakersRevised, Word

HEAD = SnapshotMessage((), (), "live", "Monday", 1.0, {})


def line(
    number: int, rev: int = 1, text: str = "word", speaker: str | None = None, start: int | None = None
) -> Segment:
    first = (number if start is None else start) * SAMPLE_RATE
    span = Span(first, first + SAMPLE_RATE)
    return Segment(f"s{number}", rev, True, "src", span, speaker, (Word(text, span),) if text else ())


class Reader:
    """A client that applies what it is told by `rev`, and knows nothing else of the rules."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[str, Any]] = {}
        self.left: int | None = None
        self.counts: list[int] = []

    def take(self, text: str) -> None:
        """Apply one text frame."""
        message = json.loads(text)
        if message["type"] == "snapshot":
            self.lines, self.left = {}, message["earlier"]
        if message["type"] == "earlier":
            self.left = message["left"]
        if message["type"] in ("snapshot", "earlier"):
            self.counts.append(len(message["segments"]))
            for segment in message["segments"]:
                self._line(segment)
        elif message["type"] == "segment":
            self._line(message)
        elif message["type"] == "speaker_revision":
            for change in message["changes"]:
                known = self.lines.get(change["id"])
                if known is not None and change["rev"] > known["rev"]:
                    known.update(rev=change["rev"], speaker=change["to"])

    def _line(self, segment: dict[str, Any]) -> None:
        known = self.lines.get(segment["id"])
        if known is None or segment["rev"] > known["rev"]:
            self.lines[segment["id"]] = segment

    @property
    def shown(self) -> dict[str, tuple[int, str | None, str]]:
        """What is seen: revision, speaker and text of each line with words."""
        return {id_: (s["rev"], s["speaker"], s["text"]) for id_, s in self.lines.items() if s["text"]}


def seen(transcript: Transcript) -> dict[str, tuple[int, str | None, str]]:
    return {segment.id: (segment.rev, segment.speaker, segment.text) for segment in transcript.segments}


def joined(kept: History) -> tuple[Reader, EarlierLines | None]:
    reader = Reader()
    text, earlier = kept.snapshot(HEAD)
    reader.take(text)
    return reader, earlier


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot holds three lines, a part two."""
    monkeypatch.setattr(history, "SNAPSHOT_BYTES", 3 * size(line(0)) - 1)
    monkeypatch.setattr(history, "PART_BYTES", 2 * size(line(0)) - 1)


def size(segment: Segment) -> int:
    return sys.getsizeof(encode(SegmentMessage.of(segment)))


def test_a_short_meeting_is_whole_in_its_snapshot() -> None:
    transcript = Transcript([line(1), line(0)])
    text, earlier = History(transcript).snapshot(HEAD)
    assert earlier is None
    assert text == encode(replace(HEAD, segments=(SegmentMessage.of(line(0)), SegmentMessage.of(line(1)))))


@pytest.mark.usefixtures("small")
def test_a_long_one_comes_newest_first_and_then_in_parts_that_say_how_many_lines_are_left() -> None:
    kept = History(Transcript(map(line, range(8))))
    text, earlier = kept.snapshot(HEAD)
    assert earlier is not None
    frames = [json.loads(frame) for frame in (text, *iter(earlier, None))]
    told = [[segment["id"] for segment in frame["segments"]] for frame in frames]
    assert told == [["s5", "s6", "s7"], ["s3", "s4"], ["s1", "s2"], ["s0"]]
    assert (frames[0]["earlier"], [frame["left"] for frame in frames[1:]]) == (5, [3, 1, 0])
    assert frames[1] == json.loads(encode(EarlierMessage(tuple(map(SegmentMessage.of, (line(3), line(4)))), 3)))


def test_readers_at_one_revision_get_the_same_text_and_after_a_change_another() -> None:
    kept = History(Transcript(map(line, range(3))))
    first, again = kept.snapshot(HEAD)[0], kept.snapshot(replace(HEAD))[0]
    assert first is again
    assert kept.snapshot(replace(HEAD, title="Tuesday"))[0] != first
    kept.add(line(3), encode(SegmentMessage.of(line(3))))
    assert [segment["id"] for segment in json.loads(kept.snapshot(HEAD)[0])["segments"]] == ["s0", "s1", "s2", "s3"]


def test_each_line_is_encoded_once_however_many_come(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    of = SegmentMessage.of
    monkeypatch.setattr(SegmentMessage, "of", lambda segment: encoded.append(segment.id) or of(segment))
    monkeypatch.setattr(history, "SNAPSHOT_BYTES", 10_000)
    monkeypatch.setattr(history, "PART_BYTES", 10_000)
    kept = History(Transcript(map(line, range(500))))
    readers = [joined(kept) for _ in range(20)]
    while pull(readers):
        kept.add(line(600, len(encoded)), encode(of(line(600, len(encoded)))))
    assert all(len(reader.lines) == 500 for reader, _ in readers)
    assert len(encoded) == len(set(encoded)) == 500


@pytest.mark.usefixtures("small")
def test_what_changes_meanwhile_about_lines_that_have_not_come_is_not_lost() -> None:
    transcript = Transcript(map(line, range(9)))
    kept = History(transcript)
    reader, earlier = joined(kept)
    assert earlier is not None
    for output in (
        line(0, 2, "other"),
        line(1, 2, ""),
        SpeakersRevised((LabelChange("s2", 2, None, "spk1"), LabelChange("s8", 2, None, "spk1")), "live"),
        line(3, 2, "moved", start=20),
        line(9, 1, "old", start=-1),
    ):
        for effect in on_output(transcript, output):
            if isinstance(effect, Broadcast):
                tell(kept, effect, reader)
    for text in iter(earlier, None):
        reader.take(text)
    assert reader.shown == seen(transcript)
    assert reader.left == 0


def tell(kept: History, effect: Broadcast, *readers: Reader) -> None:
    text = encode(effect.message)
    if effect.change is not None:
        kept.add(effect.change, text)
    for reader in readers:
        reader.take(text)


LINES = st.builds(
    line,
    st.integers(0, 12),
    st.integers(1, 6),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from([None, "spk1"]),
    st.none() | st.integers(0, 15),
)
LABELS = st.builds(
    lambda number, rev, after: SpeakersRevised((LabelChange(f"s{number}", rev, None, after),), "live"),
    st.integers(0, 12),
    st.integers(1, 6),
    st.sampled_from([None, "spk1", "spk2"]),
)
STEPS = st.lists(LINES | LABELS | st.builds(Speaker, st.just("spk1")) | st.sampled_from(["join", "pull"]), max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=12), STEPS)
def test_whoever_comes_whenever_knows_in_the_end_what_everybody_knows(before: list[Segment], steps: list[Any]) -> None:
    limits = history.SNAPSHOT_BYTES, history.PART_BYTES
    history.SNAPSHOT_BYTES, history.PART_BYTES = 3 * size(line(0)), 2 * size(line(0))
    try:
        transcript = Transcript(before)
        kept, readers = History(transcript), []
        for step in [*steps, "join"]:
            if step == "join":
                readers.append(joined(kept))
            elif step == "pull":
                pull(readers)
            else:
                for effect in on_output(transcript, step):
                    if isinstance(effect, Broadcast):
                        tell(kept, effect, *(reader for reader, _ in readers))
        while pull(readers):
            pass
        assert all(reader.shown == seen(transcript) and reader.left == 0 for reader, _ in readers)
    finally:
        history.SNAPSHOT_BYTES, history.PART_BYTES = limits


def pull(readers: list[tuple[Reader, EarlierLines | None]]) -> bool:
    """Give each reader its next part; false when nobody had any left."""
    texts = [(reader, earlier()) for reader, earlier in readers if earlier is not None]
    for reader, text in texts:
        if text is not None:
            reader.take(text)
    return any(text is not None for _, text in texts)


def test_no_more_encoded_lines_are_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SNAPSHOT_BYTES", 1)
    monkeypatch.setattr(history, "CACHE_BYTES", 10 * size(line(0)))
    monkeypatch.setattr(history, "CACHE_BYTES_READING", 50 * size(line(0)))
    transcript, kept = Transcript(), History(Transcript())
    for number in range(1000):
        for effect in on_output(transcript, line(number)):
            if isinstance(effect, Broadcast):
                tell(kept, effect)
    assert len(kept._encoded) <= 10
    _, earlier = joined(kept)
    assert earlier is not None
    assert earlier() is not None
    assert 10 < len(kept._encoded) <= 50
    del earlier
    kept.add(line(1000), encode(SegmentMessage.of(line(1000))))
    assert len(kept._encoded) <= 10
    assert kept._size == sum(sys.getsizeof(text) for _, text in kept._encoded.values())


@pytest.mark.slow
def test_a_part_has_few_lines_even_when_they_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SNAPSHOT_BYTES", 10**9)
    reader, earlier = joined(History(Transcript(map(line, range(1200)))))
    assert earlier is not None
    for text in iter(earlier, None):
        reader.take(text)
    assert max(reader.counts) == history.PART_LINES
    assert len(reader.lines) == 1200
