"""The sample meeting: a real recording whose references fit it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample

Row = tuple[str, float, float]


@pytest.fixture(scope="module")
def rows(sample: Sample) -> list[Row]:
    """The lines of the RTTM as (speaker, start, end) in seconds."""
    fields = [line.split() for line in sample.rttm.read_text().splitlines()]
    assert all(len(line) == 10 and line[:3] == ["SPEAKER", "sample", "1"] for line in fields)
    return [(line[7], float(line[3]), float(line[3]) + float(line[4])) for line in fields]


def test_the_recording_is_small_mono_and_a_minute_long(sample: Sample) -> None:
    import soundfile

    info = soundfile.info(sample.audio)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (SAMPLE_RATE, 1, "FLAC", "PCM_16")
    assert 60 <= info.duration <= 90
    assert info.duration == pytest.approx(sample.about["seconds"], abs=0.001)
    assert sample.audio.stat().st_size < 1_000_000


def test_three_speakers_are_named_alike_everywhere(sample: Sample, rows: list[Row]) -> None:
    speakers = sample.about["speakers"]
    assert isinstance(speakers, list)
    names = {speaker["name"] for speaker in speakers}
    assert len(names) == 3
    assert names == {row[0] for row in rows} == {turn["speaker"] for turn in sample.turns}


def test_it_has_turns_pauses_an_overlap_and_a_back_channel(sample: Sample, rows: list[Row]) -> None:
    assert 12 <= len(sample.turns) <= 20
    gaps = [round(after[1] - before[2], 3) for before, after in pairwise(rows)]
    assert sum(gap < 0 for gap in gaps) == 1
    assert min(gaps) == pytest.approx(-0.5, abs=0.05)
    assert all(gap <= 1.2 for gap in gaps)
    assert any(len(str(turn["words"]).split()) == 1 for turn in sample.turns)


def test_turns_of_both_references_lie_within_the_recording(sample: Sample, rows: list[Row]) -> None:
    for turn in sample.turns:
        mine = [row for row in rows if row[0] == turn["speaker"] and row[1] < float(str(turn["end_time"]))]
        assert any(row[2] > float(str(turn["start_time"])) for row in mine)
    assert min(row[1] for row in rows) > 0
    assert max(row[2] for row in rows) < float(str(sample.about["seconds"]))


def test_sound_is_where_the_references_say_and_a_quiet_room_elsewhere(sample: Sample, rows: list[Row]) -> None:
    audio = sample.samples()
    speech = np.zeros(len(audio), dtype=bool)
    for _, start, end in rows:
        speech[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = True
    assert 20 * np.log10(np.sqrt((audio[speech] ** 2).mean())) == pytest.approx(-29, abs=2)
    assert 20 * np.log10(np.sqrt((audio[~speech] ** 2).mean())) == pytest.approx(-60, abs=3)
    assert np.abs(audio).max() < 0.9


def test_it_names_the_makers_of_its_voices(sample: Sample) -> None:
    assert "Carnegie Mellon" in str(sample.about["credits"])
