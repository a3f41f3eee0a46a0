"""From local speakers to the speakers of a meeting: live labels, honest about doubt, corrected by re-clustering.

diart's incremental clustering decides once and for ever. Here a local speaker is matched to those
known so far only when it is near one of them by a margin, and stays unidentified otherwise; what was heard so far is
clustered again now and then, on the audio clock, and the result is mapped onto the ids already in use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.activity import INACTIVE, UNIDENTIFIED, ActivityGrid, ActivityOptions, Numbers
from pipelines.diarization.clustering import (
    OVERLAP,
    Labels,
    Refit,
    Thresholds,
    Vectors,
    assign,
    cluster_speakers,
    drop_mixtures,
    evidence,
    keep_largest,
    unit,
)
from pipelines.diarization.continuity import carry_over, continued, links_of
from pipelines.diarization.samples import SampleStore
from pipelines.diarization.speaker_registry import SpeakerRegistry, number_of
from pipelines.diarization.subsegments import SubsegmentSequences, refit_centroids, split_speakers
from pipelines.diarization.window_store import Rows, WindowStore
from pipelines.options import PIPELINE
from pipelines.types import (
    SAMPLE_RATE,
    STEP,
    WINDOW,
    LocalSpeakers,
    Span,
    Speaker,
    SpeakerCount,
    TurnsRevised,
    Voice,
    VoicesHeard,
)

MAX_SEQUENCES = 1500
"""Local speakers whose subsegments are looked at when all is clustered"""

MAX_WINDOWS = 3600 * SAMPLE_RATE // STEP
"""Windows that can be labelled anew (an hour); in what lay before them, speakers can only be merged"""

GROWTH = 0.1
"""Share by which a meeting grows before the next re-clustering: what says little is soon outdated"""


@dataclass(frozen=True, slots=True)
class SpeakerOptions:
    """When a voice becomes a speaker; times in seconds."""

    thresholds: Thresholds
    max_speakers: int = PIPELINE.max_speakers
    """Voices told apart; further ones stay unknown"""
    expected: SpeakerCount | None = None
    """How many people there are, where that is known"""
    min_speech: float = PIPELINE.min_speech
    """Speech of a single speaker that a new speaker needs"""
    active: float = 0.5
    """Activity, between 0 and 1, from which a local speaker is there at all"""
    recluster_interval: float = PIPELINE.recluster_interval
    """Audio between two re-clusterings; a new voice brings one forward"""
    first_recluster_interval: float = 5.0
    """Audio between two re-clusterings at the very beginning; grows with the meeting to `recluster_interval`"""
    min_cluster_seconds: float = 1.0
    """Speech of a single speaker that an embedding needs to count for clustering"""
    pool: int = 10
    """Consecutive windows of one local speaker that are clustered as one"""
    second_pass: str = PIPELINE.second_pass
    """"off" for no last clustering of the whole meeting at its end"""
    activity: ActivityOptions = field(default_factory=ActivityOptions)

    @property
    def active_level(self) -> int:
        """`active` as local speakers carry it, 0 to 255."""
        return round(self.active * 255)


class SpeakerTracker:
    """Local speakers of one meeting in, in order; speakers and turns out."""

    def __init__(self, options: SpeakerOptions, model: str = "") -> None:
        """`model` is the name of the embedding model."""
        self._options = options
        self._model = model
        self._windows = WindowStore(options.active_level)
        self._before: LocalSpeakers | None = None  # the last window
        self._links = Rows(np.int8)  # which local speaker of the window before each one continues, -1 for none
        self._numbers = Rows(np.int16)  # speaker of each local speaker on the whole
        self._parts = Rows(np.int16)  # and in each part of its window
        self._samples = SampleStore(options.pool, options.active_level)
        self._centers: dict[int, NDArray[np.float32]] = {}
        self._spoken: dict[int, float] = {}  # seconds of distinct clean speech behind each of them
        self._speakers = SpeakerRegistry()
        self._due = options.first_recluster_interval
        self._settled = 0  # windows before this one have been labelled by a clustering
        self._pending = 0.0  # seconds of unidentified single speakers since the last clustering
        self._grid = ActivityGrid(options.activity)

    def __call__(self, local: LocalSpeakers) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """One window further."""
        options = self._options
        links = continued(self._before, local, options.active_level) if self._before else {}
        numbers = self._identify(local, links)
        self._windows.append(local)
        self._before = local
        self._links.append(np.array([links.get(voice, -1) for voice in range(len(numbers))]))
        self._numbers.append(numbers)
        self._parts.append(split_speakers(local, numbers, self._centers))
        self._samples.add(len(self._windows) - 1, local, self._usable(local), links)
        self._grid.add(local, self._parts[-1])
        fresh = local.single_speaker_seconds[numbers == UNIDENTIFIED]
        # a window repeats nine tenths of the one before: a step of each is new
        self._pending += float(np.minimum(fresh, STEP / SAMPLE_RATE).sum())
        end = local.start + WINDOW
        now = end / SAMPLE_RATE
        news = bool((fresh >= options.min_speech).any()) and self._pending >= options.min_speech
        if now >= self._due or news:
            self._due = now + min(options.recluster_interval, max(options.first_recluster_interval, now * GROWTH))
            return self._recluster("recluster")
        changed = self._grid.turns(Span(max(0, local.start), end))
        return [TurnsRevised(*changed, "live")] if changed else []

    def flush(self) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """The last word on everything heard."""
        if not len(self._windows) or self._options.second_pass == "off":
            return []
        return self._recluster("refine")

    def _active(self, local: LocalSpeakers) -> NDArray[np.bool_]:
        return np.asarray(local.activity.max(axis=0, initial=0) >= self._options.active_level)

    def _usable(self, local: LocalSpeakers) -> list[int]:
        """The local speakers whose embeddings are good enough for clustering."""
        enough = local.single_speaker_seconds >= self._options.min_cluster_seconds
        usable: list[int] = np.flatnonzero(self._active(local) & ~np.isnan(local.embeddings[:, 0]) & enough).tolist()
        return usable

    def _identify(self, local: LocalSpeakers, links: dict[int, int]) -> Numbers:
        """Speaker number of each local speaker, by distance with a margin, then by continuity."""
        numbers = self._nearest(local, self._options.thresholds.match_margin)
        for voice, other in links.items():
            carry_over(numbers, voice, int(self._numbers[-1][other]))
        return numbers

    def _nearest(self, local: LocalSpeakers, margin: float) -> Numbers:
        """The speaker each local speaker is nearest to; two in one window are never the same person.

        Unidentified where the distance is above `match_threshold`, or another speaker is less than `margin` further
        away: a wrong name costs its reader more than a late one.
        """
        active = self._active(local)
        numbers = np.where(active, UNIDENTIFIED, INACTIVE).astype(np.int16)
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

    def _owner(self, at: int, voice: int) -> int:
        """Whom a local speaker of window `at` was given to."""
        return int(self._numbers[at][voice])

    def _alone(self, at: int, voice: int) -> float:
        """Seconds in which a local speaker of window `at` spoke alone."""
        return float(self._windows.single_speaker_seconds(at)[voice])

    def _recluster(self, reason: str) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """Cluster all that was heard, map the clusters onto the ids in use, and label the windows anew."""
        self._pending = 0.0
        self._forget(len(self._windows) - MAX_WINDOWS)
        structure = set(self._centers)
        speakers = self._cluster() if len(self._samples) else []
        # where the speakers are the same as before, only what has come since then can have other labels
        everything = reason == "refine" or structure != set(self._centers)
        self._relabel_from(max(self._windows.first, 0 if everything else self._settled))
        # only now: what is remembered has been labelled anew, the rest goes where its speaker went
        for speaker in speakers:
            if speaker.merged_into is not None:
                self._merge(number_of(speaker.id), number_of(speaker.merged_into))
        self._settled = max(0, len(self._windows) - WINDOW // STEP)
        self._samples.compact(self._owner)
        changed = self._grid.turns(Span(0, self._windows[-1].start + WINDOW), only_changed=reason == "recluster")
        turns = [TurnsRevised(*changed, reason)] if changed else []
        voices = tuple(
            Voice(f"spk{number}", unit(center), self._spoken[number]) for number, center in self._centers.items()
        )
        return [*speakers, *turns, *([VoicesHeard(voices, self._model)] if voices else [])]

    def _cluster(self) -> list[Speaker]:
        """Find the speakers in all samples, and move the centroids there; speakers that are new or were merged."""
        options = self._options
        seconds, longest, gone = self._samples.seconds()
        sequences = SubsegmentSequences(*self._windows.subsegments(options.min_cluster_seconds, MAX_SEQUENCES))

        def move(centers: Vectors, labels: Labels) -> tuple[Vectors, NDArray[np.float64]]:
            inside = labels >= 0
            forgotten = np.bincount(labels[inside], gone[inside], minlength=len(centers)) / OVERLAP
            return refit_centroids(centers, sequences, forgotten)

        refit = move if len(sequences.lengths) else None
        found, centers = self._find_voices(self._samples.embeddings(), seconds, longest, refit)
        labels = drop_mixtures(found, centers, self._shared(found), options.thresholds.merge_threshold)
        most = min(options.max_speakers, options.expected.most) if options.expected else options.max_speakers
        labels = keep_largest(labels, seconds, most)
        if not len(self._speakers) and evidence(seconds[labels >= 0], longest[labels >= 0]) < options.min_speech:
            labels = np.full_like(labels, -1)
        numbers, speakers = self._speakers.match(self._shared(labels), self._samples.begins(labels))
        centers = centers[[int(found[labels == label][0]) for label in range(len(numbers))]]
        if refit is not None and len(centers):
            centers, _ = refit(centers, labels)
        self._centers = {numbers[label]: centers[label] for label in range(len(centers))}
        self._spoken = {
            numbers[label]: evidence(seconds[labels == label], longest[labels == label])
            for label in range(len(centers))
        }
        return speakers

    def _find_voices(
        self, vectors: Vectors, seconds: NDArray[np.float64], longest: NDArray[np.float64], refit: Refit | None
    ) -> tuple[Labels, Vectors]:
        """What `cluster_speakers` makes of the samples; other ways are compared by putting them here."""
        options = self._options
        return cluster_speakers(
            vectors,
            seconds,
            longest,
            options.thresholds,
            options.min_speech,
            refit,
            options.expected,
            self._samples.beside(self._alone),
        )

    def _shared(self, labels: Labels) -> NDArray[np.float64]:
        """Seconds of each label that were given to each present speaker so far, shape (labels, present)."""
        return self._samples.shared(labels, self._speakers.present(), self._owner, self._alone)

    def _relabel_from(self, first: int) -> None:
        """Give the windows from this one on to the nearest of the speakers as they are known now.

        Without a margin: centroids of all that was heard are sure. Who is still unidentified then is who it was in the
        window before, or else in the one after: forwards first, as a live label would.
        """
        numbers = [self._nearest(self._windows[at], 0.0) for at in range(first, len(self._windows))]
        for at in range(1, len(numbers)):
            for voice, other in links_of(self._links[first + at]):
                carry_over(numbers[at], voice, int(numbers[at - 1][other]))
        for at in range(len(numbers) - 1, 0, -1):
            for voice, other in links_of(self._links[first + at]):
                carry_over(numbers[at - 1], other, int(numbers[at][voice]))
        for at, row in enumerate(numbers, first):
            self._relabel(at, row)

    def _relabel(self, at: int, numbers: Numbers) -> None:
        local, before = self._windows[at], self._parts[at]
        parts = split_speakers(local, numbers, self._centers)
        self._numbers[at] = numbers
        if not np.array_equal(before, parts):
            self._grid.relabel(local, before, parts)
            self._parts[at] = parts

    def _merge(self, number: int, into: int) -> None:
        """Give what is forgotten, and so was not labelled anew, to the speaker that this one turned out to be."""
        self._samples.merge(number, into)
        self._grid.merge(number, into)

    def _forget(self, before: int) -> None:
        """Keep of the windows before this one what clustering and turns need, for as long as the meeting lasts."""
        if before <= self._windows.first:
            return
        self._samples.forget(before, self._owner, self._alone)
        self._windows.forget(before)
        for rows in (self._links, self._numbers, self._parts):
            rows.forget(before)
        self._grid.freeze(self._windows[before].start)
