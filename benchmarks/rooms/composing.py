"""A conversation from clips: who speaks after whom, with which pause or overlap. Methods: see `turn_taking`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.rooms.clips import Clip
from benchmarks.rooms.turn_taking import TurnTaking
from pipelines.types import SAMPLE_RATE, Span, Turn

LEAD = 1.0
"""Seconds before the first word"""
BREATH = 0.1
"""Seconds between two clips of one voice, at least"""
WITHIN = 0.7
"""Of a turn, what a backchannel or an overlap with it may take"""
BACKCHANNEL = 2.2
"""Seconds of the longest clip that serves as a backchannel"""
ROUNDS = 2
"""How often a voice may say the same, once it has said all there is of it"""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A clip in a conversation, and how it came after the one before."""

    start: int
    """Sample"""
    clip: Clip
    kind: str
    repeated: bool = False

    @property
    def end(self) -> int:
        """First sample after it."""
        return self.start + len(self.clip.audio)

    @property
    def turns(self) -> list[Turn]:
        """Its voiced stretches."""
        voice = self.clip.voice
        return [Turn(Span(self.start + start, self.start + end), voice) for start, end in self.clip.voiced]


@dataclass(slots=True)
class _Supply:
    """The clips of one voice that are left."""

    clips: tuple[Clip, ...]
    random: np.random.Generator
    left: list[Clip] = field(default_factory=list)
    rounds: int = 0

    def take(self, longest: float | None = None) -> tuple[Clip, bool] | None:
        """A clip and whether it was said before; None where there is none, or none so short."""
        if not self.left and longest is None and self.rounds < ROUNDS:
            mixed = [self.clips[at] for at in self.random.permutation(len(self.clips))]
            self.left = sorted(mixed, key=lambda clip: clip.seconds <= BACKCHANNEL)  # short ones wait for an occasion
            self.rounds += 1
        fits = [at for at, clip in enumerate(self.left) if longest is None or clip.seconds <= longest]
        return (self.left.pop(fits[0]), self.rounds > 1) if fits else None

    @property
    def seconds(self) -> float:
        """Of speech that is left."""
        whole = sum(clip.seconds for clip in self.clips)
        return sum(clip.seconds for clip in self.left) + whole * (ROUNDS - self.rounds)


class Composer:
    """Places clips until a conversation is long enough or nobody has anything left to say."""

    def __init__(self, voices: Mapping[str, Sequence[Clip]], habits: TurnTaking, random: np.random.Generator) -> None:
        self._random = random
        self._habits = habits
        self._supplies = {voice: _Supply(tuple(clips), random) for voice, clips in sorted(voices.items())}
        self._placed: list[Placed] = []
        self._free = dict.fromkeys(self._supplies, 0)  # sample from which a voice can speak again

    def compose(self, seconds: float) -> list[Placed]:
        """The clips in order of their starts."""
        before: str | None = None
        holder: Placed | None = None
        while holder is None or holder.end < seconds * SAMPLE_RATE or self._silent():
            over = holder is not None and holder.end >= seconds * SAMPLE_RATE
            kind = "switch" if holder is None or over else self._habits.kind(self._random)
            voice = self._next(holder.clip.voice if holder else None, before, kind, over)
            taken = self._supplies[voice].take() if voice is not None else None
            if voice is None or taken is None:
                break
            if holder is not None and voice != holder.clip.voice:
                before = holder.clip.voice
            elif kind == "interruption":
                kind = "hold"  # nobody else had anything left
            holder = self._place(holder, taken, kind)
            self._answer(holder)
        return sorted(self._placed, key=lambda placed: placed.start)

    def _silent(self) -> list[str]:
        """Voices that have not spoken yet."""
        heard = {placed.clip.voice for placed in self._placed}
        return [voice for voice in self._supplies if voice not in heard]

    def _next(self, holder: str | None, before: str | None, kind: str, over: bool) -> str | None:
        """Who speaks next; only those who have not spoken yet when the time is over."""
        left = {voice: supply.seconds for voice, supply in self._supplies.items() if supply.seconds > 0}
        if kind == "hold" and holder in left:
            return holder
        others = [voice for voice in left if voice != holder]
        if not others:
            return holder if holder in left else None
        silent = self._silent()
        if over:
            return str(self._random.choice(silent))
        if before in others and len(self._supplies) > 2 and self._random.random() < self._habits.returns:
            return before
        weights = np.array([left[voice] * (4 if voice in silent else 1) for voice in others])
        return str(self._random.choice(others, p=weights / weights.sum()))

    def _place(self, holder: Placed | None, taken: tuple[Clip, bool], kind: str) -> Placed:
        clip, repeated = taken
        if holder is None:
            start = round(LEAD * SAMPLE_RATE)
        else:
            drawn = self._habits.transitions[kind].draw(self._random)
            if kind == "interruption":
                drawn = -min(drawn, WITHIN * holder.clip.seconds, WITHIN * clip.seconds)
            start = holder.end + round(drawn * SAMPLE_RATE)
        return self._put(Placed(max(start, self._free[clip.voice]), clip, kind, repeated))

    def _put(self, placed: Placed) -> Placed:
        self._placed.append(placed)
        self._free[placed.clip.voice] = placed.end + round(BREATH * SAMPLE_RATE)
        return placed

    def _answer(self, holder: Placed) -> None:
        """Put backchannels of others into a turn, as many as its length calls for."""
        others = [voice for voice in self._supplies if voice != holder.clip.voice]
        for _ in range(int(self._random.poisson(self._habits.backchannels * holder.clip.seconds)) if others else 0):
            voice = str(self._random.choice(others))
            longest = min(BACKCHANNEL, WITHIN * holder.clip.seconds)
            share = self._habits.transitions["backchannel"].draw(self._random)
            taken = self._supplies[voice].take(longest)
            if taken is None:
                continue
            room = len(holder.clip.audio) - len(taken[0].audio)
            start = max(holder.start + min(round(share * len(holder.clip.audio)), room), self._free[voice])
            self._put(Placed(start, taken[0], "backchannel", taken[1]))
