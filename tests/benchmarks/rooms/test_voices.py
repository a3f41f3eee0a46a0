"""Utterances from folders, and the halves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.harness.recordings import SAMPLE
from benchmarks.rooms.voices import Utterance, gather, half, read_audio
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE


def test_a_half_depends_on_the_name_alone() -> None:
    # Written down: another rule would move voices that something was fitted to among those that are reported.
    assert [half(name) for name in ("Ann", "Ben", "Carl", "VCTK-p225", "rir_1")] == [
        "choose",
        "report",
        "report",
        half("VCTK-p225"),
        "report",
    ]
    names = [half(f"voice {at}") for at in range(1000)]
    assert 400 < names.count("choose") < 600


def test_a_list_names_files_speakers_and_texts(voices: Path) -> None:
    found = gather([voices])
    assert len(found) == 18
    assert found[0].text == "one two three"
    assert len(found[0].read()) == pytest.approx(2.6 * SAMPLE_RATE, abs=2)


def test_words_of_a_list_have_times(tmp_path: Path) -> None:
    row = {"file": "a.flac", "speaker": "a", "text": "so it is", "words": [["so", 0.1, 0.3], ["it is", 0.3, 0.8]]}
    (tmp_path / "voices.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert gather([tmp_path])[0].words == (("so", 0.1, 0.3), ("it is", 0.3, 0.8))


def test_the_sample_meeting_stands_in() -> None:
    found = gather([])
    assert {one.voice for one in found} == {"Ann", "Ben", "Carl"}
    assert all(one.path.parent == SAMPLE and one.words is None for one in found)
    starts = [one.start for one in found]
    assert "And I can help you" not in " ".join(str(one.text) for one in found)  # spoken over somebody else
    assert starts == sorted(starts)


def test_lines_of_a_recording_have_the_words_of_its_ctm(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.zeros(4 * SAMPLE_RATE), SAMPLE_RATE)
    (tmp_path / "x.rttm").write_text("SPEAKER x 1 1 2 <NA> <NA> a <NA> <NA>\n", encoding="utf-8")
    rows = [{"session_id": "x", "speaker": "a", "start_time": 1.0, "end_time": 3.0, "words": "well now"}]
    (tmp_path / "x.seglst.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "x.words.ctm").write_text("x a 1.0 0.5 well\nx b 1.2 0.1 no\nx a 2.5 0.5 now\n", encoding="utf-8")
    (found,) = gather([tmp_path])
    assert found.words == (("well", 0.0, 0.5), ("now", 1.5, 2.0))
    assert len(found.read()) == 2 * SAMPLE_RATE


@pytest.mark.parametrize("line", ["{}", "no", '{"file": "a.flac"}', '{"file": "a", "speaker": "a", "words": [1]}'])
def test_a_broken_list_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "voices.jsonl").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(MeetingError, match="line 1"):
        gather([tmp_path])


def test_a_file_of_another_rate_or_none_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(800), 8000)
    with pytest.raises(MeetingError, match="8000"):
        read_audio(tmp_path / "x.wav")
    with pytest.raises(MeetingError, match="cannot be read"):
        Utterance("a", tmp_path / "none.flac", None).read()
