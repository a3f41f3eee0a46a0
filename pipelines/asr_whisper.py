"""Whisper behind the recogniser seam, through faster-whisper; imported only when it is chosen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.asr import Heard, HeardWord, believable, compression_ratio, tidy
from pipelines.errors import BlockError, ModelCorrupt, ModelError, ModelMissing
from pipelines.types import SAMPLE_RATE, Samples, samples

SHORTEST = SAMPLE_RATE // 10
"""Samples below which there is nothing to read (0.1 s)"""
BEAM = 5
"""Hypotheses kept for final results on a GPU"""
PROMPT_CHARACTERS = 400
"""Characters of earlier text that are given as context"""
TRIAL_SECONDS = 5
"""Length of the speech with which a model's pace is measured: a common slice"""
TRIAL_TOKENS = 24
"""Tokens that people say in that time"""
NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Files without which a model's folder cannot be loaded"""


@dataclass(frozen=True)
class WhisperRecogniser:
    """A loaded Whisper; shared by all meetings."""

    model: Any
    """`faster_whisper.WhisperModel`"""
    name: str
    device: str

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
    ) -> Heard:
        """Read one slice of speech; raises BlockError.

        Temperature stays 0, so that the same audio gives the same words; a final result that is not to be
        believed is read once more, without context and without repeating itself.
        """
        if len(audio) < SHORTEST:
            return Heard()
        if language is not None and language not in self.model.supported_languages:
            raise BlockError("speech", f"Whisper {self.name} does not know the language {language[:20]!r}")
        options: dict[str, Any] = {
            "language": language,
            "initial_prompt": (prompt or "")[-PROMPT_CHARACTERS:] or None,
            "hotwords": ", ".join(hotwords) or None,
            "beam_size": BEAM if self.device == "cuda" and not partial else 1,
            "without_timestamps": partial,
        }
        heard = self._read(audio, options)
        if partial or believable(heard, len(audio)):
            return heard
        again = self._read(audio, {**options, "initial_prompt": None, "no_repeat_ngram_size": 3})
        return again if believable(again, len(audio)) else heard

    def pace(self) -> float:
        """Seconds of computing per second of speech, measured on noise with as many tokens as speech has."""
        noise = np.random.default_rng(0).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)
        eot = self.model.hf_tokenizer.token_to_id("<|endoftext|>")
        options = {
            "language": "en",
            "beam_size": 1,
            "without_timestamps": True,
            "suppress_tokens": [-1, eot],
            "max_new_tokens": TRIAL_TOKENS,
        }
        self._read(noise, options)
        before = time.perf_counter()
        self._read(noise, options)
        return (time.perf_counter() - before) / TRIAL_SECONDS

    def _read(self, audio: Samples, options: dict[str, Any]) -> Heard:
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
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as error:
            raise BlockError("speech", f"Whisper {self.name} could not read a slice: {str(error)[:200]}") from error
        heard = _heard(found, info.language, len(audio))
        return replace(heard, language_confidence=_probability(info.language_probability))


def load_folder(
    folder: Path, name: str, *, device: str = "cpu", compute_type: str = "int8", threads: int = 1
) -> WhisperRecogniser:
    """Load a Whisper in CTranslate2's format; raises ModelMissing, ModelCorrupt or ModelError."""
    _check_folder(folder)
    if device == "cuda":
        # torch brings cuBLAS and cuDNN; once they are loaded CTranslate2 finds them by name.
        import torch  # noqa: F401
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if device == "cuda":
            raise ModelError(
                f"Whisper {name} cannot be loaded on the GPU ({reason}); try models.device: cpu"
            ) from error
        raise ModelCorrupt(f"the Whisper model in {folder} cannot be loaded ({reason})") from error
    except Exception as error:
        # The tokenizers library raises bare exceptions for a damaged tokenizer.json.
        raise ModelCorrupt(f"the tokenizer of the Whisper model in {folder} is damaged") from error
    return WhisperRecogniser(model, name, device)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelMissing(f"there is no Whisper model at {folder}: a folder in CTranslate2's format is needed")
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        raise ModelMissing(f"the Whisper model in {folder} lacks {', '.join(missing)}")


def _heard(segments: list[Any], language: str | None, length: int) -> Heard:
    words = [
        HeardWord(word.word, samples(float(word.start)), samples(float(word.end)), _probability(word.probability))
        for segment in segments
        for word in segment.words or ()
    ]
    tidied = tidy(words, length)
    if not segments:
        return Heard(language=language)
    weights = [max(1, len(segment.tokens)) for segment in segments]
    logprob = sum(s.avg_logprob * weight for s, weight in zip(segments, weights, strict=True)) / sum(weights)
    text = " ".join(word.text for word in tidied)
    return Heard(tidied, language, logprob, max(s.no_speech_prob for s in segments), compression_ratio(text))


def _probability(value: float) -> float | None:
    number = float(value)
    return min(1.0, max(0.0, number)) if np.isfinite(number) else None
