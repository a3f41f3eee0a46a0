"""The embedded recogniser on the sample recording: few wrong words, at the right times; and its files, damaged."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipelines.asr.moonshine import MIN_SAMPLES, MoonshineRecogniser, parse_vocabulary
from pipelines.asr.recogniser import RecognitionRequest, RecognitionResult
from pipelines.errors import BlockError, ModelCorrupt, ModelMissing
from pipelines.models.pinned_files import SPEECH, require
from pipelines.types import SAMPLE_RATE, Samples, samples
from tests.conftest import Sample

FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")


def words_of(text: str) -> list[str]:
    """Words as they are compared: lower case, no punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that turn one into the other."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, start=1):
        before, row = row, [i]
        for j, other in enumerate(hypothesis, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@pytest.fixture(scope="module")
def folder() -> Path:
    return require(SPEECH[0]).parent


@pytest.fixture(scope="module")
def recogniser(folder: Path) -> MoonshineRecogniser:
    return MoonshineRecogniser(folder)


@pytest.fixture(scope="module")
def audio(sample: Sample) -> Samples:
    return sample.samples()


def edges(turn: dict[str, object]) -> tuple[int, int]:
    """First and last sample of a turn."""
    return samples(float(str(turn["start_time"]))), samples(float(str(turn["end_time"])))


def broken(folder: Path, to: Path, name: str, data: bytes | None) -> Path:
    """A copy of the model in which one file is replaced, or gone."""
    for file in FILES:
        shutil.copy(folder / file, to / file)
    (to / name).unlink()
    if data is not None:
        (to / name).write_bytes(data)
    return to


def test_errors_are_counted_in_words() -> None:
    assert word_errors(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert word_errors(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert word_errors(["a", "b", "c"], []) == 3


def test_the_turns_of_the_sample_are_read_with_few_errors(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    wrong = total = 0
    for turn in sample.turns:
        start, end = edges(turn)
        heard = recogniser.recognise(RecognitionRequest(audio[max(0, start - 3200) : end + 3200]))
        assert_well_formed(heard, end - start + 6400)
        reference = words_of(str(turn["words"]))
        wrong += word_errors(reference, words_of(heard.text))
        total += len(reference)
    assert wrong / total < 0.25


def assert_well_formed(heard: RecognitionResult, length: int) -> None:
    times = [edge for word in heard.words for edge in (word.start, word.end)]
    assert times == sorted(times)
    assert all(0 <= word.start < word.end <= length for word in heard.words)
    assert all(word.text == word.text.strip() != "" for word in heard.words)
    assert all(word.confidence is not None and 0 < word.confidence <= 1 for word in heard.words)
    assert heard.language == "en"


def test_words_lie_within_the_turns_in_which_they_are_said(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    turns = sample.turns[:3]
    begin = edges(turns[0])[0] - samples(0.3)
    heard = recogniser.recognise(RecognitionRequest(audio[begin : edges(turns[-1])[1] + samples(0.3)]))
    said = [words_of(str(turn["words"])) for turn in turns]
    everything = [word for words in said for word in words]
    placed = 0
    for word in heard.words:
        text = "".join(words_of(word.text))
        if everything.count(text) != 1:
            continue
        turn = next(turn for turn, words in zip(turns, said, strict=True) if text in words)
        start, end = edges(turn)
        assert start - samples(0.3) <= begin + word.start <= end, text
        # a word's end is stretched to the next word's start across a short pause
        assert begin + word.end <= end + samples(0.7), text
        placed += 1
    assert placed > 10


def test_the_same_audio_gives_the_same_words(recogniser: MoonshineRecogniser, sample: Sample, audio: Samples) -> None:
    start, end = edges(sample.turns[2])
    first = recogniser.recognise(RecognitionRequest(audio[start:end]))
    assert first.words
    assert (
        recogniser.recognise(
            RecognitionRequest(audio[start:end], prompt="Before.", language="de", hotwords=("x",), partial=True)
        )
        == first
    )


@pytest.mark.parametrize("length", [0, 1, MIN_SAMPLES - 1])
def test_audio_too_short_to_read_holds_no_words(recogniser: MoonshineRecogniser, length: int) -> None:
    assert recogniser.recognise(RecognitionRequest(np.zeros(length, np.float32))) == RecognitionResult(language="en")


@pytest.mark.parametrize("length", [MIN_SAMPLES, SAMPLE_RATE])
@pytest.mark.parametrize("loudness", [0.0, 0.1])
def test_audio_without_speech_is_read_without_failing(
    recogniser: MoonshineRecogniser, length: int, loudness: float
) -> None:
    noise = (np.random.default_rng(0).normal(size=length) * loudness).astype(np.float32)
    assert_well_formed(recogniser.recognise(RecognitionRequest(noise)), length)


class FakeFailingSession:
    """Fails as ONNX Runtime does."""

    def run(self, *_: object) -> None:
        """Raise an error that is no RuntimeError."""
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail

        raise Fail("[ONNXRuntimeError] out of memory\nand where")


def test_a_failure_of_the_runtime_is_a_failure_of_this_block(folder: Path) -> None:
    failing = MoonshineRecogniser(folder)
    failing._encoder = FakeFailingSession()
    with pytest.raises(BlockError, match=r"^recogniser failed: \[ONNXRuntimeError\] out of memory$"):
        failing.recognise(RecognitionRequest(np.zeros(SAMPLE_RATE, np.float32)))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_what_to_do(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelMissing, match=rf"{name} is missing .* run `make setup`"):
        MoonshineRecogniser(broken(folder, tmp_path, name, None))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0, 5_000])
def test_a_damaged_file_is_a_damaged_model(folder: Path, tmp_path: Path, name: str, kept: int) -> None:
    with pytest.raises(ModelCorrupt, match="reinstall moonshine-voice"):
        MoonshineRecogniser(broken(folder, tmp_path, name, (folder / name).read_bytes()[:kept]))


def test_a_file_cut_off_near_its_end_is_a_damaged_model(folder: Path, tmp_path: Path) -> None:
    for name in FILES[:2]:
        with pytest.raises(ModelCorrupt, match="reinstall moonshine-voice"):
            MoonshineRecogniser(broken(folder, tmp_path, name, (folder / name).read_bytes()[:-4_000_000]))


def test_the_vocabulary_is_as_long_as_the_decoders_choices(folder: Path, recogniser: MoonshineRecogniser) -> None:
    pieces = parse_vocabulary((folder / FILES[2]).read_bytes())
    assert len(pieces) == 32_768
    assert "\u2581the".encode() in pieces


def test_long_tokens_have_two_bytes_of_length() -> None:
    long = b"x" * 300
    assert parse_vocabulary(b"\x02ab" + bytes([300 % 128 + 128, 300 // 128]) + long + b"\x00") == [b"ab", long, b""]


@pytest.mark.parametrize("data", [b"", b"\x05abc", b"\x01a\x80", b"\x01a\xac\x02short"])
def test_a_vocabulary_whose_lengths_do_not_add_up_is_damaged(data: bytes) -> None:
    with pytest.raises(ModelCorrupt, match="reinstall moonshine-voice"):
        parse_vocabulary(data)


def test_the_pace_is_that_of_this_machine(recogniser: MoonshineRecogniser) -> None:
    assert recogniser.measure_rtf() > 0
