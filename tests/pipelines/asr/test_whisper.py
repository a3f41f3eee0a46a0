"""The Whisper recogniser on the real faster-whisper, with a tiny model of random weights."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.asr.whisper import WhisperRecogniser, _to_result, _whole_words, load_folder
from pipelines.errors import BlockError, ModelCorrupt, ModelError, ModelMissing
from pipelines.options import LANGUAGES
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.recogniser_fakes import assert_words_inside
from tests.fakes.tiny_whisper import build


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> WhisperRecogniser:
    return load_folder(folder, "tiny")


def test_the_languages_that_may_be_asked_for_are_those_of_the_library() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(_LANGUAGE_CODES) == LANGUAGES


def noise(seconds: float, seed: int = 0) -> Samples:
    audio: Samples = np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
    return audio


@pytest.mark.parametrize(
    ("seconds", "options"),
    [
        (4, {}),
        (2, {"language": "de"}),
        (2, {"partial": True, "language": "en"}),
        (1, {"hotwords": ("Zebra", "Köln"), "prompt": "We spoke about the zoo.", "language": "en"}),
        (0.15, {"language": "en"}),
        (31, {"language": "en", "partial": True}),
    ],
)
def test_noise_is_read_as_words_within_it_or_none(
    tiny: WhisperRecogniser, seconds: float, options: dict[str, Any]
) -> None:
    audio = noise(seconds)
    heard = tiny.recognise(RecognitionRequest(audio, **options))
    assert_words_inside(heard, audio)
    assert heard.language == options.get("language", heard.language)


@pytest.mark.slow
@pytest.mark.parametrize("max_batch", [1, 2])
def test_of_several_languages_the_likeliest_is_read(folder: Path, max_batch: int) -> None:
    tiny = replace(load_folder(folder, "tiny"), max_batch=max_batch)
    audio = noise(4)
    likely = [code for code, _ in tiny.model.detect_language(audio)[2]]
    last, before = likely[-1], likely[-2]
    (heard,) = tiny.recognise_batch([RecognitionRequest(audio, among=(last, before))])
    assert heard.language == before
    assert 0.5 <= (heard.language_probability or 0.0) <= 1.0
    assert tiny.recognise(RecognitionRequest(audio, among=(last, "xx"))).language == last
    with pytest.raises(BlockError, match="does not know the language 'xx'"):
        tiny.recognise(RecognitionRequest(audio, among=("xx", "yy")))


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_a_translation_is_another_text_of_the_same_language(tiny: WhisperRecogniser, together: bool) -> None:
    german = RecognitionRequest(noise(4), language="de")
    requests = [german, replace(german, translate=True)]
    plain, translated = tiny.recognise_batch(requests) if together else map(tiny.recognise, requests)
    assert tiny.info.translates
    assert translated.text not in ("", plain.text)
    assert translated.language == "de"


def test_the_model_has_something_to_say(tiny: WhisperRecogniser) -> None:
    heard = tiny.recognise(RecognitionRequest(noise(4)))
    assert heard.words
    assert heard.language in tiny.model.supported_languages
    assert heard.avg_logprob is not None
    assert heard.avg_logprob < 0
    assert heard.no_speech_prob is not None
    assert heard.compression_ratio is not None


@pytest.mark.slow
def test_the_same_audio_gives_the_same_words(tiny: WhisperRecogniser) -> None:
    assert tiny.recognise(RecognitionRequest(noise(3), language="en")) == tiny.recognise(
        RecognitionRequest(noise(3), language="en")
    )


@pytest.mark.parametrize("samples", [0, 1, 1599])
def test_a_blip_holds_no_words(tiny: WhisperRecogniser, samples: int) -> None:
    assert tiny.recognise(RecognitionRequest(np.zeros(samples, np.float32))) == RecognitionResult()


def test_silence_is_read_without_fuss(tiny: WhisperRecogniser) -> None:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    assert_words_inside(tiny.recognise(RecognitionRequest(audio, language="en")), audio)


def test_an_unknown_language_is_refused_with_its_name(tiny: WhisperRecogniser) -> None:
    with pytest.raises(BlockError, match="does not know the language 'xx'"):
        tiny.recognise(RecognitionRequest(noise(1), language="xx"))


def test_a_model_in_int8_reads_as_well(folder: Path) -> None:
    audio = noise(1)
    assert_words_inside(
        load_folder(folder, "tiny", compute_type="int8", threads=2).recognise(RecognitionRequest(audio, language="en")),
        audio,
    )


def test_pace_is_measured_in_seconds_per_second(tiny: WhisperRecogniser) -> None:
    assert tiny.measure_rtf() > 0


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is no Whisper model"):
        load_folder(tmp_path / "none", "none")


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_folder_without_a_needed_file_is_named_incomplete(folder: Path, tmp_path: Path, file: str) -> None:
    partial = Path(shutil.copytree(folder, tmp_path / "partial"))
    (partial / file).unlink()
    with pytest.raises(ModelMissing, match=file):
        load_folder(partial, "partial")


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_damaged_file_is_a_clear_error(folder: Path, tmp_path: Path, file: str) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    (damaged / file).write_bytes(b"not what it was")
    with pytest.raises(ModelCorrupt, match="Whisper model in"):
        load_folder(damaged, "damaged")


def test_a_gpu_that_is_not_there_is_a_clear_error(folder: Path) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("there is a GPU here")
    with pytest.raises(ModelError, match="on the GPU"):
        load_folder(folder, "tiny", device="cuda", compute_type="float16")


@pytest.mark.gpu
def test_the_model_reads_on_a_gpu(folder: Path) -> None:
    audio = noise(2)
    heard = load_folder(folder, "tiny", device="cuda", compute_type="float16").recognise(
        RecognitionRequest(audio, language="en")
    )
    assert_words_inside(heard, audio)


@dataclass
class FakeWhisperModel:
    """Answers from a queue, each a text or an error, and notes the options it was given."""

    answers: list[str | Exception]
    asked: list[dict[str, Any]] = field(default_factory=list)
    supported_languages: tuple[str, ...] = ("en", "de")

    def transcribe(self, audio: Samples, **options: Any) -> tuple[list[Any], Any]:
        self.asked.append(options)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        words = [
            SimpleNamespace(word=f" {text}", start=0.1 * i, end=0.1 * i + 0.1, probability=0.9)
            for i, text in enumerate(answer.split())
        ]
        segment = SimpleNamespace(words=words, tokens=[1] * len(words), avg_logprob=-0.3, no_speech_prob=0.1)
        return [segment], SimpleNamespace(language="en", language_probability=0.9)


def parts(*texts: str) -> list[Any]:
    """Words of a segment as the library gives them, a tenth of a second each."""
    times = [(0.1 * at, 0.1 * at + 0.1) for at in range(len(texts))]
    return [
        SimpleNamespace(word=text, start=a, end=b, probability=0.9 - b / 2)
        for text, (a, b) in zip(texts, times, strict=True)
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([" l", "'homme", " qu", "'il", " a"], ["l'homme", "qu'il", "a"]),
        ([" 3", ".5", " percent", " at", " 10", ":30"], ["3.5", "percent", "at", "10:30"]),
        ([" a", " well", "-known", " $5", ",000"], ["a", "well-known", "$5,000"]),
        (["So", " 100", "%"], ["So", "100%"]),
        ([" 今", "天", "我们", " GPT", "-", "4", "写"], ["今", "天", "我们", "GPT-4", "写"]),
    ],
)
def test_what_is_given_without_a_space_goes_on_with_the_word_before(given: list[str], words: list[str]) -> None:
    assert [word.text.strip() for word in _whole_words(parts(*given))] == words


def test_a_word_of_several_parts_lasts_as_long_as_all_and_is_as_sure_as_the_least_sure() -> None:
    (word,) = _whole_words(parts(" well", "-", "known"))
    assert (word.start, word.end) == (0, 4800)
    assert word.confidence == pytest.approx(0.75)


def test_two_segments_are_never_one_word() -> None:
    def segment(text: str) -> Any:
        return SimpleNamespace(words=parts(text), tokens=[1], avg_logprob=-0.3, no_speech_prob=0.1)

    assert _to_result([segment("One"), segment("two")], "en", SAMPLE_RATE).text == "One two"


def test_a_loop_is_read_once_more_without_context() -> None:
    model = FakeWhisperModel(["la " * 12, "we meet on Thursday"])
    heard = WhisperRecogniser(model, "fake", "cpu").recognise(RecognitionRequest(noise(5), prompt="la la la"))
    assert heard.text == "we meet on Thursday"
    assert [asked["initial_prompt"] for asked in model.asked] == ["la la la", None]
    assert model.asked[1]["no_repeat_ngram_size"] == 3


def test_a_partial_result_is_read_only_once() -> None:
    model = FakeWhisperModel(["la " * 12])
    WhisperRecogniser(model, "fake", "cpu").recognise(RecognitionRequest(noise(5), partial=True))
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("device", "partial", "beam"), [("cpu", False, 1), ("cpu", True, 1), ("cuda", False, 5), ("cuda", True, 1)]
)
def test_only_final_results_on_a_gpu_get_a_wide_beam(device: str, partial: bool, beam: int) -> None:
    model = FakeWhisperModel(["we meet"])
    WhisperRecogniser(model, "fake", device).recognise(RecognitionRequest(noise(1), partial=partial))
    assert model.asked[0]["beam_size"] == beam
    assert model.asked[0]["temperature"] == [0.0]


def test_hotwords_and_the_end_of_the_prompt_are_handed_on() -> None:
    model = FakeWhisperModel(["we meet"])
    WhisperRecogniser(model, "fake", "cpu").recognise(
        RecognitionRequest(noise(1), hotwords=("Zebra", "Köln"), prompt="x" * 1000 + " end")
    )
    assert model.asked[0]["hotwords"] == "Zebra, Köln"
    assert model.asked[0]["initial_prompt"].endswith(" end")
    assert len(model.asked[0]["initial_prompt"]) == 400


def test_a_failure_of_the_library_becomes_a_failed_block() -> None:
    model = FakeWhisperModel([RuntimeError("CUDA out of memory")])
    with pytest.raises(BlockError, match=r"speech failed: .*out of memory"):
        WhisperRecogniser(model, "fake", "cuda").recognise(RecognitionRequest(noise(1)))
