"""From local voices to the speakers of a meeting: live labels, honest about doubt, corrected by re-clustering.

diart's incremental clustering decides once and for ever. Here a window is matched to the voices known so far
only when it is near one of them by a margin, and stays unknown otherwise; what was heard so far is clustered
again now and then, on the audio clock, and the result is mapped onto the ids already in use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.activity import DOUBT, NOBODY, ActivityGrid, GridOptions, Numbers
from pipelines.diarization.clustering import (
    OVERLAP,
    Labels,
    Thresholds,
    Vectors,
    assign,
    evidence,
    find_voices,
    from_mixture,
    unit,
)
from pipelines.diarization.subsegments import Runs, divided, fit
from pipelines.diarization.window_store import HeardWindows, Rows
from pipelines.options import PIPELINE
from pipelines.types import SAMPLE_RATE, STEP, WINDOW, LocalVoices, Span, Speaker, TurnsRevised

MOST_SAMPLES = 1500
"""Samples that are clustered; above it neighbours of one speaker are joined, so that cost stays bounded"""

MOST_RUNS = 1500
"""Local voices whose pieces are looked at when all is clustered"""

REMEMBERED = 3600 * SAMPLE_RATE // STEP
"""Windows that can be labelled anew (an hour); in what lay before them, speakers can only be merged"""

SHARED_FRAMES = 10
"""Frames in which two windows must hear a voice together before it is the same one"""

BOTH = 0.3
"""Least share of what one speaker was given of a voice that the second one was given, for it to be a mixture of them"""

GROWTH = 0.1
"""Share by which a meeting grows before the next re-clustering: what says little is soon outdated"""


@dataclass(frozen=True, slots=True)
class SpeakerOptions:
    """When a voice becomes a speaker; times in seconds."""

    thresholds: Thresholds
    max_speakers: int = PIPELINE.max_speakers
    """Voices told apart; further ones stay unknown"""
    min_speech: float = PIPELINE.min_speech
    """Clean speech that a new voice needs"""
    active: float = 0.5
    """Activity, between 0 and 1, from which a local voice is there at all"""
    recluster_interval: float = PIPELINE.recluster_interval
    """Audio between two re-clusterings; a new voice brings one forward"""
    first_recluster_interval: float = 5.0
    """Audio between two re-clusterings at the very beginning; grows with the meeting to `recluster_interval`"""
    clean: float = 1.0
    """Clean speech that an embedding needs to count for clustering"""
    pool: int = 10
    """Consecutive windows of one voice that are clustered as one"""
    second_pass: str = PIPELINE.second_pass
    """"off" for no last clustering of the whole meeting at its end"""
    grid: GridOptions = field(default_factory=GridOptions)

    @property
    def active_level(self) -> int:
        """`active` as the local voices carry it."""
        return round(self.active * 255)


@dataclass(slots=True)
class _Sample:
    """Consecutive windows that hear one local voice: what is clustered."""

    start: int
    """Where its first window starts"""
    where: list[tuple[int, int]] = field(default_factory=list)
    """(window, local voice) of each that is remembered"""
    total: NDArray[np.float64] | None = None
    """Sum of the embeddings, weighted with clean seconds"""
    clean: float = 0.0
    longest: float = 0.0
    """Clean seconds of the window that has most"""
    past: dict[int, float] = field(default_factory=dict)
    """Clean seconds in windows that were forgotten, by the speaker they were given to"""


class SpeakerTracker:
    """Local voices of one meeting in, in order; speakers and turns out."""

    def __init__(self, options: SpeakerOptions) -> None:
        self._options = options
        self.reset()

    def reset(self) -> None:
        """Forget all voices."""
        self._heard = HeardWindows(self._options.active_level)
        self._before: LocalVoices | None = None  # the last window
        self._going = Rows(np.int8)  # which local voice of the window before each one goes on, -1 for none
        self._numbers = Rows(np.int16)  # speaker of each local voice on the whole
        self._parts = Rows(np.int16)  # and in each part of its window
        self._samples: list[_Sample] = []
        self._open: dict[int, _Sample] = {}  # by local voice of the last window
        self._centers: dict[int, NDArray[np.float32]] = {}
        self._known: dict[int, Speaker] = {}
        self._due = self._options.first_recluster_interval
        self._settled = 0  # windows before this one have been labelled by a clustering
        self._pending = 0.0  # clean speech of unknown voices since the last clustering
        self._grid = ActivityGrid(self._options.grid)

    def __call__(self, local: LocalVoices) -> list[Speaker | TurnsRevised]:
        """One window further."""
        options = self._options
        links = self._links(self._before, local) if self._before else {}
        numbers = self._identify(local, links)
        self._heard.append(local)
        self._before = local
        self._going.append(np.array([links.get(voice, -1) for voice in range(len(numbers))]))
        self._numbers.append(numbers)
        self._parts.append(divided(local, numbers, self._centers))
        self._sample(local, links)
        self._grid.add(local, self._parts[-1])
        fresh = local.clean[numbers == DOUBT]
        self._pending += float(np.minimum(fresh, STEP / SAMPLE_RATE).sum())
        end = local.start + WINDOW
        now = end / SAMPLE_RATE
        news = bool((fresh >= options.min_speech).any()) and self._pending >= options.min_speech
        if now >= self._due or news:
            self._due = now + min(options.recluster_interval, max(options.first_recluster_interval, now * GROWTH))
            return self._recluster("recluster")
        told = self._grid.tell(Span(max(0, local.start), end))
        return [TurnsRevised(*told, "live")] if told else []

    def flush(self) -> list[Speaker | TurnsRevised]:
        """The last word on everything heard."""
        if not len(self._heard) or self._options.second_pass == "off":
            return []
        return self._recluster("refine")

    def _active(self, local: LocalVoices) -> NDArray[np.bool_]:
        return np.asarray(local.activity.max(axis=0, initial=0) >= self._options.active_level)

    def _identify(self, local: LocalVoices, links: dict[int, int]) -> Numbers:
        """Speaker number of each local voice, by distance with a margin, then by continuity."""
        numbers = self._nearest(local, self._options.thresholds.match_margin)
        for voice, other in links.items():
            carry(numbers, voice, int(self._numbers[-1][other]))
        return numbers

    def _nearest(self, local: LocalVoices, margin: float) -> Numbers:
        """The known voice each local voice is nearest to; two at once are never the same person.

        In doubt where the distance is above `match_threshold`, or another voice is less than `margin` further away.
        """
        active = self._active(local)
        numbers = np.where(active, DOUBT, NOBODY).astype(np.int16)
        voices = np.flatnonzero(active & ~np.isnan(local.embeddings[:, 0]))
        if not len(voices) or not self._centers:
            return numbers
        known = list(self._centers)
        centers = np.stack([self._centers[number] for number in known])
        distances = (1.0 - local.embeddings[voices] @ centers.T).astype(np.float64)
        for row, column in assign(distances):
            nearest = distances[row, column]
            others = np.delete(distances[row], column)
            if nearest <= self._options.thresholds.match_threshold and nearest + margin <= others.min(initial=np.inf):
                numbers[voices[row]] = known[column]
        return numbers

    def _links(self, before: LocalVoices, local: LocalVoices) -> dict[int, int]:
        """Local voice of the window before that each local voice goes on: both hear it in the same frames."""
        frames = len(local.activity)
        hop = min(frames, frames * (local.start - before.start) // WINDOW)
        level = self._options.active_level
        then, here = before.activity[hop:] >= level, local.activity[: frames - hop] >= level
        rows = min(len(then), len(here))
        then, here = then[:rows].astype(np.int32), here[:rows].astype(np.int32)
        both = here.T @ then
        either = here.sum(axis=0)[:, None] + then.sum(axis=0)[None, :] - both
        links = {}
        for voice, other in assign(-both.astype(np.float64)):
            if both[voice, other] > SHARED_FRAMES and 2 * both[voice, other] > either[voice, other]:
                links[voice] = other
        return links

    def _sample(self, local: LocalVoices, links: dict[int, int]) -> None:
        """Add each clear local voice to the sample that it goes on, or begin a new one."""
        going: dict[int, _Sample] = {}
        usable = self._active(local) & ~np.isnan(local.embeddings[:, 0]) & (local.clean >= self._options.clean)
        for voice in np.flatnonzero(usable).tolist():
            sample = self._open.get(links.get(voice, -1))
            if sample is None or local.start - sample.start >= self._options.pool * STEP:
                sample = _Sample(local.start)
                self._samples.append(sample)
            weighted = local.embeddings[voice].astype(np.float64) * local.clean[voice]
            sample.total = weighted if sample.total is None else sample.total + weighted
            sample.clean += float(local.clean[voice])
            sample.longest = max(sample.longest, float(local.clean[voice]))
            sample.where.append((len(self._heard) - 1, voice))
            going[voice] = sample
        self._open = going

    def _recluster(self, reason: str) -> list[Speaker | TurnsRevised]:
        """Cluster all that was heard, map the clusters onto the ids in use, and label the windows anew."""
        self._pending = 0.0
        self._forget(len(self._heard) - REMEMBERED)
        structure = set(self._centers)
        speakers = self._cluster() if self._samples else []
        everything = reason == "refine" or structure != set(self._centers)
        self._label_from(max(self._heard.first, 0 if everything else self._settled))
        for speaker in speakers:
            if speaker.merged_into is not None:
                self._merge(_number(speaker.id), _number(speaker.merged_into))
        self._settled = max(0, len(self._heard) - WINDOW // STEP)
        self._compact()
        told = self._grid.tell(Span(0, self._heard[-1].start + WINDOW), only_changed=reason == "recluster")
        return [*speakers, *([TurnsRevised(*told, reason)] if told else [])]

    def _cluster(self) -> list[Speaker]:
        """Find the voices in all samples, and move the centres there; speakers that are new or were merged."""
        vectors = unit(np.stack([s.total for s in self._samples if s.total is not None]).astype(np.float32))
        clean = np.array([s.clean for s in self._samples])
        longest = np.array([s.longest for s in self._samples])
        runs = Runs(*self._heard.pieces(self._options.clean, MOST_RUNS))
        gone = np.array([sum(s.past.values()) for s in self._samples])

        def move(centers: Vectors, labels: Labels) -> tuple[Vectors, NDArray[np.float64]]:
            inside = labels >= 0
            forgotten = np.bincount(labels[inside], gone[inside], minlength=len(centers)) / OVERLAP
            return fit(centers, runs, forgotten)

        purer = move if len(runs.lengths) else None
        found, middle = find_voices(vectors, clean, longest, self._options.thresholds, self._options.min_speech, purer)
        labels = self._limit(self._unmixed(found, middle), clean)
        if not self._known and evidence(clean[labels >= 0], longest[labels >= 0]) < self._options.min_speech:
            labels = np.full_like(labels, -1)
        names, speakers = self._map(labels)
        middle = middle[[int(found[labels == label][0]) for label in range(len(names))]]
        if purer is not None and len(middle):
            middle, _ = purer(middle, labels)
        self._centers = {names[label]: middle[label] for label in range(len(middle))}
        return speakers

    def _label_from(self, first: int) -> None:
        """Give the windows from this one on to the nearest of the voices as they are known now."""
        settled = [self._nearest(self._heard[at], 0.0) for at in range(first, len(self._heard))]
        for at in range(1, len(settled)):
            for voice, other in _links_of(self._going[first + at]):
                carry(settled[at], voice, int(settled[at - 1][other]))
        for at in range(len(settled) - 1, 0, -1):
            for voice, other in _links_of(self._going[first + at]):
                carry(settled[at - 1], other, int(settled[at][voice]))
        for at, numbers in enumerate(settled, first):
            self._relabel(at, numbers)

    def _relabel(self, at: int, numbers: Numbers) -> None:
        local, before = self._heard[at], self._parts[at]
        parts = divided(local, numbers, self._centers)
        self._numbers[at] = numbers
        if not np.array_equal(before, parts):
            self._grid.relabel(local, before, parts)
            self._parts[at] = parts

    def _merge(self, number: int, into: int) -> None:
        """Give what is forgotten, and so was not labelled anew, to the speaker that this one turned out to be."""
        for sample in self._samples:
            if number in sample.past:
                sample.past[into] = sample.past.get(into, 0.0) + sample.past.pop(number)
        self._grid.merge(number, into)

    def _forget(self, before: int) -> None:
        """Keep of the windows before this one what clustering and turns need, for as long as the meeting lasts."""
        if before <= self._heard.first:
            return
        for sample in self._samples:
            for at, voice in sample.where:
                if at < before:
                    number = int(self._numbers[at][voice])
                    sample.past[number] = sample.past.get(number, 0.0) + float(self._heard.clean(at)[voice])
            sample.where = [(at, voice) for at, voice in sample.where if at >= before]
        self._heard.forget(before)
        for rows in (self._going, self._numbers, self._parts):
            rows.forget(before)
        self._grid.fix(self._heard[before].start)

    def _compact(self) -> None:
        """Join pairs of neighbouring samples of one speaker once there are too many to cluster in passing."""
        if len(self._samples) <= MOST_SAMPLES:
            return
        kept: list[_Sample] = []
        waiting: dict[int, _Sample] = {}
        for sample in self._samples:
            number = self._speaker_of(sample)
            first = waiting.pop(number, None)
            if first is None or first.total is None or sample.total is None:
                kept.append(sample)
                waiting[number] = sample
                continue
            first.total = first.total + sample.total
            first.clean += sample.clean
            first.longest = max(first.longest, sample.longest)
            first.where += sample.where
            for speaker, spoken in sample.past.items():
                first.past[speaker] = first.past.get(speaker, 0.0) + spoken
        self._samples, self._open = kept, {}

    def _speaker_of(self, sample: _Sample) -> int:
        """Whom a sample's first window was given to; where that is forgotten, whom most of it was given to."""
        if sample.past:
            return max(sample.past, key=lambda number: sample.past[number])
        at, voice = sample.where[0]
        return int(self._numbers[at][voice])

    def _limit(self, labels: Labels, clean: NDArray[np.float64]) -> Labels:
        """Keep the `max_speakers` voices heard most; the others stay unknown instead of joining one of them."""
        count = int(labels.max(initial=-1)) + 1
        if count <= self._options.max_speakers:
            return labels
        mass = np.bincount(labels[labels >= 0], clean[labels >= 0], minlength=count)
        kept = sorted(np.argsort(-mass, kind="stable")[: self._options.max_speakers].tolist())
        table = np.full(count + 1, -1, np.int64)
        table[kept] = np.arange(len(kept))
        limited: Labels = table[labels]
        return limited

    def _unmixed(self, labels: Labels, centers: Vectors) -> Labels:
        """The labels without voices that are made of two speakers: of windows in which one follows the other.

        In hours there are enough of those for a cluster of their own. It lies between two speakers, its speech was
        given to both, and it would come and go with every clustering.
        """
        known, shared = self._shared(labels)
        owners = {column: row for row, column in assign(-shared) if known and shared[row, column] > 0}
        kept = np.ones(len(centers) + 1, np.bool_)
        for label in set(range(len(centers))) - set(owners.values()):
            second, first = np.argsort(shared[label])[-2:].tolist() if len(known) > 1 else (0, 0)
            if not 0 < BOTH * shared[label, first] <= shared[label, second] or not {first, second} <= set(owners):
                continue
            away = from_mixture(centers[label], centers[owners[first]], centers[owners[second]])
            kept[label] = away > self._options.thresholds.merge_threshold
        table = np.where(kept, np.cumsum(kept) - 1, -1)
        table[-1] = -1  # for what is nobody's already
        unmixed: Labels = table[labels]
        return unmixed

    def _shared(self, labels: Labels) -> tuple[list[int], NDArray[np.float64]]:
        """The speakers that are there, and the clean seconds of each label that were given to each of them."""
        count = int(labels.max(initial=-1)) + 1
        known = [number for number, speaker in self._known.items() if speaker.merged_into is None]
        shared = np.zeros((count, max(1, len(known))))
        for label, sample in zip(labels.tolist(), self._samples, strict=True):
            spoken = [(int(self._numbers[at][voice]), self._heard.clean(at)[voice]) for at, voice in sample.where]
            for number, clean in [*sample.past.items(), *spoken] if label >= 0 else []:
                if number in known:
                    shared[label, known.index(number)] += clean
        return known, shared

    def _map(self, labels: Labels) -> tuple[dict[int, int], list[Speaker]]:
        """Number of each cluster: the known speaker it shares most speech with, else a new one."""
        known, shared = self._shared(labels)
        names = {row: known[column] for row, column in assign(-shared) if known and shared[row, column] > 0}
        out: list[Speaker] = []
        for label in range(len(shared)):
            if label not in names:
                number = len(self._known) + 1
                names[label] = number
                self._known[number] = Speaker(f"spk{number}", color=number - 1)
                out.append(self._known[number])
        for column, number in enumerate(known):
            if number not in names.values() and shared[:, column].any():
                into = names[int(shared[:, column].argmax())]
                self._known[number] = Speaker(f"spk{number}", color=number - 1, merged_into=f"spk{into}")
                out.append(self._known[number])
        return names, out


def _number(id: str) -> int:
    return int(id.removeprefix("spk"))


def _links_of(row: NDArray[np.int8]) -> list[tuple[int, int]]:
    """Local voices of a window that go on one of the window before, each with that one."""
    return [(voice, other) for voice, other in enumerate(row.tolist()) if other >= 0]


def carry(numbers: Numbers, voice: int, owner: int) -> None:
    """A voice in doubt is who it was in the neighbouring window, unless that one is here already."""
    if numbers[voice] == DOUBT and owner > DOUBT and owner not in numbers:
        numbers[voice] = owner
