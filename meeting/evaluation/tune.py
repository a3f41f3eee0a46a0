"""`tune`: fits the settings that tell voices apart to recordings with references, and says honestly what that gains.

The models run once over each recording; the search then repeats only the clustering on what they found. What the
settings are worth is judged by leave-one-out: each recording with the settings that the others chose; or by other
recordings, where there are some for that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import inf, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from meeting.config.settings import Config
from meeting.evaluation.evaluate import references
from meeting.evaluation.window_results import Errors, WindowResults, compute_windows, diarization_errors, open_engine
from pipelines.diarization.tracker import SpeakerOptions

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine

THRESHOLDS = ("window_threshold", "merge_threshold", "match_threshold")
"""The settings that are searched in parts of where they start"""
DISTANCES = ("window_threshold", "merge_threshold", "scatter", "match_threshold", "match_margin")
"""The settings that are cosine distances of the embedding model"""
ONSETS = ("onset", "overlap_onset")
"""The settings that say from when on somebody is heard"""
NAMES = (*DISTANCES, *ONSETS, "min_speech")
"""The settings that are searched"""
RATIOS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
"""Values of the three thresholds to try, as parts of where the search starts"""
VALUES = {
    "scatter": (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.25),
    "match_margin": (0.0, 0.01, 0.02, 0.03, 0.05, 0.08),
    "min_speech": (1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
    "onset": (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
    "overlap_onset": (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7),
}
"""Values of the others to try"""
PAIR_RATIOS = (0.5, 0.7, 1.0, 1.35, 1.75)
"""Parts tried of `window_threshold` and `merge_threshold` together at first, because they depend on each other"""
MIN_GAIN = 5e-4
"""Error that a change must take away; less is chance"""
MAX_ROUNDS = 4
"""Times that every setting is looked at, at most"""

Point = tuple[float, ...]
"""A value of each of `NAMES`"""


class ErrorCache:
    """Errors of recordings at points of the search, each worked out once."""

    def __init__(self, recordings: Sequence[WindowResults], start: SpeakerOptions) -> None:
        self.names = tuple(each.name for each in recordings)
        self.start = point_of(start)
        self._recordings = recordings
        self._options = start
        self._computed: dict[tuple[int, Point], Errors] = {}

    def __call__(self, which: int, point: Point) -> Errors:
        """Errors of recording number `which`."""
        key = which, point
        if key not in self._computed:
            self._computed[key] = diarization_errors(self._recordings[which], options_at(self._options, point))
        return self._computed[key]

    def mean(self, chosen: Iterable[int], point: Point) -> float:
        """Mean over some recordings of live and refined error."""
        return fmean(self(which, point).both for which in chosen)


def point_of(options: SpeakerOptions) -> Point:
    """Where in the search these settings are."""
    distances = [getattr(options.thresholds, name) for name in DISTANCES]
    return (*distances, *(getattr(options.activity, name) for name in ONSETS), options.min_speech)


def options_at(options: SpeakerOptions, point: Point) -> SpeakerOptions:
    """These settings with those of a point."""
    values = dict(zip(NAMES, point, strict=True))
    return replace(
        options,
        thresholds=replace(options.thresholds, **{name: values[name] for name in DISTANCES}),
        activity=replace(options.activity, **{name: values[name] for name in ONSETS}),
        min_speech=values["min_speech"],
    )


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What the search found, and the errors of each recording."""

    embedding: str
    start: Point
    best: Point
    names: tuple[str, ...]
    before: tuple[Errors, ...]
    """With the settings as they were"""
    after: tuple[Errors, ...]
    """With the settings found, which these very recordings chose"""
    held_out: tuple[Errors, ...]
    """With settings that the other recordings chose; empty when there is only one"""

    @property
    def changed(self) -> dict[str, float]:
        """The settings found that differ from where the search started."""
        pairs = zip(NAMES, self.start, self.best, strict=True)
        return {name: found for name, started, found in pairs if found != started}

    @property
    def gain(self) -> tuple[float, float]:
        """Error that settings found this way take away from recordings without a say, in the mean, and its uncertainty.

        That is twice the standard error of the differences, recording by recording, as in a paired t-test: what chance
        alone brings about in one of twenty cases. Infinite for a single recording, which says nothing of others.
        """
        gains = [before.both - after.both for before, after in zip(self.before, self.held_out, strict=True)]
        return fmean(gains), 2 * stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else inf

    @property
    def helps(self) -> bool:
        """Whether settings found this way are better on recordings that had no say in them, by more than chance."""
        return bool(self.held_out) and self.gain[0] > max(MIN_GAIN, self.gain[1])


def mean(errors: Sequence[Errors]) -> Errors:
    """Mean over recordings."""
    return Errors(fmean(each.live for each in errors), fmean(each.refined for each in errors))


def tune(
    config: Config,
    folders: Sequence[Path],
    load: Callable[[Config], Engine] | None = None,
    report: Callable[[str], None] = lambda line: None,
    judged: Sequence[Path] = (),
) -> TuningResult:
    """Search the settings for the recordings of all folders together; takes minutes. Raises MeetingError.

    The recordings of the folders `judged` choose nothing: where there are any, what was found is judged by them alone.
    `report` is told in a sentence what comes next.
    """
    from pipelines.stream.stream import speaker_options

    choosing = [reference for folder in folders for reference in references(folder, need_words=False)]
    wanted = choosing + [reference for folder in judged for reference in references(folder, need_words=False)]
    with closing((load or open_engine)(config)) as engine:
        start = speaker_options(config.pipeline, engine.thresholds)
        recordings = []
        for number, reference in enumerate(wanted, 1):
            report(f"{reference.name}: listening, {number} of {len(wanted)}")
            recordings.append(compute_windows(reference, engine))
    embedding = str(engine.models.get("embedding", ""))
    errors = ErrorCache(recordings, start)
    return search_half(errors, len(choosing), embedding, report) if judged else search(errors, embedding, report)


