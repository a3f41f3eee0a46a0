"""Replay recordings through the live path at full speed, score them, and print a dated table in Markdown.

    .venv/bin/python benchmarks/replay.py ../shared/eval/*

A folder counts when it holds NAME.flac (or another audio file) with NAME.seglst.json and NAME.rttm. The scorer is a
program that takes REF_DIR HYP_DIR --json and prints one object with a row of figures for each NAME and one for ALL.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCORER = ROOT.parent / "shared" / "eval" / "score.py"
AUDIO = (".flac", ".wav", ".mp3", ".m4a", ".ogg", ".webm")
RATES = ("WER", "cpWER", "DER", "miss", "fa", "confusion")
COLUMNS = ("recording", "seconds", "took", "CPU", "RTF", *RATES, "speakers")


@dataclass(frozen=True)
class Run:
    """One recording: what `replay` said of it and what the scorer found."""

    name: str
    seconds: float
    took: float
    """Wall-clock seconds of the whole command, start and loading of the models included"""
    computed: float
    """CPU seconds of the same, all cores together; hardly depends on what else the machine does"""
    rtf: float
    """Wall-clock seconds from the first sample to the end, per second of audio"""
    models: dict[str, Any]
    figures: dict[str, Any]


def main() -> int:
    """Run everything; returns the exit code."""
    options = arguments()
    folders = [folder for folder in options.folders if recordings(folder)]
    if not folders:
        print("error: none of these folders holds a recording with its references", file=sys.stderr)
        return 2
    if not options.score.is_file():
        print(f"error: there is no scorer at {options.score}; name one with --score", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        print(head(options.models))
        runs = [run for folder in folders for run in measure(folder, options, Path(scratch))]
    print(table(runs))
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="recordings with their references")
    parser.add_argument("--score", type=Path, default=SCORER, metavar="FILE", help="scorer (default: %(default)s)")
    parser.add_argument("--models", default="embedded", metavar="SET", help="model set (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the transcripts here, by folder")
    return parser.parse_args()


def recordings(folder: Path) -> list[Path]:
    """Audio files of a folder that have references beside them."""
    found = sorted(path for path in folder.iterdir() if path.suffix in AUDIO) if folder.is_dir() else []
    return [path for path in found if path.with_suffix(".seglst.json").is_file()]


def measure(folder: Path, options: argparse.Namespace, scratch: Path) -> list[Run]:
    """Replay and score a folder's recordings."""
    out = (options.out or scratch / "out") / folder.resolve().name
    done = [(path.stem, *replay(path, out, options.models, scratch / "data")) for path in recordings(folder)]
    figures = score(options.score, folder, out)
    runs = [
        Run(name, summary["seconds"], took, computed, summary["rtf"], summary["models"], figures[name])
        for name, summary, took, computed in done
    ]
    return [*runs, total(folder.resolve().name, runs, figures["ALL"])]


def replay(
    recording: Path, out: Path, models: str, data: Path, root: Path = ROOT, environment: dict[str, str] | None = None
) -> tuple[dict[str, Any], float, float]:
    """Run the command of the checkout at `root`; returns its summary, and the seconds by the clock and of the CPU.

    Raises CalledProcessError where it fails. The environment is ours where none is given.
    """
    began, before = time.monotonic(), os.times()
    asked = ["replay", recording.resolve(), "--speed", "max", "--out", out.resolve(), "--models", models]
    command = [sys.executable, "-m", "meeting", *map(str, asked), "--data-dir", str(data)]
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    took, after = time.monotonic() - began, os.times()
    computed = after.children_user + after.children_system - before.children_user - before.children_system
    return summary, took, computed


def score(scorer: Path, references: Path, hypotheses: Path) -> dict[str, dict[str, Any]]:
    """The scorer's rows by recording."""
    command = [sys.executable, str(scorer), str(references), str(hypotheses), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def total(name: str, runs: list[Run], figures: dict[str, Any]) -> Run:
    """All recordings of a folder in one row: errors over all their words and speech."""
    seconds = sum(run.seconds for run in runs)
    took, computed = sum(run.took for run in runs), sum(run.computed for run in runs)
    rtf = sum(run.rtf * run.seconds for run in runs) / seconds
    return Run(f"**{name}, all**", seconds, took, computed, rtf, {}, figures)


def head(models: str) -> str:
    """When, where and with what this was measured."""
    facts = [
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d} at commit {commit()}.",
        f"Machine: {cpu()}, {len(os.sched_getaffinity(0))} cores, {memory():.0f} GB of memory, {platform.system()}, "
        f"Python {platform.python_version()}; at the start {os.getloadavg()[0]:.1f} other processes were computing.",
        f"Command: `python benchmarks/replay.py FOLDER... --models {models}`",
    ]
    return "\n\n".join(facts) + "\n"


def commit(root: Path = ROOT) -> str:
    """The commit that is checked out at `root`, marked where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def cpu() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> float:
    """Gigabytes of memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def table(runs: list[Run]) -> str:
    """The runs as a Markdown table, and the models that served."""
    rows = [list(COLUMNS), ["---", *["---:"] * (len(COLUMNS) - 1)], *map(cells, runs)]
    models = {json.dumps({k: v for k, v in run.models.items() if k != "why"}) for run in runs if run.models}
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"Models: `{one}`" for one in sorted(models))])


def cells(run: Run) -> list[str]:
    """One row of the table."""
    rates = [f"{run.figures[rate]:.3f}" if rate in run.figures else "" for rate in RATES]
    return [
        run.name,
        f"{run.seconds:.0f}",
        f"{run.took:.0f}",
        f"{run.computed:.0f}",
        f"{run.rtf:.3f}",
        *rates,
        str(run.figures.get("speakers", "")),
    ]


if __name__ == "__main__":
    sys.exit(main())
