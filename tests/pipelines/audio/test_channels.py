"""Sound of up to 32 channels, in every container that can hold so many: heard as their average, and more refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.audio.decoding import open_decoder
from pipelines.audio.recording import read_recording
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.containers import ENCODERS, encoded, tone

MOST = {"wav": 32, "flac": 8, "ogg": 32, "ogg_opus": 32, "webm": 32, "webm_opus": 32, "m4a": 8, "mp3": 2}
"""Channels that a container can hold with the codec of ENCODERS; AAC has no three of some numbers"""
EVERY = [
    pytest.param(name, count, marks=[] if count == most else pytest.mark.slow)
    for name, most in MOST.items()
    for count in (1, 2, 3, 6, 8, 12, 24, 32)
    if count <= most and (name, count) != ("m4a", 24)
]
every = pytest.mark.parametrize(("encoding", "channels"), EVERY)


def heard(encoding: str, data: bytes) -> Samples:
    """All that a decoder gives for a recording."""
    decoder = open_decoder(encoding, 0, 0)
    try:
        return np.concatenate([*decoder.decode(data), *decoder.flush()])
    finally:
        decoder.close()


def alike(audio: Samples, channels: int, seconds: float = 1.0) -> float:
    """How much of the middle is the average of the tones, at the best shift that an encoder may have made: up to 1."""
    sound = tone(SAMPLE_RATE, seconds, channels).mean(axis=1)[4000:10000]
    return max(float(np.corrcoef(audio[at : at + 6000], sound)[0, 1]) for at in range(3990, 5300))


def wav(channels: int, form: str = "<i2", mask: int | None = None) -> bytes:
    """A second of the tones at 16 kHz; with a mask it says where each channel is."""
    audio, size = tone(SAMPLE_RATE, 1.0, channels), np.dtype(form).itemsize
    data = (audio if form == "<f4" else audio * 32767).astype(form).tobytes()
    kind, block = 3 if form == "<f4" else 1, size * channels
    facts = struct.pack("<HIIHH", channels, SAMPLE_RATE, SAMPLE_RATE * block, block, 8 * size)
    if mask is None:
        head = struct.pack("<H", kind) + facts
    else:
        rest = bytes.fromhex("0000000010008000 00aa00389b71")
        head = struct.pack("<H", 0xFFFE) + facts + struct.pack("<HHIH", 22, 8 * size, mask, kind) + rest
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_many_channels_do_not_end_the_process() -> None:
    # in a process of its own, as a fault here would end all other tests
    each = "for name in ('wav', 'flac'): print(len(heard(name, encoded(name, 1.0, 8))))"
    code = f"from tests.pipelines.audio.test_channels import *\n{each}"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "16000\n16000\n")


@every
def test_channels_of_any_number_are_averaged(encoding: str, channels: int) -> None:
    audio = heard(encoding, encoded(encoding, 1.0, channels))
    assert len(audio) == pytest.approx(SAMPLE_RATE, abs=600)
    assert alike(audio, channels) > 0.9  # AAC leaves the highs out of a channel for lows


@every
def test_a_file_with_channels_of_any_number_is_read(encoding: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / f"many.{ENCODERS[encoding][0]}"
    path.write_bytes(encoded(encoding, 1.0, channels))
    assert alike(np.concatenate(list(read_recording(path))), channels) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("form", ["<i2", "<f4"])
@pytest.mark.parametrize("channels", [4, 5, 7, 9, 18, 32])
@pytest.mark.parametrize("mask", [None, 0, 0x3F, 0x3FFFF, 0xFFFFFFFF])
def test_wherever_a_wav_says_that_its_channels_are_they_are_averaged(
    channels: int, mask: int | None, form: str
) -> None:
    audio = heard("wav", wav(channels, form, mask))
    np.testing.assert_allclose(audio, tone(SAMPLE_RATE, 1.0, channels).mean(axis=1), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [name for name, most in MOST.items() if most == 32])
@pytest.mark.parametrize("channels", [33, 40, 64])
def test_more_than_32_channels_are_refused_in_a_sentence(encoding: str, channels: int, tmp_path: Path) -> None:
    data = encoded(encoding, 0.3, channels)
    with pytest.raises(AudioError, match=f"it has {channels} channels: convert it to 1 to 32 of them"):
        heard(encoding, data)
    (tmp_path / "many").write_bytes(data)
    with pytest.raises(AudioError, match=f"it has {channels} channels"):
        list(read_recording(tmp_path / "many"))


@pytest.mark.parametrize("channels", [0, 513, 1000, 65_535])
def test_numbers_of_channels_that_ffmpeg_forgets_are_refused_in_a_sentence(channels: int, tmp_path: Path) -> None:
    data = bytearray(wav(2))
    data[22:24], data[32:34] = channels.to_bytes(2, "little"), (2 * channels % 65_536).to_bytes(2, "little")
    with pytest.raises(AudioError, match="its number of channels is not possible: convert it to 1 to 32 of them"):
        heard("wav", bytes(data))
    (tmp_path / "many.wav").write_bytes(data)
    with pytest.raises(AudioError, match="its number of channels is not possible"):
        list(read_recording(tmp_path / "many.wav"))


def test_the_number_of_channels_may_change_within_a_stream(tmp_path: Path) -> None:
    whole = heard("mp3", encoded("mp3", 1.0, 2) + encoded("mp3", 1.0, 1))
    assert len(whole) == pytest.approx(2 * SAMPLE_RATE, abs=1500)
