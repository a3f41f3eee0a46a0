"""The picture of a matrix: where errors come from in each condition, and how late lines are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

PARTS = (("miss", "missed speech", "C0"), ("fa", "speech that is none", "C1"), ("confusion", "wrong speaker", "C3"))


def draw(path: Path, figures: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Three panels with a bar for each condition, as PNG: DER by its parts, words, latency of lines."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = list(figures)
    places = np.arange(len(names))
    size = (12, 1.6 + 0.32 * len(names))
    figure, panels = plt.subplots(1, 3, figsize=size, sharey=True, layout="constrained", width_ratios=(2, 2, 1))
    labels, words, late = panels
    left = np.zeros(len(names))
    for key, told, colour in PARTS:
        values = _values(figures, key)
        labels.barh(places, values, left=left, color=colour, label=told)
        left += np.nan_to_num(values)
    for place, total in zip(places, left, strict=True):
        labels.text(total, place, f" {total:.2f}", va="center", fontsize=8)
    labels.set_title("Who spoke when: DER", fontsize=10)
    for at, (key, told, colour) in enumerate((("WER", "WER", "C2"), ("cpWER", "cpWER", "C4"))):
        words.barh(places + (at - 0.5) * 0.4, _values(figures, key), 0.4, color=colour, label=told)
    words.set_title("Words", fontsize=10)
    late.barh(places, _values(figures, "final_p95"), color="C7", label="final, p95")
    late.set_title("Seconds until lines are final", fontsize=10)
    labels.set_yticks(places, names)
    labels.invert_yaxis()
    for panel in panels:
        panel.grid(axis="x", color="0.9")
        panel.set_axisbelow(True)
        panel.legend(fontsize=8, loc="lower right")
        panel.margins(x=0.12)
    figure.suptitle(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")
    plt.close(figure)


def _values(figures: Mapping[str, Mapping[str, Any]], key: str) -> Any:
    return np.array([np.nan if found[key] is None else found[key] for found in figures.values()], float)
