"""Other ways to tell voices apart, beside the program's: diarization error, and how many speakers are found.

    .venv/bin/python -m benchmarks.clusterings FOLDER [FOLDER ...] [--cache DIR]

FOLDER holds recordings with their references (`NAME.flac`, `NAME.rttm`), or folders of such, as a half of a set of
`benchmarks/rooms` does; there is a row for each variant and each FOLDER, and with --each for each folder in it.

The models run once over each recording. With --cache what they said is kept, and the next call takes seconds for each
variant: delete it when the models, or what stands before them, have changed. It is read with pickle: name no folder
in which others write.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.clusterings.trackers import (
    Counting,
    Joined,
    Likelihood,
    Lines,
    Spectral,
    Sticky,
    Tracker,
    Variational,
    but,
)
from benchmarks.harness import report
from meeting.config.settings import Config
from meeting.config.sources import load_config
from meeting.evaluation.der import ErrorParts, error, rasterise
from meeting.evaluation.evaluate import Reference, references
from meeting.evaluation.window_results import TurnGrid, WindowResults, compute_windows, open_engine
from pipelines.diarization.clustering import preset
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.errors import MeetingError

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine


class _Saturated(Likelihood):
    most = 4.0


VARIANTS: dict[str, Tracker] = {
    "the program": SpeakerTracker,
    "voices of one window joined as any others": Joined,
    "(a) as many voices as the segmentation counts": Counting,
    "(b) whole turns embedded again and given to the nearest": Lines,
    "(c) spherical PLDA for the second stage": Likelihood,
    "(c) the same, evidence of 4 s at most": _Saturated,
    "(d) NME-SC spectral clustering": Spectral,
    "(e) variational Bayes after the first stage": Variational,
    "(e) sticky states along each local voice": Sticky,
    "(f) embeddings of 1.5 s and more, others attached": but(SpeakerTracker, min_cluster_seconds=1.5),
    "(f) embeddings of 2 s and more, others attached": but(SpeakerTracker, min_cluster_seconds=2.0),
    "(g) window_threshold as merge_threshold": but(SpeakerTracker, window_threshold=0.12),
    "(g) no match_margin": but(SpeakerTracker, match_margin=0.0),
    "(g) no match_threshold": but(SpeakerTracker, match_threshold=2.0),
    "min_speech 1.5": but(SpeakerTracker, min_speech=1.5),
}
"""By the name in the table; the letters are those of the levers in docs/accuracy.md"""

COLUMNS = (
    "variant",
    "recordings",
    "DER live",
    "DER",
    "miss",
    "fa",
    "confusion",
    "speakers found/true",
    "off by",
    "right",
    "CPU s/h",
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a variant made of a recording."""

    live: ErrorParts
    """Just before the pass that ends a meeting"""
    refined: ErrorParts
    speakers: int
    people: int
    hours: float
    """Length of the recording"""
    seconds: float
    """CPU seconds that were computed"""


class Material:
    """What the models said of recordings, computed once and kept where a cache is given."""

    def __init__(self, config: Config, cache: Path | None) -> None:
        self._config, self._cache = config, cache
        self._stack = ExitStack()
        self._engine: Engine | None = None

    def __enter__(self) -> Material:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, half: str, folder: str, reference: Reference) -> WindowResults:
        """From the cache, else from the models, which are loaded when first needed; raises MeetingError."""
        path = self._cache and self._cache / f"{half}__{folder}__{reference.name}.pkl"
        if path and path.exists():
            kept: WindowResults = pickle.loads(path.read_bytes())
            return kept
        if self._engine is None:
            self._engine = open_engine(self._config)
            self._stack.callback(self._engine.close)
        print(f"  {folder}/{reference.name}", file=sys.stderr, flush=True)
        heard = compute_windows(reference, self._engine)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(pickle.dumps(heard, protocol=5))
            os.replace(part, path)
        return heard


def diarize(heard: WindowResults, tracker: SpeakerTracker) -> Found:
    """What a tracker makes of a recording, live and in the end."""
    grid, truth = TurnGrid(heard.cells), rasterise(heard.turns, heard.cells).on
    begun = time.process_time()
    for local in heard.windows:
        grid.take(tracker(local))
    live = error(truth, grid.on)
    grid.take(tracker.flush())
    spent = time.process_time() - begun
    return Found(live, error(truth, grid.on), len(grid.speakers), heard.people, heard.cells / 360_000, spent)


def row(variant: str, found: Sequence[Found]) -> list[object]:
    """A line of the table: means over recordings, sums of speakers."""

    def share(part: str) -> float:
        return fmean(getattr(one.refined, part) / (one.refined.speech or 1.0) for one in found)

    return [
        variant,
        len(found),
        fmean(one.live.rate for one in found),
        fmean(one.refined.rate for one in found),
        share("miss"),
        share("false_alarm"),
        share("confusion"),
        f"{sum(one.speakers for one in found)}/{sum(one.people for one in found)}",
        sum(abs(one.speakers - one.people) for one in found),
        sum(one.speakers == one.people for one in found),
        sum(one.seconds for one in found) / max(sum(one.hours for one in found), 1e-9),
    ]


def recordings(folder: Path) -> Iterator[tuple[str, str, Reference]]:
    """Name of the folder above, of the folder, and each recording in it; or in each folder of a half of made rooms."""
    for one in sorted({path.parent for path in folder.glob("*/*.rttm")}) or [folder]:
        for reference in references(one, need_words=False):
            yield one.resolve().parent.name, one.resolve().name, reference


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare all and print the tables; returns the exit code."""
    parser = report.parser("clusterings", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="recordings with references")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep here what the models said, a pickle for each")
    parser.add_argument("--each", action="store_true", help="a table for each folder of recordings inside, too")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only variants whose names hold one of these")
    asked = parser.parse_args(arguments)
    config = load_config(flags={("models", "set"): "embedded"})
    wanted = asked.only or [""]
    chosen = {name: made for name, made in VARIANTS.items() if any(text in name for text in wanted)}
    found: dict[str, dict[str, list[Found]]] = {}
    try:
        with Material(config, asked.cache) as material:
            for folder in asked.folders:
                for half, inner, reference in recordings(folder):
                    heard = material(half, inner, reference)
                    for table in {folder.name, inner} if asked.each else {folder.name}:
                        for name, made in chosen.items():
                            tracker = made(SpeakerOptions(preset("ge2e")))
                            found.setdefault(table, {}).setdefault(name, []).append(diarize(heard, tracker))
    except MeetingError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    known = report.facts("clusterings", arguments, models="embedded")
    print(report.head(known))
    tables = {title: [row(name, each) for name, each in rows.items()] for title, rows in found.items()}
    for title, rows in tables.items():
        print(f"\n### {title}\n\n{report.table(COLUMNS, rows)}", flush=True)
    report.save(
        asked.json,
        known,
        tables={title: [dict(zip(COLUMNS, one, strict=True)) for one in rows] for title, rows in tables.items()},
    )
    return 0
