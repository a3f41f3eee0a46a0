"""The program's tracker with one part replaced: how samples become voices, or how voices become turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.clusterings.groupings import (
    compact,
    join_by_likelihood,
    nme_spectral,
    variational,
)
from pipelines.diarization.activity import CELLS, HOP, INACTIVE, UNIDENTIFIED, WINDOW_PARTS, ActivityGrid, Numbers
from pipelines.diarization.clustering import (
    OVERLAP,
    SECONDS,
    Labels,
    Refit,
    Vectors,
    centroids,
    cluster_speakers,
    evidence,
    unit,
)
from pipelines.diarization.continuity import links_of
from pipelines.diarization.speaker_registry import number_of
from pipelines.diarization.subsegments import viterbi
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.types import SAMPLE_RATE, STEP, UNKNOWN, WINDOW, LocalSpeakers, Speaker, Turn, TurnsRevised, VoicesHeard

MIN_SAMPLES = 6
"""Samples below which the number of voices cannot be read off eigenvalues"""

Matrix = NDArray[np.float64]


class Grouped(SpeakerTracker):
    """Samples become voices in another way; what follows is the program's."""

    def group(self, vectors: Vectors, seconds: Matrix, refit: Refit | None) -> Labels:
        """Which voice each sample is, from 0; `seconds` of clean speech behind each, shape (samples,)."""
        raise NotImplementedError

    def _find_voices(
        self, vectors: Vectors, seconds: Matrix, longest: Matrix, refit: Refit | None
    ) -> tuple[Labels, Vectors]:
        labels = self.group(vectors, seconds / OVERLAP, refit)
        spoken = [evidence(seconds[labels == one], longest[labels == one]) for one in range(int(labels.max()) + 1)]
        kept = [one for one, each in enumerate(spoken) if each >= self._options.min_speech]
        kept = kept or [int(np.argmax(spoken))]
        order = [one for one in dict.fromkeys(labels.tolist()) if one in kept]
        labels = np.array([order.index(label) if label in kept else -1 for label in labels.tolist()], np.int64)
        return labels, centroids(vectors, seconds, labels)

    def pure(self, vectors: Vectors) -> Labels:
        """The first stage of the program's clustering."""
        from scipy.cluster.hierarchy import fcluster, linkage

        if len(vectors) == 1:
            return np.zeros(1, np.int64)
        tree = np.maximum(linkage(vectors, "average", metric="cosine"), 0.0)
        return compact(fcluster(tree, self._options.thresholds.window_threshold, "distance"))

    def refitted(
        self, vectors: Vectors, seconds: Matrix, refit: Refit | None
    ) -> tuple[Labels, Vectors, NDArray[np.float64]]:
        """Its pure clusters: labels of samples, centroids, seconds behind each."""
        labels = self.pure(vectors)
        centers, spoken = centroids(vectors, seconds, labels), np.bincount(labels, seconds)
        if refit is not None:
            centers, spoken = refit(centers, labels)
        return labels, centers, np.maximum(spoken, SECONDS)


class Spectral(Grouped):
    """NME-SC in place of both stages."""

    def group(self, vectors: Vectors, seconds: Matrix, refit: Refit | None) -> Labels:
        """By the eigengap; one voice where there is too little to tell."""
        return nme_spectral(vectors) if len(vectors) >= MIN_SAMPLES else self.pure(vectors)


class Likelihood(Grouped):
    """Spherical PLDA in place of the second stage."""

    within, between, most = 0.4, 0.35, 1e6

    def group(self, vectors: Vectors, seconds: Matrix, refit: Refit | None) -> Labels:
        """By likelihood ratios of two variances."""
        labels, centers, spoken = self.refitted(vectors, seconds, refit)
        return join_by_likelihood(centers, spoken, self.within, self.between, self.most)[labels]


class Variational(Grouped):
    """Variational Bayes after the first stage."""

    within, between = 0.8, 0.35

    def group(self, vectors: Vectors, seconds: Matrix, refit: Refit | None) -> Labels:
        """Begins with pure clusters, of which some disappear."""
        return variational(vectors, seconds, self.pure(vectors), self.within, self.between)


class Joined(SpeakerTracker):
    """Voices of one window may be one person, as any others."""

    def _find_voices(
        self, vectors: Vectors, seconds: Matrix, longest: Matrix, refit: Refit | None
    ) -> tuple[Labels, Vectors]:
        options = self._options
        return cluster_speakers(
            vectors, seconds, longest, options.thresholds, options.min_speech, refit, options.expected
        )


