"""The values that flow through the pipeline: frozen, comparable, free of storage and sockets.

Times are integer samples at `SAMPLE_RATE`, counted from the first sample of the meeting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from pipelines.spacing import join_words

SAMPLE_RATE = 16_000
"""Hertz of every sample count in this project."""

STEP = SAMPLE_RATE // 2
"""Samples of one pipeline step (0.5 s): the hop of the diarization windows."""

WINDOW = 10 * STEP
"""Samples of one diarization window (5 s): what the segmentation models look at"""

VAD_FRAME = SAMPLE_RATE * 32 // 1000
"""Samples of one frame of voice activity (32 ms): the size the model was trained on"""

MAX_SPEAKERS = 100
"""People that may be said to speak in one meeting"""
SPEAKER_COUNT = r"([1-9][0-9]?|100)(?:-([1-9][0-9]?|100))?"
"""What a number of speakers, or the smallest and the largest, look like"""
SPEAKER_COUNT_FORM = f"how many people speak is a number such as 4, or from-to such as 2-5, from 1 to {MAX_SPEAKERS}"
"""The same for people"""

Samples = NDArray[np.float32]
"""Mono audio at `SAMPLE_RATE`, shape (samples,), values in [-1, 1]."""


def milliseconds(samples: int) -> int:
    """Samples as the nearest whole millisecond, halves upwards; exact, because no fraction is ever formed."""
    return (samples + 8) // 16


def seconds(samples: int) -> float:
    """Samples as seconds, rounded to the millisecond as in `milliseconds`, so that no export differs from a message."""
    return milliseconds(samples) / 1000


def samples(seconds: float) -> int:
    """Seconds as the nearest whole sample."""
    return round(seconds * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """How many people speak, as somebody who knows has said; ValueError where nobody can have meant that."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= MAX_SPEAKERS:
            raise ValueError(SPEAKER_COUNT_FORM)

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}-{self.most}"

    @classmethod
    def parse(cls, text: str) -> SpeakerCount:
        """What "4" says, or "2-5", which may also be written "5-2"; ValueError says what it must look like."""
        found = re.fullmatch(SPEAKER_COUNT, text)
        if found is None:
            raise ValueError(SPEAKER_COUNT_FORM)
        one, other = int(found[1]), int(found[2] or found[1])
        return cls(min(one, other), max(one, other))

    def away(self, count: int) -> int:
        """By how many another number is wrong."""
        return max(self.least - count, count - self.most, 0)


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A stretch of audio: samples `start` (inside) to `end` (outside); false when empty."""

    start: int
    end: int

    def __bool__(self) -> bool:
        return self.end > self.start

    def __len__(self) -> int:
        return max(0, self.end - self.start)

    def __and__(self, other: Span) -> Span:
        """What both cover; empty (false) where they do not meet."""
        return Span(max(self.start, other.start), min(self.end, other.end))

    def __or__(self, other: Span) -> Span:
        """The shortest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))

    def gap(self, other: Span) -> int:
        """Samples of silence between the two; 0 where they touch or overlap."""
        return max(0, max(self.start, other.start) - min(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    text: str
    """As shown, punctuation attached, no surrounding space"""
    span: Span
    confidence: float | None = None
    """Probability in [0, 1]; None where the recogniser gives none"""


@dataclass(frozen=True, order=True, slots=True)
class Turn:
    """A stretch in which one speaker is heard; turns of two speakers may overlap."""

    span: Span
    speaker: str
    """Speaker id, such as "spk2" """


@dataclass(frozen=True, slots=True)
class Step:
    """What `StepChunker` gives: exactly `STEP` samples, fewer only in the last one."""

    index: int
    start: int
    audio: Samples = field(compare=False, repr=False)

    @property
    def span(self) -> Span:
        """The samples of the meeting that this step holds."""
        return Span(self.start, self.start + len(self.audio))


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech between two silences, for the recogniser: partial while it grows, then `final`."""

    index: int
    span: Span
    audio: Samples = field(compare=False, repr=False)
    final: bool
    end_reason: str = "silence"
    """Why it ended: "silence", "length" (the longest allowed) or "end" of the audio"""
    context: Samples = field(default_factory=lambda: np.zeros(0, np.float32), compare=False, repr=False)
    """The utterances right before it, without a gap; empty where there is one"""
    commits: bool = False
    """Whether what is complete of it becomes final though it still grows"""
    turns: tuple[Turn, ...] = ()
    """Who spoke in it as far as was told of the audio up to half a second before its end, where it commits"""
    pause: bool = False
    """Whether it is final and nobody goes on speaking behind it: silence has lasted long enough, or the audio ends

    A long one is cut at a silence so short that its speaker may well go on; whoever does not is told of by a `Pause`.
    """


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody went on speaking behind the last utterance, which had been cut before that was known."""

    span: Span
    """The silence behind it, as long as it has to be"""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the recogniser made of an utterance, with times in the meeting: partial or final, as that is."""

    utterance_index: int
    span: Span
    final: bool
    words: tuple[Word, ...]
    language: str | None = None
    second_pass: bool = False
    """Whether it is from the second pass, and replaces what was final"""
    unstable: bool = False
    """Whether the final one will be made with context that this one had not, so that no word of it is certain"""
    committed: int | None = None
    """Number of words at the start that are final though the utterance grows; None where that was not asked"""
    line: int = 0
    """Which line of the utterance it is, from 0: each time that some of its words become final another one begins"""
    pause: bool = False
    """Whether it is final and nobody goes on speaking behind it: the audio is silent there, or ends"""
    audio: Samples | None = field(default=None, compare=False, repr=False)
    """That of the utterance, where a second pass may need it"""


@dataclass(frozen=True, slots=True)
class Window:
    """`WINDOW` samples of audio for diarization; the first ones begin before the meeting, in silence."""

    index: int
    start: int
    """First sample; negative at the beginning"""
    audio: Samples = field(compare=False, repr=False)
    voiced: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    """Where somebody may be speaking, in equal parts of the window; None means everywhere"""
    paused: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    """Where nobody does between speech, in the same parts; None means nowhere"""


@dataclass(frozen=True, slots=True)
class LocalSpeakers:
    """What the models say of one window: who is active when, and how each of them sounds.

    Local speakers are numbered within the window only: the same person may be 0 here and 2 in the next one.
    """

    index: int
    start: int
    """First sample of the window"""
    activity: NDArray[np.uint8] = field(compare=False, repr=False)
    """Probability of each in each frame, 0 to 255, shape (frames, speakers)"""
    embeddings: NDArray[np.float32] = field(compare=False, repr=False)
    """Vectors of length one, shape (speakers, dimension); NaN where one spoke alone for too short a time"""
    single_speaker_seconds: NDArray[np.float64] = field(compare=False, repr=False)
    """Seconds in which each spoke alone, shape (speakers,)"""
    subsegments: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """Embeddings of consecutive parts of its speech, of length one, shape (speakers, subsegments, dimension)

    None where the embedding model gives none; anything where there is no subsegment.
    """
    subsegment_middles: NDArray[np.int16] | None = field(default=None, compare=False, repr=False)
    """Frame in the middle of each subsegment, -1 behind the last one, shape (speakers, subsegments)"""


UNKNOWN = "?"
"""Speaker of a turn whose voice is like nobody's, or like several people's"""
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
"""Marks with which a sentence ends"""
CLOSING_MARKS = "\"')]}»”’"
"""What may follow the mark that ends a sentence"""


def ends_sentence(word: str) -> bool:
    """Whether a word, as it is shown, is the last one of a sentence."""
    return word.rstrip(CLOSING_MARKS).endswith(SENTENCE_ENDS)


@dataclass(frozen=True, slots=True)
class TurnsRevised:
    """Who speaks when within `span`; replaces everything said before about that stretch.

    Turns are clipped to `span`.
    """

    span: Span
    turns: tuple[Turn, ...]
    reason: str = "live"
    """"live", "recluster", "refine" or, where several sources were joined, "joined" """
    source_id: str = ""
    """Whose turns they are; empty where that is who tells them"""


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of the transcript: one speaker's words without a long pause.

    A higher `rev` of the same `id` replaces it; no words means withdrawn. `final` freezes the words only.
    """

    id: str
    rev: int
    final: bool
    source_id: str
    span: Span
    speaker: str | None
    """Speaker id; None while unsure"""
    words: tuple[Word, ...]
    stable_chars: int = 0
    """Characters at the start of `text` that will not be taken back"""
    overlap: bool = False
    """Whether somebody else is heard through most of it"""
    pause: bool = field(default=False, compare=False)
    """Whether nobody goes on speaking behind it, as in `Hypothesis`; known of live lines only, and never stored"""

    @property
    def text(self) -> str:
        """The words as they are written."""
        return join_words(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One segment's speaker before and after."""

    id: str
    rev: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SpeakersRevised:
    """Speaker labels of segments already sent that have changed."""

    changes: tuple[LabelChange, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of this meeting."""

    id: str
    name: str | None = None
    color: int = 0
    """Index into the page's palette, in order of first appearance"""
    merged_into: str | None = None
    """Id of the speaker this one turned out to be"""
    recognized: bool = False
    """Whether the name is that of a voice that is kept, and no person has confirmed it"""
    profile: str | None = None
    """Id of the voice that is kept, where the name is that one's"""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a speaker sounds, from all that was heard of it so far."""

    speaker: str
    """Speaker id"""
    embedding: NDArray[np.float32] = field(compare=False, repr=False)
    """A vector of length one, shape (dimension,)"""
    seconds: float
    """Speech without others behind it"""


@dataclass(frozen=True, slots=True)
class VoicesHeard:
    """How the speakers sound; replaces what was said before about them."""

    voices: tuple[Voice, ...]
    model: str
    """Name of the embedding model: vectors of others cannot be compared with these"""


LEVEL_FRAME = SAMPLE_RATE // 10
"""Samples of one frame of `LevelsHeard` (0.1 s)"""
LEVEL_BANDS = (0, 300, 700, 1500, 3000, 8000)
"""Hertz at which the bands of `LevelsHeard` begin, and where the last one ends"""
LEVEL_SILENCE = -100.0
"""Decibels of a band in which nothing is heard"""


@dataclass(frozen=True, slots=True)
class LevelsHeard:
    """How loud a source is, frame by frame: what a level meter shows, and what tells which microphone hears better."""

    start: int
    """First sample of the first frame"""
    levels: NDArray[np.float32] = field(compare=False, repr=False)
    """Root mean square of each band in each frame, in decibels relative to full scale, shape (frames, bands)"""

    @property
    def span(self) -> Span:
        """The samples that the frames hold."""
        return Span(self.start, self.start + len(self.levels) * LEVEL_FRAME)

    @property
    def loudness(self) -> NDArray[np.float32]:
        """Root mean square of each frame, all bands together, in decibels relative to full scale, shape (frames,)."""
        power = np.sum(10.0 ** (self.levels.astype(np.float64) / 10), axis=1)
        loudness: NDArray[np.float32] = np.maximum(10 * np.log10(power), LEVEL_SILENCE).astype(np.float32)
        return loudness


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """How the pipeline keeps up; all times in seconds."""

    rtf: float
    """Seconds of computing per second of audio, all models together"""
    asr_lag: float
    """Age of the oldest audio still waiting for the recogniser"""
    diarization_lag: float
    dropped_partials: int
    load: float = 0.0
    """Real-time factor of what must be done in time, live final utterances and windows of all meetings: 1 is full"""
    left_out: str = "none"
    """What a machine that is too full leaves out: "none", "rare_partials", "no_partials" or "long_hop" """
    language: str | None = None
    """Code of the language that the recogniser has last been sure to hear; None where it detects none"""
    models_answer: bool = True
    """Whether the models, where they are on other machines, answer at the moment"""


class ModelInfo(TypedDict, total=False):
    """Which models serve and why, as sent to clients, stored and exported; empty until models are loaded."""

    speech: str
    """Name of the recogniser, without the folder that it came from; so with the next two"""
    segmentation: str
    embedding: str
    why: str
    """One or two sentences"""
    languages: list[str] | None
    """Codes of the languages that are recognised; None means many"""
    translates: bool
    """Whether what is said in other languages can be written down in English"""
    device: str
    """Where the recogniser computes: "cpu", "cuda" or "cuda:N" """


@dataclass(frozen=True, slots=True)
class BlockFailed:
    """A block raised on one input; the stream goes on without its result."""

    block: str
    """Name of the block, as in the log"""
    reason: str
    """Name of the exception"""
    span: Span
    """The audio whose result is missing"""


@dataclass(frozen=True, slots=True)
class Unread:
    """A final utterance that the recogniser failed on."""

    utterance_index: int
    pause: bool
    """As in `Hypothesis`"""
    failure: BlockFailed

    @property
    def span(self) -> Span:
        """That of the utterance."""
        return self.failure.span


Output = Segment | SpeakersRevised | Speaker | VoicesHeard | TurnsRevised | LevelsHeard | PipelineStats | BlockFailed
"""What is told of a source's audio: by its pipeline, and, of its levels, by what feeds that."""
