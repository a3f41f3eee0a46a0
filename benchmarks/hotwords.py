"""What hotwords are worth with the embedded recogniser: errors on the terms, on all other words, terms invented, CPU.

    .venv/bin/python -m benchmarks.hotwords FOLDER [FOLDER ...]

FOLDER holds recordings with their references (`NAME.flac`, `NAME.seglst.json`), or folders of such, as a half of a set
of `benchmarks/rooms` does. Each utterance of a reference is read alone, without and with terms. The terms of a
recording are its rare words, and as many rare words of the other recordings that are not said in it. Rare is a word for
which the recogniser's vocabulary has no token of its own: it spells what it has seldom seen. The same recordings give
the same figures, but for the CPU.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import report
from pipelines.asr.decoding.hotwords import BOOST, SPACE, Tokenizer
from pipelines.asr.moonshine import MoonshineRecogniser, parse_vocabulary
from pipelines.asr.plausibility import recognise_plausibly
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.audio.recording import read_recording
from pipelines.models.pinned_files import SPEECH, require
from pipelines.types import SAMPLE_RATE, Samples, samples

MARGIN = 0.2
"""Seconds of audio before and after an utterance"""
LONGEST = 30.0
"""Seconds of the longest utterance that is read"""
SHORTEST_TERM = 4
"""Letters"""
MOST_TERMS = 100
"""Rare words of a recording that are given as terms"""
COLUMNS = {
    "terms": "name",
    "said": "terms",
    "wrong": "wrong_terms",
    "other words": "others",
    "errors on them": "wrong_others",
    "terms invented": "invented",
    "CPU s/s": "cpu",
}

Read = Callable[[Samples, tuple[str, ...]], str]
"""The text of an utterance that may hold these terms"""


@dataclass(frozen=True)
class Line:
    """An utterance of a reference."""

    audio: Samples
    """With its margins, shape (samples,)"""
    words: tuple[str, ...]
    """As they are compared"""


@dataclass
class Counts:
    """Words and errors, added up."""

    terms: int = 0
    """Words said that are terms"""
    term_errors: int = 0
    """Of these, missing or another word"""
    others: int = 0
    """All other words said"""
    other_errors: int = 0
    """Of these, missing or another word; and words too many"""
    invented: int = 0
    """Terms in the text where they were not said"""
    audio: float = 0.0
    """Seconds"""
    cpu: float = 0.0
    """Seconds that were computed"""

    def add(self, reference: Sequence[str], hypothesis: Sequence[str], terms: frozenset[str]) -> None:
        """Count one utterance."""
        for said, heard in align(reference, hypothesis):
            self.invented += heard in terms and heard != said
            if said in terms:
                self.terms += 1
                self.term_errors += heard != said
            else:
                self.others += said is not None
                self.other_errors += heard != said

    def row(self, name: str) -> dict[str, Any]:
        """A row of the table."""
        return {
            "name": name,
            **asdict(self),
            "wrong_terms": self.term_errors / self.terms if self.terms else None,
            "wrong_others": self.other_errors / self.others if self.others else None,
            "cpu": self.cpu / self.audio if self.audio else None,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Read everything without terms and with them; print the table."""
    parser = report.parser("hotwords", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="recordings with references")
    parser.add_argument(
        "--boost", type=float, nargs="+", default=[BOOST], help=f"logits are raised by (default {BOOST})"
    )
    parser.add_argument("--unsaid", type=int, default=1, metavar="N", help="terms not said for each said (default 1)")
    asked = parser.parse_args(arguments)
    folder = require(SPEECH[0]).parent
    lines = read_lines(asked.folders)
    terms = terms_of(lines, Tokenizer(parse_vocabulary((folder / "tokenizer.bin").read_bytes())), asked.unsaid)
    if not any(terms.values()):
        parser.error("there are no recordings with references that hold rare words")
    seconds = sum(len(line.audio) for each in lines.values() for line in each) / SAMPLE_RATE
    known = report.facts("hotwords", arguments, recordings=len(lines), minutes=round(seconds / 60, 1))
    print(report.head(known), flush=True)
    rows = [measure(lines, terms, reader(folder, 0.0), given=False).row("not given")]
    for boost in asked.boost:
        rows.append(measure(lines, terms, reader(folder, boost)).row(f"given, boost {boost:g}"))
    print(report.table(list(COLUMNS), [[row[key] for key in COLUMNS.values()] for row in rows]))
    report.save(asked.json, known, rows=rows)
    return 0


