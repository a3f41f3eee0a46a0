"""Whisper of the library transformers behind the seam: a tiny model that reads nonsense, made here."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.asr.whisper_transformers import TransformersRecogniser, _Decoded, load_folder
from pipelines.errors import BlockError, ModelCorrupt, ModelMissing
from pipelines.models.factory import load_recogniser
from pipelines.models.probe import probe_and_select
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE
from tests.fakes.models.transformers_whisper import write
from tests.fakes.recogniser_fakes import assert_words_inside

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("transformers") is None, reason="the extra transformers is not installed"
    ),
]

NOISE = np.random.default_rng(1).normal(0, 0.05, 6 * SAMPLE_RATE).astype(np.float32)
EN = RecognitionRequest(NOISE, language="en", partial=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("transformers") / "tiny")


@pytest.fixture(scope="module")
def recogniser(folder: Path) -> TransformersRecogniser:
    return load_folder(folder, "tiny", max_batch=4)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """More threads wait for each other where others compute as well."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def short(recogniser: TransformersRecogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that reads nonsense never comes to an end: it may write 12 tokens."""
    monkeypatch.setattr(recogniser._model.config, "max_target_positions", 40)


def test_words_come_in_order_with_times_and_confidences(recogniser: TransformersRecogniser) -> None:
    result = recogniser.recognise(EN)
    assert result.words
    assert_words_inside(result, NOISE)
    assert len({word.start for word in result.words}) == len(result.words)
    assert (result.language, result.language_probability) == ("en", None)
    assert result.avg_logprob is not None
    assert result.avg_logprob < 0
    assert result.no_speech_prob is not None
    assert 0 <= result.no_speech_prob <= 1
    assert result.compression_ratio is not None


def test_what_is_read_together_is_what_is_read_alone(recogniser: TransformersRecogniser) -> None:
    requests = [
        EN,
        replace(EN, audio=NOISE[: 2 * SAMPLE_RATE], language="de"),
        replace(EN, hotwords=("Ann",)),
        replace(EN, audio=NOISE[:100]),
        replace(EN, audio=NOISE[SAMPLE_RATE:], language=None),
        replace(EN, audio=NOISE[::2]),
    ]
    together = recogniser.recognise_batch(requests)
    for request, found in zip(requests, together, strict=True):
        alone = recogniser.recognise(request)
        assert found.text == alone.text
        assert [word.start for word in found.words] == [word.start for word in alone.words]
        assert found.avg_logprob == pytest.approx(alone.avg_logprob, abs=1e-4)
    assert together[3] == RecognitionResult()


def test_hotwords_are_a_prompt_and_the_text_before_is_not(recogniser: TransformersRecogniser) -> None:
    plain = recogniser.recognise(EN).text
    assert recogniser.recognise(replace(EN, prompt="something was said")).text == plain
    assert recogniser.recognise(replace(EN, hotwords=("Kubernetes",))).text != plain
    many = tuple(f"Name {number}" for number in range(200))
    assert recogniser.recognise(replace(EN, hotwords=many)).words


def test_a_language_is_detected_where_none_is_asked_for(recogniser: TransformersRecogniser) -> None:
    result = recogniser.recognise(replace(EN, language=None))
    assert result.language_probability is not None
    assert 0 < result.language_probability <= 1
    again = recogniser.recognise(replace(EN, language=result.language))
    assert again.text == result.text


def test_of_several_languages_the_likeliest_is_read_of_each_utterance(recogniser: TransformersRecogniser) -> None:
    any_one = recogniser.recognise(replace(EN, language=None))
    others = [code for code in ("de", "en", "fr", "ja") if code != any_one.language][:3]
    choices = ((), (*others, any_one.language or ""), tuple(others))
    requests = [replace(EN, language=None, among=among) for among in choices]
    free, within, without = recogniser.recognise_batch(requests)
    assert free.language == within.language == any_one.language
    assert (within.language_probability or 0.0) > (free.language_probability or 1.0)
    assert without.language in others
    assert recogniser.recognise(replace(requests[0], among=("de", "xx"))).language == "de"
    with pytest.raises(BlockError, match="tiny does not know the language 'xx'"):
        recogniser.recognise(replace(requests[0], among=("xx", "yy")))


