"""The page of a simulation: its tables and pictures in one file that needs nothing else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cluster_simulation.run import Found, Size
from benchmarks.cluster_simulation.tables import Table
from benchmarks.harness.report import shown

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222;
  background: #fff }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px }
td, th { border: 1px solid #ccc; padding: .25em .6em; text-align: right }
td:first-child, th:first-child, .wide td { text-align: left }
.note { color: #666; font-size: 13px } .scroll { overflow-x: auto } svg { max-width: 100%; height: auto }
"""
SHARES = np.linspace(0, 100, 201)
"""Percentiles of which a curve is drawn"""


def write_page(path: Path, known: dict[str, Any], parts: Sequence[tuple[Table, Sequence[str]]], picture: str) -> None:
    """Write the page; each table comes with what is to be said below it."""
    head = f"Simulated on {known['date']} at commit {known['commit']}: <code>{escape(known['command'])}</code>"
    body = "".join(_section(table, notes) for table, notes in parts)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cluster simulation</title>'
        f"<style>{STYLE}</style></head><body><h1>Cluster simulation</h1><p>{head}</p>{picture}{body}</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _section(table: Table, notes: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(shown(cell))}</td>" for cell in row) + "</tr>" for row in table.rows)
    said = f'<p class="note">{escape(" ".join(notes))}</p>' if notes else ""
    kind = "scroll" if table.rests_on else "scroll wide"
    return f'<h2>{escape(table.title)}</h2><div class="{kind}"><table><tr>{head}</tr>{rows}</table></div>{said}'


def draw(days: Sequence[Size], found: Sequence[Found]) -> str:
    """Meetings over the largest day, finals at the peaks, and cores and cards against meetings, as SVG."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "cluster"}):  # the same picture for the same figures
        figure, (over_day, late, count) = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
        _draw_day(over_day, days[-1])
        _draw_finals(late, found)
        _draw_units(count, found)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _draw_day(axes: Any, size: Size) -> None:
    moments, live = size.day.live()
    grid = np.linspace(0, 24, 24 * 12 + 1)
    at = np.searchsorted(moments / 3600, grid, side="right") - 1
    axes.fill_between(grid, np.where(at >= 0, live[np.maximum(at, 0)], 0.0), color="C0", alpha=0.4)
    axes.set(xlim=(6, 22), xlabel="hour of the day", ylabel="meetings at once", title="The day")


def _draw_finals(axes: Any, found: Sequence[Found]) -> None:
    for number, name in enumerate(dict.fromkeys(one.models.name for one in found)):
        samples = next(one for one in reversed(found) if one.models.name == name).peak.samples
        axes.plot(np.percentile(samples, SHARES), SHARES / 100, f"C{number}", label=name)
    axes.axvline(2.0, color="0.75", linewidth=0.8)
    axes.set(xlim=(0, 4), ylim=(0, 1), xlabel="seconds after the end of a line", title="Finals, most meetings")
    axes.set_ylabel("share that is there")
    axes.legend(fontsize=8)


def _draw_units(axes: Any, found: Sequence[Found]) -> None:
    for number, name in enumerate(dict.fromkeys(one.models.name for one in found)):
        mine = [one for one in found if one.models.name == name]
        for unit, style in (("core", "o--"), ("card", "o-")):
            units = [one.plan.units(unit) for one in mine]
            if any(units):
                axes.loglog([one.meetings for one in mine], units, f"C{number}{style}", label=f"{name}, {unit}s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    axes.set(xlabel="meetings at once", title="Cores and cards of models")
    axes.legend(fontsize=8)
