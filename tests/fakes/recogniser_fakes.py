"""Recognisers that say what a test tells them to; for tests only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecogniserInfo,
    RecognitionRequest,
    RecognitionResult,
)
from pipelines.types import SAMPLE_RATE, Samples, Span, Utterance


def heard(text: str, **measures: float) -> RecognitionResult:
    """Words a fifth of a second apart."""
    words = [RecognisedWord(word, i * 3200, i * 3200 + 3000) for i, word in enumerate(text.split())]
    return RecognitionResult(tuple(words), "en", **measures)


def assert_words_inside(heard: RecognitionResult, audio: Samples) -> None:
    """Words are in order and within the audio, each with text, length and a confidence."""
    edges = [edge for word in heard.words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= word.start < word.end <= len(audio) for word in heard.words)
    assert all(word.text == word.text.strip() != "" for word in heard.words)
    assert all(word.confidence is not None and 0 < word.confidence <= 1 for word in heard.words)


class FakeRecogniser(Recogniser):
    """Gives its answers one after the other, and keeps what it was asked; an answer may be an error or a wait."""

    info = RecogniserInfo("fake", translates=True)

    def __init__(self, *answers: RecognitionResult | Exception | Callable[[], RecognitionResult]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, str | None, tuple[str, ...], bool]] = []
        self.prompts: list[str | None] = []
        self.among: list[tuple[str, ...]] = []
        self.translate: list[bool] = []
        self.careful: list[bool] = []

    def measure_rtf(self) -> float:
        """A twentieth of the time."""
        return 0.05

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """The next answer."""
        self.asked.append((len(request.audio), request.language, request.hotwords, request.partial))
        self.prompts.append(request.prompt)
        self.among.append(request.among)
        self.translate.append(request.translate)
        self.careful.append(request.careful)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, RecognitionResult) else answer()


def utterance(index: int, final: bool, length: int = SAMPLE_RATE) -> Utterance:
    """An utterance of so many samples of silence."""
    return Utterance(index, Span(0, length), np.zeros(length, np.float32), final)
