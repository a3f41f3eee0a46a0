"""Containers decoded here, in this process: the sound that was encoded, and nothing but errors that are foreseen."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from pipelines.audio import containers
from pipelines.audio.containers import DecodedAudio, decode_audio, describe_error, limit_ffmpeg, pyav_errors
from pipelines.errors import AudioError
from tests.fakes.bombs import wav_chunk
from tests.fakes.containers import encoded, picture


def sounds(data: bytes, form: str) -> list[DecodedAudio]:
    """All sound of a container."""
    with av.open(io.BytesIO(data), format=form) as container:
        return list(decode_audio(container))


@pytest.mark.parametrize(("encoding", "form"), [("wav", "wav"), ("flac", "flac"), ("webm", "matroska"), ("m4a", "mov")])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_sound_has_the_rate_and_channels_of_the_file_and_no_byte_more(encoding: str, form: str, channels: int) -> None:
    heard = sounds(encoded(encoding, 0.5, channels), form)
    assert {(sound.rate, sound.channels) for sound in heard} == {(48_000, channels)}
    assert all(len(sound.data) % (4 * channels) == 0 for sound in heard)
    assert sum(len(sound.data) for sound in heard) / 4 / channels == pytest.approx(24_000, abs=2000)
    assert all(np.abs(np.frombuffer(sound.data, "<f4")).max() <= 1.1 for sound in heard)


def test_what_pads_a_frame_is_not_taken_for_sound() -> None:
    # 960 samples of three channels in 16 bits are no multiple of what frames are aligned to
    (first, *_) = sounds(encoded("wav", 0.01, 3, 16_000), "wav")
    audio = np.frombuffer(b"".join(sound.data for sound in [first]), "<f4").reshape(-1, 3)
    assert len(audio) == 160
    assert np.abs(np.diff(audio[:, 0])).max() < 0.1


def test_a_packet_that_would_become_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sounds(encoded("flac"), "flac")
    monkeypatch.setattr(containers, "MAX_FRAME_SAMPLES", 1000)
    with pytest.raises(pyav_errors()):
        sounds(encoded("flac"), "flac")


class Short:
    """A container whose packets are now and then too long for the memory there is."""

    def __init__(self, refused: int) -> None:
        self.refused = refused
        self.taken = 0

    def demux(self, *streams: Any) -> Any:
        """Packets, or none."""
        while self.taken < 3:
            if self.refused:
                self.refused -= 1
                raise MemoryError
            self.taken += 1
            yield self.taken


def test_a_packet_with_a_damaged_length_is_left_out_but_not_for_ever() -> None:
    assert list(containers._packets(Short(containers.MAX_OVERSIZED_PACKETS), ())) == [1, 2, 3]
    with pytest.raises(MemoryError):
        list(containers._packets(Short(containers.MAX_OVERSIZED_PACKETS + 1), ()))


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "Cannot allocate memory")])
def test_want_of_memory_is_told_in_words(error: Exception) -> None:
    assert describe_error(error) == "it asks for more memory than its size explains"


def test_other_reasons_are_told_as_the_system_does() -> None:
    assert describe_error(OSError(2, "No such file")) == "No such file"
    assert describe_error(ValueError("too odd")) == "too odd"
    assert describe_error(ValueError()) == "ValueError"


def test_a_film_holds_no_audio() -> None:
    with pytest.raises(AudioError, match="holds no audio"):
        sounds(picture("webm", "libvpx"), "matroska")


def test_ffmpeg_allocates_no_more_than_it_is_told() -> None:
    assert limit_ffmpeg()
    with pytest.raises(pyav_errors()) as caught:
        sounds(wav_chunk(b"bext", 0x7000_0000), "wav")
    assert describe_error(caught.value) == "it asks for more memory than its size explains"
