"""Whisper behind the recogniser seam, through faster-whisper; imported only when it is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.asr.plausibility import compression_ratio
from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecogniserInfo,
    RecognitionRequest,
    RecognitionResult,
    fix_word_times,
)
from pipelines.asr.whisper_batch import BatchItem, DecodingOptions, decode_batch, prompt_tokens
from pipelines.asr.whisper_requests import (
    GPU_BATCH,
    MIN_SAMPLES,
    NO_REPEAT_NGRAM,
    TRIAL_SECONDS,
    TRIAL_TOKENS,
    can_translate,
    choose_language,
    join_hotwords,
    possible_languages,
    probability,
    prompt_tail,
    read_in_batches,
    task_of,
    trial_noise,
    with_second_attempts,
)
from pipelines.errors import BlockError, ModelCorrupt, ModelError, ModelMissing
from pipelines.spacing import is_spaced, join_words
from pipelines.timing import best_of
from pipelines.types import Samples, samples

BEAM_SIZE = 5
"""Hypotheses kept for final results on a GPU; on a CPU one, for they would cost as many times the computing"""
LIBRARY_ERRORS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
"""What the libraries raise on audio that they cannot recognise"""
REQUIRED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Files without which a model's folder cannot be loaded"""


@dataclass(frozen=True)
class WhisperRecogniser(Recogniser):
    """A loaded Whisper; shared by all meetings.

    The temperature stays 0, so that the same audio gives the same words. A final result that is not plausible is
    made once more, without prompt and without phrases that come twice.
    """

    model: Any
    """`faster_whisper.WhisperModel`"""
    name: str
    device: str
    """"cpu", "cuda" or "cuda:N" """
    max_batch: int = 1
    """Utterances that it recognises together at most, which bounds the memory that it needs"""

    @property
    def info(self) -> RecogniserInfo:
        """It gains from batches on a GPU only."""
        multilingual = self.model.model.is_multilingual
        return RecogniserInfo(
            self.name,
            self.max_batch,
            on_gpu=self._on_gpu,
            languages=None if multilingual else ("en",),
            translates=can_translate(self.name, multilingual),
        )

    @property
    def _on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Recognise one utterance; no words where it is shorter than 0.1 s. Raises BlockError."""
        audio, partial = request.audio, request.partial
        if len(audio) < MIN_SAMPLES:
            return RecognitionResult()
        if self.max_batch > 1:
            return self._recognise_together([request])[0]
        language, sure = self._chosen(request)
        options: dict[str, Any] = {
            "task": task_of(request),
            "language": language,
            "initial_prompt": prompt_tail(request.prompt),
            "hotwords": join_hotwords(request.hotwords),
            "beam_size": self._beam_size(partial),
            "without_timestamps": partial,
        }
        again = {**options, "initial_prompt": None, "no_repeat_ngram_size": NO_REPEAT_NGRAM}
        (result,) = with_second_attempts(
            [request], [self._transcribe(audio, options)], lambda _: [self._transcribe(audio, again)]
        )
        return result if sure is None else replace(result, language_probability=sure)

    def _chosen(self, request: RecognitionRequest) -> tuple[str | None, float | None]:
        """The language that an utterance is read in, and how sure that is where it was chosen among several."""
        possible = self._possible(request)
        if len(possible) < 2:
            return possible[0] if possible else None, None
        try:
            found = self.model.detect_language(request.audio)[2]
        except LIBRARY_ERRORS as error:
            raise self._error(error) from error
        return choose_language(found, possible)

    def _possible(self, request: RecognitionRequest) -> tuple[str, ...]:
        return possible_languages(request, self.model.supported_languages, f"Whisper {self.name}")

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Recognise any number of utterances, `max_batch` at a time, final ones apart from partial ones.

        Numbers of 16 bits round differently in other batches: words may differ where two are about as likely.
        Raises BlockError when any of them fails.
        """
        return read_in_batches(requests, self.max_batch, lambda request: request.partial, self._recognise_together)

    def measure_rtf(self) -> float:
        """Seconds of computing per second of speech, measured on noise with as many tokens as speech has.

        In batches as large as it may have; the second of two runs, since the first one also prepares the device.
        """
        noise = trial_noise()
        if self.max_batch > 1:
            options = DecodingOptions(self._beam_size(False), exact_tokens=TRIAL_TOKENS)
            requests = [RecognitionRequest(noise, language="en")] * self.max_batch

            def read() -> None:
                self._decode_batch(requests, [self._batch_item(request) for request in requests], options)

            read()
            return best_of(read, 1) / TRIAL_SECONDS / self.max_batch
        eot = self.model.hf_tokenizer.token_to_id("<|endoftext|>")
        alone = {
            "task": "transcribe",
            "language": "en",
            "beam_size": 1,
            "without_timestamps": True,
            "suppress_tokens": [-1, eot],
            "max_new_tokens": TRIAL_TOKENS,
        }
        self._transcribe(noise, alone)
        return best_of(lambda: self._transcribe(noise, alone), 1) / TRIAL_SECONDS

    def _recognise_together(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Requests that are all final or all partial."""
        for request in requests:
            self._possible(request)
        options = DecodingOptions(self._beam_size(requests[0].partial))
        items = [self._batch_item(request) for request in requests]
        spectrograms = [item.features for item in items]

        def again(rows: list[int]) -> list[RecognitionResult]:
            plain = [replace(requests[row], prompt=None) for row in rows]
            items = [self._batch_item(request, spectrograms[row]) for row, request in zip(rows, plain, strict=True)]
            return self._decode_batch(plain, items, replace(options, no_repeat_ngram=NO_REPEAT_NGRAM))

        return with_second_attempts(requests, self._decode_batch(requests, items, options), again)

    def _batch_item(self, request: RecognitionRequest, spectrogram: Any = None) -> BatchItem:
        hotwords = join_hotwords(request.hotwords)
        features = self.model.feature_extractor(request.audio) if spectrogram is None else spectrogram
        prompt = prompt_tokens(self.model, prompt_tail(request.prompt), hotwords)
        return BatchItem(features, request.language, prompt, hotwords, self._possible(request), task_of(request))

    def _decode_batch(
        self, requests: Sequence[RecognitionRequest], items: Sequence[BatchItem], options: DecodingOptions
    ) -> list[RecognitionResult]:
        try:
            decode_batch(self.model, items, options)
        except LIBRARY_ERRORS as error:
            raise self._error(error) from error
        return [
            replace(
                _to_result(item.segments, item.language, len(request.audio)),
                language_probability=probability(item.language_probability),
            )
            for request, item in zip(requests, items, strict=True)
        ]

    def _beam_size(self, partial: bool) -> int:
        return BEAM_SIZE if self._on_gpu and not partial else 1

    def _error(self, error: Exception) -> BlockError:
        return BlockError("speech", f"Whisper {self.name} could not read a slice: {str(error)[:200]}")

    def _transcribe(self, audio: Samples, options: dict[str, Any]) -> RecognitionResult:
        try:
            segments, info = self.model.transcribe(
                audio,
                temperature=[0.0],
                condition_on_previous_text=False,
                word_timestamps=True,
                vad_filter=False,
                **options,
            )
            found = list(segments)
        except LIBRARY_ERRORS as error:
            raise self._error(error) from error
        result = _to_result(found, info.language, len(audio))
        return replace(result, language_probability=probability(info.language_probability))


def load_folder(
    folder: Path,
    name: str,
    *,
    device: str = "cpu",
    compute_type: str = "int8",
    threads: int = 1,
    max_batch: int | None = None,
) -> WhisperRecogniser:
    """Load a Whisper in CTranslate2's format, with so many CPU threads.

    It recognises `max_batch` utterances together, by default as many as suit the device.
    Raises ModelMissing, ModelCorrupt or ModelError.
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
    return WhisperRecogniser(model, name, device, max_batch or (GPU_BATCH if on_gpu else 1))


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelMissing(f"there is no Whisper model at {folder}: a folder in CTranslate2's format is needed")
    missing = [file for file in REQUIRED_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelMissing(f"the Whisper model in {folder} lacks {', '.join(missing)}")


def _to_result(segments: Sequence[Any], language: str | None, length: int) -> RecognitionResult:
    fixed = fix_word_times([word for segment in segments for word in _whole_words(segment.words or ())], length)
    if not segments:
        return RecognitionResult(language=language)
    weights = [max(1, len(segment.tokens)) for segment in segments]
    logprob = sum(s.avg_logprob * weight for s, weight in zip(segments, weights, strict=True)) / sum(weights)
    text = join_words(word.text for word in fixed)
    return RecognitionResult(fixed, language, logprob, max(s.no_speech_prob for s in segments), compression_ratio(text))


def _whole_words(parts: Sequence[Any]) -> list[RecognisedWord]:
    """The words of a segment: what the library gives without a space before it goes on with the word before.

    Such as the parts of "l'homme", "3.5" and "well-known". Scripts without spaces stay in parts.
    """
    words: list[RecognisedWord] = []
    for part in parts:
        start, end = samples(float(part.start)), samples(float(part.end))
        word = RecognisedWord(part.word, start, end, probability(part.probability))
        if words and not word.text[:1].isspace() and is_spaced(words[-1].text, word.text):
            words[-1] = _as_one(words[-1], word)
        else:
            words.append(word)
    return words


def _as_one(word: RecognisedWord, rest: RecognisedWord) -> RecognisedWord:
    """A word and what goes on with it; as sure as the less sure of both, as one wrong part makes it another word."""
    sure = [part.confidence for part in (word, rest) if part.confidence is not None]
    return replace(word, text=word.text + rest.text, end=max(word.end, rest.end), confidence=min(sure, default=None))
