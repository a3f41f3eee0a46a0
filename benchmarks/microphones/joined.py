"""What one meeting shows of several microphones: their outputs in order of time through the joiner, and reduced."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.microphones.changes import changes
from benchmarks.microphones.hearing import Heard
from benchmarks.microphones.scenes import FRAME, Microphone
from meeting.core.placing import Anchor
from meeting.core.records import Source
from meeting.core.transcript import Transcript, resolve
from meeting.evaluation.scores import Share
from meeting.joining.joiner import Joiner
from meeting.sources.levels import LevelMeter
from pipelines.turns import join_turns, replace_turns
from pipelines.types import SAMPLE_RATE, Output, Samples, Segment, SpeakersRevised, Turn, TurnsRevised

END = 1.0
"""Seconds that the last pass takes once a microphone is turned off"""


class Joins(Protocol):
    """What is measured: a joiner, as `meeting.joining.joiner` has it."""

    def add(self, source: Source) -> Iterable[Output]:
        """One more source."""

    def observe(self, source_id: str, samples: int, at: float) -> Any:
        """The audio of a source up to `samples` had arrived at `at`."""

    def take(self, source_id: str, output: Output) -> Iterable[Output]:
        """What the meeting says because of what a source says."""

    def finish(self, source_id: str) -> Iterable[Output]:
        """Nothing more comes of a source."""

    def place(self, source_id: str, sample: int) -> int:
        """Where a sample of a source stands in the meeting."""

    def anchors(self, source_id: str) -> tuple[Anchor, ...]:
        """Where a source's samples stand in the meeting."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The final lines of a meeting and who spoke when, in the meeting's time."""

    lines: tuple[Segment, ...]
    turns: tuple[Turn, ...]
    ready: dict[str, float]
    """By line: seconds of the world's clock when it was first final"""
    misplaced: float = 0.0
    """Seconds by which the last sample of some source, at most, is not where it belongs"""
    anchors: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)
    """By source where its samples stand in the meeting"""
    changed: Share = field(default_factory=Share)
    """Changes of the source that is shown where the words of the lines are, and how many words there are"""


Step = tuple[float, int, int, Callable[[Joins], Iterable[Output]], str]
"""When something happens, two numbers that keep the order of what happens at once, what it is, and of which source"""


def join(heard: Sequence[Heard], sounds: Sequence[Samples], make: Callable[[], Joins] = Joiner) -> Shown:
    """Let a joiner take all that the microphones of a meeting said, as it would have come, with what they recorded."""
    joiner, reader = make(), _Reader()
    steps = (_steps(one, sound, number) for number, (one, sound) in enumerate(zip(heard, sounds, strict=True), 1))
    for at, _, _, step, source_id in heapq.merge(*steps):
        reader.take(source_id, step(joiner), at)
    first = heard[0].microphone
    truth = [first.sample(one.microphone.at(one.samples)) for one in heard]
    found = [joiner.place(one.microphone.id, one.samples) for one in heard]
    misplaced = max(abs(a - b) for a, b in zip(truth, found, strict=True)) / SAMPLE_RATE
    anchors = {one.microphone.id: joiner.anchors(one.microphone.id) for one in heard}
    return replace(reader.shown(), misplaced=misplaced, anchors=anchors)


def alone(heard: Heard, first: Microphone) -> Shown:
    """What a meeting shows of one microphone that is alone in it, and for everybody, in the time of the `first` one."""
    reader, microphone = _Reader(), heard.microphone
    arrivals = microphone.arrivals(heard.samples).tolist()
    for samples, output in heard.told if heard.as_room is None else heard.as_room:
        reader.take(microphone.id, [output], _arrived(arrivals, samples) + microphone.behind)
    found = reader.shown()

    def moved(sample: int) -> int:
        return round(first.sample(microphone.at(sample)))

    def span(of: Any) -> Any:
        return replace(of, span=replace(of.span, start=moved(of.span.start), end=moved(of.span.end)))

    lines = tuple(replace(span(line), words=tuple(map(span, line.words))) for line in found.lines)
    return Shown(lines, tuple(map(span, found.turns)), found.ready)


