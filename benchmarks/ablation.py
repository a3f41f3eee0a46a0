"""What each technique helps: the error with one of them switched off.

    .venv/bin/pip install -c constraints.txt -e ".[eval]"
    .venv/bin/python -m benchmarks.ablation DIR [DIR ...]

Each DIR holds recordings of one kind with their references; a figure is the mean over them. The models run once for
each way of cutting and listening; then the clustering and the merging are done anew for every row. diart's own
clustering and aggregation are a row of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from meeting.evaluation.der import CELL, error, rasterise
from meeting.evaluation.evaluate import Reference, references
from meeting.evaluation.scores import require_extra, word_errors
from meeting.evaluation.window_results import TurnGrid, WindowResults, compute_windows
from pipelines.asr.recogniser import absolute_words
from pipelines.asr.second_pass import SecondPassBuffer, is_better, revised_hypotheses
from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.audio.recording import read_recording
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.engine.engine import Engine
from pipelines.engine.loader import load_engine
from pipelines.options import EngineOptions
from pipelines.stream.lines import LineSplitter
from pipelines.stream.merge import MergeOptions, Merger
from pipelines.types import (
    SAMPLE_RATE,
    WINDOW,
    Hypothesis,
    Output,
    Segment,
    Span,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Utterance,
    Window,
)

NEVER = 1e6
"""Seconds or distance that no recording reaches"""


@dataclass(frozen=True)
class Material:
    """One recording as the models heard it."""

    reference: Reference
    heard: WindowResults
    filled: WindowResults
    """With pauses as the segmentation model leaves them"""
    readings: tuple[Hypothesis, ...]
    patient: tuple[Hypothesis, ...]
    """Of slices that wait for longer pauses"""
    twice: tuple[Hypothesis, ...]
    """What was cut at short pauses read again"""


@dataclass(frozen=True)
class Figures:
    """DER before and after the last pass, and cpWER after it."""

    live: float
    refined: float
    words: float


class Filling:
    """An engine that is told of no pauses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.open_vad = engine.open_vad

    def find_speakers(self, window: Window) -> Any:
        """The local voices of a window."""
        return self._engine.find_speakers(replace(window, paused=None))


def prepare(reference: Reference, engine: Engine) -> Material:
    """Run the models once."""
    filling: Any = Filling(engine)
    readings, twice = read(reference, engine, EndpointerOptions())
    patient, _ = read(reference, engine, EndpointerOptions(min_silence_from=EndpointerOptions().max_utterance))
    heard, filled = compute_windows(reference, engine), compute_windows(reference, filling)
    return Material(reference, heard, filled, readings, patient, twice)


def read(
    reference: Reference, engine: Engine, options: EndpointerOptions
) -> tuple[tuple[Hypothesis, ...], tuple[Hypothesis, ...]]:
    """The final readings of a recording, and the same with second ones where those are to be believed."""
    cutter, poor = Endpointer(engine.open_vad(), options), SecondPassBuffer()
    cuts = [piece for audio in read_recording(reference.audio) for piece in cutter(audio)] + cutter.flush()
    slices = [piece for piece in cuts if isinstance(piece, Utterance)]
    found: dict[tuple[int, int], Hypothesis] = {}
    split = LineSplitter()
    for piece in filter(lambda piece: piece.final or piece.commits, slices):
        heard = engine.recognise(piece, reference.name).result()
        assert heard is not None
        words = absolute_words(heard, piece.span.start)
        read = Hypothesis(piece.index, piece.span, piece.final, words, committed=heard.committed, audio=piece.audio)
        for line in filter(lambda line: line.final, split(read)):
            assert line.audio is not None
            found[line.utterance_index, line.line] = replace(line, audio=None)
            poor.add(line, line.audio)
    first = tuple(found.values())
    for stretch in poor.flush():
        heard = engine.recognise(stretch.utterance, (reference.name, "again")).result()
        words = absolute_words(heard, stretch.span.start) if heard is not None else ()
        if is_better(stretch.words, words):
            revised = revised_hypotheses(stretch, words)
            found |= {(one.utterance_index, one.line): replace(one, second_pass=False) for one in revised}
    return first, tuple(found.values())


def run(material: Material, speakers: SpeakerOptions, merge: MergeOptions) -> Figures:
    """The pipeline's own blocks with these options."""
    tracker, grid = SpeakerTracker(speakers), TurnGrid(material.heard.cells)
    truth = rasterise(material.heard.turns, material.heard.cells).on
    outputs: list[Output] = []
    for local in material.heard.windows:
        outputs += tracker(local)
    grid.take(outputs)
    live = error(truth, grid.on).rate
    last = tracker.flush()
    grid.take(last)
    turns = [item for item in (*outputs, *last) if isinstance(item, TurnsRevised)]
    return Figures(live, error(truth, grid.on).rate, cpwer(material, turns, merge))


def cpwer(material: Material, turns: Iterable[TurnsRevised], options: MergeOptions) -> float:
    """Words under the names that these turns give them."""
    merger = Merger("source", options=options)
    lines: dict[str, Segment] = {}
    for item in (*material.readings, *turns):
        for output in merger(item):
            if isinstance(output, SpeakersRevised):
                for change in output.changes:
                    lines[change.id] = replace(lines[change.id], speaker=change.after)
            else:
                lines[output.id] = output
    rows = [
        {
            "speaker": line.speaker,
            "start_time": line.span.start / SAMPLE_RATE,
            "end_time": line.span.end / SAMPLE_RATE,
            "words": line.text,
        }
        for line in lines.values()
        if line.words
    ]
    return word_errors(material.reference.said, rows)[1].rate or 0.0


