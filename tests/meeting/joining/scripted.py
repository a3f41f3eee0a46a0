"""Meetings from a script: who says what when, how well each microphone hears them, what its pipeline makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from meeting.core.records import Source
from meeting.core.transcript import Transcript, resolve
from meeting.joining.joiner import Joiner
from pipelines.turns import join_turns, replace_turns
from pipelines.types import (
    LEVEL_BANDS,
    LEVEL_FRAME,
    SAMPLE_RATE,
    LevelsHeard,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
    samples,
)

NOISE = -70.0
"""Decibels of each band of every microphone's own noise"""


@dataclass(frozen=True)
class Said:
    """One thing said, in seconds of the meeting, a word in half a second."""

    who: str
    start: float
    text: str

    @property
    def end(self) -> float:
        """When the last word ends."""
        return self.start + 0.5 * len(self.text.split())


@dataclass(frozen=True)
class Mic:
    """A source: by person, how many decibels above its noise it hears them; whom it does not hear is not named."""

    id: str
    hears: Mapping[str, float]
    kind: str = "room"
    name: str = ""
    begins: float = 0.0
    ends: float = 1000.0
    lag: float = 1.0
    """Seconds until its pipeline has understood something"""
    loud: float = 12.0
    """Decibels above its noise that its pipeline needs to understand words"""

    def source(self, number: int = 1, **known: object) -> Source:
        """The source as the meeting has it; its place is known, where it begins later."""
        anchors = ((0, samples(self.begins)),) if number > 1 else ()
        made = Source(self.id, self.name, self.kind, "pcm_s16le", SAMPLE_RATE, 1, number=number, anchors=anchors)
        return replace(made, **known)  # type: ignore[arg-type]


Event = tuple[int, str, Output]
"""When it is told, in samples of the meeting, by which source"""


def voice(said: Said) -> NDArray[np.float64]:
    """The envelope of something said: decibels in each frame and band, 0 in the mean."""
    random = np.random.default_rng(sum(map(ord, said.who + said.text)) + round(said.start * 10))
    frames = round((said.end - said.start) * 10)
    return random.normal(0, 8, (frames, len(LEVEL_BANDS) - 1))


def levels(script: Sequence[Said], mic: Mic, length: float) -> NDArray[np.float32]:
    """What a level meter shows of a microphone, shape (frames, bands), from the start of the meeting."""
    power = np.full((round(length * 10), len(LEVEL_BANDS) - 1), 10 ** (NOISE / 10))
    power *= 10 ** (np.random.default_rng(len(mic.id)).normal(0, 0.1, power.shape))
    for said in script:
        if said.who in mic.hears:
            first = min(round(said.start * 10), len(power))
            heard = voice(said)[: len(power) - first]
            power[first : first + len(heard)] += 10 ** ((NOISE + mic.hears[said.who] + heard) / 10)
    return (10 * np.log10(power)).astype(np.float32)


def events(script: Sequence[Said], mic: Mic, number: int, length: float) -> Iterator[Event]:
    """All that a microphone's pipeline says, in the order in which it does, with its own time and speakers."""
    told: list[tuple[int, int, Output]] = []
    shift = samples(mic.begins)
    for at in range(0, len(measured := levels(script, mic, min(length, mic.ends))), 5):
        start = at * LEVEL_FRAME - shift
        if start >= 0:
            told.append((start + shift + 5 * LEVEL_FRAME, 0, LevelsHeard(start, measured[at : at + 5])))
    numbers: dict[str, str] = {}
    prefix = "s" if number == 1 else f"m{number}s"
    understood = [said for said in script if mic.hears.get(said.who, 0.0) >= mic.loud]
    understood = [said for said in understood if said.start >= mic.begins and said.end <= mic.ends]
    for line, said in enumerate(sorted(understood, key=lambda said: said.start), 1):
        if said.who not in numbers:
            numbers[said.who] = f"spk{len(numbers) + 1}"
            told.append((samples(said.start + 1.5 + mic.lag), 1, Speaker(numbers[said.who], color=len(numbers) - 1)))
        told += _line(said, mic, f"{prefix}{line}", numbers[said.who], shift)
        span = Span(samples(said.start) - shift, samples(said.end) - shift)
        turns = TurnsRevised(span, (Turn(span, numbers[said.who]),))
        told.append((samples(said.end + mic.lag), 2, turns))
    yield from ((at, mic.id, output) for at, _, output in sorted(told, key=lambda one: one[:2]))


