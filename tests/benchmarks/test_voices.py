"""Voices that are remembered and met elsewhere: what is counted."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks import voices
from meeting.voices.matching import Certainty, VoiceProfile
from pipelines.types import SAMPLE_RATE, Voice

TONES = {f"voice{number}": 200.0 + 50 * number for number in range(6)}


def sounds_like(engine: object, speaker: str, audio: Any) -> Voice:
    """Stands in for the models: a voice is the pitch of its tone."""
    spectrum = np.abs(np.fft.rfft(audio[:SAMPLE_RATE]))
    place = round((int(spectrum.argmax()) - 200) / 50)
    return Voice(speaker, np.eye(8, dtype=np.float32)[place], 10.0)


def test_each_voice_is_met_in_what_it_was_not_learnt_from_and_those_with_little_speech_are_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number, (name, pitch) in enumerate(TONES.items()):
        time = np.arange((32 if number < 3 else 8) * SAMPLE_RATE) / SAMPLE_RATE
        soundfile.write(tmp_path / f"{name}.flac", 0.1 * np.sin(2 * np.pi * pitch * time), SAMPLE_RATE)
        rows.append(json.dumps({"file": f"{name}.flac", "speaker": name}))
    (tmp_path / "voices.jsonl").write_text("\n".join(rows))
    engine = SimpleNamespace(models={"embedding": "ge2e"}, close=lambda: None)
    monkeypatch.setattr(voices, "open_engine", lambda config: engine)
    monkeypatch.setattr(voices, "find_voice", sounds_like)
    monkeypatch.setattr(voices, "half", lambda name: "report")
    monkeypatch.setattr(voices, "OTHERS", 1)
    out = tmp_path / "voices.json"
    assert voices.main([str(tmp_path), "--json", str(out)]) == 0
    (row,) = json.loads(out.read_text())["tables"]["the half to report"]
    assert row == ["as recorded", 3, 3, 100.0, 0.0, 0.0, 2, 0.0]
    assert "| as recorded | 3 |" in capsys.readouterr().out


def test_a_folder_of_rooms_that_is_not_there_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(voices, "read_speech", lambda folders: pytest.fail("voices were read"))
    assert voices.main([str(tmp_path), "--rooms", str(tmp_path / "typo")]) == 2
    assert capsys.readouterr().err == f"error: there is no folder {tmp_path / 'typo'}\n"


def test_a_wrong_name_and_a_stranger_with_a_name_are_counted() -> None:
    ann = VoiceProfile("Ann", "Ann", "ge2e", np.array([1.0, 0.0], np.float32), 20.0)
    met = [
        voices.Meeting(who, known, Voice(who, np.array(sound, np.float32), 10.0), (ann,))
        for who, known, sound in (
            ("Ann", True, (1, 0)),
            ("Ann", True, (0, 1)),
            ("Ben", True, (1, 0)),
            ("Carl", False, (1, 0)),
            ("Dora", False, (0, 1)),
        )
    ]
    counts = voices.tally(met, "ge2e", Certainty(0.1, 0.0, 1.0))
    assert counts.row("here") == [
        "here",
        2,
        3,
        pytest.approx(33.3, abs=0.1),
        *[pytest.approx(33.3, abs=0.1)] * 2,
        2,
        50.0,
    ]


def test_what_is_no_folder_of_voices_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "voices.jsonl").write_text("nothing")
    assert voices.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: line 1 of ")
