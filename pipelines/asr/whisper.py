"""Whisper behind the recogniser seam, through faster-whisper; imported only when it is chosen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.asr.recogniser import (
    RecognisedWord,
    RecognitionRequest,
    RecognitionResult,
    compression_ratio,
    fix_word_times,
    is_plausible,
)
from pipelines.asr.whisper_batch import BatchItem, DecodingOptions, decode_batch, prompt_tokens
from pipelines.errors import BlockError, ModelCorrupt, ModelError, ModelMissing
from pipelines.types import SAMPLE_RATE, Samples, samples

MIN_SAMPLES = SAMPLE_RATE // 10
"""Samples below which there is nothing to read (0.1 s)"""
BEAM_SIZE = 5
"""Hypotheses kept for final results on a GPU"""
GPU_BATCH = 16
"""Slices that a GPU reads together; their spectrograms and what the model makes of them take its memory"""
NO_REPEAT_NGRAM = 3
"""Words that may not follow each other twice in a second reading"""
PROMPT_CHARACTERS = 400
"""Characters of earlier text that are given as context"""
TRIAL_SECONDS = 5
"""Length of the speech with which a model's pace is measured: a common slice"""
TRIAL_TOKENS = 24
"""Tokens that people say in that time"""
LIBRARY_ERRORS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
"""What the libraries raise on a slice that they cannot read"""
REQUIRED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Files without which a model's folder cannot be loaded"""


@dataclass(frozen=True)
class WhisperRecogniser:
    """A loaded Whisper; shared by all meetings."""

    model: Any
    """`faster_whisper.WhisperModel`"""
    name: str
    device: str
    at_once: int = 1
    """Slices that it reads together at most, which bounds the memory that it needs"""

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Codes of the languages it reads."""
        return tuple(self.model.supported_languages)

    def read(
        self,
        audio: Samples,
        *,
        prompt: str | None = None,
        language: str | None = None,
        hotwords: Sequence[str] = (),
        partial: bool = False,
        draft: object = None,
    ) -> RecognitionResult:
        """Read one slice of speech; raises BlockError.

        Temperature stays 0, so that the same audio gives the same words; a final result that is not to be
        believed is read once more, without context and without repeating itself.
        """
        if len(audio) < MIN_SAMPLES:
            return RecognitionResult()
        if self.at_once > 1:
            return self._recognise_together(
                [RecognitionRequest(audio, prompt, language, tuple(hotwords), partial)], partial
            )[0]
        self._check_language(language)
        options: dict[str, Any] = {
            "language": language,
            "initial_prompt": _prompt_tail(prompt),
            "hotwords": _join_hotwords(hotwords),
            "beam_size": self._beam_size(partial),
            "without_timestamps": partial,
        }
        heard = self._transcribe(audio, options)
        if partial or is_plausible(heard, len(audio)):
            return heard
        again = self._transcribe(audio, {**options, "initial_prompt": None, "no_repeat_ngram_size": NO_REPEAT_NGRAM})
        return again if is_plausible(again, len(audio)) else heard

    def read_all(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Read slices as `read` would, `at_once` at a time; raises BlockError when any of them fails.

        Numbers of 16 bits round differently in other company: words may differ where two are about as likely.
        """
        heard = [RecognitionResult()] * len(requests)
        for partial in (False, True):
            rows = [
                row
                for row, request in enumerate(requests)
                if request.partial == partial and len(request.audio) >= MIN_SAMPLES
            ]
            for first in range(0, len(rows), self.at_once):
                some = rows[first : first + self.at_once]
                for row, one in zip(
                    some, self._recognise_together([requests[row] for row in some], partial), strict=True
                ):
                    heard[row] = one
        return heard

    def pace(self) -> float:
        """Seconds of computing per second of speech, measured on noise with as many tokens as speech has.

        In as much company as it may have.
        """
        noise = np.random.default_rng(0).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)
        if self.at_once > 1:
            manner = DecodingOptions(self._beam_size(False), exact_tokens=TRIAL_TOKENS)
            requests = [RecognitionRequest(noise, language="en")] * self.at_once
            for _ in range(2):
                began = time.perf_counter()
                self._decode_batch(requests, [self._batch_item(request) for request in requests], manner)
            return (time.perf_counter() - began) / TRIAL_SECONDS / self.at_once
        eot = self.model.hf_tokenizer.token_to_id("<|endoftext|>")
        options = {
            "language": "en",
            "beam_size": 1,
            "without_timestamps": True,
            "suppress_tokens": [-1, eot],
            "max_new_tokens": TRIAL_TOKENS,
        }
        self._transcribe(noise, options)
        before = time.perf_counter()
        self._transcribe(noise, options)
        return (time.perf_counter() - before) / TRIAL_SECONDS

    def _recognise_together(self, requests: Sequence[RecognitionRequest], partial: bool) -> list[RecognitionResult]:
        for request in requests:
            self._check_language(request.language)
        manner = DecodingOptions(self._beam_size(partial))
        pieces = [self._batch_item(request) for request in requests]
        spectrograms = [piece.features for piece in pieces]
        heard = self._decode_batch(requests, pieces, manner)
        doubtful = [
            row for row, request in enumerate(requests) if not (partial or is_plausible(heard[row], len(request.audio)))
        ]
        if doubtful:
            again = [replace(requests[row], prompt=None) for row in doubtful]
            pieces = [
                self._batch_item(request, spectrograms[row]) for row, request in zip(doubtful, again, strict=True)
            ]
            second = self._decode_batch(again, pieces, replace(manner, no_repeat_ngram=NO_REPEAT_NGRAM))
            for row, one in zip(doubtful, second, strict=True):
                heard[row] = one if is_plausible(one, len(requests[row].audio)) else heard[row]
        return heard

    def _batch_item(self, request: RecognitionRequest, spectrogram: Any = None) -> BatchItem:
        hotwords = _join_hotwords(request.hotwords)
        features = self.model.feature_extractor(request.audio) if spectrogram is None else spectrogram
        return BatchItem(
            features, request.language, prompt_tokens(self.model, _prompt_tail(request.prompt), hotwords), hotwords
        )

    def _decode_batch(
        self, requests: Sequence[RecognitionRequest], pieces: Sequence[BatchItem], manner: DecodingOptions
    ) -> list[RecognitionResult]:
        try:
            decode_batch(self.model, pieces, manner)
        except LIBRARY_ERRORS as error:
            raise self._error(error) from error
        return [
            replace(
                _to_result(piece.segments, piece.language, len(request.audio)),
                language_probability=_probability(piece.language_probability),
            )
            for request, piece in zip(requests, pieces, strict=True)
        ]

    def _check_language(self, language: str | None) -> None:
        if language is not None and language not in self.model.supported_languages:
            raise BlockError("speech", f"Whisper {self.name} does not know the language {language[:20]!r}")

    def _beam_size(self, partial: bool) -> int:
        return BEAM_SIZE if self.device.startswith("cuda") and not partial else 1

    def _error(self, error: Exception) -> BlockError:
        return BlockError("speech", f"Whisper {self.name} could not read a slice: {str(error)[:200]}")

    def _transcribe(self, audio: Samples, options: dict[str, Any]) -> RecognitionResult:
        try:
            segments, info = self.model.transcribe(
                audio,
                task="transcribe",
                temperature=[0.0],
                condition_on_previous_text=False,
                word_timestamps=True,
                vad_filter=False,
                **options,
            )
            found = list(segments)
        except LIBRARY_ERRORS as error:
            raise self._error(error) from error
        heard = _to_result(found, info.language, len(audio))
        return replace(heard, language_probability=_probability(info.language_probability))


