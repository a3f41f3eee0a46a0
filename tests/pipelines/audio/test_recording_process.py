"""Recorded files in processes of their own: the same audio as in this one, and no file that ends this one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from pipelines.audio.containers import MAX_TRACKS
from pipelines.audio.decoder_process import DecoderDied
from pipelines.audio.recording import read_recording
from pipelines.audio.recording_process import isolated_recording
from pipelines.errors import AudioError
from pipelines.types import Samples
from tests.conftest import Sample
from tests.fakes.bombs import BOMBS
from tests.fakes.children import children
from tests.fakes.containers import encoded, tone, with_tracks


def all_of(path: Path) -> Samples:
    """A file's audio, read in a process of its own."""
    with isolated_recording(path) as recording:
        return np.concatenate(list(recording))


@pytest.mark.parametrize("encoding", ["mp3", "m4a"])
def test_it_is_the_audio_that_is_read_in_this_process(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a recording"
    path.write_bytes(encoded(encoding, 3.0, 2))
    assert np.array_equal(all_of(path), np.concatenate(list(read_recording(path))))
    assert children() == []


def test_there_is_memory_for_as_many_tracks_as_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "a recording"
    path.write_bytes(with_tracks("mp4", [tone(48_000, 1.0)[:, 0]] * MAX_TRACKS, codec="aac"))
    assert np.array_equal(all_of(path), np.concatenate(list(read_recording(path))))


def test_its_length_is_known_before_it_is_read(sample: Sample) -> None:
    with isolated_recording(sample.audio) as recording:
        assert recording.seconds == pytest.approx(65.2, abs=0.1)
    assert children() == []


@pytest.mark.parametrize("bomb", [*BOMBS][:3])
def test_small_files_that_claim_to_be_huge_are_refused(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[bomb][1]())
    with pytest.raises(AudioError):
        all_of(path)
    assert children() == []


def test_a_reader_that_is_killed_is_a_sentence(sample: Sample) -> None:
    with isolated_recording(sample.audio) as recording:
        os.kill(children()[0], signal.SIGKILL)
        with pytest.raises(DecoderDied, match="was killed"):
            list(recording)
    assert children() == []


def test_a_file_that_is_gone_is_an_error_of_audio(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        all_of(tmp_path / "gone")
