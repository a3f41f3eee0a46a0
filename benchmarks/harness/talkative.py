"""A stand-in for models that hears far more than anybody can say: long meetings and much text within seconds."""

from __future__ import annotations

import numpy as np

from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word
from tests.fakes.server_fakes import LeanPipeline

LINES = 60
"""Lines that it hears in every second of loud sound; one in any other sound, none where it is quiet"""
WORDS = 20
"""Words of each"""
LOUD = 0.5
"""Largest sample from which on sound is loud"""
QUIET = 0.05
"""Largest sample up to which it is quiet"""


def spoken(source_id: str, number: int, start: int, length: int) -> Segment:
    """A line of a long meeting; times in samples."""
    step = length // WORDS
    words = tuple(
        Word(f"word{(number * WORDS + i) % 9973}", Span(start + i * step, start + (i + 1) * step), 0.987)
        for i in range(WORDS)
    )
    speaker = f"spk{number // 3 % 2 + 1}"
    return Segment(f"s{number}", 1, True, source_id, Span(start, start + length), speaker, words)


def sound(seconds: float, loudest: float) -> bytes:
    """Sound whose largest sample is given, of 1, as 16-bit samples."""
    return (loudest * 32767 * np.sin(np.arange(round(seconds * SAMPLE_RATE)) / 5)).astype("<i2").tobytes()


class Talkative(LeanPipeline):
    """Two voices that take turns."""

    def _second(self, start: int, end: int) -> None:
        self._done = end
        if not start:
            self._emit(Speaker("spk1"))
            self._emit(Speaker("spk2", color=1))
        loudest = np.abs(self._sound(start, end)).max()
        lines = LINES if loudest > LOUD else 1 if loudest > QUIET else 0
        for i in range(lines):
            at = start + i * SAMPLE_RATE // lines
            number = start // SAMPLE_RATE * LINES + i
            self._emit(spoken(self._source_id, number, at, SAMPLE_RATE // lines))
