"""What is compared: each microphone alone, the best of them, all mixed, and all joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import report
from benchmarks.microphones.hearing import MIX, Heard
from benchmarks.microphones.joined import Shown, alone, join
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scoring import RATES, Figures, best, score, twice
from benchmarks.rooms.voices import read_audio
from pipelines.types import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Result:
    """One meeting with some or all of its microphones."""

    meeting: Meeting
    group: str
    """Scene and number of microphones: meetings with the same word here stand in one row"""
    alone: dict[str, Figures]
    """By microphone"""
    mix: Figures | None
    joined: Figures
    shown: Shown

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "meeting": self.meeting.name,
            "group": self.group,
            "alone": {name: found.told() for name, found in self.alone.items()},
            "mix": None if self.mix is None else self.mix.told(),
            "joined": self.joined.told(),
        }


def results(meeting: Meeting, heard: Sequence[Heard]) -> list[Result]:
    """A meeting as it is, and where several microphones are in one room also with the first few of them."""
    microphones = [one for one in heard if one.microphone.id != MIX]
    mix = next((one for one in heard if one.microphone.id == MIX), None)
    reference, first = meeting.reference(), microphones[0].microphone
    figures = {one.microphone.id: score(reference, alone(one, first), first) for one in microphones}
    mixed = None if mix is None else score(reference, alone(mix, first), first)
    counts = range(2, len(microphones) + 1) if meeting.scene == "room" else [len(microphones)]
    sounds = [read_audio(meeting.audio(one.microphone)).astype(np.float32) for one in microphones]
    found = []
    for count in counts:
        group = f"{meeting.scene}, {count}" if meeting.scene == "room" else meeting.scene
        some = {one.microphone.id: figures[one.microphone.id] for one in microphones[:count]}
        shown = join(microphones[:count], sounds[:count])
        found.append(Result(meeting, group, some, mixed, score(reference, shown, first), shown))
    return found


def summary(found: Sequence[Result]) -> str:
    """A table for each rate, and one of lines: the best microphone of each meeting, by that rate, and all joined."""
    groups: dict[str, list[Result]] = {}
    for result in found:
        groups.setdefault(result.group, []).append(result)
    if len(groups) > 1:
        groups["all"] = list(found)
    made = []
    for rate in RATES:
        columns = [rate, "meetings", "each alone", "all mixed", "best alone", "joined", "not worse"]
        made.append(report.table(columns, [[name, *_rates(mine, rate)] for name, mine in groups.items()]))
    columns = ["lines", "joined", "twice", "lost, best alone", "lost, joined"]
    columns += ["final p95, best alone", "final p95, joined", "misplaced, s", "changes a word"]
    made.append(report.table(columns, [[name, *_lines(mine)] for name, mine in groups.items()]))
    return "\n".join(made)


def _rates(found: Sequence[Result], rate: str) -> list[Any]:
    """How many meetings; each microphone, all mixed, the best one and all joined; and where the last is not worse."""
    champions = [one.alone[best(one.alone, rate)] for one in found]
    every = [figures for one in found for figures in one.alone.values()]
    mixed = [one.mix for one in found if one.mix is not None]
    kept = sum(_at_most(one.joined.rate(rate), b.rate(rate)) for one, b in zip(found, champions, strict=True))
    return [
        len(found),
        _pooled(every).rate(rate),
        _pooled(mixed).rate(rate) if len(mixed) == len(found) else None,
        _pooled(champions).rate(rate),
        _pooled([one.joined for one in found]).rate(rate),
        f"{kept}/{len(found)}",
    ]


def _lines(found: Sequence[Result]) -> list[Any]:
    champions = _pooled([one.alone[best(one.alone, "WER")] for one in found]).told()
    joined = _pooled([one.joined for one in found]).told()
    pairs = [(champions[name], joined[name]) for name in ("lost", "final_p95")]
    told = [value for pair in pairs for value in pair]
    return [joined["lines"], joined["twice"], *told, joined["misplaced"], joined["changed"]]


def _pooled(figures: Sequence[Figures]) -> Figures:
    return sum(figures, Figures())


def _at_most(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one <= other


def each(result: Result) -> str:
    """All figures of one meeting: every microphone, mixed and joined."""
    named = {one.id: f"{one.id}, {one.what}" for one in result.meeting.microphones}
    rows = [(named[name], figures) for name, figures in result.alone.items()]
    rows += [] if result.mix is None else [("all mixed", result.mix)]
    rows.append(("joined", result.joined))
    told = [[name, *figures.told().values()] for name, figures in rows]
    return f"{result.meeting.name}, {result.group}\n\n{report.table(['microphone', *Figures().told()], told)}"


def lines(result: Result) -> str:
    """What is shown of one meeting beside what was said, in order of time; lines that are there twice are marked."""
    again = {line.id: other.id for line, other in twice(result.shown.lines)}
    rows = [
        (
            row["start_time"],
            f"{row['start_time']:7.2f} {row['end_time']:7.2f}  =====  {row['speaker']}: {row['words']}",
        )
        for row in result.meeting.reference().said
    ]
    for line in result.shown.lines:
        start, end = line.span.start / SAMPLE_RATE, line.span.end / SAMPLE_RATE
        mark = f"  [twice, see {again[line.id]}]" if line.id in again else ""
        text = f"{start:7.2f} {end:7.2f}  {line.source_id} {line.id}  {line.speaker}: {line.text}{mark}"
        rows.append((start, text))
    return "\n".join(text for _, text in sorted(rows))
