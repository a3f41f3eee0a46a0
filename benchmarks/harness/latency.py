"""How long words and lines took to be shown, against the reference: the same for every system that is measured.

The words of a line are compared with the reference words spoken about then. A word that the line's last text has right
counts as shown with the first text of that line that had it, and the reference tells when it was spoken.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from benchmarks.harness.recordings import Said
from meeting.evaluation.scores import bare

AROUND = 1.0
"""Seconds round a line in which its words may have been spoken"""
INEXACT = 0.1
"""Seconds by which the end that a system gives its line may be early"""


@dataclass(frozen=True, slots=True)
class Text:
    """What was shown of one line at one moment; seconds of audio, and of the clock since the first sample."""

    wall: float
    line: str
    start: float
    end: float
    words: tuple[str, ...]
    final: bool


@dataclass(slots=True)
class Delays:
    """Seconds, one for each word or line; `at` is where in the audio it was."""

    words: list[float] = field(default_factory=list)
    """From the end of a reference word to the first text that has it, of those that the final text has right"""
    words_at: list[float] = field(default_factory=list)
    finals: list[float] = field(default_factory=list)
    """From the end of the last reference word of a line to its first final text"""
    finals_at: list[float] = field(default_factory=list)

    def __add__(self, other: Delays) -> Delays:
        return Delays(
            self.words + other.words,
            self.words_at + other.words_at,
            self.finals + other.finals,
            self.finals_at + other.finals_at,
        )

    def between(self, start: float, end: float) -> Delays:
        """Those of a stretch of the audio."""
        words = [(d, at) for d, at in zip(self.words, self.words_at, strict=True) if start <= at < end]
        finals = [(d, at) for d, at in zip(self.finals, self.finals_at, strict=True) if start <= at < end]
        return Delays([d for d, _ in words], [at for _, at in words], [d for d, _ in finals], [at for _, at in finals])


def delays(said: Sequence[Said], texts: Iterable[Text]) -> Delays:
    """Compare what was shown with what was said; `said` is in order of ends."""
    lines: dict[str, list[Text]] = {}
    for text in texts:
        lines.setdefault(text.line, []).append(text)
    ends, found = [word.end for word in said], Delays()
    for history in lines.values():
        finals = [text for text in history if text.final]
        if not finals or not finals[-1].words:
            continue
        settled = finals[-1]
        low = bisect_left(ends, settled.start - AROUND)
        near = said[low : bisect_right(ends, settled.end + AROUND)]
        first: dict[int, float] = {}
        for text in history:
            for place in _heard(text, near):
                first.setdefault(place, text.wall)
        matched = _heard(settled, near)
        for place in matched:
            found.words.append(first[place] - near[place].end)
            found.words_at.append(near[place].end)
        # the last word may be misread, so that where the system heard the end counts as well
        spoken = [near[place].end for place in matched]
        spoken += [word.end for word in near if settled.start < word.end <= settled.end + INEXACT]
        if spoken:
            # a line that is cut between speakers comes in pieces: it is there with the last of them
            there = next(text.wall for text in finals if len(text.words) >= len(settled.words))
            found.finals.append(there - max(spoken))
            found.finals_at.append(max(spoken))
    return found


def _heard(text: Text, near: Sequence[Said]) -> list[int]:
    """Places of the reference words that a text holds, in their order; none that began after it was shown."""
    told = [word for word in near if word.start < text.wall]
    shown, wanted = [bare(word) for word in text.words], [bare(word.text) for word in told]
    places = [at for at, word in enumerate(near) if word.start < text.wall]
    blocks = SequenceMatcher(None, shown, wanted, autojunk=False).get_matching_blocks()
    return [places[block.b + step] for block in blocks for step in range(block.size)]


def texts_of(log: Iterable[dict[str, Any]]) -> list[Text]:
    """Our own messages as texts of whole lines: the pieces of a line that is cut between speakers count as one.

    `log` has `wall` and `event`, as `replay --events` writes it.
    """
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    made = []
    for row in log:
        event = row["event"]
        if event.get("type") != "segment":
            continue
        line = event["id"].partition(".")[0]
        pieces = lines.setdefault(line, {})
        pieces[event["id"]] = event
        parts = sorted((piece for piece in pieces.values() if piece["words"]), key=lambda piece: float(piece["start"]))
        words = tuple(word["text"] for piece in parts for word in piece["words"])
        start = min((float(piece["start"]) for piece in parts), default=float(event["start"]))
        end = max((float(piece["end"]) for piece in parts), default=float(event["end"]))
        made.append(Text(float(row["wall"]), line, start, end, words, bool(event["final"])))
    return made
