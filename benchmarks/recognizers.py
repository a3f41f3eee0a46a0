"""Recognisers side by side: errors, speed, latency of a slice and memory, with the weights that are on this machine.

    .venv/bin/python -m benchmarks.recognizers [FOLDER ...] [--recognizers NAME[:MODEL] ...] [--fetch]

FOLDER holds recordings with their references (`NAME.flac`, `NAME.seglst.json`), or folders of such. Each utterance of
a reference is a slice, which is read alone; recognisers that read several together do that once more, for their
real-time factor. Each recogniser has a process of its own, one after the other. Without `--fetch` nothing is
downloaded, and what is not here is named with where it comes from.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.recordings import SAMPLE
from benchmarks.hotwords import Line, align, plain, read_all_lines
from pipelines.asr.plausibility import recognise_plausibly
from pipelines.asr.recogniser import Recogniser, RecognitionRequest
from pipelines.errors import MeetingError
from pipelines.models.factory import load_recogniser
from pipelines.models.hub import weights_source
from pipelines.models.naming import DEFAULT_MODELS, is_path
from pipelines.models.plugins import OWN_PACKAGE, installed_plugins
from pipelines.models.probe import probe_and_select
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE

COMPARED = ("moonshine", "whisper:base", *(f"{name}:{model}" for name, model in DEFAULT_MODELS.items()))
"""The recognisers of this program: Whisper in one size, run in three ways, beside the embedded one"""
COLUMNS = {
    "recogniser": "recognizer",
    "words": "words",
    "WER": "wer",
    "RTF": "rtf",
    "CPU s/s": "cpu",
    "slice, median s": "median",
    "slice, 95 % s": "slowest",
    "together": "together",
    "memory MB": "memory",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one after the other; print the table, and what is missing."""
    parser = report.parser("recognizers", __doc__)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER", help="recordings (default: the sample)")
    parser.add_argument("--recognizers", nargs="+", metavar="NAME", help="as for models.recognizer (default all)")
    parser.add_argument("--device", default="auto", help="as models.device (default auto)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of a recogniser (default 1)")
    parser.add_argument("--fetch", action="store_true", help="download weights that are not on this machine")
    asked = parser.parse_args(arguments)
    folders = asked.folders or [SAMPLE]
    lines = read_all_lines(folders)
    if not lines:
        parser.error("there are no recordings with references in these folders")
    seconds = sum(len(line.audio) for line in lines) / SAMPLE_RATE
    known = report.facts(
        "recognizers", arguments, slices=len(lines), minutes=round(seconds / 60, 1), threads=asked.threads
    )
    print(report.head(known), flush=True)
    rows = []
    for name in asked.recognizers or offered():
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            options = EngineOptions(
                set="embedded",
                recognizer=name,
                device=asked.device,
                threads=asked.threads,
                hub_timeout=10.0 if asked.fetch else 0.0,
            )
            rows.append(alone.submit(measured, options, folders).result())
    found = [row for row in rows if "missing" not in row]
    print(report.table(list(COLUMNS), [[row[key] for key in COLUMNS.values()] for row in found]))
    for row in rows:
        if "missing" in row:
            print(f"- {row['recognizer']} was not measured: {row['missing']}{pulled_from(row['recognizer'])}")
    report.save(asked.json, known, rows=rows)
    return 0


def offered() -> list[str]:
    """What is compared unless said otherwise: the recognisers of this program, and those of other packages."""
    others = [plugin.name for plugin in installed_plugins("speech") if plugin.package != OWN_PACKAGE]
    return [*COMPARED, *others]


def pulled_from(name: str) -> str:
    """Where weights that are missing come from, as a clause; nothing for a path, or a recogniser of another package."""
    kind, _, model = name.partition(":")
    source = weights_source(kind, model or DEFAULT_MODELS.get(kind, "base"))
    if source is None or is_path(model):
        return ""
    repository, files = source
    place = f"{files[0]} of {repository}" if len(files) == 1 else repository
    return f" (`--fetch` pulls {place})"


def measured(options: EngineOptions, folders: Sequence[Path]) -> dict[str, Any]:
    """One recogniser in this process, which is to do nothing else: a row, or why there is none."""
    try:
        selection = probe_and_select(options)
        recogniser = load_recogniser(selection.speech, options.threads or 1, options.hub_token)
        lines = read_all_lines(folders)
        row = measure(recogniser, lines)
    except MeetingError as error:
        return {"recognizer": options.recognizer, "missing": str(error)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"recognizer": options.recognizer, "device": selection.speech.device, "memory": round(peak), **row}


def measure(recogniser: Recogniser, lines: Sequence[Line]) -> dict[str, Any]:
    """Read every slice alone, and all of them in batches where it takes several; implausible text is left out."""
    requests = [RecognitionRequest(line.audio, language="en", careful=True) for line in lines]
    recognise_plausibly(recogniser, requests[:1])  # the first one is slow
    waits, texts = [], []
    cpu, began = time.process_time(), time.perf_counter()
    for request in requests:
        before = time.perf_counter()
        texts.append(recognise_plausibly(recogniser, [request])[0].text)
        waits.append(time.perf_counter() - before)
    together = recogniser.info.max_batch
    if together > 1:
        cpu, began = time.process_time(), time.perf_counter()
        for first in range(0, len(requests), together):
            recognise_plausibly(recogniser, requests[first : first + together])
    seconds = sum(len(line.audio) for line in lines) / SAMPLE_RATE
    rtf, cpu = (time.perf_counter() - began) / seconds, (time.process_time() - cpu) / seconds
    words = sum(len(line.words) for line in lines)
    return {
        "model": recogniser.info.name,
        "words": words,
        "wer": errors(lines, texts) / words,
        "rtf": rtf,
        "cpu": cpu,
        "median": report.percentile(waits, 50),
        "slowest": report.percentile(waits, 95),
        "together": together,
    }


def errors(lines: Sequence[Line], texts: Sequence[str]) -> int:
    """Words that are missing, other words, and words too many."""
    return sum(
        said != heard for line, text in zip(lines, texts, strict=True) for said, heard in align(line.words, plain(text))
    )


if __name__ == "__main__":
    sys.exit(main())
