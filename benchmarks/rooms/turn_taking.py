"""How people take turns: what of it is counted in references, and a speaker change or pause drawn from that.

The four kinds of transition are those of Yamashita, Horiguchi and Homma, "Improving the naturalness of simulated
conversations for end-to-end neural diarization" (Odyssey 2022): a turn is followed by one of the same speaker (hold),
by one of another after a pause (switch), by one that begins before it ends (interruption), or by one that lies within
it (backchannel). That pauses and overlaps are drawn from the distribution of each kind as found in real conversations
is Landini et al., "From simulated mixtures to simulated conversations as training data for end-to-end neural
diarization" (Interspeech 2022).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Span, Turn

COMMITTED = Path(__file__).with_name("turn_taking.json")
"""What was counted in AMI, and where"""
KINDS = ("hold", "switch", "interruption", "backchannel")
PERCENTILES = tuple(range(0, 100, 5))
"""What is kept of a distribution; its last twentieth (a screen is mended, somebody leaves) is not drawn from"""


@dataclass(frozen=True, slots=True)
class Transitions:
    """One kind of transition: how often, and the distribution of what it is measured by."""

    count: int
    percentiles: tuple[float, ...]
    """At 0, 5 … 95 %: seconds of pause (hold, switch) or of overlap (interruption), and of a backchannel where it
    begins, as a share of the turn that it lies in"""

    def draw(self, random: np.random.Generator) -> float:
        """One value from the distribution."""
        return float(np.interp(PERCENTILES[-1] * random.random(), PERCENTILES, self.percentiles))


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """What is known of the turns of some conversations."""

    transitions: dict[str, Transitions]
    """By kind"""
    returns: float
    """Of the changes of speaker with a third person present, those that go back to whoever spoke before"""
    turns: tuple[float, ...]
    """Percentiles of their lengths, seconds"""
    overlap: float
    """Of the time in which somebody speaks, that in which two or more do"""
    silence: float
    """Of all time from the first to the last word, that in which nobody speaks"""
    backchannels: float
    """For each second of the turns in which they lie or could lie"""

    def kind(self, random: np.random.Generator) -> str:
        """Hold, switch or interruption, as often as each occurs."""
        counts = np.array([self.transitions[kind].count for kind in KINDS[:3]], float)
        return str(random.choice(KINDS[:3], p=counts / counts.sum()))


@dataclass(slots=True)
class _Counts:
    values: dict[str, list[float]]
    returns: list[bool]
    lengths: list[float]
    spoken: int = 0
    overlapped: int = 0
    whole: int = 0
    held: int = 0


def count(conversations: Iterable[Sequence[Turn]]) -> TurnTaking:
    """The statistics of conversations, each a list of turns; raises MeetingError where nobody speaks in them."""
    counts = _Counts({kind: [] for kind in KINDS}, [], [])
    for turns in conversations:
        _count_one(sorted(turns, key=lambda turn: (turn.span.start, -turn.span.end)), counts)
    if not counts.lengths:
        raise MeetingError("nobody speaks in these references")
    return TurnTaking(
        {kind: Transitions(len(found), _percentiles(found)) for kind, found in counts.values.items()},
        round(float(np.mean(counts.returns)), 3) if counts.returns else 0.0,
        _percentiles(counts.lengths),
        round(counts.overlapped / counts.spoken, 3),
        round(1 - counts.spoken / counts.whole, 3),
        round(len(counts.values["backchannel"]) * SAMPLE_RATE / counts.held, 4),
    )


def _percentiles(values: Sequence[float]) -> tuple[float, ...]:
    if not values:
        return (0.0,) * len(PERCENTILES)
    return tuple(round(float(value), 3) for value in np.percentile(values, PERCENTILES))


def _count_one(turns: Sequence[Turn], counts: _Counts) -> None:
    if not turns:
        return
    people = len({turn.speaker for turn in turns})
    holder, before = turns[0], None  # who has the floor, and who had it before
    counts.held += len(holder.span)
    for turn in turns[1:]:
        kind, value = classify(holder, turn)
        counts.values[kind].append(value)
        if kind == "backchannel":
            continue
        if turn.speaker != holder.speaker:
            if before is not None and people > 2:
                counts.returns.append(turn.speaker == before)
            before = holder.speaker
        holder = turn
        counts.held += len(turn.span)
    counts.lengths += [len(turn.span) / SAMPLE_RATE for turn in turns]
    start, end = turns[0].span.start, max(turn.span.end for turn in turns)
    active = np.zeros(end - start, np.int8)
    for turn in turns:
        active[turn.span.start - start : turn.span.end - start] += 1
    counts.whole += end - start
    counts.spoken += int((active > 0).sum())
    counts.overlapped += int((active > 1).sum())


def classify(holder: Turn, turn: Turn) -> tuple[str, float]:
    """The kind of transition from the turn that has the floor to the next one, and its value."""
    pause = (turn.span.start - holder.span.end) / SAMPLE_RATE
    if turn.speaker == holder.speaker:
        return "hold", max(0.0, pause)
    if pause >= 0:
        return "switch", pause
    if turn.span.end > holder.span.end:
        return "interruption", -pause
    return "backchannel", (turn.span.start - holder.span.start) / len(holder.span)


def cut(turns: Iterable[Turn], seconds: float | None) -> list[list[Turn]]:
    """The turns of a recording that is joined from pieces of so many seconds, by piece; turns over a joint are cut."""
    turns = list(turns)
    if seconds is None or not turns:
        return [turns]
    step = round(seconds * SAMPLE_RATE)
    pieces = [Span(at, at + step) for at in range(0, max(turn.span.end for turn in turns), step)]
    return [[Turn(turn.span & piece, turn.speaker) for turn in turns if turn.span & piece] for piece in pieces]


def as_dict(found: TurnTaking) -> dict[str, Any]:
    """For a file or a table."""
    return asdict(found)


def load(path: Path = COMMITTED) -> TurnTaking:
    """The statistics of a file; raises MeetingError where it holds none."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))["statistics"]
        kinds = {
            kind: Transitions(int(row["count"]), tuple(map(float, row["percentiles"])))
            for kind, row in body["transitions"].items()
        }
        known = (body["returns"], tuple(body["turns"]), body["overlap"], body["silence"], body["backchannels"])
        found = TurnTaking(kinds, *known)
        if set(kinds) != set(KINDS) or any(len(one.percentiles) != len(PERCENTILES) for one in kinds.values()):
            raise ValueError("kinds")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MeetingError(
            f"{path} holds no statistics of turn-taking, as the command statistics writes them"
        ) from error
    return found
