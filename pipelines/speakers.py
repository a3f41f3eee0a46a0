"""From local voices to the speakers of a meeting: live labels, honest about doubt, corrected by re-clustering.

diart's incremental clustering decides once and for ever. Here a window is matched to the voices known so far
only when it is near one of them by a margin, and stays unknown otherwise; what was heard so far is clustered
again now and then, on the audio clock, and the result is mapped onto the ids already in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cluster import Thresholds, assign, centroids, cluster, evidence
from .types import SAMPLE_RATE, STEP, UNKNOWN, WINDOW, LocalVoices, Span, Speaker, Turn, TurnsRevised

GRID = SAMPLE_RATE // 100
"""Samples of one cell of the activity grid (10 ms)"""
CELLS = WINDOW // GRID
HOP = STEP // GRID

NOBODY = -1
"""Local voice that is not active"""
DOUBT = 0
"""Speaker number of a voice that could not be told; real speakers count from 1"""


@dataclass(frozen=True, slots=True)
class SpeakerOptions:
    """When a voice becomes a speaker; times in seconds."""

    thresholds: Thresholds
    max_speakers: int = 20
    """Voices told apart; further ones stay unknown"""
    min_speech: float = 2.5
    """Clean speech that a new voice needs"""
    active: float = 0.5
    """Activity, between 0 and 1, from which a local voice is there at all"""
    speaking: float = 0.45
    """Mean activity over the windows that saw an instant from which the foremost voice is heard"""
    overlap: float = 0.5
    """The same for a voice that speaks under another one"""
    recluster: float = 30.0
    """Audio between two re-clusterings; a new voice brings one forward"""
    first_recluster: float = 5.0
    """Audio between two re-clusterings at the very beginning; grows to `recluster`"""
    clean: float = 1.0
    """Clean speech that an embedding needs to count for clustering"""
    join_gap: float = 0.2
    """Silence up to which two turns of a speaker are one"""
    min_turn: float = 0.06
    """Turns shorter than this are noise"""

    @property
    def active_level(self) -> int:
        """`active` as the local voices carry it."""
        return round(self.active * 255)


class SpeakerTracker:
    """Local voices of one meeting in, in order; speakers and turns out."""

    def __init__(self, options: SpeakerOptions) -> None:
        self._options = options
        self.reset()

    def reset(self) -> None:
        """Forget all voices."""
        self._heard: list[LocalVoices] = []
        self._numbers: list[NDArray[np.int64]] = []  # speaker number of each local voice of each window
        self._centers: dict[int, NDArray[np.float32]] = {}
        self._known: dict[int, Speaker] = {}
        self._next = 1
        self._due = self._options.first_recluster
        self._pending = 0.0  # clean speech of unknown voices since the last clustering
        self._activity = np.zeros((1, 0), np.float32)  # by speaker number, on the grid
        self._told = np.zeros((1, 0), np.bool_)  # who was said to speak, on the grid
        self._end = 0

    def __call__(self, local: LocalVoices) -> list[Speaker | TurnsRevised]:
        """One window further."""
        options = self._options
        self._heard.append(local)
        self._numbers.append(self._identify(local))
        self._end = local.start + WINDOW
        fresh = local.clean[self._numbers[-1] == DOUBT]
        self._pending += float(np.minimum(fresh, STEP / SAMPLE_RATE).sum())
        now = self._end / SAMPLE_RATE
        news = bool((fresh >= options.min_speech).any()) and self._pending >= options.min_speech
        if now >= self._due or news:
            self._due = now + min(options.recluster, max(options.first_recluster, now / 2))
            return self._recluster("recluster")
        self._add(local, self._numbers[-1])
        return list(self._revise(Span(max(0, local.start), self._end), "live"))

    def flush(self) -> list[Speaker | TurnsRevised]:
        """The last word on everything heard."""
        if not self._heard:
            return []
        return self._recluster("refine")

    def _embedded(self, local: LocalVoices) -> NDArray[np.bool_]:
        active = local.activity.max(axis=0) >= self._options.active_level
        return np.asarray(active & ~np.isnan(local.embeddings[:, 0]))

    def _identify(self, local: LocalVoices) -> NDArray[np.int64]:
        """Speaker number of each local voice, by distance, then by continuity with the window before."""
        active = local.activity.max(axis=0) >= self._options.active_level
        numbers = np.where(active, DOUBT, NOBODY).astype(np.int64)
        voices = np.flatnonzero(self._embedded(local))
        if len(voices) and self._centers:
            known = list(self._centers)
            distances = 1.0 - local.embeddings[voices] @ np.stack([self._centers[k] for k in known]).T
            for row, column in assign(distances.astype(np.float64)):
                if self._sure(distances[row], column):
                    numbers[voices[row]] = known[column]
        self._continue(local, numbers)
        return numbers

    def _sure(self, distances: NDArray[np.float32], chosen: int) -> bool:
        """Near enough, and nearer than to any other voice by the margin."""
        thresholds = self._options.thresholds
        others = np.delete(distances, chosen)
        return bool(
            distances[chosen] <= thresholds.known
            and (not len(others) or distances[chosen] + thresholds.margin <= others.min())
        )

    def _continue(self, local: LocalVoices, numbers: NDArray[np.int64]) -> None:
        """A voice still in doubt is who it was in the window before, where both hear it in the same frames."""
        if len(self._heard) < 2 or local.index != self._heard[-2].index + 1:
            return
        before, owners = self._heard[-2], self._numbers[-1]
        frames = len(local.activity)
        hop = frames * STEP // WINDOW
        level = self._options.active_level
        then, here = before.activity[hop:] >= level, local.activity[: frames - hop] >= level
        rows = min(len(then), len(here))
        for voice in np.flatnonzero(numbers == DOUBT):
            mine = here[:rows, voice]
            for other in np.flatnonzero(owners > DOUBT):
                shared = int((mine & then[:rows, other]).sum())
                if owners[other] not in numbers and shared * 2 > int((mine | then[:rows, other]).sum()) and shared > 10:
                    numbers[voice] = owners[other]

    def _recluster(self, reason: str) -> list[Speaker | TurnsRevised]:
        """Cluster all embeddings, map the clusters onto the ids in use, and aggregate everything anew."""
        self._pending = 0.0
        options = self._options
        where = [
            (at, voice)
            for at, local in enumerate(self._heard)
            for voice in np.flatnonzero(self._embedded(local) & (local.clean >= options.clean)).tolist()
        ]
        speakers: list[Speaker] = []
        if where:
            vectors = np.stack([self._heard[at].embeddings[voice] for at, voice in where])
            clean = np.array([self._heard[at].clean[voice] for at, voice in where])
            labels = cluster(vectors, clean, options.thresholds, options.min_speech)
            labels = self._limit(labels, clean)
            if not self._known and evidence(clean[labels >= 0]) < options.min_speech:
                labels[:] = -1
            old = np.array([self._numbers[at][voice] for at, voice in where])
            names, speakers = self._map(labels, old, clean)
            middle = centroids(vectors, clean, labels)
            self._centers = {names[label]: middle[label] for label in range(len(middle))}
            for at in range(len(self._heard)):
                self._numbers[at] = self._settle(at)
        self._activity = np.zeros((self._next, self._end // GRID), np.float32)
        for local, numbers in zip(self._heard, self._numbers, strict=True):
            self._add(local, numbers)
        return [*speakers, *self._revise(Span(0, self._end), reason)]

    def _limit(self, labels: NDArray[np.int64], clean: NDArray[np.float64]) -> NDArray[np.int64]:
        """Keep the `max_speakers` voices heard most; the others stay unknown instead of joining one of them."""
        count = int(labels.max(initial=-1)) + 1
        if count <= self._options.max_speakers:
            return labels
        mass = np.bincount(labels[labels >= 0], clean[labels >= 0], minlength=count)
        kept = sorted(np.argsort(-mass, kind="stable")[: self._options.max_speakers].tolist())
        table = np.full(count + 1, -1, np.int64)
        table[kept] = np.arange(len(kept))
        limited: NDArray[np.int64] = table[labels]
        return limited

    def _map(
        self, labels: NDArray[np.int64], old: NDArray[np.int64], clean: NDArray[np.float64]
    ) -> tuple[dict[int, int], list[Speaker]]:
        """Number of each cluster: the known speaker it shares most speech with, else a new one."""
        count = int(labels.max(initial=-1)) + 1
        known = [number for number, speaker in self._known.items() if speaker.merged_into is None]
        shared = np.zeros((count, max(1, len(known))))
        for column, number in enumerate(known):
            inside = (old == number) & (labels >= 0)
            np.add.at(shared[:, column], labels[inside], clean[inside])
        names: dict[int, int] = {}
        for row, column in assign(-shared):
            if known and shared[row, column] > 0:
                names[row] = known[column]
        out: list[Speaker] = []
        for label in range(count):
            if label not in names:
                names[label] = self._next
                self._known[self._next] = Speaker(f"spk{self._next}", color=self._next - 1)
                out.append(self._known[self._next])
                self._next += 1
        for column, number in enumerate(known):
            if number in names.values() or not shared[:, column].any():
                continue
            into = names[int(shared[:, column].argmax())]
            self._known[number] = Speaker(f"spk{number}", color=number - 1, merged_into=f"spk{into}")
            out.append(self._known[number])
        return names, out

    def _settle(self, at: int) -> NDArray[np.int64]:
        """Speaker number of each local voice of a past window, given the new centroids."""
        local = self._heard[at]
        active = local.activity.max(axis=0) >= self._options.active_level
        numbers = np.where(active, DOUBT, NOBODY).astype(np.int64)
        voices = np.flatnonzero(self._embedded(local))
        if len(voices) and self._centers:
            known = list(self._centers)
            distances = 1.0 - local.embeddings[voices] @ np.stack([self._centers[k] for k in known]).T
            for row, column in assign(distances.astype(np.float64)):
                if distances[row, column] <= self._options.thresholds.known:
                    numbers[voices[row]] = known[column]
        return numbers

    def _add(self, local: LocalVoices, numbers: NDArray[np.int64]) -> None:
        """Overlap-add one window's activity to its speakers' rows of the grid."""
        cells = self._end // GRID
        rows = max(self._activity.shape[0], self._next)
        if self._activity.shape != (rows, cells):
            grown = np.zeros((rows, max(cells, self._activity.shape[1])), np.float32)
            grown[: self._activity.shape[0], : self._activity.shape[1]] = self._activity
            self._activity = grown
        first = local.start // GRID
        inside = slice(max(0, -first), CELLS)
        place = (np.arange(CELLS) * len(local.activity)) // CELLS
        for voice in np.flatnonzero(numbers >= DOUBT):
            curve = local.activity[place, voice][inside].astype(np.float32) / 255.0
            self._activity[numbers[voice], first + inside.start : first + CELLS] += curve

    def _revise(self, span: Span, reason: str) -> Iterator[TurnsRevised]:
        """What has changed in the turns since they were last told, as one stretch."""
        low, high = span.start // GRID, span.end // GRID
        on = self._speaking(low, high)
        told = np.zeros((len(on), max(high, self._told.shape[1])), np.bool_)
        told[: len(self._told), : self._told.shape[1]] = self._told
        if reason == "recluster":
            changed = np.flatnonzero((told[:, low:high] != on).any(axis=0))
            if not len(changed):
                return
            low += int(changed[0])
        told[:, low:high] = on[:, low - high :]
        self._told = told
        yield TurnsRevised(Span(low * GRID, high * GRID), tuple(self._turns(low, high)), reason)

    def _speaking(self, low: int, high: int) -> NDArray[np.bool_]:
        """Who speaks in cells `low` to `high`: the mean over the windows that saw each instant so far."""
        seen = np.minimum(CELLS // HOP, (self._end // GRID - 1 - np.arange(low, high)) // HOP + 1)
        activity = self._activity[:, low:high]
        foremost = activity >= activity.max(axis=0)
        options = self._options
        on: NDArray[np.bool_] = activity >= np.where(foremost, options.speaking, options.overlap) * seen
        return on

    def _turns(self, low: int, high: int) -> list[Turn]:
        """Turns among what has been told of cells `low` to `high`, in order."""
        found = []
        for number, on in enumerate(self._told[:, low:high]):
            speaker = UNKNOWN if number == DOUBT else f"spk{number}"
            for start, end in _runs(on, self._options.join_gap, self._options.min_turn):
                found.append(Turn(Span((low + start) * GRID, (low + end) * GRID), speaker))
        return sorted(found)


def _runs(on: NDArray[np.bool_], join_gap: float, min_turn: float) -> list[tuple[int, int]]:
    """Stretches of true cells; short gaps filled, short stretches dropped (seconds)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and (start - runs[-1][1]) * GRID <= join_gap * SAMPLE_RATE:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return [(start, end) for start, end in runs if (end - start) * GRID >= min_turn * SAMPLE_RATE]