class CountingGrid(ActivityGrid):
    """As many speak as the segmentation counts, whoever is most likely first. For recordings, not for hours."""

    def __init__(self, options: SpeakerOptions) -> None:
        super().__init__(options.activity)
        self._level = options.active_level
        self._counts = np.zeros((0, HOP), np.int32)  # voices heard, summed over windows

    def add(self, local: LocalSpeakers, numbers: Numbers) -> None:
        """Count one window's voices, too."""
        super().add(local, numbers)
        more = len(self._seen) - len(self._counts)
        self._counts = np.concatenate([self._counts, np.zeros((more, HOP), np.int32)])
        first = local.start // STEP
        skipped = max(0, -first)
        place = (np.arange(skipped * HOP, CELLS) * len(local.activity)) // CELLS
        heard = (local.activity[place] >= self._level).sum(axis=1)
        self._counts[first + skipped : first + CELLS // HOP] += heard.reshape(-1, HOP).astype(np.int32)

    def _foremost(self, first: int, last: int) -> NDArray[np.bool_]:
        sums = self._sums[:, first:last].astype(np.int32)
        count = np.floor(self._counts[first:last] / np.maximum(self._seen[first:last, None], 1) + 0.5)
        rank = np.argsort(np.argsort(-sums, axis=0, kind="stable"), axis=0)
        on: NDArray[np.bool_] = (rank < count) & (sums > 0)
        on[UNIDENTIFIED] &= sums[UNIDENTIFIED] >= sums.max(axis=0)
        return on


class Counting(SpeakerTracker):
    """Turns by the number of voices that the segmentation counts."""

    def __init__(self, options: SpeakerOptions) -> None:
        super().__init__(options)
        self._grid = CountingGrid(options)


class Sticky(SpeakerTracker):
    """A local voice is followed through windows, and a change of speaker in it costs (a sticky hidden Markov model)."""

    change: ClassVar[float] = 0.1

    def _relabel_from(self, first: int) -> None:
        super()._relabel_from(first)
        if len(self._centers) < 2:
            return
        known, centers = np.array(list(self._centers)), np.stack(list(self._centers.values()))
        fresh: dict[int, Numbers] = {}
        for chain in self._chains(first):
            times, path = self._path(chain, centers)
            for at, voice in chain if len(times) else []:
                parts = fresh.setdefault(at, self._parts[at].copy())
                middle = (self._windows[at].start + np.arange(WINDOW_PARTS) * WINDOW // WINDOW_PARTS) // STEP
                owner = known[path[np.abs(middle[:, None] - times).argmin(axis=1)]]
                free = ~(np.delete(parts, voice, axis=1) == owner[:, None]).any(axis=1)
                free &= parts[:, voice] > UNIDENTIFIED
                parts[free, voice] = owner[free]
        for at, parts in fresh.items():
            self._grid.relabel(self._windows[at], self._parts[at], parts)
            self._parts[at] = parts

    def _chains(self, first: int) -> list[list[tuple[int, int]]]:
        """(window, local speaker) of each voice as far as it goes on."""
        chains: list[list[tuple[int, int]]] = []
        going: dict[int, list[tuple[int, int]]] = {}
        for at in range(first, len(self._windows)):
            links = dict(links_of(self._links[at])) if at > first else {}
            now = {}
            for voice in np.flatnonzero(self._numbers[at] != INACTIVE).tolist():
                chain = going.get(links.get(voice, -1))
                if chain is None:
                    chain = []
                    chains.append(chain)
                chain.append((at, voice))
                now[voice] = chain
            going = now
        return chains

    def _path(self, chain: list[tuple[int, int]], centers: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Steps in which pieces of a voice lie, and which centre it is in each of them."""
        found: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
        for at, voice in chain:
            for time, piece in pieces_of(self._windows[at], voice):
                found[time // STEP].append(1.0 - centers @ piece)
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        times = np.array(sorted(found))
        away = np.stack([np.mean(found[time], axis=0) for time in times.tolist()]).astype(np.float64)
        return times, viterbi(away[None], self.change)[0]


class Lines(SpeakerTracker):
    """In the end each turn goes as a whole to whom the mean of all pieces in it is nearest."""

    least: ClassVar[float] = 1.0

    def flush(self) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """The last word, looked at again by turns."""
        found = super().flush()
        return [replace(one, turns=self._again(one.turns)) if isinstance(one, TurnsRevised) else one for one in found]

    def _again(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        pieces: dict[int, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
        for at in range(self._windows.first, len(self._windows)):
            local = self._windows[at]
            for voice in range(local.activity.shape[1]):
                for time, piece in pieces_of(local, voice):
                    part = min(WINDOW_PARTS - 1, (time - local.start) * WINDOW_PARTS // WINDOW)
                    pieces[int(self._parts[at][part, voice])].append((time, piece))
        sound: dict[int, tuple[str, Vectors]] = {}
        for row, turn in enumerate(turns):
            if turn.speaker == UNKNOWN or len(turn.span) < self.least * SAMPLE_RATE:
                continue
            theirs = pieces[number_of(turn.speaker)]
            inside = [piece for time, piece in theirs if turn.span.start <= time < turn.span.end]
            if inside:
                sound[row] = turn.speaker, unit(np.sum(inside, axis=0))
        names = sorted({name for name, _ in sound.values()})
        if len(names) < 2:
            return turns
        centers = np.stack(
            [
                unit(np.sum([len(turns[row].span) * each for row, (who, each) in sound.items() if who == name], axis=0))
                for name in names
            ]
        )
        nearest = {row: names[int((centers @ each).argmax())] for row, (_, each) in sound.items()}
        return tuple(replace(turn, speaker=nearest.get(row, turn.speaker)) for row, turn in enumerate(turns))


def pieces_of(local: LocalSpeakers, voice: int) -> list[tuple[int, NDArray[np.float32]]]:
    """The pieces of a local voice and the samples of the meeting in their middles."""
    if local.subsegments is None or local.subsegment_middles is None:
        return []
    middles = local.subsegment_middles[voice]
    count, frames = int((middles >= 0).sum()), len(local.activity)
    times = [local.start + int(middle) * WINDOW // frames for middle in middles[:count]]
    return list(zip(times, local.subsegments[voice, :count], strict=True))


Tracker = Callable[[SpeakerOptions], SpeakerTracker]


def but(tracker: Tracker, **changes: float) -> Tracker:
    """The same tracker with other options: thresholds by their names, or those of `SpeakerOptions`."""

    def made(options: SpeakerOptions) -> SpeakerTracker:
        distances = {name: value for name, value in changes.items() if hasattr(options.thresholds, name)}
        others = {name: value for name, value in changes.items() if name not in distances}
        return tracker(replace(options, thresholds=replace(options.thresholds, **distances), **others))  # type: ignore[arg-type]

    return made
