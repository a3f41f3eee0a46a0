"""This program beside others on the same recordings: what they cost, how late they are, how much they get wrong.

    .venv/bin/pip install -c constraints.txt -e ".[eval]"
    .venv/bin/python -m benchmarks.peers FOLDER... --recordings 2

Every system hears every recording at the pace of speech, one after the other, each time in a process of its own; models
are loaded before the first sample. All are judged by the same scorer against the same references. Each FOLDER holds
NAME.flac beside NAME.rttm and NAME.seglst.json; without one the sample meeting is played.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import report
from benchmarks.harness.latency import Delays, Text, delays
from benchmarks.harness.recordings import Recording, gather, named
from benchmarks.harness.report import percentile
from benchmarks.harness.server import ROOT
from benchmarks.peers.systems import SYSTEMS, Result
from meeting.evaluation.scores import Accuracy, accuracy, require_extra
from pipelines.errors import MeetingError
from pipelines.types import Span, Turn, samples

COLUMNS = {
    "system": "system",
    "CPU/s": "cpu_per_second",
    "word p50": "word_p50",
    "word p95": "word_p95",
    "final p50": "final_p50",
    "final p95": "final_p95",
    "behind": "behind",
    "WER": "WER",
    "cpWER": "cpWER",
    "DER": "DER",
    "MB": "memory",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every system, print the table."""
    parser = report.parser("peers", __doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="recordings with their references")
    parser.add_argument("--recordings", type=int, metavar="N", help="only the first so many (default all)")
    parser.add_argument("--seconds", type=float, default=120.0, help="of each recording at most (default 120)")
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME", help=f"of {', '.join(SYSTEMS)}"
    )
    parser.add_argument("--hear", nargs=3, metavar=("SYSTEM", "AUDIO", "RESULT"), help="run one system here, unscored")
    asked = parser.parse_args(arguments)
    if asked.hear is not None:
        hear(*asked.hear)
        return 0
    try:
        require_extra()
        recordings = [one.cut(asked.seconds) for one in gather(asked.folders, asked.recordings)]
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    known = report.facts("peers", arguments, recordings=named(recordings), models=versions())
    print(report.head(known), flush=True)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in asked.systems}
    pooled = []
    for recording in recordings:
        for name in asked.systems:
            print(f"  {recording.name}: {name}", file=sys.stderr, flush=True)
            found[name].append(apart(name, recording))
    for name in asked.systems:
        pooled.append({"system": SYSTEMS[name][0], **figures(recordings, found[name])})
    print(report.table(list(COLUMNS), [[one[key] for key in COLUMNS.values()] for one in pooled]))
    each = {
        name: {recording.name: figures([recording], [one]) for recording, one in zip(recordings, results, strict=True)}
        for name, results in found.items()
    }
    report.save(asked.json, known, systems=dict(zip(asked.systems, pooled, strict=True)), recordings_each=each)
    return 0


def versions() -> dict[str, str]:
    """Versions of what is compared."""
    from importlib.metadata import version

    return {name: version(name) for name in ("moonshine-voice", "diart", "torch", "onnxruntime")}


def apart(system: str, recording: Recording) -> dict[str, Any]:
    """A system's result for a recording, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        audio, result = Path(folder) / "audio.npy", Path(folder) / "result.json"
        np.save(audio, recording.audio.astype(np.float32) / 32768)
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers", "--hear", system, str(audio), str(result)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MEETING_") or k == "MEETING_MODELS_CACHE_DIR"}
        environment = {**kept, "MEETING_DATA_DIR": folder, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode or not result.is_file():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise SystemExit(f"error: {system} failed on {recording.name}: {' '.join(last)}")
        body: dict[str, Any] = json.loads(result.read_text())
        return body


def hear(system: str, audio: str, result: str) -> None:
    """Run one system on audio and write its result."""
    found: Result = SYSTEMS[system][1](np.load(audio))
    Path(result).write_text(json.dumps(asdict(found)), encoding="utf-8")


def figures(recordings: Sequence[Recording], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A system's figures over several recordings as if they were one."""
    waited, wrong = Delays(), Accuracy()
    for recording, result in zip(recordings, results, strict=True):
        texts = [Text(**{**text, "words": tuple(text["words"])}) for text in result["texts"]]
        waited += delays(recording.words, texts)
        wrong += judged(recording, result)
    words, labels = (all(result[key] is not None for result in results) for key in ("rows", "turns"))
    return {
        "cpu_per_second": sum(one["cpu"] for one in results) / sum(one["seconds"] for one in results),
        "word_p50": percentile(waited.words, 50),
        "word_p95": percentile(waited.words, 95),
        "final_p50": percentile(waited.finals, 50),
        "final_p95": percentile(waited.finals, 95),
        "behind": max(one["behind"] for one in results),
        "WER": wrong.wer.rate if words else None,
        "cpWER": wrong.cpwer.rate if words and labels else None,
        "DER": wrong.der.rate if labels else None,
        "memory": max(one["memory"] for one in results),
    }


def judged(recording: Recording, result: dict[str, Any]) -> Accuracy:
    """Errors of words and labels; of what a system does not give they mean nothing."""
    turns = [
        Turn(Span(samples(start), samples(end)), speaker)
        for start, end, speaker in result["turns"] or ()
        if samples(end) > samples(start)
    ]
    return accuracy(recording.rows, recording.turns, result["rows"] or [], turns)
