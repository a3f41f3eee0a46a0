"""Utterances trimmed, levelled and cut; words with times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.rooms.clips import LEVEL_DB, clips, decibels, rms, speech_frames, spread, stretches
from benchmarks.rooms.voices import Utterance, Word
from pipelines.types import SAMPLE_RATE
from tests.benchmarks.rooms.conftest import utterance


def said(folder: Path, parts: list[float], text: str | None, words: tuple[Word, ...] | None = None) -> Utterance:
    soundfile.write(folder / "x.flac", utterance(parts, 200), SAMPLE_RATE)
    return Utterance("a", folder / "x.flac", text, words)


def test_stretches_are_where_the_sound_is() -> None:
    found = stretches(utterance([1.0, 0.5, 0.6], 200))
    assert np.array(found) / SAMPLE_RATE == pytest.approx(np.array([[0.2, 1.2], [1.7, 2.3]]), abs=0.03)
    assert len(stretches(utterance([1.0, 0.2, 0.6], 200))) == 1
    assert stretches(np.zeros(10)) == []
    assert len(speech_frames(np.zeros(0))) == 0


def test_a_clip_is_trimmed_and_of_one_level(tmp_path: Path) -> None:
    (clip,) = clips(said(tmp_path, [1.0, 0.5, 0.6], "well then so"))
    assert clip.seconds == pytest.approx(2.1, abs=0.05)
    assert len(clip.voiced) == 2
    start, end = clip.voiced[0]
    assert decibels(rms(clip.audio[start:end])) == pytest.approx(LEVEL_DB, abs=0.5)
    assert clip.text == "well then so"
    assert not clip.exact


def test_words_are_spread_over_what_is_voiced() -> None:
    rate = SAMPLE_RATE
    found = spread("aaaa bbbb cccc dddd", [(0, rate), (2 * rate, 3 * rate)])
    assert found == (("aaaa", 0.0, 0.5), ("bbbb", 0.5, 1.0), ("cccc", 2.0, 2.5), ("dddd", 2.5, 3.0))
    assert spread("", [(0, rate)]) == ()


def test_without_words_an_utterance_is_cut_at_its_pauses(tmp_path: Path) -> None:
    found = clips(said(tmp_path, [1.0, 0.4, 0.8, 0.4, 2.0], None))
    assert [round(clip.seconds, 1) for clip in found] == [1.0, 0.8, 2.0]
    assert all(clip.text is None and clip.words == () for clip in found)


def test_with_times_of_words_it_is_cut_and_they_stay_exact(tmp_path: Path) -> None:
    words = (("one", 0.2, 0.7), ("two", 0.7, 1.2), ("three", 1.6, 2.4))
    one, two = clips(said(tmp_path, [1.0, 0.4, 0.8], "one two three", words))
    assert (one.text, two.text) == ("one two", "three")
    assert one.exact
    assert one.words[1][1:] == pytest.approx((0.5, 1.0), abs=0.03)
    assert two.words[0][1] == pytest.approx(0.0, abs=0.03)


def test_silence_gives_no_clip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.zeros(100), SAMPLE_RATE)
    assert clips(Utterance("a", tmp_path / "x.flac", "nothing")) == []
