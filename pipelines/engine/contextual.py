"""Recognises utterances of many sources, each with what its source has said before."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.asr.partials import PartialTranscript
from pipelines.asr.plausibility import recognise_plausibly
from pipelines.asr.recogniser import Recogniser, RecognitionRequest, RecognitionResult, trim_context
from pipelines.types import SAMPLE_RATE, Samples, Utterance

MAX_SOURCES = 1024
"""Sources whose context is remembered; the one used longest ago is forgotten first"""
MIN_LANGUAGE_PROBABILITY = 0.5
"""Probability of a detected language from which it is kept for the rest of the source"""
MIN_LANGUAGE_SAMPLES = 2 * SAMPLE_RATE
"""Samples that an utterance needs for its language to be kept: from less a recogniser often detects another one"""


@dataclass(slots=True)
class SourceContext:
    """What the final utterances of one source have told so far.

    They are recognised in order, so it is the same whatever the speed. What partial ones told stands apart.
    """

    prompt: str | None = None
    """Text of the last final utterance"""
    language: str | None = None
    partial: PartialTranscript = field(default_factory=PartialTranscript)
    skipped_partial: bool = False
    """Whether the last partial utterance was left out"""

    def learn(self, result: RecognitionResult, length: int) -> None:
        """Carry the text over as the next prompt unless it was not plausible, and keep a language that is certain.

        `length` is that of the utterance in samples.
        """
        self.prompt = result.text or None
        if (
            self.language is None
            and length >= MIN_LANGUAGE_SAMPLES
            and (result.language_probability or 0.0) >= MIN_LANGUAGE_PROBABILITY
            and result.words
        ):
            self.language = result.language


@dataclass(frozen=True, slots=True)
class UtteranceJob:
    """An utterance that waits to be recognised."""

    utterance: Utterance
    context: SourceContext
    language: str | None
    hotwords: tuple[str, ...]


class ContextualRecogniser:
    """A recogniser with the contexts of all sources.

    `context` may be called from any thread, `recognise` by one at a time for each source, where the recogniser may.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self._takes_context = recogniser.info.takes_context
        self._contexts: dict[Hashable, SourceContext] = {}
        self._lock = threading.Lock()

    def context(self, source: Hashable) -> SourceContext:
        """That of one source, for now the one used last."""
        with self._lock:
            context = self._contexts.pop(source, None) or SourceContext()
            self._contexts[source] = context
            while len(self._contexts) > MAX_SOURCES:
                del self._contexts[next(iter(self._contexts))]
            return context

    def audio(self, utterance: Utterance) -> Samples:
        """What the recogniser is given of an utterance: of a final one also the audio before it, where that helps."""
        with_context = utterance.final and self._has_context(utterance)
        return np.concatenate([utterance.context, utterance.audio]) if with_context else utterance.audio

    def recognise(self, jobs: list[UtteranceJob]) -> list[RecognitionResult]:
        """A result for each utterance, with times from its start; of different sources, all final or all partial.

        Raises BlockError when one of them fails.
        """
        requests = [self._request(job) for job in jobs]
        results = recognise_plausibly(self.recogniser, requests)
        for at, job in enumerate(jobs):
            has_context = self._has_context(job.utterance)
            if not job.utterance.final:
                results[at] = replace(job.context.partial.extend(results[at]), unstable=has_context)
                continue
            results[at] = self._without_context(results[at], job)
            if has_context and not results[at].words:
                # short answers are lost behind a long context now and then: alone they are found
                alone = replace(requests[at], audio=job.utterance.audio)
                results[at] = recognise_plausibly(self.recogniser, [alone])[0]
            job.context.learn(results[at], len(job.utterance.audio))
        return results

    def _request(self, job: UtteranceJob) -> RecognitionRequest:
        utterance, context = job.utterance, job.context
        language = job.language or context.language
        if utterance.final:
            # from the audio alone, never from a draft: how many of those there were depends on the speed
            return RecognitionRequest(self.audio(utterance), context.prompt, language, job.hotwords)
        partial = context.partial
        # without its context: to recognise that each time costs twice as much, and moves the place where words begin
        start = partial.start((utterance.index, utterance.span.start), len(utterance.audio))
        prompt = " ".join(text for text in (context.prompt, partial.settled_text) if text) or None
        return RecognitionRequest(utterance.audio[start:], prompt, language, job.hotwords, True, partial.draft)

    def _has_context(self, utterance: Utterance) -> bool:
        return self._takes_context and len(utterance.context) > 0 and len(utterance.audio) > 0

    def _without_context(self, result: RecognitionResult, job: UtteranceJob) -> RecognitionResult:
        """A result without the words that were said before the utterance."""
        utterance, prompt = job.utterance, job.context.prompt
        if not self._has_context(utterance):
            return result
        last_word = prompt.split()[-1] if prompt else None
        return trim_context(result, len(utterance.context), len(utterance.audio), last_word)
