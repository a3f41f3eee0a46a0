"""What happens to the sound on its way: noise, level, a limiter or clipping, a telephone line, Opus."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import numpy as np
import soxr

from benchmarks.rooms.clips import gain, rms
from benchmarks.rooms.voices import Audio
from pipelines.types import SAMPLE_RATE

TELEPHONE_RATE = 8000
TELEPHONE_BAND = (300, 3400)
"""Hz"""
MU = 255
"""Of the µ-law (ITU-T G.711)"""
CEILING = 0.89
"""Where the limiter ends, relative to full scale: −1 dB"""


def pink(length: int, random: np.random.Generator) -> Audio:
    """Noise with as much power in every octave, from 20 Hz on; RMS 1."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    found = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), length)
    return np.asarray(found / max(rms(found), 1e-12))


def looped(noise: Audio, length: int, random: np.random.Generator) -> Audio:
    """Recorded noise from some place on, round and round, with half a second of cross-fade at the seam; RMS 1."""
    seam = min(SAMPLE_RATE // 2, len(noise) // 4)
    fade = np.sqrt(np.linspace(0, 1, seam))
    ring = noise[: len(noise) - seam].copy()
    ring[:seam] = ring[:seam] * fade + noise[len(noise) - seam :] * fade[::-1]
    places = (np.arange(length) + random.integers(len(ring))) % len(ring)
    found = ring[places]
    return np.asarray(found / max(rms(found), 1e-12))


def babble(voices: Sequence[Audio], length: int, random: np.random.Generator) -> Audio:
    """Many voices at once, each talking on and on from some place; RMS 1."""
    found = np.zeros(length)
    for voice in voices:
        found += looped(voice, length, random)
    return np.asarray(found / max(rms(found), 1e-12))


def levelled(audio: Audio, voiced: Audio, level_db: float) -> Audio:
    """Audio with its voiced part at an RMS level relative to full scale."""
    return np.asarray(audio * (gain(level_db) / max(rms(voiced), 1e-12)))


def limited(audio: Audio) -> Audio:
    """Peaks pressed below the ceiling by tanh, as a microphone with automatic gain does; quiet sound stays as it is."""
    knee = CEILING / 2
    over = np.abs(audio) > knee
    pressed = np.sign(audio) * (knee + (CEILING - knee) * np.tanh((np.abs(audio) - knee) / (CEILING - knee)))
    return np.asarray(np.where(over, pressed, audio))


def clipped(audio: Audio, drive_db: float) -> tuple[Audio, float]:
    """Cut off at full scale with the loudest thousandth so many dB above it; also the share of samples cut off."""
    peak = float(np.percentile(np.abs(audio), 99.9))
    driven = audio * (gain(drive_db) / max(peak, 1e-12))
    return np.clip(driven, -1, 1), float(np.mean(np.abs(driven) > 1))


def telephone(audio: Audio) -> Audio:
    """Through a telephone line: 300 to 3400 Hz, 8000 samples a second, µ-law in eight bits."""
    from scipy.signal import butter, sosfilt

    low = soxr.resample(audio, SAMPLE_RATE, TELEPHONE_RATE)
    band = butter(4, TELEPHONE_BAND, "bandpass", fs=TELEPHONE_RATE, output="sos")
    line = np.clip(sosfilt(band, low), -1, 1)
    pressed = np.sign(line) * np.log1p(MU * np.abs(line)) / np.log1p(MU)
    code = np.round(pressed * 127) / 127
    heard = np.sign(code) * np.expm1(np.abs(code) * np.log1p(MU)) / MU
    return _fitted(soxr.resample(heard, TELEPHONE_RATE, SAMPLE_RATE), len(audio))


def opus(audio: Audio, kilobits: int) -> Audio:
    """Encoded with Opus for speech at so many kbit/s and decoded again."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as out:
        options = {"application": "voip", "frame_duration": "20", "vbr": "on"}
        stream = out.add_stream("libopus", rate=48000, options=options)
        stream.bit_rate = 1000 * kilobits
        stream.layout = "mono"
        whole = np.clip(soxr.resample(audio, SAMPLE_RATE, 48000), -1, 1)
        frame = av.AudioFrame.from_ndarray(
            np.round(whole * 32767).astype(np.int16)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file) as back:
        parts = [frame.to_ndarray().reshape(-1) for frame in back.decode(audio=0)]
    heard = np.concatenate(parts).astype(np.float64)
    heard = heard / 32768 if np.abs(heard).max(initial=0) > 4 else heard
    return _fitted(soxr.resample(heard, 48000, SAMPLE_RATE), len(audio))


def _fitted(audio: Audio, length: int) -> Audio:
    return np.pad(np.asarray(audio)[:length], (0, max(0, length - len(audio))))
