"""Recordings for the benchmarks: words with times, cut to a length, played round and round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.harness.recordings import FRAME, SAMPLE, Play, Recording, Said, gather, named, plays, read_ctm, spread
from pipelines.errors import MeetingError
from pipelines.types import Span, Turn
from tests.conftest import Sample

ROW = {"speaker": "A", "start_time": 1.0, "end_time": 3.0, "words": "a bcd"}


def made(seconds: float = 4.0) -> Recording:
    """Audio that counts its samples, two words, one turn."""
    audio = (np.arange(round(seconds * 16_000)) % 30_000).astype(np.int16)
    words = (Said("one", 0.5, 1.0), Said("two", 2.0, 2.5))
    row = {"speaker": "A", "start_time": 0.5, "end_time": 2.5, "words": "one two"}
    return Recording("made", audio, words, (row,), (Turn(Span(8000, 40_000), "A"),))


def test_a_line_shares_its_time_among_its_words_by_letters() -> None:
    first, second = spread(ROW)
    assert (first.start, second.end) == (1.0, pytest.approx(3.0))
    assert first.end == second.start == pytest.approx(1.0 + 2.0 * 2 / 6)
    assert spread({**ROW, "words": ""}) == []


def test_words_of_a_ctm_are_read_with_their_times(tmp_path: Path) -> None:
    (tmp_path / "x.ctm").write_text(";; a comment\nx A 1.5 0.25 hello\n\nx B 2.0 0.5 there\n")
    assert read_ctm(tmp_path / "x.ctm") == [Said("hello", 1.5, 1.75), Said("there", 2.0, 2.5)]


def test_without_a_folder_the_bundled_recording_is_taken(sample: Sample) -> None:
    (one,) = gather([])
    assert one.seconds == pytest.approx(65.23, abs=0.01)
    assert [word.end for word in one.words] == sorted(word.end for word in one.words)
    assert {word.text for word in one.words} == set(sample.words.split())
    assert named([one]) == ["sample (65 s)"]


def test_exact_times_of_words_come_before_shared_out_ones(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.zeros(64_000), 16_000)
    (tmp_path / "x.seglst.json").write_text(json.dumps([ROW]))
    (tmp_path / "x.rttm").write_text("SPEAKER x 1 1.0 2.0 <NA> <NA> A <NA> <NA>\n")
    assert len(gather([tmp_path])[0].words) == 2
    (tmp_path / "x.words.ctm").write_text("x A 1.0 0.5 a\n")
    assert gather([tmp_path])[0].words == (Said("a", 1.0, 1.5),)


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MeetingError):
        gather([tmp_path])
    assert len(gather([SAMPLE, SAMPLE], 1)) == 1


def test_a_cut_recording_has_the_words_and_turns_of_its_beginning() -> None:
    cut = made().cut(2.0)
    assert (cut.seconds, [word.text for word in cut.words]) == (2.0, ["one"])
    assert cut.rows[0]["words"] == "one"
    assert cut.turns == (Turn(Span(8000, 32_000), "A"),)
    assert made().cut(0.4).rows == ()
    whole = made()
    assert whole.cut(None) is whole
    assert whole.cut(9) is whole


def test_a_play_goes_round_from_its_place_and_so_do_its_words() -> None:
    recording = made()
    play = Play(recording, 3 * 16_000)
    heard = np.frombuffer(b"".join(play.frame(number) for number in range(50)), np.int16)
    assert np.array_equal(heard, np.resize(np.roll(recording.audio, -48_000), 50 * FRAME))
    assert [(word.text, word.end) for word in play.words(6.0)] == [("one", 2.0), ("two", 3.5), ("one", 6.0)]


def test_meetings_take_the_recordings_in_turn_and_later_ones_other_places() -> None:
    one, other = made(), made(2.0)
    chosen = plays([one, other], 4)
    assert [play.recording for play in chosen] == [one, other, one, other]
    assert [play.start for play in chosen] == [0, 0, 32_000, 16_000]
    assert len(plays([one, other], 3)) == 3
    assert len(set(chosen)) == 4
