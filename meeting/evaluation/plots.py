"""The pictures of `evaluate`: who spoke when against the reference, and how long words took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meeting.evaluation.der import cells_of, match_speakers, rasterise
from meeting.evaluation.scores import Latencies
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE, UNKNOWN, Turn

GREY = "0.75"
"""Colour of voices that stand for nobody in the reference"""


def draw_turns(path: Path, title: str, rows: Mapping[str, Sequence[Turn]], rates: Mapping[str, float | None]) -> None:
    """Who spoke when, one band for each of `rows`, the first being the reference; `rates` are their DER.

    Each voice has the colour of the person that it stands for. Raises StoreError.
    """
    plt = _pyplot()
    cells = cells_of(*rows.values())
    people = _names(next(iter(rows.values())))
    truth = rasterise(next(iter(rows.values())), cells)
    bars: list[tuple[str, str, Any, list[Turn]]] = []  # band, voice, colour, turns
    for band, turns in rows.items():
        stands_for = match_speakers(truth, rasterise(turns, cells))
        for voice in sorted(_names(turns), key=lambda name: (stands_for.get(name, "~"), name)):
            person = stands_for.get(voice)
            colour = GREY if person is None else plt.get_cmap("tab10")(people.index(person) % 10)
            bars.append((band, voice, colour, [turn for turn in turns if turn.speaker == voice]))
    figure, axes = plt.subplots(figsize=(12, 1.2 + 0.28 * len(bars)), layout="constrained")
    for place, (_, _, colour, turns) in enumerate(bars):
        axes.broken_barh(_bars(turns), (place - 0.4, 0.8), color=colour)
    for place in range(1, len(bars)):
        if bars[place][0] != bars[place - 1][0]:
            axes.axhline(place - 0.5, color="black", linewidth=0.8)
    axes.set_yticks(range(len(bars)), [f"{band}: {_shown(voice)}" for band, voice, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(cells, 1) / 100)
    axes.set_xlabel("seconds")
    told = ", ".join(f"DER {label} {rate:.3f}" for label, rate in rates.items() if rate is not None)
    axes.set_title(f"{title}: who spoke when ({told})" if told else f"{title}: who spoke when", fontsize=10)
    _save(figure, path)


def _names(turns: Iterable[Turn]) -> list[str]:
    return sorted({turn.speaker for turn in turns})


def _shown(voice: str) -> str:
    return "unknown" if voice == UNKNOWN else voice


def _bars(turns: Iterable[Turn]) -> list[tuple[float, float]]:
    return [(turn.span.start / SAMPLE_RATE, len(turn.span) / SAMPLE_RATE) for turn in turns]


def draw_latencies(path: Path, latencies: Latencies) -> None:
    """How many of the words and segments had come after so many seconds; raises StoreError."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    kinds = (
        ("words: first shown", latencies.first),
        ("words: stable", latencies.stable),
        ("segments: final", latencies.final),
    )
    for label, values in kinds:
        if values:
            share = np.arange(1, len(values) + 1) / len(values)
            median, late = np.percentile(values, (50, 95))
            axes.step(np.sort(values), share, where="post", label=f"{label} (p50 {median:.2f} s, p95 {late:.2f} s)")
    for level in (0.5, 0.95):
        axes.axhline(level, color=GREY, linewidth=0.8)
    axes.set_xlim(*_limits([*latencies.first, *latencies.stable, *latencies.final]))
    axes.set_ylim(0, 1)
    axes.set_xlabel("seconds after it was spoken")
    axes.set_ylabel("share")
    axes.set_title("Latency", fontsize=10)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="lower right")
    _save(figure, path)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    return (min(0.0, float(np.percentile(values, 1))), float(np.percentile(values, 99)) + 0.2) if values else (0.0, 1.0)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        _pyplot().close(figure)