def load_folder(
    folder: Path,
    name: str,
    *,
    device: str = "cpu",
    compute_type: str = "int8",
    threads: int = 1,
    at_once: int | None = None,
) -> WhisperRecogniser:
    """Load a Whisper in CTranslate2's format; raises ModelMissing, ModelCorrupt or ModelError.

    It reads `at_once` slices together, by default as many as suit the device.
    """
    _check_folder(folder)
    on_gpu = device.startswith("cuda")
    if on_gpu:
        # torch brings cuBLAS and cuDNN; once they are loaded CTranslate2 finds them by name.
        import torch  # noqa: F401
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(
            str(folder),
            device="cuda" if on_gpu else device,
            device_index=int(device.partition(":")[2] or 0),
            compute_type=compute_type,
            cpu_threads=threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if on_gpu:
            raise ModelError(
                f"Whisper {name} cannot be loaded on the GPU ({reason}); try models.device: cpu"
            ) from error
        raise ModelCorrupt(f"the Whisper model in {folder} cannot be loaded ({reason})") from error
    except Exception as error:
        # The tokenizers library raises bare exceptions for a damaged tokenizer.json.
        raise ModelCorrupt(f"the tokenizer of the Whisper model in {folder} is damaged") from error
    return WhisperRecogniser(model, name, device, at_once or (GPU_BATCH if on_gpu else 1))


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelMissing(f"there is no Whisper model at {folder}: a folder in CTranslate2's format is needed")
    missing = [file for file in REQUIRED_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelMissing(f"the Whisper model in {folder} lacks {', '.join(missing)}")


def _prompt_tail(prompt: str | None) -> str | None:
    return (prompt or "")[-PROMPT_CHARACTERS:] or None


def _join_hotwords(hotwords: Sequence[str]) -> str | None:
    return ", ".join(hotwords) or None


def _to_result(segments: Sequence[Any], language: str | None, length: int) -> RecognitionResult:
    words = [
        RecognisedWord(word.word, samples(float(word.start)), samples(float(word.end)), _probability(word.probability))
        for segment in segments
        for word in segment.words or ()
    ]
    tidied = fix_word_times(words, length)
    if not segments:
        return RecognitionResult(language=language)
    weights = [max(1, len(segment.tokens)) for segment in segments]
    logprob = sum(s.avg_logprob * weight for s, weight in zip(segments, weights, strict=True)) / sum(weights)
    text = " ".join(word.text for word in tidied)
    return RecognitionResult(
        tidied, language, logprob, max(s.no_speech_prob for s in segments), compression_ratio(text)
    )


def _probability(value: float) -> float | None:
    number = float(value)
    return min(1.0, max(0.0, number)) if np.isfinite(number) else None
