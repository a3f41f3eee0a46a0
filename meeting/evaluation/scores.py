"""How far a transcript is from its reference, and how calmly and quickly it came: the figures of `evaluate`.

The definitions are those of the scorers that others use: ORC-WER and cpWER of meeteval on text normalised like
Whisper's, diarization error of pyannote.metrics without a collar. They need the extra `eval`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from typing import Any, TypedDict

from meeting.core.messages import JsonObject
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Turn

LIBRARIES = ("meeteval", "pyannote.metrics", "whisper_normalizer", "matplotlib")


class _Line(TypedDict):
    speaker: str | None
    start_time: float
    """Seconds"""
    end_time: float
    words: str


class Row(_Line, total=False):
    """One line of SegLST."""

    session_id: str


class Event(TypedDict):
    """One line of an event log, as `replay --events` writes it."""

    wall: float
    """Seconds since the first sample"""
    audio: float
    """Seconds of audio sent by then"""
    event: JsonObject
    """What a client received"""


def require_extra() -> None:
    """Raise MeetingError where the libraries that measure are not installed."""
    absent = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if absent:
        how = 'pip install -c constraints.txt -e ".[eval]"'
        raise MeetingError(f"to measure, install the extra eval with {how}; missing: {', '.join(absent)}")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, such as wrong words of all words."""

    part: float = 0
    whole: float = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.part + other.part, self.whole + other.whole)

    @property
    def rate(self) -> float | None:
        """Part by whole; None where there is no whole."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of words and of labels, each with what it is a share of."""

    wer: Share = Share()
    """Every word counts once, whoever said it"""
    cpwer: Share = Share()
    """Words under the wrong speaker are wrong"""
    miss: Share = Share()
    """Seconds, like those that follow"""
    false_alarm: Share = Share()
    confusion: Share = Share()
    speakers: int = 0
    """Voices in the turns, unknown ones counted as one"""
    reference_speakers: int = 0

    @property
    def der(self) -> Share:
        """Diarization error: miss, false alarm and confusion."""
        return Share(self.miss.part + self.false_alarm.part + self.confusion.part, self.miss.whole)

    def __add__(self, other: Accuracy) -> Accuracy:
        return Accuracy(
            self.wer + other.wer,
            self.cpwer + other.cpwer,
            self.miss + other.miss,
            self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
            self.speakers + other.speakers,
            self.reference_speakers + other.reference_speakers,
        )


@dataclass(slots=True)
class Latencies:
    """Latencies in seconds, one for each word or segment."""

    first: list[float] = field(default_factory=list)
    """From the end of a word to its place being filled by any text"""
    stable: list[float] = field(default_factory=list)
    """From the end of a word until it and all before it in its segment stay as they are"""
    final: list[float] = field(default_factory=list)
    """From the end of a segment to its final text"""

    def __add__(self, other: Latencies) -> Latencies:
        return Latencies(self.first + other.first, self.stable + other.stable, self.final + other.final)


@dataclass(frozen=True, slots=True)
class Flicker:
    """Words that were shown and then changed; case and punctuation aside."""

    stable: Share = Share()
    """Of the words that a partial text called stable"""
    partial: Share = Share()
    """Of all words of all partial texts"""

    def __add__(self, other: Flicker) -> Flicker:
        return Flicker(self.stable + other.stable, self.partial + other.partial)


@cache
def _normalizer() -> Any:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


@cache
def normalise(text: str) -> str:
    """Lower-case words without punctuation, fillers and spelling marks."""
    # "m_p_three_" is how AMI spells what is said letter by letter
    return str(_normalizer()(re.sub(r"(?<=\b\w)_", " ", text)))


def word_errors(reference: Iterable[Row], hypothesis: Iterable[Row]) -> tuple[Share, Share]:
    """WER and cpWER of one recording."""
    import meeteval

    wanted, given = _normalised(reference), _normalised(hypothesis)
    length = sum(len(row["words"].split()) for row in wanted)
    if not given or not wanted:
        wrong = Share(length or sum(len(row["words"].split()) for row in given), length)
        return wrong, wrong
    # All words in one stream, in order of time: what a reader sees, and no matter of speakers.
    stream: list[Row] = [{**row, "speaker": "all"} for row in sorted(given, key=lambda row: float(row["start_time"]))]
    target = meeteval.io.SegLST(wanted)
    (plain,) = meeteval.wer.greedy_orcwer(target, meeteval.io.SegLST(stream)).values()
    (labelled,) = meeteval.wer.cpwer(target, meeteval.io.SegLST(given)).values()
    return Share(plain.errors, plain.length), Share(labelled.errors, labelled.length)


def _normalised(rows: Iterable[Row]) -> list[Row]:
    plain: list[Row] = [
        {
            "session_id": "",
            "speaker": "?" if row["speaker"] is None else str(row["speaker"]),
            "start_time": float(row["start_time"]),
            "end_time": float(row["end_time"]),
            "words": normalise(row["words"]),
        }
        for row in rows
    ]
    return [row for row in plain if row["words"]]


