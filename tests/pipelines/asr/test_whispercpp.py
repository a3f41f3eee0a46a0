"""whisper.cpp behind the seam: a tiny model that reads nonsense, made here, through the real library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.asr import whispercpp
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.asr.whispercpp import WhisperCppRecogniser, load_file
from pipelines.errors import BlockError, ModelCorrupt, ModelMissing
from pipelines.models.factory import load_recogniser
from pipelines.models.probe import probe_and_select
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE
from tests.conftest import ROOT
from tests.fakes.models.ggml_whisper import ENGLISH, write
from tests.fakes.recogniser_fakes import assert_words_inside

pytestmark = pytest.mark.slow

pytest.importorskip("pywhispercpp", reason="the extra whispercpp is not installed")

NOISE = np.random.default_rng(1).normal(0, 0.05, 12 * SAMPLE_RATE).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("ggml") / "ggml-tiny.bin")


@pytest.fixture(scope="module")
def recogniser(path: Path) -> WhisperCppRecogniser:
    return load_file(path, "tiny")


def test_words_come_in_order_with_times_and_confidences(recogniser: WhisperCppRecogniser) -> None:
    result = recogniser.recognise(RecognitionRequest(NOISE, language="en"))
    assert result.words
    assert_words_inside(result, NOISE)
    assert not any(" " in word.text for word in result.words)
    assert result.language == "en"
    assert result.avg_logprob is not None
    assert result.avg_logprob < 0
    assert result.compression_ratio is not None


def test_the_same_audio_gives_the_same_words(recogniser: WhisperCppRecogniser) -> None:
    request = RecognitionRequest(NOISE, language="en", prompt="so we said", hotwords=("Ann",))
    first = recogniser.recognise(request)
    recogniser.recognise(RecognitionRequest(NOISE[:SAMPLE_RATE], language="de", prompt="something else"))
    assert recogniser.recognise(request) == first


def test_the_text_before_changes_what_is_read_and_is_forgotten_again(recogniser: WhisperCppRecogniser) -> None:
    alone = RecognitionRequest(NOISE, language="en", partial=True)
    before = recogniser.recognise(alone)
    assert recogniser.recognise(replace(alone, prompt="hello")) != before
    assert recogniser.recognise(alone) == before


def test_a_language_is_detected_where_none_is_asked_for(recogniser: WhisperCppRecogniser) -> None:
    result = recogniser.recognise(RecognitionRequest(NOISE))
    assert result.language in recogniser.model.available_languages()
    assert result.language_probability is not None
    assert 0 < result.language_probability <= 1
    assert recogniser.recognise(RecognitionRequest(NOISE, language="de")).language_probability is None


def test_of_several_languages_the_likeliest_is_read(recogniser: WhisperCppRecogniser) -> None:
    _, chances = recogniser.model.auto_detect_language(NOISE)
    *_, before, last = sorted(chances, key=lambda code: -float(chances[code]))
    result = recogniser.recognise(RecognitionRequest(NOISE, among=(last, before)))
    assert result.language == before
    assert 0.5 <= (result.language_probability or 0.0) <= 1
    assert recogniser.recognise(RecognitionRequest(NOISE, among=(last, "xx"))).language == last
    with pytest.raises(BlockError, match="does not know the language 'xx'"):
        recogniser.recognise(RecognitionRequest(NOISE, among=("xx", "yy")))


def test_an_unknown_language_fails_that_utterance_only(recogniser: WhisperCppRecogniser) -> None:
    with pytest.raises(BlockError, match="does not know the language 'klingon'"):
        recogniser.recognise(RecognitionRequest(NOISE, language="klingon"))


def test_a_translation_is_another_text_of_the_same_language(recogniser: WhisperCppRecogniser) -> None:
    german = RecognitionRequest(NOISE, language="de")
    plain, translated = recogniser.recognise(german), recogniser.recognise(replace(german, translate=True))
    assert recogniser.info.translates
    assert translated.text not in ("", plain.text)
    assert translated.language == "de"


def test_next_to_no_audio_is_no_words(recogniser: WhisperCppRecogniser) -> None:
    assert recogniser.recognise(RecognitionRequest(NOISE[:1600])).words == ()
    assert recogniser.recognise(RecognitionRequest(NOISE[:0])).words == ()


def test_an_english_model_says_so_and_reads_english_whatever_is_asked_for(tmp_path: Path) -> None:
    english = load_file(write(tmp_path / "ggml-tiny.en.bin", tokens=ENGLISH), "tiny.en")
    assert english.info.languages == ("en",)
    assert not english.info.translates
    assert english.recognise(RecognitionRequest(NOISE, language="de")).language == "en"


def test_it_says_how_fast_it_is(recogniser: WhisperCppRecogniser) -> None:
    assert 0 < recogniser.measure_rtf() < 10
    assert recogniser.info.languages is None


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:20], lambda data: b"nope" + data[4:], lambda data: data[: len(data) // 2], lambda data: b""],
    ids=["header only", "other magic", "cut", "empty"],
)
def test_a_damaged_file_is_an_error_and_not_the_end_of_the_process(
    path: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelCorrupt, match=r"bad\.bin (cannot be read|is no whisper.cpp model).*fetch it again"):
        load_file(bad, "bad")


def test_a_model_that_takes_too_long_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whispercpp, "TRIAL_TIMEOUT", 0.01)
    with pytest.raises(ModelCorrupt, match="was not ready"):
        load_file(path, "tiny")


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="a file in ggml format is needed"):
        load_file(tmp_path / "none.bin", "none")


def test_without_its_package_it_says_which_one_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywhispercpp.model", None)
    with pytest.raises(ModelMissing, match=r"pip install 'meeting-transcriber\[whispercpp\]'"):
        load_file(path, "tiny")


def test_an_implausible_result_is_made_again_without_the_prompt() -> None:
    prompts: list[str] = []

    class FakeLooping:
        """Repeats itself where it is given a prompt."""

        def available_languages(self) -> list[str]:
            return ["en"]

        def transcribe(self, audio: Any, initial_prompt: str, **options: Any) -> list[Any]:
            prompts.append(initial_prompt)
            texts = ["loop"] * 9 if initial_prompt else ["well", "said"]
            return [
                SimpleNamespace(text=text, t0=10 * n, t1=10 * n + 9, probability=0.5) for n, text in enumerate(texts)
            ]

    recogniser = WhisperCppRecogniser(FakeLooping(), "fake", True)
    request = RecognitionRequest(NOISE, prompt="said before", language="en", hotwords=("Ann", "Ben"))
    assert recogniser.recognise(request).text == "well said"
    assert prompts == ["Ann, Ben said before", ""]
    assert recogniser.recognise(replace(request, partial=True)).text.startswith("loop loop")


def test_it_is_named_in_the_settings_with_the_path_of_a_file(path: Path) -> None:
    options = EngineOptions(set="embedded", recognizer=f"whispercpp:{path}", device="cpu")
    selection = probe_and_select(options)
    assert selection.why.startswith("The recogniser whispercpp with ggml-tiny.bin serves, from this machine, because")
    assert load_recogniser(selection.speech, 2).info.name == "ggml-tiny"


def test_it_writes_nothing_to_the_terminal_and_the_process_ends_well(path: Path) -> None:
    script = f"""
import numpy as np
from pathlib import Path
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.asr.whispercpp import load_file
load_file(Path({str(path)!r}), "tiny").recognise(RecognitionRequest(np.zeros(32000, np.float32)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