def diarts_own(material: Material) -> Figures:
    """diart's incremental clustering with its defaults, and what it says of the last half second of each window."""
    import torch
    from diart.blocks import OnlineSpeakerClustering
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    clustering = OnlineSpeakerClustering(tau_active=0.6, rho_update=0.3, delta_new=1.0)
    turns: list[Turn] = []
    hop = SAMPLE_RATE // 2
    width = max(local.embeddings.shape[1] for local in material.heard.windows)
    for local in material.heard.windows:
        activity = local.activity.astype(np.float64) / 255
        frames = len(activity)
        window = SlidingWindow(duration=5 / frames, step=5 / frames, start=local.start / SAMPLE_RATE)
        feature = SlidingWindowFeature(activity, window)
        vectors = np.broadcast_to(local.embeddings, (len(local.embeddings), width)).astype(np.float64)
        mapped = clustering(feature, torch.from_numpy(vectors)).data
        newest = mapped[-frames * hop // WINDOW :]
        start = local.start + WINDOW - hop
        for speaker in np.flatnonzero(newest.max(axis=0) > 0.6):
            for at in np.flatnonzero(newest[:, speaker] > 0.6):
                low = start + at * hop // len(newest)
                turns.append(Turn(Span(max(0, low), max(0, low + hop // len(newest) + 1)), f"spk{speaker + 1}"))
    whole = TurnsRevised(Span(0, material.heard.cells * CELL), tuple(sorted(turns)), "refine")
    grid = TurnGrid(material.heard.cells)
    grid.take([whole])
    rate = error(rasterise(material.heard.turns, material.heard.cells).on, grid.on).rate
    return Figures(rate, rate, cpwer(material, [whole], MergeOptions(min_run=NEVER, min_own_share=2.0)))


def rows(base: SpeakerOptions) -> dict[str, Callable[[Material], Figures]]:
    """Name of each variant and how to run it."""
    merge = MergeOptions()

    def but(**changes: Any) -> Callable[[Material], Figures]:
        return lambda material: run(material, replace(base, **changes), merge)

    def distances(**changes: float) -> Callable[[Material], Figures]:
        return but(thresholds=replace(base.thresholds, **changes))

    def whole(material: Material) -> Figures:
        voices = tuple(replace(local, subsegments=None, subsegment_middles=None) for local in material.heard.windows)
        return run(replace(material, heard=replace(material.heard, voices=voices)), base, merge)

    one_stage = Thresholds(window_threshold=0.35, merge_threshold=-1.0, match_threshold=base.thresholds.match_threshold)
    return {
        "everything on": but(),
        "diart's clustering, one speaker per line": diarts_own,
        "one stage: average linkage at 0.35": but(thresholds=one_stage),
        "no allowance for the scatter of short evidence": distances(scatter=0.0),
        "local voices taken whole, not in pieces": whole,
        "windows clustered one by one, not pooled": but(pool=1),
        "a voice is a speaker at once (no minimum of speech)": but(min_speech=0.0),
        "never unknown (no limit of distance, no margin)": distances(match_threshold=2.0, match_margin=0.0),
        "pauses filled as the segmentation model does": lambda m: run(replace(m, heard=m.filled), base, merge),
        "slices that wait for longer pauses": lambda m: run(replace(m, readings=m.patient), base, merge),
        "poor cuts read again (second_pass: full)": lambda m: run(replace(m, readings=m.twice), base, merge),
        "one threshold for foremost and overlapping voices": but(
            activity=replace(base.activity, onset=base.activity.overlap_onset)
        ),
        "re-clustering only for new voices": but(recluster_interval=NEVER, first_recluster_interval=NEVER),
        "no last pass (second_pass: off)": but(second_pass="off"),
        "one speaker per line": lambda m: run(m, base, MergeOptions(min_run=NEVER, min_own_share=2.0)),
        "no short answers in between": lambda m: run(m, base, MergeOptions(min_own_share=2.0)),
        "sentences cut anywhere": lambda m: run(m, base, MergeOptions(min_part=0)),
        "every change of label splits": lambda m: run(
            m, base, MergeOptions(min_run=0, min_share=0, min_words=1, min_part=0)
        ),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    folders = parser.parse_args().folders
    require_extra()
    engine = load_engine(EngineOptions(set="embedded"), lambda message: None)
    kinds = {folder.name: [prepare(reference, engine) for reference in references(folder)] for folder in folders}
    print("| variant | " + " | ".join(f"{kind}: DER live → refined | cpWER" for kind in kinds) + " |")
    print("|---|" + "---|---|" * len(kinds))
    for name, variant in rows(SpeakerOptions(engine.thresholds)).items():
        cells = []
        for materials in kinds.values():
            figures = [variant(material) for material in materials]
            live, refined, words = np.mean([(f.live, f.refined, f.words) for f in figures], axis=0)
            cells.append(f"{live:.3f} → {refined:.3f} | {words:.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
