"""Whisper for several slices at once: the rounds that faster-whisper takes for one, taken in step for all of them.

A round reads at most 30 s of each slice: one pass of the encoder for all, then one of the decoder and one of the
alignment for those whose prompts allow it. A longer slice takes a further round. The decoder writes no time stamps:
their rules have CTranslate2 wait for the GPU three times for each hypothesis and token, so that sixteen slices take as
long as sixteen times one; words get their times from the alignment. So what is read of a slice's end is all of it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PROMPT_MULTIPLE = 8
"""Tokens before the start of a transcript come in multiples of this: only slices with as many are decoded together"""
NO_SPEECH_THRESHOLD = 0.6
"""Probability of "no speech here" above which a round brings nothing, unless its text is likely"""
LOGPROB_THRESHOLD = -1.0
"""Mean log probability above which it is; this and the one before are faster-whisper's own"""
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word behind or before it; again as faster-whisper has it"""


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """One segment of a reading."""

    words: tuple[Any, ...]
    """`faster_whisper.transcribe.Word`, with times in seconds from the start of the slice"""
    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How all slices of one call are read."""

    beam_size: int = 1
    no_repeat_ngram: int = 0
    """Length of the phrases that may not come twice; 0 lets all"""
    exact_tokens: int | None = None
    """Tokens to write whatever is heard, to measure how long that takes"""


@dataclass(slots=True, eq=False)
class BatchItem:
    """One slice and how far it has been read."""

    features: Any
    """Spectrogram (bands, frames)"""
    language: str | None
    prompt: Sequence[int]
    """Tokens of the text before it"""
    hotwords: str | None
    language_probability: float = 1.0
    """Probability of the language, where it was detected"""
    segments: list[DecodedSegment] = field(default_factory=list)
    seek: int = 0
    """Frame from which it is read in the next round"""
    last_word_end: float = 0.0
    """Seconds at which the last word ended"""

    @property
    def frames(self) -> int:
        """Frames with audio; behind them is one of padding."""
        return int(self.features.shape[-1]) - 1


def prompt_tokens(model: Any, prompt: str | None, hotwords: str | None) -> list[int]:
    """Tokens of the text before a slice, cut at its beginning so that slices with other texts can go along."""
    text = (prompt or "").strip()
    tokens: list[int] = _encode(model, " " + text)[-_max_prompt_tokens(model) :] if text else []
    first = 1 + len(_encode(model, " " + hotwords.strip())[: _max_prompt_tokens(model)] if hotwords else ())
    return tokens[(first + len(tokens)) % PROMPT_MULTIPLE :]


def decode_batch(model: Any, items: Sequence[BatchItem], options: DecodingOptions) -> None:
    """Read every piece to its end with a `faster_whisper.WhisperModel`.

    Gives each its segments and its language. Raises whatever the library raises.
    """
    while batch := [piece for piece in items if piece.seek < piece.frames]:
        _Round(model, batch, options).run()


@dataclass(slots=True)
class _Decoded:
    """What the decoder wrote for one slice."""

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
        """Whether this is no speech."""
        return bool(self.result.no_speech_prob > NO_SPEECH_THRESHOLD and not self.logprob > LOGPROB_THRESHOLD)


