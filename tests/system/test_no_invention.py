"""Ten minutes of sounds in which nobody speaks give not one word: the real endpointer, voice model and recogniser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from pipelines.asr.moonshine import MoonshineRecogniser
from pipelines.asr.plausibility import recognise_plausibly
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.audio.endpointing import Endpointer
from pipelines.audio.vad import VadModel
from pipelines.models.pinned_files import SPEECH, require
from pipelines.types import SAMPLE_RATE, Samples, Utterance

LENGTH = 60 * SAMPLE_RATE
"""Samples of each sound (one minute)"""

TERMS = (
    "Nguyen",
    "Kubernetes",
    "Okapi",
    "Ann",
    "Bo",
    "Lee",
    "Zoe",
    "Uber",
    "Ohm",
    "Hsu",
    "Wu",
    "Mmm",
    "Jo",
    "Al",
    "Xi",
)
"""Names that may be expected, short ones above all"""

Sound = Callable[[np.random.Generator], np.ndarray]


def silence(chance: np.random.Generator) -> np.ndarray:
    """Digital silence."""
    return np.zeros(LENGTH)


def hiss(chance: np.random.Generator) -> np.ndarray:
    """White noise at -34 dB."""
    return chance.normal(0, 0.02, LENGTH)


def roar(chance: np.random.Generator) -> np.ndarray:
    """White noise at -14 dB."""
    return chance.normal(0, 0.2, LENGTH)


def rumble(chance: np.random.Generator) -> np.ndarray:
    """Pink noise."""
    spectrum = np.fft.rfft(chance.normal(size=LENGTH)) / np.sqrt(np.arange(LENGTH // 2 + 1) + 1)
    sound = np.fft.irfft(spectrum, LENGTH)
    return 0.3 * sound / np.abs(sound).max()


def fan(chance: np.random.Generator) -> np.ndarray:
    """Pink noise that comes and goes three times a second."""
    return rumble(chance) * (1 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(LENGTH) / SAMPLE_RATE))


def hum(chance: np.random.Generator) -> np.ndarray:
    """The mains and its harmonics."""
    at = np.arange(LENGTH) / SAMPLE_RATE
    return 0.1 * sum(np.sin(2 * np.pi * 50 * k * at) / k for k in range(1, 8))


def bursts(chance: np.random.Generator, length: float, pause: float, low: float, high: float) -> np.ndarray:
    """Band-limited noise in bursts of a smooth shape."""
    envelope, at = np.zeros(LENGTH), 0.0
    while at < 60:
        samples = int(length * chance.uniform(0.6, 1.4) * SAMPLE_RATE)
        part = envelope[int(at * SAMPLE_RATE) : int(at * SAMPLE_RATE) + samples]
        part += np.sin(np.linspace(0, np.pi, samples))[: len(part)] ** 3
        at += samples / SAMPLE_RATE + chance.exponential(pause)
    spectrum = np.fft.rfft(chance.normal(0, 0.3, LENGTH))
    frequencies = np.fft.rfftfreq(LENGTH, 1 / SAMPLE_RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return envelope * np.fft.irfft(spectrum, LENGTH)


def breathing(chance: np.random.Generator) -> np.ndarray:
    """Breaths of about a second."""
    return bursts(chance, 1.2, 2.0, 400, 2500)


def coughing(chance: np.random.Generator) -> np.ndarray:
    """Coughs of a quarter of a second."""
    return bursts(chance, 0.25, 2.0, 300, 3500)


def typing(chance: np.random.Generator) -> np.ndarray:
    """A keyboard: clicks of 20 ms, five a second."""
    sound, at = np.zeros(LENGTH), 0.0
    while at < 60:
        click = chance.normal(size=320) * np.exp(-np.arange(320) / 80) * 0.3
        part = sound[int(at * SAMPLE_RATE) : int(at * SAMPLE_RATE) + 320]
        part += click[: len(part)]
        at += chance.exponential(0.18) + 0.05
    return sound


def music(chance: np.random.Generator) -> np.ndarray:
    """Plucked notes of a scale, with vibrato."""
    sound, at = np.zeros(LENGTH), 0.0
    while at < 60:
        length = float(chance.choice([0.25, 0.5, 1.0]))
        time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
        phase = 2 * np.pi * chance.choice([220, 247, 262, 294, 330, 349, 392, 440]) * time
        phase = phase + 3 * np.sin(2 * np.pi * 5.5 * time)
        note = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 7)) * np.exp(-1.5 * time)
        part = sound[int(at * SAMPLE_RATE) : int(at * SAMPLE_RATE) + len(note)]
        part += note[: len(part)]
        at += length
    return sound


SOUNDS: tuple[Sound, ...] = (silence, hiss, roar, rumble, fan, hum, breathing, coughing, typing, music)


@pytest.fixture(scope="module")
def voice() -> VadModel:
    """The real voice activity model."""
    return VadModel()


@pytest.fixture(scope="module")
def recogniser() -> MoonshineRecogniser:
    """The real embedded recogniser."""
    return MoonshineRecogniser(next(require(file) for file in SPEECH).parent)


@pytest.mark.model
@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: str(sound.__name__))
def test_a_minute_of_noise_gives_no_word(sound: Sound, voice: VadModel, recogniser: MoonshineRecogniser) -> None:
    audio: Samples = np.clip(sound(np.random.default_rng(1)), -1, 1).astype(np.float32)
    endpointer = Endpointer(voice.stream())
    words = []
    for piece in filter(lambda piece: isinstance(piece, Utterance), (*endpointer(audio), *endpointer.flush())):
        for terms, careful in product(((), TERMS), (False, True)):
            request = RecognitionRequest(piece.audio, hotwords=terms, partial=not piece.final, careful=careful)
            words += recognise_plausibly(recogniser, [request])[0].words
    assert words == []
