"""A folder of made voices: tones with pauses, half of them with words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.rooms.voices import HALVES, half
from pipelines.types import SAMPLE_RATE


def tone(seconds: float, hertz: float, level: float = 0.1) -> np.ndarray:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return level * np.sin(2 * np.pi * hertz * at)


def utterance(parts: list[float], hertz: float) -> np.ndarray:
    """Sound and quiet in turn, seconds, over faint noise; begins and ends with 0.2 s of quiet."""
    sounds = [tone(one, hertz) if at % 2 == 0 else np.zeros(round(one * SAMPLE_RATE)) for at, one in enumerate(parts)]
    quiet = np.zeros(SAMPLE_RATE // 5)
    audio = np.concatenate([quiet, *sounds, quiet])
    return audio + 1e-5 * np.random.default_rng(0).standard_normal(len(audio))


def voices_in(wanted: str, count: int) -> list[str]:
    """Names of voices that belong to a half."""
    return [name for name in (f"voice{at}" for at in range(100)) if half(name) == wanted][:count]


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three voices in each half, with three utterances each."""
    folder = tmp_path_factory.mktemp("voices")
    rows = []
    names = [name for wanted in HALVES for name in voices_in(wanted, 3)]
    for number, name in enumerate(names):
        for at, parts in enumerate(([1.0, 0.4, 0.8], [2.5], [0.7])):
            file = f"{name}_{at}.flac"
            soundfile.write(folder / file, utterance(parts, 150 + 40 * number), SAMPLE_RATE)
            text = ("one two three", "four five six seven", "yes")[at]
            rows.append({"file": file, "speaker": name, "text": text})
    (folder / "voices.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