def _line(said: Said, mic: Mic, id_: str, speaker: str, shift: int) -> Iterator[tuple[int, int, Segment]]:
    texts = said.text.split()
    words = tuple(
        Word(text, Span(samples(said.start + 0.5 * at) - shift, samples(said.start + 0.5 * at + 0.45) - shift))
        for at, text in enumerate(texts)
    )
    revs = [*range(2, len(words), 2), len(words)]
    for rev, count in enumerate(revs, 1):
        final = rev == len(revs)
        span = Span(words[0].span.start, words[count - 1].span.end)
        label = None if rev == 1 and not final else speaker
        made = Segment(id_, rev, final, mic.id, span, label, words[:count])
        yield samples(said.start + 0.5 * count + mic.lag), 3, made


class Meeting:
    """What a joiner makes of events, as a reader and the store have it."""

    def __init__(self) -> None:
        self.joiner = Joiner()
        self.transcript = Transcript()
        self.told: list[Output] = []
        self.turns: dict[str, list[Turn]] = {}

    def add(self, source: Source) -> None:
        """One more source."""
        self._apply(source.id, self.joiner.add(source))

    def take(self, source_id: str, output: Output) -> list[Output]:
        """One more output of a source."""
        return self._apply(source_id, self.joiner.take(source_id, output))

    def finish(self, source_id: str) -> None:
        """Nothing more comes of a source."""
        self._apply(source_id, self.joiner.finish(source_id))

    def _apply(self, source_id: str, outputs: Iterable[Output]) -> list[Output]:
        outputs = list(outputs)
        for output in outputs:
            if isinstance(output, Segment):
                assert output.rev > self.transcript.rev(output.id), "a revision is higher than the one before"
                before = self.transcript.segment(output.id)
                assert before is None or replace(before, rev=output.rev) != output, "nothing is told twice"
            elif isinstance(output, SpeakersRevised):
                assert all(change.before != change.after for change in output.changes), "nothing is told twice"
            self.told.append(output)
            self.transcript.apply(output)
            if isinstance(output, TurnsRevised):
                mine = output.source_id or source_id
                self.turns[mine] = join_turns(replace_turns(self.turns.get(mine, []), output))
        return outputs

    def lines(self) -> list[tuple[str, str, str | None]]:
        """The lines: source, text, and who said it, merged speakers resolved."""
        who = resolve(self.transcript.speakers)
        return [
            (line.source_id, line.text, who.get(line.speaker or "", line.speaker)) for line in self.transcript.segments
        ]

    def texts(self) -> list[str]:
        """What the lines say."""
        return [line.text for line in self.transcript.segments]

    def people(self) -> dict[str, set[str]]:
        """By the speakers that there are in the end, what they said."""
        said: dict[str, set[str]] = {}
        for _, text, speaker in self.lines():
            said.setdefault(str(speaker), set()).add(text)
        return said

    def heard(self) -> list[tuple[float, float, str]]:
        """The turns of all sources together, merged speakers resolved, in seconds."""
        who = resolve(self.transcript.speakers)
        turns = join_turns(replace(turn, speaker=who[turn.speaker]) for mine in self.turns.values() for turn in mine)
        return [(turn.span.start / SAMPLE_RATE, turn.span.end / SAMPLE_RATE, turn.speaker) for turn in turns]


def length_of(script: Sequence[Said]) -> float:
    """Seconds until a while after the last word."""
    return max(said.end for said in script) + 5


def played(script: Sequence[Said], *mics: Mic, until: float | None = None) -> Meeting:
    """A meeting as it comes, until all has been said or a second before."""
    meeting = Meeting()
    numbers = {mic.id: number for number, mic in enumerate(mics, 1)}
    length = length_of(script)
    for mic in mics:
        meeting.add(mic.source(numbers[mic.id]))
    for at, id_, output in merge(
        *(events(script, mic, numbers[mic.id], length) for mic in mics), key=lambda one: one[0]
    ):
        if until is not None and at > samples(until):
            return meeting
        meeting.take(id_, output)
    for mic in mics:
        meeting.finish(mic.id)
    return meeting
