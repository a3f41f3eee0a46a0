"""Whisper reads several utterances together as it reads each alone, on the real libraries with a tiny random model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.asr import whisper, whisper_requests
from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.asr.whisper import WhisperRecogniser, load_folder
from pipelines.asr.whisper_batch import PROMPT_MULTIPLE, prompt_tokens
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine
from pipelines.errors import BlockError
from pipelines.types import SAMPLE_RATE, Samples, Span, Utterance
from tests.fakes.tiny_whisper import build

CLOSE = 1e-3
PROMPT = "We spoke about the zoo and about what it would take to build one, with room for everyone."


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> WhisperRecogniser:
    return load_folder(folder, "tiny", compute_type="float32", max_batch=4)


def noise(seconds: float, seed: int = 0) -> Samples:
    audio: Samples = np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
    return audio


def alone(recogniser: WhisperRecogniser, request: RecognitionRequest) -> RecognitionResult:
    return recogniser.recognise(request)


def assert_close(one: float | None, other: float | None) -> None:
    assert (one is None) == (other is None)
    assert one is None or other is None or abs(one - other) <= CLOSE


def assert_same(found: RecognitionResult, wanted: RecognitionResult) -> None:
    assert found.text == wanted.text
    assert found.language == wanted.language
    assert [(word.start, word.end) for word in found.words] == [(word.start, word.end) for word in wanted.words]
    for one, other in zip(found.words, wanted.words, strict=True):
        assert_close(one.confidence, other.confidence)
    for name in ("avg_logprob", "no_speech_prob", "compression_ratio", "language_probability"):
        assert_close(getattr(found, name), getattr(wanted, name))


ENGLISH = RecognitionRequest(noise(4), language="en")
MIXED = [
    ENGLISH,
    RecognitionRequest(noise(2, 1), language="de"),
    RecognitionRequest(noise(7, 2), PROMPT, "en"),
    RecognitionRequest(noise(3, 3), PROMPT[:40], "en", ("Zebra", "Köln")),
    RecognitionRequest(noise(0.3, 4), PROMPT, "de", ("Zebra",)),
    RecognitionRequest(noise(5, 5)),
    RecognitionRequest(noise(1, 6), "Hm."),
    RecognitionRequest(noise(2, 1), language="de", translate=True),
]


@pytest.mark.slow
@pytest.mark.parametrize("partial", [False, True])
def test_utterances_of_all_lengths_prompts_and_languages_are_read_as_each_would_be_alone(
    tiny: WhisperRecogniser, partial: bool
) -> None:
    requests = [replace(request, partial=partial) for request in MIXED]
    wanted = [alone(tiny, request) for request in requests]
    assert any(heard.words for heard in wanted)
    for found, other in zip(tiny.recognise_batch(requests), wanted, strict=True):
        assert_same(found, other)


@pytest.mark.parametrize("request_", MIXED[:5], ids=str)
def test_an_utterance_is_recognised_as_by_the_library_without_time_stamps(
    tiny: WhisperRecogniser, request_: RecognitionRequest
) -> None:
    segments, _ = tiny.model.transcribe(
        request_.audio,
        language=request_.language,
        initial_prompt=prompt_tokens(tiny.model, request_.prompt, ", ".join(request_.hotwords)) or None,
        hotwords=", ".join(request_.hotwords) or None,
        beam_size=1,
        temperature=[0.0],
        without_timestamps=True,
        condition_on_previous_text=False,
        word_timestamps=True,
    )
    first = [word.word.strip() for segment in segments if segment.seek == 0 for word in segment.words]
    assert alone(tiny, replace(request_, partial=True)).text == " ".join(word for word in first if word)


def test_an_utterance_that_fits_is_read_in_one_round_that_writes_no_time_stamps(tiny: WhisperRecogniser) -> None:
    recogniser, model = watched(tiny)
    audio = np.concatenate([noise(4), np.zeros(SAMPLE_RATE, np.float32)])
    recogniser.recognise_batch(
        [
            RecognitionRequest(audio, language="en", partial=True),
            RecognitionRequest(noise(28), language="en", partial=True),
        ]
    )
    assert model.encoded == [2]
    untimed = tiny.model.hf_tokenizer.token_to_id("<|notimestamps|>")
    assert all(prompt[-1] == untimed for prompts in model.decoded for prompt in prompts)


def test_an_utterance_of_more_than_thirty_seconds_is_read_to_its_end_beside_a_short_one(
    tiny: WhisperRecogniser,
) -> None:
    requests = [
        RecognitionRequest(noise(33), language="en", partial=True),
        RecognitionRequest(noise(2), language="en", partial=True),
    ]
    for found, request in zip(tiny.recognise_batch(requests), requests, strict=True):
        assert_same(found, alone(tiny, request))


def test_partial_and_final_utterances_in_one_call_each_get_their_own_reading(tiny: WhisperRecogniser) -> None:
    requests = [ENGLISH, replace(ENGLISH, partial=True)]
    for found, request in zip(tiny.recognise_batch(requests), requests, strict=True):
        assert_same(found, alone(tiny, request))


def test_a_blip_among_utterances_holds_no_words(tiny: WhisperRecogniser) -> None:
    blip, heard = tiny.recognise_batch([RecognitionRequest(np.zeros(1599, np.float32)), ENGLISH])
    assert blip == RecognitionResult()
    assert_same(heard, alone(tiny, ENGLISH))
    assert tiny.recognise_batch([]) == []


def test_an_unknown_language_among_utterances_is_refused_with_its_name(tiny: WhisperRecogniser) -> None:
    with pytest.raises(BlockError, match="does not know the language 'xx'"):
        tiny.recognise_batch([ENGLISH, replace(ENGLISH, language="xx")])


class Watched:
    """A `ctranslate2.models.Whisper` that notes what goes through it together."""

    def __init__(self, model: Any, error: Exception | None = None) -> None:
        self._model, self._error = model, error
        self.encoded: list[int] = []
        self.decoded: list[list[list[int]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, features: Any, to_cpu: bool = False) -> Any:
        """Slices that are encoded together."""
        self.encoded.append(features.shape[0])
        return self._model.encode(features, to_cpu=to_cpu)

    def generate(self, features: Any, prompts: list[list[int]], **options: Any) -> Any:
        """Prompts that are continued together."""
        if self._error:
            raise self._error
        self.decoded.append(prompts)
        return self._model.generate(features, prompts, **options)


def watched(recogniser: WhisperRecogniser, error: Exception | None = None) -> tuple[WhisperRecogniser, Watched]:
    import copy

    model = copy.copy(recogniser.model)
    model.model = Watched(recogniser.model.model, error)
    return replace(recogniser, model=model), model.model


def test_utterances_whose_prompts_differ_in_length_and_language_are_decoded_together(tiny: WhisperRecogniser) -> None:
    recogniser, model = watched(tiny)
    texts = (PROMPT, "x " + PROMPT)
    recogniser.recognise_batch(
        [
            RecognitionRequest(noise(1, n), text, language, partial=True)
            for n, (text, language) in enumerate(zip(texts, ("en", "de"), strict=True))
        ]
    )
    assert model.encoded[0] == 2
    assert len(model.decoded[0]) == 2
    starts = [prompt.index(prompt[-4]) for prompt in model.decoded[0]]
    assert starts[0] == starts[1] > 0
    assert model.decoded[0][0] != model.decoded[0][1]


@pytest.mark.slow
def test_never_more_utterances_than_allowed_are_in_the_model_at_once(tiny: WhisperRecogniser) -> None:
    recogniser, model = watched(tiny)
    recogniser.recognise_batch([RecognitionRequest(noise(0.5, n), language="en", partial=True) for n in range(9)])
    assert max(model.encoded) == 4
    assert max(map(len, model.decoded)) == 4


def test_a_failure_of_the_library_in_a_batch_is_a_failed_block(tiny: WhisperRecogniser) -> None:
    recogniser, _ = watched(tiny, RuntimeError("CUDA out of memory"))
    with pytest.raises(BlockError, match=r"speech failed: .*out of memory"):
        recogniser.recognise_batch([ENGLISH, ENGLISH])


def test_only_what_is_doubtful_in_a_batch_is_read_once_more_and_without_context(
    tiny: WhisperRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, list[int], int]] = []

    def read(model: Any, pieces: Any, manner: Any) -> None:
        for piece in pieces:
            asked.append((piece.frames, [len(piece.prompt)], manner.no_repeat_ngram))
            texts = ["la"] * 12 if piece.frames > 400 and not manner.no_repeat_ngram else ["Thursday"]
            words = tuple(
                SimpleNamespace(word=f" {text}", start=0.1 * n, end=0.1 * n + 0.1, probability=0.9)
                for n, text in enumerate(texts)
            )
            piece.language = "en"
            piece.segments.append(SimpleNamespace(words=words, tokens=[1], avg_logprob=-0.3, no_speech_prob=0.1))

    monkeypatch.setattr(whisper, "decode_batch", read)
    heard = tiny.recognise_batch([RecognitionRequest(noise(2), PROMPT), RecognitionRequest(noise(6), PROMPT)])
    assert [one.text for one in heard] == ["Thursday", "Thursday"]
    long = len(prompt_tokens(tiny.model, PROMPT, None))
    assert asked == [(200, [long], 0), (600, [long], 0), (600, [0], 3)]
    asked.clear()
    tiny.recognise_batch([RecognitionRequest(noise(6), PROMPT, partial=True)] * 2)
    assert len(asked) == 2


@pytest.mark.parametrize("hotwords", [None, "Zebra, Köln"])
def test_a_context_is_the_end_of_the_text_and_fills_whole_steps(tiny: WhisperRecogniser, hotwords: str | None) -> None:
    whole = tiny.model.hf_tokenizer.encode(" " + PROMPT, add_special_tokens=False).ids
    hot = len(tiny.model.hf_tokenizer.encode(f" {hotwords}", add_special_tokens=False).ids) if hotwords else 0
    kept = prompt_tokens(tiny.model, PROMPT, hotwords)
    assert whole[-len(kept) :] == kept
    assert (1 + hot + len(kept)) % PROMPT_MULTIPLE == 0
    assert len(whole) - len(kept) < PROMPT_MULTIPLE
    assert prompt_tokens(tiny.model, None, hotwords) == []
    assert prompt_tokens(tiny.model, " ", hotwords) == []


def test_the_pace_in_a_batch_is_measured_in_seconds_per_second(tiny: WhisperRecogniser) -> None:
    recogniser, model = watched(tiny)
    assert recogniser.measure_rtf() > 0
    assert model.encoded[0] == 4


def test_on_a_cpu_utterances_are_read_one_by_one_unless_told_otherwise(folder: Path) -> None:
    assert load_folder(folder, "tiny").max_batch == 1
    assert load_folder(folder, "tiny", max_batch=3).max_batch == 3


class Rested:
    """Listens to nothing."""

    def stream(self) -> Any:
        """Something."""
        return object()


def finals(recogniser: WhisperRecogniser, together: bool) -> list[RecognitionResult]:
    """What an engine reads for four sources with two utterances each, given at once or one by one."""
    engine = Engine(recogniser, lambda windows: [], Rested(), Thresholds(0.1, 0.2, 0.3), {})  # type: ignore[arg-type]
    engine.start()
    futures = []
    for index in range(2):
        for owner in range(4):
            audio = noise(3 + 0.2 * owner, 10 * index + owner)
            piece = Utterance(index, Span(0, len(audio)), audio, True)
            futures.append(engine.recognise(piece, owner, "en" if owner else None))
            if not together:
                futures[-1].result(60)
    found = [future.result(60) for future in futures]
    engine.close()
    return [heard for heard in found if heard is not None]


@pytest.mark.slow
def test_meetings_that_share_an_engine_are_read_together_as_each_would_be_alone(tiny: WhisperRecogniser) -> None:
    recogniser, model = watched(tiny)
    together = finals(recogniser, True)
    assert max(model.encoded) > 1
    lone, model = watched(tiny)
    alone_each = finals(lone, False)
    assert set(model.encoded) == {1}
    assert len(together) == len(alone_each) == 8
    for found, wanted in zip(together, alone_each, strict=True):
        assert_same(found, wanted)


@pytest.mark.gpu
def test_a_batch_reads_on_a_gpu_as_each_utterance_would_alone(folder: Path) -> None:
    card = load_folder(folder, "tiny", device="cuda", compute_type="float32")
    assert card.max_batch == whisper_requests.GPU_BATCH
    for found, request in zip(card.recognise_batch(MIXED), MIXED, strict=True):
        assert_same(found, alone(card, request))
