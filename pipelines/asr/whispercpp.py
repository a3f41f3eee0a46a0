"""Whisper behind the recogniser seam, through whisper.cpp (pywhispercpp); imported only when it is chosen."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.asr.plausibility import compression_ratio
from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecogniserInfo,
    RecognitionRequest,
    RecognitionResult,
    fix_word_times,
)
from pipelines.asr.whisper_requests import (
    MIN_SAMPLES,
    TRIAL_SECONDS,
    can_translate,
    choose_language,
    join_hotwords,
    possible_languages,
    probability,
    prompt_tail,
    trial_noise,
    with_second_attempts,
)
from pipelines.errors import BlockError, ModelCorrupt, ModelMissing
from pipelines.timing import best_of
from pipelines.types import SAMPLE_RATE, Samples

log = logging.getLogger(__name__)

MAGIC = (0x67676D6C).to_bytes(4, "little")
"""What every file in ggml format begins with"""
MIN_BYTES = 1 << 20
"""Bytes that the vocabulary alone takes, and more"""
MULTILINGUAL_TOKENS = 51865
"""Tokens from which on a Whisper is multilingual; whisper.cpp counts them as well"""
TICK = SAMPLE_RATE // 100
"""Samples of a unit of its times (10 ms)"""
TRIAL_TIMEOUT = 120.0
"""Seconds within which a model must be loaded and have begun to read a second of silence"""
_TRIAL = """
import sys
import numpy as np
from pywhispercpp.model import Model
model = Model(sys.argv[1], n_threads=1, print_progress=False)
model.transcribe(np.zeros(16000, np.float32), language="en", temperature_inc=0.0, max_tokens=1)
"""


@dataclass(frozen=True)
class WhisperCppRecogniser(Recogniser):
    """A loaded whisper.cpp model; shared by all meetings, one utterance after the other.

    The temperature stays 0, so that the same audio gives the same words. A final result that is not plausible is
    made once more without prompt. Text without spaces, such as Chinese, is one word for each stretch of it.
    """

    model: Any
    """`pywhispercpp.model.Model`"""
    name: str
    multilingual: bool

    @property
    def info(self) -> RecogniserInfo:
        """One at a time: the library has one state for each copy of the weights."""
        languages, translates = None if self.multilingual else ("en",), can_translate(self.name, self.multilingual)
        return RecogniserInfo(self.name, languages=languages, translates=translates)

    def measure_rtf(self) -> float:
        """Seconds of computing per second of speech, on noise: nearly all of it is the encoder's, which sees 30 s."""
        request = RecognitionRequest(trial_noise(), language="en", partial=True)
        return best_of(lambda: self.recognise(request), 2) / TRIAL_SECONDS

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Recognise one utterance; no words where it is shorter than 0.1 s. Raises BlockError."""
        audio = np.ascontiguousarray(request.audio, np.float32)
        if len(audio) <= MIN_SAMPLES:
            return RecognitionResult()
        try:
            language, certainty = self._language(audio, request)
            options = {"language": language, "translate": request.translate}
            first = self._transcribe(audio, options, _prompt(request))
            (result,) = with_second_attempts([request], [first], lambda _: [self._transcribe(audio, options, "")])
        except (RuntimeError, ValueError, TypeError) as error:
            raise BlockError("speech", f"whisper.cpp could not read a slice: {str(error)[:200]}") from error
        return replace(result, language_probability=certainty)

    def _language(self, audio: Samples, request: RecognitionRequest) -> tuple[str, float | None]:
        """The language that is asked for or heard, and how probable the latter is."""
        possible = possible_languages(request, self.model.available_languages(), "whisper.cpp")
        if not self.multilingual:
            return "en", None
        if len(possible) == 1:
            return possible[0], None
        _, found = self.model.auto_detect_language(audio)
        language, certainty = choose_language([*found.items()], possible)
        return language, probability(certainty)

    def _transcribe(self, audio: Samples, options: dict[str, Any], prompt: str) -> RecognitionResult:
        segments = self.model.transcribe(
            audio,
            **options,
            initial_prompt=prompt,
            no_context=True,
            temperature=0.0,
            temperature_inc=0.0,
            suppress_nst=True,
            # with these three a segment is a word
            token_timestamps=True,
            max_len=1,
            split_on_word=True,
            extract_probability=True,
        )
        words = fix_word_times(
            [
                RecognisedWord(each.text, TICK * each.t0, TICK * each.t1, probability(each.probability))
                for each in segments
            ],
            len(audio),
        )
        language = options["language"]
        if not words:
            return RecognitionResult(language=language)
        text = " ".join(word.text for word in words)
        certain = [word.confidence for word in words if word.confidence]
        logprob = float(np.mean(np.log(certain))) if certain else None
        return RecognitionResult(words, language, logprob, compression_ratio=compression_ratio(text))


def load_file(path: Path, name: str, threads: int = 1) -> WhisperCppRecogniser:
    """Load a model in whisper.cpp's format (ggml), with so many CPU threads.

    Raises ModelMissing where the file or the package pywhispercpp is not there, ModelCorrupt where it cannot be read.
    """
    if not path.is_file():
        raise ModelMissing(f"there is no whisper.cpp model at {path}: a file in ggml format is needed")
    try:
        from pywhispercpp.model import Model
    except ImportError as error:
        raise ModelMissing(
            "the recogniser whispercpp needs the package pywhispercpp: pip install 'meeting-transcriber[whispercpp]'"
        ) from error
    tokens = _token_count(path)
    _try_in_a_process(path)
    with _library_log():
        model = Model(str(path), n_threads=threads, print_progress=False)
    return WhisperCppRecogniser(model, name, tokens >= MULTILINGUAL_TOKENS)


def _try_in_a_process(path: Path) -> None:
    """Raise ModelCorrupt for a file over which whisper.cpp ends the process that reads it, as it does if damaged."""
    command = [sys.executable, "-c", _TRIAL, str(path)]
    environment = {**os.environ, "GGML_NO_BACKTRACE": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=TRIAL_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelCorrupt(f"whisper.cpp took {TRIAL_TIMEOUT:.0f} s over {path} and was not ready") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ModelCorrupt(f"the whisper.cpp model {path} cannot be read ({said[-1][:200]}): fetch it again")


@contextmanager
def _library_log() -> Iterator[None]:
    """What whisper.cpp says of a model while it is loaded goes to our log and not to stderr."""
    from _pywhispercpp import whisper_log_set

    whisper_log_set(lambda level, text: log.debug("%s", text.rstrip()))
    try:
        yield
    finally:
        whisper_log_set(None)  # the library would call it after Python is gone


def _token_count(path: Path) -> int:
    """Size of the vocabulary: the second number of the file. Raises ModelCorrupt for a file of another kind."""
    with path.open("rb") as file:
        head = file.read(8)
    if not head.startswith(MAGIC) or path.stat().st_size < MIN_BYTES:
        raise ModelCorrupt(f"{path} is no whisper.cpp model, or only the beginning of one: fetch it again")
    return int.from_bytes(head[4:], "little")


def _prompt(request: RecognitionRequest) -> str:
    """Hotwords first: what is too long is cut at the beginning."""
    return " ".join(part for part in (join_hotwords(request.hotwords), prompt_tail(request.prompt)) if part)
