"""The embedded recogniser on the sample recording: few wrong words, at the right times; and its files, damaged."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.asr.decoding.hotwords import HotwordTrie, Tokenizer
from pipelines.asr.moonshine import (
    EOS,
    MAX_TRIES,
    MIN_SAMPLES,
    MoonshineRecogniser,
    _of_hypotheses,
    parse_vocabulary,
)
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_careful_reading_is_well_formed_the_same_each_time_and_has_words_where_a_plain_one_has_them(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    for turn in sample.turns[:4]:
        start, end = edges(turn)
        said = audio[max(0, start - 3200) : end + 3200]
        plain, careful, again = (
            recogniser.recognise(RecognitionRequest(said, careful=how)) for how in (False, True, True)
        )
        assert careful == again
        assert_well_formed(careful, len(said))
        moved = [
            abs(one.start - other.start)
            for one in careful.words
            for other in plain.words
            if words_of(one.text) == words_of(other.text) and abs(one.start - other.start) < samples(0.5)
        ]
        assert len(moved) >= 0.6 * len(plain.words)
        assert np.median(moved) <= samples(0.05)  # the silence that is added is not in the times


def test_each_hypothesis_goes_on_from_what_was_remembered_of_it_in_every_view() -> None:
    past = {"past.0.key": np.arange(6).reshape(6, 1, 1, 1)}  # three hypotheses in two views
    assert _of_hypotheses(past, [2, 0, 2], 2)["past.0.key"].ravel().tolist() == [4, 5, 0, 1, 4, 5]


@pytest.mark.slow
def test_a_careful_reading_is_surer_of_the_sample_and_makes_no_more_errors(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    errors, sure = {False: 0, True: 0}, {False: 0.0, True: 0.0}
    for turn in sample.turns:
        start, end = edges(turn)
        for careful in errors:
            said = RecognitionRequest(audio[max(0, start - 3200) : end + 3200], careful=careful)
            found = recogniser.recognise(said)
            errors[careful] += word_errors(words_of(str(turn["words"])), words_of(found.text))
            sure[careful] += found.avg_logprob or 0.0
    assert errors[True] <= errors[False]
    assert sure[True] > sure[False]


def test_a_draft_changes_nothing_of_a_careful_reading(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    start, end = edges(sample.turns[1])
    said = RecognitionRequest(audio[start:end], careful=True)
    draft = recogniser.recognise(replace(said, careful=False)).draft
    assert draft
    assert recogniser.recognise(replace(said, draft=draft)) == recogniser.recognise(said)


@pytest.mark.parametrize(("turn", "term"), [(4, "today"), (5, "Thank you")])
def test_a_careful_reading_hears_a_term_that_is_expected(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples, turn: int, term: str
) -> None:
    start, end = edges(sample.turns[turn])
    said = RecognitionRequest(audio[start - samples(0.2) : end + samples(0.2)], careful=True)
    assert term not in recogniser.recognise(said).text
    assert term in recogniser.recognise(replace(said, hotwords=("Ypsilanti", term))).text


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


@pytest.mark.slow
def test_several_threads_get_what_one_gets(recogniser: MoonshineRecogniser, sample: Sample, audio: Samples) -> None:
    requests = [
        RecognitionRequest(audio[slice(*edges(turn))], hotwords=hotwords)
        for turn in sample.turns[:4]
        for hotwords in ((), ("phones",), ("Thursday", "page"))
    ]
    alone = [recogniser.recognise(request) for request in requests]
    assert recogniser.info.concurrent
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(recogniser.recognise, requests * 2)) == alone * 2


@pytest.mark.parametrize(
    ("turn", "terms", "said"),
    [(4, ["today"], "look at that today"), (5, ["Thank you"], "Thank you when"), (12, ["also"], "Should we also talk")],
)
def test_a_term_that_is_expected_is_heard_where_it_is_said(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples, turn: int, terms: list[str], said: str
) -> None:
    start, end = edges(sample.turns[turn])
    heard = audio[start - samples(0.2) : end + samples(0.2)]
    without = recogniser.recognise(RecognitionRequest(heard))
    expecting = recogniser.recognise(RecognitionRequest(heard, hotwords=("Ypsilanti", *terms)))
    assert said not in without.text
    assert said in expecting.text
    assert_well_formed(expecting, len(heard))
    assert recogniser.recognise(RecognitionRequest(heard)) == without


@pytest.mark.slow
def test_terms_that_are_not_said_change_nothing(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    terms = ("Ypsilanti", "Kubernetes", "pademelon", "Saint Petersburg", "C++", "Ångström", " ", "")
    for turn in sample.turns[:8]:
        start, end = edges(turn)
        heard = RecognitionRequest(audio[start:end])
        assert recogniser.recognise(replace(heard, hotwords=terms)) == recogniser.recognise(heard)


def test_a_draft_makes_recognition_with_terms_faster_and_changes_no_word(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, end = edges(sample.turns[12])
    whole, terms = audio[start:end], ("also", "Ypsilanti")
    first = recogniser.recognise(RecognitionRequest(whole[: len(whole) * 2 // 3], hotwords=terms, partial=True))
    steps: list[int] = []
    run = recogniser._run_decoder

    def counting(tokens: list[int], *args: Any) -> Any:
        steps.append(len(tokens))
        return run(tokens, *args)

    monkeypatch.setattr(recogniser, "_run_decoder", counting)
    alone = recogniser.recognise(RecognitionRequest(whole, hotwords=terms))
    needed = len(steps)
    # as plain values, which is how one on another machine gets it
    plain = tuple(tuple(token) for token in json.loads(json.dumps(first.draft)))
    again = recogniser.recognise(RecognitionRequest(whole, hotwords=terms, draft=plain))
    assert "also" in again.text
    assert again.text == alone.text
    assert len(steps) - needed < needed


def test_a_list_of_terms_is_taken_apart_once(recogniser: MoonshineRecogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, ...]] = []

    class Counting(HotwordTrie):
        """Notes what it is made of."""

        def __init__(self, terms: tuple[str, ...], tokenizer: Tokenizer) -> None:
            made.append(terms)
            super().__init__(terms, tokenizer)

    monkeypatch.setattr("pipelines.asr.moonshine.HotwordTrie", Counting)
    for _ in range(3):
        for terms in (("one list",), ("another",)):
            recogniser.recognise(RecognitionRequest(np.zeros(SAMPLE_RATE, np.float32), hotwords=terms))
    assert made == [("one list",), ("another",)]
    for number in range(MAX_TRIES):
        recogniser._trie((str(number),))
    assert len(recogniser._tries) == MAX_TRIES


def test_the_model_writes_in_the_tokens_in_which_terms_are_sought(
    recogniser: MoonshineRecogniser, sample: Sample, audio: Samples
) -> None:
    start, end = edges(sample.turns[2])
    draft: Any = recogniser.recognise(RecognitionRequest(audio[start:end])).draft
    tokens = [token.id for token in draft if token.id != EOS]
    text = b"".join(recogniser._vocabulary[token] for token in tokens).decode()
    assert recogniser._tokenizer.encode(text) == tuple(tokens)


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
