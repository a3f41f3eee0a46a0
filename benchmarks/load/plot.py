"""The picture of `load`: latency and CPU against the number of meetings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Two panels over the live meetings of each row, as PNG."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    counts = [row["live"] for row in rows]
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6.5), sharex=True, layout="constrained")
    for key, label, style in (
        ("word_p50", "words, p50", "C0--"),
        ("word_p95", "words, p95", "C0-"),
        ("final_p50", "lines, p50", "C1--"),
        ("final_p95", "lines, p95", "C1-"),
    ):
        values = [row[key] if row[key] is not None else float("nan") for row in rows]
        above.plot(counts, values, style, marker="o", markersize=4, label=label)
    above.axhline(2.0, color="0.75", linewidth=0.8)
    above.set_ylim(bottom=0)
    above.set_ylabel("seconds after it was spoken")
    above.set_title("Latency", fontsize=10)
    above.legend(fontsize=8)
    below.plot(
        counts, [row["cores"] for row in rows], "C2-", marker="o", markersize=4, label="cores busy, all meetings"
    )
    each = [row["cpu_per_second"] if row["cpu_per_second"] is not None else float("nan") for row in rows]
    below.plot(counts, each, "C3-", marker="o", markersize=4, label="CPU seconds per second of audio")
    below.set_ylim(bottom=0)
    below.set_xticks(sorted(set(counts)))
    below.set_xlabel("live meetings at once")
    below.set_title("CPU of the server", fontsize=10)
    below.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