def test_a_translation_is_read_beside_what_is_not_and_is_another_text(recogniser: TransformersRecogniser) -> None:
    german = replace(EN, language="de")
    plain, translated, other = recogniser.recognise_batch([german, replace(german, translate=True), EN])
    assert recogniser.info.translates
    assert {plain.text, other.text} == {recogniser.recognise(german).text, recogniser.recognise(EN).text}
    assert translated.text not in ("", plain.text)
    assert translated.language == "de"


def test_an_unknown_language_fails_with_a_sentence(recogniser: TransformersRecogniser) -> None:
    with pytest.raises(BlockError, match="tiny does not know the language 'klingon'"):
        recogniser.recognise(replace(EN, language="klingon"))


def test_attention_with_weights_is_computed_only_for_the_times_of_words(recogniser: TransformersRecogniser) -> None:
    used: list[str] = []
    model = recogniser._model
    layer = model.get_decoder().layers[0].encoder_attn
    hook = layer.register_forward_hook(lambda *_: used.append(model.config._attn_implementation))
    recogniser.recognise(EN)
    hook.remove()
    assert used[:-1] == ["sdpa"] * (len(used) - 1)
    assert len(used) > 8
    assert used[-1] == "eager"
    assert model.config._attn_implementation == "sdpa"
    assert not any(layer.encoder_attn._forward_hooks for layer in model.get_decoder().layers)


