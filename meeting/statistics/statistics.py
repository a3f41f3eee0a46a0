"""What the times of lines and turns add up to; pure. Talk time is the length of a speaker's lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from meeting.storage.summary import Speech, SpokenLine
from pipelines.turns import covered
from pipelines.types import SAMPLE_RATE, Turn

PAUSE = 3 * SAMPLE_RATE
"""Samples of silence after which the same speaker begins another turn, as on the page"""


@dataclass(frozen=True, slots=True)
class SpeakerStatistics:
    """How much one speaker has said."""

    speaker: str | None
    """None for all that nobody is known to have said"""
    samples: int
    """Talk time: the length of all lines"""
    turns: int
    """How often this speaker began to speak, after somebody else or after a pause"""
    lines: int
    words: int

    @property
    def words_per_minute(self) -> float:
        """Of talk time."""
        return self.words * 60 * SAMPLE_RATE / self.samples if self.samples else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the time of a meeting was spent; all times in samples."""

    samples: int
    """Length of the meeting"""
    speakers: tuple[SpeakerStatistics, ...]
    """Who said most comes first"""
    overlap: int
    """In which two or more people were heard at once, by the diarization"""
    silence: int
    """In which neither words nor a voice were heard"""
    missing: int
    """Whose audio never arrived"""

    @property
    def talk_time(self) -> int:
        """Of all speakers together."""
        return sum(speaker.samples for speaker in self.speakers)


def statistics(speech: Speech, samples: int | None = None) -> Statistics:
    """What a meeting adds up to; `samples` is its length so far where that is not stored yet."""
    heard = [line.span for line in speech.lines] + [turn.span for turn in speech.turns]
    gaps = [gap.span for gap in speech.gaps]
    length = max([samples or 0, speech.meeting.samples, *(span.end for span in heard + gaps)])
    return Statistics(
        length,
        tuple(sorted(_by_speaker(speech.lines), key=lambda one: -one.samples)),
        _overlap(speech.turns),
        length - covered(heard + gaps),
        covered(gaps),
    )


def _by_speaker(lines: Iterable[SpokenLine]) -> list[SpeakerStatistics]:
    own: dict[str | None, list[SpokenLine]] = defaultdict(list)
    turns: dict[str | None, int] = defaultdict(int)
    before: SpokenLine | None = None
    for line in lines:
        own[line.speaker].append(line)
        turns[line.speaker] += before is None or line.speaker != before.speaker or before.span.gap(line.span) > PAUSE
        before = line
    return [
        SpeakerStatistics(
            speaker,
            sum(len(line.span) for line in said),
            turns[speaker],
            len(said),
            sum(line.words for line in said),
        )
        for speaker, said in own.items()
    ]


def _overlap(turns: Iterable[Turn]) -> int:
    """How long several speakers' turns lie over each other; turns of one speaker do not."""
    changes = sorted((at, by) for turn in turns for at, by in ((turn.span.start, 1), (turn.span.end, -1)))
    total = speaking = since = 0
    for at, by in changes:
        if speaking > 1:
            total += at - since
        speaking, since = speaking + by, at
    return total