class _Round:
    """The next 30 s of each slice."""

    def __init__(self, model: Any, batch: Sequence[BatchItem], options: DecodingOptions) -> None:
        from faster_whisper.audio import pad_or_trim

        self.model, self.batch, self.manner = model, batch, options
        most = model.feature_extractor.nb_max_frames
        self.sizes = [min(most, piece.frames - piece.seek) for piece in batch]
        windows = [
            pad_or_trim(piece.features[:, piece.seek : piece.seek + size])
            for piece, size in zip(batch, self.sizes, strict=True)
        ]
        self.encoded = _EncoderOutput(model.encode(np.stack(windows)), len(batch))

    def run(self) -> None:
        """Decode, align, and move every slice on."""
        self._detect_languages([row for row, piece in enumerate(self.batch) if piece.language is None])
        self.tokenizers = [_tokenizer(self.model, piece.language) for piece in self.batch]
        prompts = [self._prompt(row) for row in range(len(self.batch))]
        found: dict[int, Any] = {}
        # the library takes prompts together only where their transcripts start at the same token
        for rows in _groups(range(len(self.batch)), lambda row: len(prompts[row])):
            found.update(zip(rows, self._generate(rows, [prompts[row] for row in rows]), strict=True))
        kept = {row: _Decoded(result, _logprob(result)) for row, result in found.items()}
        for row in [row for row, one in kept.items() if one.is_silence]:
            self.batch[row].seek += self.sizes[row]
            del kept[row]
        for rows in _groups(kept, lambda row: self.batch[row].language):
            self._align(rows, kept)

    def _detect_languages(self, rows: Sequence[int]) -> None:
        if not rows:
            return
        if not self.model.model.is_multilingual:
            for row in rows:
                self.batch[row].language = "en"
            return
        for row, guesses in zip(rows, self.model.model.detect_language(self.encoded.rows(rows)), strict=True):
            token, probability = guesses[0]
            self.batch[row].language, self.batch[row].language_probability = token[2:-2], probability

    def _prompt(self, row: int) -> list[int]:
        piece = self.batch[row]
        prompt: list[int] = self.model.get_prompt(
            self.tokenizers[row],
            list(piece.prompt),
            without_timestamps=True,
            hotwords=piece.hotwords,
        )
        return prompt

    def _generate(self, rows: Sequence[int], prompts: list[list[int]]) -> list[Any]:
        from faster_whisper.transcribe import get_suppressed_tokens

        model, manner = self.model, self.manner
        tokenizer = self.tokenizers[rows[0]]
        suppressed = [-1] if manner.exact_tokens is None else [-1, tokenizer.eot]
        length = model.max_length if manner.exact_tokens is None else len(prompts[0]) + manner.exact_tokens
        results: list[Any] = model.model.generate(
            self.encoded.rows(rows),
            prompts,
            beam_size=manner.beam_size,
            patience=1,
            length_penalty=1,
            repetition_penalty=1,
            no_repeat_ngram_size=manner.no_repeat_ngram,
            max_length=length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, suppressed),
        )
        return results

    def _align(self, rows: Sequence[int], kept: dict[int, _Decoded]) -> None:
        """Times for the words of slices in one language."""
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

    def _split(self, row: int, found: _Decoded) -> None:
        piece, size = self.batch[row], self.sizes[row]
        frame = self.model.feature_extractor.time_per_frame
        found.segments, found.seek, found.ended = self.model._split_segments_by_timestamps(
            tokenizer=self.tokenizers[row],
            tokens=found.result.sequences_ids[0],
            time_offset=piece.seek * frame,
            segment_size=size,
            segment_duration=size * frame,
            seek=piece.seek,
        )

    def _keep_and_advance(self, row: int, found: _Decoded, alignment: list[Any]) -> None:
        """Keep what was said and move on: to the end of the last word, where this round did not hold all."""
        from faster_whisper.transcribe import Word
        from faster_whisper.utils import get_end

        piece, tokenizer, segments = self.batch[row], self.tokenizers[row], found.segments
        # The library puts words into segments slice by slice, but lets one slice's last word tell on the next one's
        # first: so each is given to it alone, with its part of the common alignment.
        alone = copy.copy(self.model)
        alone.find_alignment = lambda *_: [alignment]
        alone.add_word_timestamps([segments], tokenizer, None, 0, PREPENDED, APPENDED, piece.last_word_end)
        end = get_end(segments)
        offset = piece.seek * self.model.feature_extractor.time_per_frame
        if piece.seek + self.sizes[row] >= piece.frames:
            piece.seek = piece.frames
        elif not found.ended and end is not None and end > offset:
            piece.seek = round(end * self.model.frames_per_second)
        else:
            piece.seek = found.seek
        piece.last_word_end = piece.last_word_end if end is None else end
        piece.prompt = ()  # a further round goes on behind this one's text
        for segment in segments:
            if segment["start"] != segment["end"] and tokenizer.decode(segment["tokens"]).strip():
                words = tuple(Word(**word) for word in segment["words"])
                piece.segments.append(
                    DecodedSegment(words, segment["tokens"], found.logprob, found.result.no_speech_prob)
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
            # the library cuts no batch, so that a part of one goes by way of the processor
            self._array = np.asarray(self._whole.to_device(Device.cpu))
        return StorageView.from_array(np.ascontiguousarray(self._array[list(rows)]))


def _groups(rows: Any, key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _tokenizer(model: Any, language: str | None) -> Any:
    from faster_whisper.tokenizer import Tokenizer

    return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)


def _encode(model: Any, text: str) -> list[int]:
    tokens: list[int] = model.hf_tokenizer.encode(text, add_special_tokens=False).ids
    return tokens


def _max_prompt_tokens(model: Any) -> int:
    """Tokens of earlier text that a model takes, and of hotwords."""
    return int(model.max_length) // 2 - 1


def _logprob(found: Any) -> float:
    length = len(found.sequences_ids[0])
    return float(found.scores[0]) * length / (length + 1)
