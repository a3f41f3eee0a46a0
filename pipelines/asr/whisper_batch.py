"""Whisper for several utterances at once: the rounds that faster-whisper takes for one, taken in step for all of them.

A round takes at most 30 s of each utterance, which is what Whisper's encoder sees: one pass of the encoder for all,
then one of the decoder and one of the alignment for those whose prompts allow it. A longer utterance takes a further
round. The decoder writes no time stamps: their rules have CTranslate2 wait for the GPU three times for each hypothesis
and token, so that a batch of sixteen would take as long as sixteen single ones. Words get their times from the
alignment. Without time stamps a round says of all its audio what was said in it, up to the end of the utterance.

What this uses of faster-whisper's private parts is listed in docs/private-parts.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.asr.whisper_requests import choose_language

PROMPT_MULTIPLE = 8
"""Tokens before the start of a transcript come in multiples of this.

CTranslate2 decodes prompts together only where they have equally many: in steps of 8 most utterances find company, and
no prompt loses more than 7 tokens."""
NO_SPEECH_THRESHOLD = 0.6
"""Probability of "no speech here" above which a round gives no text, unless its text is likely"""
LOGPROB_THRESHOLD = -1.0
"""Mean log probability above which text is likely; both thresholds are faster-whisper's defaults"""
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word behind or before it; faster-whisper's defaults"""


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """One segment of what an utterance was decoded to."""

    words: tuple[Any, ...]
    """`faster_whisper.transcribe.Word`, with times in seconds from the start of the utterance"""
    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How all utterances of one call are decoded."""

    beam_size: int = 1
    no_repeat_ngram: int = 0
    """Length of the phrases in tokens that may not come twice; 0 allows all"""
    exact_tokens: int | None = None
    """Tokens to write whatever the audio is, to measure how long that takes"""


@dataclass(slots=True, eq=False)
class BatchItem:
    """One utterance and how far it has been decoded."""

    features: Any
    """Spectrogram, shape (bands, frames), with 100 frames a second"""
    language: str | None
    prompt: Sequence[int]
    """Tokens of the text before it"""
    hotwords: str | None
    among: tuple[str, ...] = ()
    """Languages of which it is one, where it has none yet; empty: any"""
    task: str = "transcribe"
    """"transcribe" or "translate" """
    language_probability: float = 1.0
    """Probability of the language, where it was detected"""
    segments: list[DecodedSegment] = field(default_factory=list)
    seek: int = 0
    """Frame at which the next round begins"""
    last_word_end: float = 0.0
    """Seconds at which the last word ended"""

    @property
    def frames(self) -> int:
        """Frames with audio; behind them is one of padding."""
        return int(self.features.shape[-1]) - 1


def prompt_tokens(model: Any, prompt: str | None, hotwords: str | None) -> list[int]:
    """Tokens of the text before an utterance, cut at its beginning so that utterances with other texts fit the batch.

    Together with the hotwords and one more token (the mark before them) they fill a multiple of `PROMPT_MULTIPLE`.
    """
    text = (prompt or "").strip()
    tokens: list[int] = _encode(model, " " + text)[-_max_prompt_tokens(model) :] if text else []
    first = 1 + len(_encode(model, " " + hotwords.strip())[: _max_prompt_tokens(model)] if hotwords else ())
    return tokens[(first + len(tokens)) % PROMPT_MULTIPLE :]


def decode_batch(model: Any, items: Sequence[BatchItem], options: DecodingOptions) -> None:
    """Decode every item to its end with a `faster_whisper.WhisperModel`; gives each its segments and its language.

    Raises whatever the library raises.
    """
    while batch := [item for item in items if item.seek < item.frames]:
        _Round(model, batch, options).run()


@dataclass(slots=True)
class _Decoded:
    """What the decoder wrote for one utterance."""

    result: Any
    """`ctranslate2.models.WhisperGenerationResult`"""
    logprob: float
    """Mean over its tokens"""
    segments: list[dict[str, Any]] = field(default_factory=list)
    seek: int = 0
    """Frame behind them"""
    ended: bool = False
    """Whether a time stamp says that nothing follows"""

    @property
    def is_silence(self) -> bool:
        """Whether this is no speech: the model says so, and is not sure of its text either."""
        return bool(self.result.no_speech_prob > NO_SPEECH_THRESHOLD and not self.logprob > LOGPROB_THRESHOLD)


class _Round:
    """The next 30 s of each utterance."""

    def __init__(self, model: Any, batch: Sequence[BatchItem], options: DecodingOptions) -> None:
        from faster_whisper.audio import pad_or_trim

        self.model, self.batch, self.options = model, batch, options
        most = model.feature_extractor.nb_max_frames
        self.sizes = [min(most, item.frames - item.seek) for item in batch]
        windows = [
            pad_or_trim(item.features[:, item.seek : item.seek + size])
            for item, size in zip(batch, self.sizes, strict=True)
        ]
        self.encoded = _EncoderOutput(model.encode(np.stack(windows)), len(batch))

    def run(self) -> None:
        """Decode, align, and move every utterance on."""
        self._detect_languages([row for row, item in enumerate(self.batch) if item.language is None])
        self.tokenizers = [_tokenizer(self.model, item) for item in self.batch]
        prompts = [self._prompt(row) for row in range(len(self.batch))]
        decoded: dict[int, Any] = {}
        # the library takes prompts together only where their transcripts start at the same token
        for rows in _groups(range(len(self.batch)), lambda row: len(prompts[row])):
            decoded.update(zip(rows, self._generate(rows, [prompts[row] for row in rows]), strict=True))
        kept = {row: _Decoded(result, _logprob(result)) for row, result in decoded.items()}
        for row in [row for row, one in kept.items() if one.is_silence]:
            self.batch[row].seek += self.sizes[row]  # nothing to align: the next round begins behind this one
            del kept[row]
        # the tokenizer depends on language and task, and the alignment takes one tokenizer
        for rows in _groups(kept, lambda row: (self.batch[row].language, self.batch[row].task)):
            self._align(rows, kept)

    def _detect_languages(self, rows: Sequence[int]) -> None:
        if not rows:
            return
        if not self.model.model.is_multilingual:
            for row in rows:
                self.batch[row].language = "en"
            return
        for row, guesses in zip(rows, self.model.model.detect_language(self.encoded.rows(rows)), strict=True):
            found = [(token[2:-2], probability) for token, probability in guesses]
            item = self.batch[row]
            item.language, item.language_probability = choose_language(found, item.among)

    def _prompt(self, row: int) -> list[int]:
        item = self.batch[row]
        prompt: list[int] = self.model.get_prompt(
            self.tokenizers[row],
            list(item.prompt),
            without_timestamps=True,
            hotwords=item.hotwords,
        )
        return prompt

    def _generate(self, rows: Sequence[int], prompts: list[list[int]]) -> list[Any]:
        from faster_whisper.transcribe import get_suppressed_tokens

        model, options = self.model, self.options
        tokenizer = self.tokenizers[rows[0]]
        suppressed = [-1] if options.exact_tokens is None else [-1, tokenizer.eot]
        length = model.max_length if options.exact_tokens is None else len(prompts[0]) + options.exact_tokens
        results: list[Any] = model.model.generate(
            self.encoded.rows(rows),
            prompts,
            beam_size=options.beam_size,
            patience=1,
            length_penalty=1,
            repetition_penalty=1,
            no_repeat_ngram_size=options.no_repeat_ngram,
            max_length=length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, suppressed),
        )
        return results

    def _align(self, rows: Sequence[int], kept: dict[int, _Decoded]) -> None:
        """Times for the words of utterances in one language and with one task."""
        tokenizer = self.tokenizers[rows[0]]
        for row in rows:
            self._split(row, kept[row])
        texts = [
            [token for segment in kept[row].segments for token in segment["tokens"] if token < tokenizer.eot]
            for row in rows
        ]
        sizes = [self.sizes[row] for row in rows]
        alignments = self.model.find_alignment(tokenizer, texts, self.encoded.rows(rows), sizes)
        for row, alignment in zip(rows, alignments, strict=True):
            self._keep_and_advance(row, kept[row], alignment)

    def _split(self, row: int, decoded: _Decoded) -> None:
        item, size = self.batch[row], self.sizes[row]
        frame = self.model.feature_extractor.time_per_frame
        decoded.segments, decoded.seek, decoded.ended = self.model._split_segments_by_timestamps(
            tokenizer=self.tokenizers[row],
            tokens=decoded.result.sequences_ids[0],
            time_offset=item.seek * frame,
            segment_size=size,
            segment_duration=size * frame,
            seek=item.seek,
        )

    def _keep_and_advance(self, row: int, decoded: _Decoded, alignment: list[Any]) -> None:
        """Keep what was said and move on: to the end of the last word, where this round did not hold everything.

        A word that was cut by the end of the 30 s is thereby decoded again, in one piece.
        """
        from faster_whisper.transcribe import Word
        from faster_whisper.utils import get_end

        item, tokenizer, segments = self.batch[row], self.tokenizers[row], decoded.segments
        # The library goes through the utterances of a call one after the other, but lets the last word of one affect
        # the first of the next: so each is given to it alone, with its part of the common alignment.
        alone = copy.copy(self.model)
        alone.find_alignment = lambda *_: [alignment]
        alone.add_word_timestamps([segments], tokenizer, None, 0, PREPENDED, APPENDED, item.last_word_end)
        end = get_end(segments)
        offset = item.seek * self.model.feature_extractor.time_per_frame
        if item.seek + self.sizes[row] >= item.frames:
            item.seek = item.frames
        elif not decoded.ended and end is not None and end > offset:
            item.seek = round(end * self.model.frames_per_second)
        else:
            item.seek = decoded.seek
        item.last_word_end = item.last_word_end if end is None else end
        item.prompt = ()  # as faster-whisper without `condition_on_previous_text`: only the first round has a prompt
        for segment in segments:
            if segment["start"] != segment["end"] and tokenizer.decode(segment["tokens"]).strip():
                words = tuple(Word(**word) for word in segment["words"])
                item.segments.append(
                    DecodedSegment(words, segment["tokens"], decoded.logprob, decoded.result.no_speech_prob)
                )


class _EncoderOutput:
    """What the encoder made of a batch, whole or in parts."""

    def __init__(self, whole: Any, rows: int) -> None:
        self._whole, self._count = whole, rows
        self._array: Any = None

    def rows(self, rows: Sequence[int]) -> Any:
        """A `ctranslate2.StorageView` of these rows."""
        from ctranslate2 import Device, StorageView

        if len(rows) == self._count:
            return self._whole
        if self._array is None:
            # CTranslate2 has no way to take rows of a batch on the device: a part goes by way of the CPU
            self._array = np.asarray(self._whole.to_device(Device.cpu))
        return StorageView.from_array(np.ascontiguousarray(self._array[list(rows)]))


def _groups(rows: Any, key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _tokenizer(model: Any, item: BatchItem) -> Any:
    from faster_whisper.tokenizer import Tokenizer

    return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task=item.task, language=item.language)


def _encode(model: Any, text: str) -> list[int]:
    tokens: list[int] = model.hf_tokenizer.encode(text, add_special_tokens=False).ids
    return tokens


def _max_prompt_tokens(model: Any) -> int:
    """Tokens of earlier text that a model takes at most, and of hotwords."""
    return int(model.max_length) // 2 - 1


def _logprob(decoded: Any) -> float:
    length = len(decoded.sequences_ids[0])
    return float(decoded.scores[0]) * length / (length + 1)