def test_the_place_of_a_token_is_where_attention_was_when_it_was_written(
    recogniser: TransformersRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen: list[Any] = []

    def place(weights: Any) -> Any:
        seen.append(weights)
        return np.arange(weights.shape[1]) * 5

    model, text = recogniser._model, recogniser._tokenizer(" said and done", add_special_tokens=False).input_ids
    monkeypatch.setattr(model, "generate", lambda **_: torch.tensor([text, text]))
    monkeypatch.setattr("pipelines.asr.whisper_transformers.token_frames", place)
    first, _ = recogniser.recognise_batch([EN, replace(EN, audio=NOISE[: 3 * SAMPLE_RATE])])
    assert [weights.shape for weights in seen] == [(2, len(text) + 1, 300), (2, len(text) + 1, 150)]  # frames of 20 ms
    assert [word.start for word in first.words] == [0, 5 * 5 * 320, 9 * 5 * 320]

    before = recogniser._prefix(_Decoded([], "en", None, "transcribe"))
    features = recogniser._extractor([NOISE], sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        asked = model(features, decoder_input_ids=torch.tensor([[*before, *text]]), output_attentions=True)
    model.set_attn_implementation("sdpa")
    writes_first = asked.cross_attentions[-1][0, :, len(before) - 1, :300].numpy()  # the token before the first one
    assert np.allclose(seen[0][:, 0], writes_first, atol=1e-5)


def test_a_final_result_that_is_not_plausible_is_made_again_without_repeats(
    recogniser: TransformersRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    generate = recogniser._model.generate

    def noted(**options: Any) -> Any:
        asked.append(options)
        return generate(**options)

    monkeypatch.setattr(recogniser._model, "generate", noted)
    monkeypatch.setattr("pipelines.asr.whisper_requests.is_plausible", lambda result, length: length < len(NOISE))
    shorter = replace(EN, audio=NOISE[SAMPLE_RATE:], partial=False)
    recogniser.recognise_batch([replace(EN, partial=False), shorter])
    assert [options.get("no_repeat_ngram_size") for options in asked] == [None, 3]
    assert [len(options["language"]) for options in asked] == [2, 1]


@pytest.mark.parametrize(
    ("text", "language", "task", "words"),
    [
        (" Well, I said so.", "en", "transcribe", ["Well,", "I", "said", "so."]),
        ("Übung", "de", "transcribe", ["Übung"]),
        ("こんに", "ja", "transcribe", ["こ", "ん", "に"]),
        (" I said so.", "ja", "translate", ["I", "said", "so."]),
        ("", "en", "transcribe", []),
    ],
)
def test_words_end_at_spaces_or_with_each_character_where_there_are_none(
    recogniser: TransformersRecogniser, text: str, language: str, task: str, words: list[str]
) -> None:
    tokens = recogniser._tokenizer(text, add_special_tokens=False).input_ids
    made = recogniser._words(_Decoded(tokens, language, None, task))
    assert [recogniser._tokenizer.decode(tokens[first:last]).strip() for first, last in made] == words


def test_where_nothing_is_said_there_are_no_words(
    recogniser: TransformersRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    end = recogniser._generation.eos_token_id
    monkeypatch.setattr(recogniser._model, "generate", lambda **_: torch.full((2, 1), end))
    for result in recogniser.recognise_batch([EN, EN]):
        assert result.words == ()
        assert result.no_speech_prob is not None


def test_an_english_model_says_so(tmp_path: Path) -> None:
    english = load_folder(write(tmp_path / "tiny.en", multilingual=False), "tiny.en")
    assert english.info.languages == ("en",)
    english._model.config.max_target_positions = 40
    result = english.recognise(replace(EN, language="de"))
    assert result.language == "en"
    assert result.words


def test_it_says_how_fast_it_is_and_how_many_it_reads_together(recogniser: TransformersRecogniser) -> None:
    assert 0 < recogniser.measure_rtf() < 10
    assert (recogniser.info.max_batch, recogniser.info.on_gpu, recogniser.info.languages) == (4, False, None)


def damaged(folder: Path, target: Path, change: Callable[[Path], object]) -> Path:
    shutil.copytree(folder, target)
    change(target)
    return target


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"nonsense"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        lambda folder: (folder / "config.json").write_text("{}"),
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
    ],
    ids=["weights damaged", "no weights", "tokenizer damaged", "empty config", "no preprocessor", "only a pickle"],
)
def test_a_damaged_folder_is_an_error_that_names_it(
    folder: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    with pytest.raises(ModelCorrupt, match=r"the Whisper model in .*bad cannot be loaded"):
        load_folder(damaged(folder, tmp_path / "bad", change), "bad")


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.safetensors, … are needed"):
        load_folder(tmp_path / "none", "none")


def test_without_its_package_it_says_which_one_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelMissing, match=r"pip install 'meeting-transcriber\[transformers\]'"):
        load_folder(folder, "tiny")


def test_where_no_heads_are_named_those_of_the_later_layers_follow_the_audio(folder: Path, tmp_path: Path) -> None:
    def forget(target: Path) -> None:
        path = target / "generation_config.json"
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "alignment_heads"}))

    loaded = load_folder(damaged(folder, tmp_path / "headless", forget), "headless")
    loaded._model.config.max_target_positions = 40
    assert loaded._heads == [[1, 0], [1, 1]]
    assert loaded.recognise(EN).words


def test_it_is_named_in_the_settings_with_the_path_of_a_folder(folder: Path) -> None:
    options = EngineOptions(set="embedded", recognizer=f"transformers:{folder}", device="cpu")
    selection = probe_and_select(options)
    assert selection.why.startswith("The recogniser transformers with tiny serves, from this machine, because")
    assert load_recogniser(selection.speech).info.name == "tiny"


@pytest.mark.gpu
def test_on_a_card_it_reads_in_half_precision(folder: Path) -> None:
    loaded = load_folder(folder, "tiny", "cuda", "float16")
    assert (loaded.info.max_batch, loaded.info.on_gpu) == (16, True)
    loaded._model.config.max_target_positions = 40
    assert all(result.words for result in loaded.recognise_batch([EN, replace(EN, language=None)]))
