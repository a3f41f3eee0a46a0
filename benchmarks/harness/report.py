"""How the benchmarks say what they found: where and with what, tables in Markdown, JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.replay import commit, cpu, memory


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A command line with the options that all benchmarks have."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here, for programs")
    return made


def facts(name: str, arguments: Sequence[str] | None = None, **more: Any) -> dict[str, Any]:
    """When, where and how something is measured now; `more` are the models, recordings and the like."""
    given = sys.argv[1:] if arguments is None else arguments
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "commit": commit(),
        "machine": {
            "processor": cpu(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gb": round(memory(), 1),
            "system": platform.system(),
            "python": platform.python_version(),
            "computing_at_start": round(os.getloadavg()[0], 1),
        },
        "command": shlex.join(["python", "-m", f"benchmarks.{name}", *given]),
        **more,
    }


def head(known: dict[str, Any]) -> str:
    """The same in Markdown."""
    machine = known["machine"]
    lines = [
        f"Measured on {known['date']} at commit {known['commit']}.",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB of memory, "
        f"{machine['system']}, Python {machine['python']}; at the start {machine['computing_at_start']:.1f} other "
        "processes were computing.",
        f"Command: `{known['command']}`",
    ]
    lines += [f"{name.capitalize()}: {_said(value)}" for name, value in known.items() if name not in _IN_WORDS]
    return "\n\n".join(lines) + "\n"


_IN_WORDS = ("date", "commit", "machine", "command")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "`" + json.dumps({key: one for key, one in value.items() if key != "why"}) + "`"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [list(columns), ["---", *["---:"] * (len(columns) - 1)], *([shown(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def shown(value: Any) -> str:
    """A cell: decimals have as many digits as mean something, what there is not is a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return str(value)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """A percentile; None of nothing."""
    return float(np.percentile(values, percent)) if len(values) else None


def save(path: Path | None, known: dict[str, Any], **body: Any) -> None:
    """Write facts and figures as JSON, where that was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**known, **body}, indent=1) + "\n", encoding="utf-8")
