"""What careful readings are worth with the embedded recogniser: errors and CPU of beams of several widths.

    .venv/bin/python -m benchmarks.careful_readings FOLDER [FOLDER ...] [--beams WIDTH:PRUNING ...]

FOLDER holds recordings with their references (`NAME.flac`, `NAME.seglst.json`), or folders of such, as a half of a set
of `benchmarks/rooms` does. Each utterance of a reference is read alone, plainly and then with each beam: WIDTH
hypotheses at most, given up where they are PRUNING less likely (log probability) than the likeliest. All read one
utterance before the next one, so that their CPU can be compared on a machine that has other work. The same recordings
give the same errors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.hotwords import Line, read_all_lines
from benchmarks.recognizers import errors
from pipelines.asr.decoding.beam_search import BEAM, Beam
from pipelines.asr.moonshine import MoonshineRecogniser
from pipelines.asr.plausibility import recognise_plausibly
from pipelines.asr.recogniser import Recogniser, RecognitionRequest
from pipelines.models.pinned_files import SPEECH, require
from pipelines.types import SAMPLE_RATE

BEAMS = (Beam(1, 0.0), Beam(4, 0.5), Beam(4, 1.0), BEAM, Beam(4, 3.0), Beam(4, 99.0), Beam(3, 2.0), Beam(6, 2.0))
"""What is compared unless said otherwise: two views alone, then more or less of a search"""
COLUMNS = {"read": "name", "errors": "errors", "WER": "wer", "CPU s/s": "cpu", "CPU, × plainly": "ratio"}


@dataclass
class Reading:
    """A way to read, and what came of it."""

    name: str
    recogniser: Recogniser
    careful: bool = True
    errors: int = 0
    cpu: float = 0.0
    """Seconds that were computed"""

    def read(self, line: Line) -> None:
        """Count one utterance; implausible text is left out."""
        began = time.thread_time()
        (found,) = recognise_plausibly(self.recogniser, [RecognitionRequest(line.audio, careful=self.careful)])
        self.cpu += time.thread_time() - began
        self.errors += errors([line], [found.text])

    def row(self, plainly: Reading, words: int, seconds: float) -> dict[str, Any]:
        """A row of the table, beside the plain reading of as many words in as many seconds of audio."""
        return {
            "name": self.name,
            "errors": self.errors,
            "wer": self.errors / words,
            "cpu": self.cpu / seconds,
            "ratio": self.cpu / plainly.cpu if plainly.cpu else None,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Read everything in all ways; print the table."""
    parser = report.parser("careful_readings", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="recordings with references")
    parser.add_argument(
        "--beams", type=beam, nargs="+", default=BEAMS, metavar="WIDTH:PRUNING", help="such as 4:2 (default eight)"
    )
    asked = parser.parse_args(arguments)
    lines = read_all_lines(asked.folders)
    if not lines:
        parser.error("there are no recordings with references in these folders")
    seconds, words = sum(len(line.audio) for line in lines) / SAMPLE_RATE, sum(len(line.words) for line in lines)
    known = report.facts(
        "careful_readings", arguments, utterances=len(lines), minutes=round(seconds / 60, 1), words=words
    )
    print(report.head(known), flush=True)
    readings = ways(asked.beams)
    for line in lines:
        for one in readings:
            one.read(line)
    rows = [one.row(readings[0], words, seconds) for one in readings]
    print(report.table(list(COLUMNS), [[row[key] for key in COLUMNS.values()] for row in rows]))
    report.save(asked.json, known, rows=rows)
    return 0


def beam(text: str) -> Beam:
    """A beam as it is asked for; raises argparse.ArgumentTypeError."""
    width, _, pruning = text.partition(":")
    try:
        asked = Beam(int(width), float(pruning))
    except ValueError:
        asked = Beam(0, 0.0)
    if asked.width < 1 or not asked.pruning >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not WIDTH:PRUNING, such as 4:2")
    return asked


def ways(beams: Sequence[Beam]) -> list[Reading]:
    """Plainly, and carefully with each beam."""
    folder = require(SPEECH[0]).parent
    plainly = Reading("plainly", MoonshineRecogniser(folder), careful=False)
    return [plainly, *(Reading(named(one), MoonshineRecogniser(folder, beam=one)) for one in beams)]


def named(asked: Beam) -> str:
    """How a row is called."""
    if asked.width == 1:
        return "two views"
    return f"two views, {asked.width} hypotheses, pruning {asked.pruning:g}"