def search_half(
    errors: ErrorCache, count: int, embedding: str = "", report: Callable[[str], None] = lambda line: None
) -> TuningResult:
    """The best point for the first `count` recordings, and the others at that point."""
    report(f"searching on {count} recordings")
    best = coordinate_descent(errors, range(count))
    others = range(count, len(errors.names))
    before, after = (tuple(errors(which, point) for which in others) for point in (errors.start, best))
    return TuningResult(embedding, errors.start, best, errors.names[count:], before, after, after)


def search(errors: ErrorCache, embedding: str = "", report: Callable[[str], None] = lambda line: None) -> TuningResult:
    """The best point for all recordings, and each recording at the best point for the others."""
    everyone = range(len(errors.names))
    report("searching on all recordings")
    best = coordinate_descent(errors, everyone)
    held_out = []
    for which in everyone if len(everyone) > 1 else ():
        report(f"searching without {errors.names[which]}")
        held_out.append(errors(which, coordinate_descent(errors, [other for other in everyone if other != which])))
    before, after = (tuple(errors(which, point) for which in everyone) for point in (errors.start, best))
    return TuningResult(embedding, errors.start, best, errors.names, before, after, tuple(held_out))


def coordinate_descent(errors: ErrorCache, chosen: Sequence[int]) -> Point:
    """The best point for some recordings: a coarse look at the two main distances, then one setting at a time."""
    values = candidates(errors.start)
    best = errors.start
    window, merge = NAMES.index("window_threshold"), NAMES.index("merge_threshold")
    pairs = [
        _with(_with(best, window, best[window] * a), merge, best[merge] * b) for a in PAIR_RATIOS for b in PAIR_RATIOS
    ]
    best = _better(errors, chosen, best, pairs)
    for _ in range(MAX_ROUNDS):
        before = best
        for at, name in enumerate(NAMES):
            best = _better(errors, chosen, best, [_with(best, at, value) for value in values[name]])
        if best == before:
            break
    return best


def candidates(start: Point) -> dict[str, list[float]]:
    """Values of each setting to try, in order; where the search starts is among them."""
    named = dict(zip(NAMES, start, strict=True))
    scaled = {name: [_rounded(named[name] * ratio) for ratio in RATIOS] for name in THRESHOLDS}
    return {name: sorted({*scaled.get(name, VALUES.get(name, ())), named[name]}) for name in NAMES}


def _rounded(value: float) -> float:
    return round(value, 3)


def _with(point: Point, at: int, value: float) -> Point:
    return (*point[:at], _rounded(value), *point[at + 1 :])


def _better(errors: ErrorCache, chosen: Sequence[int], best: Point, others: Iterable[Point]) -> Point:
    """The best of the other points where it is better by `MIN_GAIN`; sets of equals are decided by the first."""
    least = errors.mean(chosen, best)
    found, point = min(((errors.mean(chosen, other), other) for other in others), default=(least, best))
    return point if found < least - MIN_GAIN else best


# What is printed


def describe(result: TuningResult) -> str:
    """The errors as a table, a verdict, and the settings as a fragment of config.yaml."""
    lines = [f"Embedding model: {result.embedding}", "", "Diarization error rate, live / refined", ""]
    lines.append(f"{'recording':<20}{'as it was':>15}{'found':>15}{'held out':>15}")
    held_out: Sequence[Errors | None] = result.held_out or [None] * len(result.names)
    rows = zip(result.names, result.before, result.after, held_out, strict=True)
    lines += [_line(*row) for row in rows]
    lines.append(
        _line("mean", mean(result.before), mean(result.after), mean(result.held_out) if result.held_out else None)
    )
    lines += ["", _verdict(result)]
    if result.changed:
        lines += ["", "speakers:", *(f"  {name}: {value:g}" for name, value in result.changed.items())]
    return "\n".join(lines)


def _line(name: str, *columns: Errors | None) -> str:
    cells = ("-" if each is None else f"{each.live:.3f} / {each.refined:.3f}" for each in columns)
    return f"{name:<20}" + "".join(f"{cell:>15}" for cell in cells)


def _verdict(result: TuningResult) -> str:
    if not result.changed:
        return "The settings as they are fit these recordings best: there is nothing to change."
    if not result.held_out:
        return "One recording alone cannot show whether the settings found help others: add some, with other voices."
    gain, uncertainty = result.gain
    if result.helps:
        return (
            "The column `held out` is what to expect of recordings like these: each was judged with settings that "
            f"the others chose. It is better than before, by {gain:.3f} ± {uncertainty:.3f}; in config.yaml:"
        )
    if gain > MIN_GAIN:
        return (
            f"Judged with settings that the others chose (`held out`), the recordings are better by {gain:.3f} ± "
            f"{uncertainty:.3f}, which may be chance: keep the settings as they are, or add recordings. Found were:"
        )
    return (
        "Judged with settings that the others chose (`held out`), the recordings are no better than before: the "
        "settings found fit these very recordings and are not likely to help others. They are:"
    )