def reader(folder: Path, boost: float) -> Read:
    """Reads as the program reads final text, implausible text left out."""
    recogniser = MoonshineRecogniser(folder, boost=boost)

    def read(audio: Samples, terms: tuple[str, ...]) -> str:
        request = RecognitionRequest(audio, hotwords=terms, careful=True)
        return recognise_plausibly(recogniser, [request])[0].text

    return read


def measure(
    lines: Mapping[str, Sequence[Line]], terms: Mapping[str, tuple[str, ...]], read: Read, given: bool = True
) -> Counts:
    """Read the lines of all recordings; the terms are counted whether or not they are `given`."""
    counts = Counts()
    for name, each in lines.items():
        for line in each:
            began = time.thread_time()
            text = read(line.audio, terms[name] if given else ())
            counts.cpu += time.thread_time() - began
            counts.audio += len(line.audio) / SAMPLE_RATE
            counts.add(line.words, plain(text), frozenset(terms[name]))
    return counts


def plain(text: str) -> tuple[str, ...]:
    """Words as they are compared: small letters, no punctuation."""
    return tuple(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("\u2019", "'")))


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Pairs of words with the fewest errors (Levenshtein distance); None stands for a word that is not there."""
    costs = np.zeros((len(reference) + 1, len(hypothesis) + 1), int)
    costs[:, 0], costs[0] = range(len(reference) + 1), range(len(hypothesis) + 1)
    for i, said in enumerate(reference, 1):
        for j, heard in enumerate(hypothesis, 1):
            costs[i, j] = min(costs[i - 1, j - 1] + (said != heard), costs[i - 1, j] + 1, costs[i, j - 1] + 1)
    pairs: list[tuple[str | None, str | None]] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, hypothesis[j]))
    return pairs[::-1]


def read_lines(folders: Iterable[Path]) -> dict[str, list[Line]]:
    """The utterances of all recordings whose words are known, by the paths of their references, in order."""
    found: dict[str, list[Line]] = {}
    for file in sorted(file for folder in folders for file in folder.rglob("*.seglst.json")):
        recording = file.with_name(file.name.removesuffix(".seglst.json") + ".flac")
        if not recording.exists():
            continue
        audio = np.concatenate(list(read_recording(recording)))
        found[str(file)] = lines = []
        for row in json.loads(file.read_text(encoding="utf-8")):
            start, end, words = float(row["start_time"]), float(row["end_time"]), plain(row["words"])
            if words and end - start <= LONGEST:
                lines.append(Line(audio[samples(max(0.0, start - MARGIN)) : samples(end + MARGIN)], words))
    return found


def read_all_lines(folders: Iterable[Path]) -> list[Line]:
    """The same of all recordings, one behind the other."""
    return [line for each in read_lines(folders).values() for line in each]


def terms_of(lines: Mapping[str, Sequence[Line]], tokenizer: Tokenizer, unsaid: int = 1) -> dict[str, tuple[str, ...]]:
    """The terms of each recording: its rare words, and `unsaid` times as many that are rare in others, and not said."""
    said = {name: {word for line in each for word in line.words} for name, each in lines.items()}
    rare = {word for words in said.values() for word in words if is_rare(word, tokenizer)}
    terms: dict[str, tuple[str, ...]] = {}
    for name, words in said.items():
        own = _draw(rare & words, MOST_TERMS)
        terms[name] = tuple(sorted([*own, *_draw(rare - words, unsaid * len(own))]))
    return terms


def is_rare(word: str, tokenizer: Tokenizer) -> bool:
    """Whether a word of some length has no token of its own, neither in small letters nor with a capital one."""
    spelt = all(len(tokenizer.encode(SPACE + one)) > 1 for one in (word, word.capitalize()))
    return spelt and word.isalpha() and len(word) >= SHORTEST_TERM


def _draw(words: Iterable[str], most: int) -> list[str]:
    """Some of the words, the same ones each time."""
    return sorted(words, key=lambda word: hashlib.sha256(word.encode()).digest())[:most]


if __name__ == "__main__":
    sys.exit(main())