def accuracy(
    reference: Sequence[Row], turns: Sequence[Turn], said: Sequence[Row], hypothesis: Sequence[Turn]
) -> Accuracy:
    """All errors of one recording: reference words and turns, then those to be judged."""
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    everything = [*turns, *hypothesis]
    end = max((turn.span.end for turn in everything), default=0) / SAMPLE_RATE
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    found = metric(_annotation(turns), _annotation(hypothesis), uem=Timeline([Segment(0, end)]), detailed=True)
    speech = float(found["total"])
    wer, cpwer = word_errors(reference, said)
    return Accuracy(
        wer,
        cpwer,
        Share(found["missed detection"], speech),
        Share(found["false alarm"], speech),
        Share(found["confusion"], speech),
        len({turn.speaker for turn in hypothesis}),
        len({turn.speaker for turn in turns}),
    )


def _annotation(turns: Iterable[Turn]) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for track, turn in enumerate(turns):
        annotation[Segment(turn.span.start / SAMPLE_RATE, turn.span.end / SAMPLE_RATE), track] = turn.speaker
    return annotation


def latencies(log: Iterable[Event]) -> Latencies:
    """Latency of words and segments; means something only where the audio was sent at the pace of speech."""
    found = Latencies()
    for history in _segments(log).values():
        at = next((at for at, row in enumerate(history) if row["event"]["final"]), None)
        if at is None:
            continue
        wall, final = history[at]["wall"], history[at]["event"]
        found.final.append(wall - final["end"])
        shown = [(row["wall"], _words(row["event"])) for row in history if row["wall"] <= wall]
        texts = _words(final)
        first: list[float | None] = [None] * len(texts)
        since: list[float | None] = [None] * len(texts)
        for moment, words in shown:
            same = _agreement(words, texts)
            for place in range(len(texts)):
                if first[place] is None and len(words) > place:
                    first[place] = moment
                since[place] = (moment if since[place] is None else since[place]) if place < same else None
        for word, seen, settled in zip(final["words"], first, since, strict=True):
            found.first.append((wall if seen is None else seen) - word["end"])
            found.stable.append((wall if settled is None else settled) - word["end"])
    return found


def _segments(log: Iterable[Event]) -> dict[str, list[Event]]:
    """The segment messages of a log by id, in order of arrival."""
    found: dict[str, list[Event]] = {}
    for row in log:
        if row["event"].get("type") == "segment":
            found.setdefault(row["event"]["id"], []).append(row)
    return found


def _words(segment: JsonObject) -> list[str]:
    return [normalise(word["text"]) for word in segment["words"]]


def _agreement(one: Sequence[str], other: Sequence[str]) -> int:
    """Words at the start that are the same."""
    pairs = list(zip(one, other, strict=False))
    return next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))


def flicker(log: Iterable[Event]) -> Flicker:
    """Words shown in partial texts that are not in the final one.

    Judged by line, for a line that is cut where the speaker changes moves words to another segment without
    changing any: its pieces are s7, s7.2, s7.3.
    """
    lines: dict[str, list[JsonObject]] = {}
    for row in log:
        if row["event"].get("type") == "segment":
            lines.setdefault(row["event"]["id"].partition(".")[0], []).append(row["event"])
    total = Flicker()
    for events in lines.values():
        if any(event["final"] for event in events):
            total += _line_flicker(events)
    return total


def _line_flicker(events: list[JsonObject]) -> Flicker:
    now: dict[str, JsonObject] = {}
    stable: dict[int, set[str]] = {}  # word's place in the line -> texts that were called stable there
    partials: list[list[str]] = []
    for event in events:
        now[event["id"]] = event
        if event["final"]:
            continue
        texts = [word["text"] for word in event["words"]]
        partials.append([bare(text) for text in texts])
        before = sum(len(e["words"]) for e in now.values() if e["words"] and e["start"] < event["start"])
        for place, text in enumerate(texts[: _whole_words(texts, event["stable_chars"])]):
            stable.setdefault(before + place, set()).add(bare(text))
    pieces = sorted((e for e in now.values() if e["words"]), key=lambda e: float(e["start"]))
    final = [bare(word["text"]) for piece in pieces for word in piece["words"]]
    changed = sum(place >= len(final) or texts != {final[place]} for place, texts in stable.items())
    shown = sum(map(len, partials))
    kept = sum(_kept(words, final) for words in partials)
    return Flicker(Share(changed, len(stable)), Share(shown - kept, shown))


def _whole_words(texts: Sequence[str], chars: int) -> int:
    """Words that lie within the first `chars` characters of the text."""
    count, end = 0, -1
    for text in texts:
        end += 1 + len(text)
        if end > chars:
            break
        count += 1
    return count


def _kept(shown: list[str], final: list[str]) -> int:
    """Words of one text that are also in the other, in the same order."""
    matcher = SequenceMatcher(None, shown, final, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def bare(text: str) -> str:
    """A word without case and punctuation."""
    return "".join(char for char in text.casefold() if char.isalnum())
