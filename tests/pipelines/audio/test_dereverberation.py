"""What is taken out of reverberant audio, and that nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.dereverberation import BLOCK, FRAME, HOP, Dereverberator
from pipelines.types import SAMPLE_RATE, Samples, samples

LATE = SAMPLE_RATE // 20
"""Behind the direct sound what comes later than this is late reverberation"""


def cleaned(audio: Samples, chunk: int = 8000) -> Samples:
    block = Dereverberator()
    parts = [part for at in range(0, len(audio), chunk) for part in block(audio[at : at + chunk])]
    return np.concatenate([np.zeros(0, np.float32), *parts, *block.flush()])


def syllables(seconds: float, seed: int = 0) -> Samples:
    """Noise that comes and goes four times a second, as speech does."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal(int(seconds * SAMPLE_RATE)).astype(np.float32)
    loud = np.repeat(generator.random(int(seconds * 8) + 1) > 0.5, SAMPLE_RATE // 8)[: len(noise)]
    return np.asarray(0.05 * noise * (0.01 + loud), np.float32)


def in_a_room(dry: Samples, seconds: float = 0.5) -> tuple[Samples, Samples]:
    """Audio as it is heard in a room of that reverberation time, and without what comes late."""
    generator = np.random.default_rng(1)
    length = int(seconds * SAMPLE_RATE)
    tail = generator.standard_normal(length) * 10 ** (-3 * np.arange(length) / length) * 0.1
    tail[0] = 1.0
    early = tail * (np.arange(length) < LATE)
    return tuple(np.convolve(dry, response)[: len(dry)].astype(np.float32) for response in (tail, early))  # type: ignore[return-value]


def distance(audio: Samples, wanted: Samples) -> float:
    """Energy of the difference by that of what is wanted."""
    return float(np.sum((audio - wanted) ** 2) / np.sum(wanted**2))


def test_late_reverberation_becomes_less_once_the_room_is_known() -> None:
    reverberant, early = in_a_room(syllables(12), 0.8)
    known = slice(4 * SAMPLE_RATE, None)
    before, after = distance(reverberant[known], early[known]), distance(cleaned(reverberant)[known], early[known])
    assert after < 0.7 * before


def test_speech_without_an_echo_stays_as_it_is() -> None:
    dry = syllables(8)
    assert distance(cleaned(dry), dry) < 0.05


def test_until_anything_is_learnt_audio_passes_unchanged() -> None:
    audio = syllables(1)
    first = BLOCK * HOP - FRAME
    np.testing.assert_allclose(cleaned(audio)[:first], audio[:first], atol=1e-6)


@pytest.mark.parametrize("length", [1, HOP, FRAME - HOP - 1, FRAME - HOP, FRAME - HOP + 1, FRAME, 5000])
def test_as_much_comes_out_as_came_in(length: int) -> None:
    audio = syllables(1)[:length]
    out = cleaned(audio, chunk=100)
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    if length < BLOCK * HOP - FRAME:
        np.testing.assert_allclose(out, audio, atol=1e-6)


def test_nothing_comes_of_nothing() -> None:
    assert len(cleaned(np.zeros(0, np.float32))) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=20))
def test_chunks_of_any_size_give_the_same(sizes: list[int]) -> None:
    audio = in_a_room(syllables(1.5))[0]
    block, parts, at = Dereverberator(), [], 0
    for size in sizes:
        parts += block(audio[at : at + size])
        at += size
    parts += [*block(audio[at:]), *block.flush()]
    np.testing.assert_array_equal(np.concatenate(parts), cleaned(audio))


def test_no_more_than_24_ms_are_held_back() -> None:
    block = Dereverberator()
    audio = syllables(1)
    out = np.concatenate(block(audio))
    assert len(audio) - len(out) == samples(0.024)


def test_the_level_makes_no_difference() -> None:
    audio = in_a_room(syllables(3))[0]
    quiet = np.float32(10 ** (-45 / 20))
    np.testing.assert_allclose(cleaned(audio * quiet) / quiet, cleaned(audio), atol=1e-4)


@pytest.mark.slow
def test_silence_stays_silence_and_what_follows_it_is_heard() -> None:
    speech = in_a_room(syllables(3))[0]
    silence = np.zeros(60 * SAMPLE_RATE, np.float32)
    out = cleaned(np.concatenate([speech, silence, speech]))
    assert np.isfinite(out).all()
    assert np.abs(out[4 * SAMPLE_RATE : 60 * SAMPLE_RATE]).max() < 1e-6
    assert distance(out[-len(speech) :], speech) < 1.0


def test_a_click_or_a_constant_does_not_unsettle_it() -> None:
    audio = syllables(3)
    audio[SAMPLE_RATE] = 1.0
    audio[2 * SAMPLE_RATE :] = 0.5
    out = cleaned(audio)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 2.0
