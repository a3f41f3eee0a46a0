"""Recognises utterances of many sources, each with what its source has said before."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.asr.committing import MIN_SENTENCE_PART_BEFORE_CHANGE, Committed
from pipelines.asr.partials import PartialTranscript
from pipelines.asr.plausibility import recognise_plausibly, without_repeats
from pipelines.asr.recogniser import (
    Recogniser,
    RecognitionRequest,
    RecognitionResult,
    absolute_words,
    shift_words,
    trim_context,
)
from pipelines.options import language_codes
from pipelines.turns import keep_sentences_whole, label_words
from pipelines.types import SAMPLE_RATE, Samples, Utterance

MAX_SOURCES = 1024
"""Sources whose context is remembered; the one used longest ago is forgotten first"""
MIN_LANGUAGE_PROBABILITY = 0.5
"""Probability of a detected language from which it is kept for the rest of the source"""
MIN_LANGUAGE_SAMPLES = 2 * SAMPLE_RATE
"""Samples that an utterance needs for its language to be kept: from less a recogniser often detects another one"""
SURE = -0.15
"""Mean log probability of a plain reading from which a careful one of the same audio gains nothing (measured)"""


def sure_of_language(result: RecognitionResult, length: int) -> bool:
    """Whether the language that was detected in an utterance of so many samples is that of its source."""
    sure = (result.language_probability or 0.0) >= MIN_LANGUAGE_PROBABILITY
    return sure and length >= MIN_LANGUAGE_SAMPLES and bool(result.words)


@dataclass(slots=True)
class SourceContext:
    """What the final utterances of one source have told so far.

    They are recognised in order, so it is the same whatever the speed. What partial ones told stands apart.
    """

    prompt: str | None = None
    """Text of the last final utterance"""
    language: str | None = None
    partial: PartialTranscript = field(default_factory=PartialTranscript)
    committed: Committed = field(default_factory=Committed)
    """What is final of the utterance that was recognised last, while it grows"""
    skipped_partial: bool = False
    """Whether the last partial utterance was left out"""

    def committed_of(self, utterance: Utterance) -> Committed:
        """What is final of an utterance so far."""
        return self.committed if self.committed.index == utterance.index else Committed(utterance.index)

    def learn(self, result: RecognitionResult, length: int) -> None:
        """Carry the text over as the next prompt unless it was not plausible, and keep a language that is certain.

        `length` is that of the utterance in samples.
        """
        self.prompt = result.text or None
        if self.language is None and sure_of_language(result, length):
            self.language = result.language


@dataclass(frozen=True, slots=True)
class UtteranceJob:
    """An utterance that waits to be recognised."""

    utterance: Utterance
    context: SourceContext
    language: str | None
    """As in `PipelineOptions`"""
    hotwords: tuple[str, ...]
    translate: bool = False
    """Whether its words are to be English, where the recogniser can translate"""


class ContextualRecogniser:
    """A recogniser with the contexts of all sources.

    `context` may be called from any thread, `recognise` by one at a time for each source, where the recogniser may.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self._takes_context = recogniser.info.takes_context
        self._translates = recogniser.info.translates
        self._reads_carefully = recogniser.info.reads_carefully
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

    def reading_length(self, utterance: Utterance, context: SourceContext) -> int:
        """Samples that the recogniser is given of an utterance, as far as is known before its turn comes."""
        return len(utterance.audio) - (self._reading_start(utterance, context) if _is_lasting(utterance) else 0)

    def recognise(self, jobs: list[UtteranceJob]) -> list[RecognitionResult]:
        """A result for each utterance, with times from its start; of different sources, all final or all partial.

        Those whose sentences become final count as final. Raises BlockError when one of them fails.
        """
        requests = [self._request(job) for job in jobs]
        results = recognise_plausibly(self.recogniser, requests)
        for at, job in enumerate(jobs):
            if _is_lasting(job.utterance):
                results[at] = self._lasting(job, requests[at], results[at])
            else:
                once = replace(results[at], words=tuple(without_repeats(results[at].words)))
                extended = job.context.partial.extend(once)
                results[at] = replace(extended, unstable=self._has_context(job.utterance, job.context))
        return results

    def _lasting(self, job: UtteranceJob, request: RecognitionRequest, result: RecognitionResult) -> RecognitionResult:
        """The words of an utterance that is final, or some of whose words become final."""
        utterance, context = job.utterance, job.context
        committed = context.committed_of(utterance)
        result = self._without_context(committed, job, request, result)
        if not utterance.commits:
            context.learn(result, len(utterance.audio))
            return result
        extended = self._extended(committed, utterance, result)
        if self._reads_carefully and extended is not committed and not _is_sure(result):
            # only what becomes final is read carefully, and is final all the same
            careful = replace(request, careful=True)
            (found,) = recognise_plausibly(self.recogniser, [careful])
            again = self._without_context(committed, job, careful, found)
            reread = extended.read_again(committed, again.words[len(committed.words) :])
            if reread is not extended:
                extended, result = reread, again
        return self._commit(utterance, context, extended, result)

    def _without_context(
        self, committed: Committed, job: UtteranceJob, request: RecognitionRequest, result: RecognitionResult
    ) -> RecognitionResult:
        """All words of an utterance: those that are final, and behind them those of a result without its context."""
        utterance, context, length = job.utterance, job.context, len(job.utterance.audio)
        before = len(request.audio) - (length - committed.end)
        if before:
            last_word = committed.words[-1].text if committed.words else (context.prompt or "").split(" ")[-1]
            result = trim_context(result, before, length - committed.end, last_word)
            if not result.words and utterance.final:
                # short answers are lost behind a long context now and then: alone they are found
                alone = replace(request, audio=utterance.audio[committed.end :])
                (result,) = recognise_plausibly(self.recogniser, [alone])
        return replace(result, words=(*committed.words, *shift_words(result.words, committed.end)))

    @staticmethod
    def _commit(
        utterance: Utterance, context: SourceContext, committed: Committed, result: RecognitionResult
    ) -> RecognitionResult:
        """Note which words are final now, and let partial results go on behind them."""
        context.committed = committed
        count = len(committed.words)
        context.partial.go_on(_key(utterance), committed.end, result.words[:count], result.words[count:])
        return replace(result, draft=None, committed=count, unstable=True)

    @classmethod
    def _extended(cls, before: Committed, utterance: Utterance, result: RecognitionResult) -> Committed:
        """What is final once an utterance has been read; the same object where that is no more than before."""
        known = len(before.words)
        voices = cls._voices(utterance, result, known)
        return before.extend(result.words[known:], len(utterance.audio), voices)

    @staticmethod
    def _voices(utterance: Utterance, result: RecognitionResult, known: int) -> list[str | None]:
        """Who says each word behind the first `known` ones, much as lines are split; empty without turns."""
        if not utterance.turns:
            return []
        words = absolute_words(result, utterance.span.start)[known:]
        return keep_sentences_whole(words, label_words(words, utterance.turns), MIN_SENTENCE_PART_BEFORE_CHANGE)

    def _request(self, job: UtteranceJob) -> RecognitionRequest:
        utterance, context = job.utterance, job.context
        language, among = _language(job.language, context.language)
        translate = job.translate and self._translates
        if _is_lasting(utterance):
            # from the audio alone, never from a draft: how many of those there were depends on the speed
            audio = self._audio(utterance, context)
            return RecognitionRequest(
                audio,
                context.prompt,
                language,
                job.hotwords,
                among=among,
                translate=translate,
                careful=self._reads_carefully and utterance.final,
            )
        partial = context.partial
        # without its context: to recognise that each time costs twice as much, and moves the place where words begin
        start = partial.start(_key(utterance), len(utterance.audio))
        prompt = " ".join(text for text in (context.prompt, partial.settled_text) if text) or None
        audio = utterance.audio[start:]
        return RecognitionRequest(audio, prompt, language, job.hotwords, True, partial.draft, among, translate)

    def _has_context(self, utterance: Utterance, context: SourceContext) -> bool:
        """Whether what is open of an utterance will be read with audio before it."""
        before = len(utterance.context) + context.committed_of(utterance).end
        return self._takes_context and before > 0 and len(utterance.audio) > 0

    def _reading_start(self, utterance: Utterance, context: SourceContext) -> int:
        """Sample from which on one whose words last is read; negative where the audio before it is read, too."""
        if not self._has_context(utterance, context):
            return 0
        return context.committed_of(utterance).reread_from(len(utterance.context))

    def _audio(self, utterance: Utterance, context: SourceContext) -> Samples:
        """What the recogniser is given of one whose words last."""
        start = self._reading_start(utterance, context)
        return utterance.audio[start:] if start >= 0 else np.concatenate([utterance.context, utterance.audio])


def _language(asked: str | None, kept: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The language of an utterance, if it is known, else those of which it is one; `kept` was detected before."""
    codes = language_codes(asked)
    if len(codes) == 1:
        return codes[0], ()
    return (kept, ()) if kept is not None and (not codes or kept in codes) else (None, codes)


def _is_sure(result: RecognitionResult) -> bool:
    return result.avg_logprob is not None and result.avg_logprob > SURE


def _is_lasting(utterance: Utterance) -> bool:
    return utterance.final or utterance.commits


def _key(utterance: Utterance) -> tuple[int, int]:
    return utterance.index, utterance.span.start