class _Reader:
    """Whoever is told what happens in a meeting."""

    def __init__(self) -> None:
        self._transcript = Transcript()
        self._turns: dict[str, list[Turn]] = {}
        self._ready: dict[str, float] = {}
        self._told: list[list[Segment]] = []

    def take(self, source_id: str, outputs: Iterable[Output], at: float) -> None:
        """What is told at a time because of a source."""
        outputs = list(outputs)
        for output in outputs:
            self._take(source_id, output, at)
        self._told.append([output for output in outputs if isinstance(output, Segment)])

    def _take(self, source_id: str, output: Output, at: float) -> None:
        self._transcript.apply(output)
        if isinstance(output, TurnsRevised):
            whose = output.source_id or source_id
            self._turns[whose] = join_turns(replace_turns(self._turns.get(whose, []), output))
        elif isinstance(output, Segment) and output.final and output.words:
            self._ready.setdefault(output.id, at)

    def shown(self) -> Shown:
        """All of it, merged speakers as one."""
        stands_for = resolve(self._transcript.speakers)
        lines = tuple(
            replace(line, speaker=stands_for.get(line.speaker or "", line.speaker))
            for line in self._transcript.segments
            if line.final
        )
        turns = (turn for mine in self._turns.values() for turn in mine)
        joined = join_turns(replace(turn, speaker=stands_for.get(turn.speaker, turn.speaker)) for turn in turns)
        ready = {line.id: self._ready[line.id] for line in lines}
        return Shown(lines, tuple(joined), ready, changed=changes(self._told, lines))


def _arrived(arrivals: Sequence[float], samples: int) -> float:
    """When the frame was at the server in which so many samples end."""
    return arrivals[max(0, -(-samples // FRAME) - 1)]


def _steps(heard: Heard, sound: Samples, number: int) -> Iterator[Step]:
    """All that happens to one source, in order of time."""
    microphone, id_ = heard.microphone, heard.microphone.id
    made = Source(id_, microphone.what, microphone.kind, "pcm_s16le", SAMPLE_RATE, 1, number=number)
    arrivals = microphone.arrivals(heard.samples).tolist()
    meter = LevelMeter()
    events: list[tuple[float, Callable[[Joins], Iterable[Output]]]] = [
        (microphone.begins + microphone.network, lambda joiner: joiner.add(made))
    ]

    def arrived(frame: int, at: float) -> Callable[[Joins], Iterable[Output]]:
        def step(joiner: Joins) -> Iterable[Output]:
            joiner.observe(id_, min((frame + 1) * FRAME, heard.samples), at)
            levels = meter.feed(sound[frame * FRAME : (frame + 1) * FRAME])
            return [output for one in levels for output in joiner.take(id_, one)]

        return step

    def said(output: Output) -> Callable[[Joins], Iterable[Output]]:
        return lambda joiner: joiner.take(id_, output)

    events += [(at, arrived(frame, at)) for frame, at in enumerate(arrivals)]
    for samples, output in heard.told:
        late = END if samples >= heard.samples else 0.0
        at = _arrived(arrivals, samples) + microphone.behind + late
        events.append((at, said(renumbered(output, number))))
    events.append((max(at for at, _ in events), lambda joiner: joiner.finish(id_)))
    ordered = sorted(enumerate(events), key=lambda event: (event[1][0], event[0]))
    return ((at, number, place, step, id_) for place, (at, step) in ordered)


def renumbered(output: Output, number: int) -> Output:
    """An output with ids of lines that no other source of the meeting has; those of the first stay as they are."""
    if number == 1:
        return output
    if isinstance(output, Segment):
        return replace(output, id=f"m{number}{output.id}")
    if isinstance(output, SpeakersRevised):
        return replace(output, changes=tuple(replace(one, id=f"m{number}{one.id}") for one in output.changes))
    return output
