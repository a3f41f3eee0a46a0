"""Decoding: any format in any chunks gives the same samples; what is not audio is refused in a sentence."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.decoding import CHUNK_SAMPLES, AudioDecoder, open_decoder
from pipelines.audio.recording import read_recording
from pipelines.errors import AudioError
from pipelines.formats import CONTAINERS
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.children import children
from tests.fakes.containers import ENCODERS, encoded, picture, pieces, silence, tone

LOOKAHEAD = {
    "webm_opus": 0.3,
    "webm": 0.3,
    "ogg": 1.2,
    "ogg_opus": 1.2,
    "wav": 1.0,
    "flac": 2.0,
    "mp3": 0.5,
    "m4a": 0.5,
}
"""Seconds of audio that may have been sent before the first comes out (Ogg pages hold a second, FLAC looks ahead)"""

every_container = pytest.mark.parametrize("encoding", CONTAINERS)


def pcm(encoding: str, audio: Samples) -> bytes:
    """Samples as raw bytes."""
    return (audio * 32767).astype("<i2").tobytes() if encoding == "pcm_s16le" else audio.astype("<f4").tobytes()


def heard(decoder: AudioDecoder, chunks: Iterator[bytes] | list[bytes]) -> Samples:
    """All that comes out of a decoder, which is closed behind it."""
    try:
        return np.concatenate([*(piece for chunk in chunks for piece in decoder.decode(chunk)), *decoder.flush()])
    finally:
        decoder.close()


@pytest.fixture(autouse=True)
def no_decoder_is_left() -> Iterator[None]:
    """Every test closes its decoders, and closing ends their processes."""
    yield
    assert children() == []


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_chunk_size_of_pcm_never_changes_the_samples(encoding: str, channels: int, rate: int) -> None:
    audio = tone(rate, 0.5, channels)
    data, unit = pcm(encoding, audio), channels * (2 if encoding == "pcm_s16le" else 4)
    whole = heard(open_decoder(encoding, rate, channels), [data])
    assert abs(len(whole) - SAMPLE_RATE // 2) <= 1

    @given(st.lists(st.integers(0, 3000), min_size=1, max_size=6).filter(any))
    @settings(max_examples=15, deadline=None)
    def same(sizes: list[int]) -> None:
        np.testing.assert_array_equal(heard(open_decoder(encoding, rate, channels), pieces(data, sizes, unit)), whole)

    same()


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_pcm_comes_out_as_the_same_sound_at_the_same_time(rate: int) -> None:
    whole = heard(open_decoder("pcm_f32le", rate, 1), [pcm("pcm_f32le", tone(rate, 1))])
    middle = slice(1000, 15000)
    np.testing.assert_allclose(whole[middle], tone(SAMPLE_RATE, 1)[middle, 0], atol=0.01)


def test_channels_are_averaged() -> None:
    both = np.array([[0.5, -0.1], [1.0, 1.0], [0.0, 0.5]], np.float32)
    np.testing.assert_allclose(heard(open_decoder("pcm_f32le", 16000, 2), [both.tobytes()]), [0.2, 1.0, 0.25])


def test_the_loudest_and_lowest_values_of_16_bit_pcm_stay_within_one() -> None:
    data = np.array([32767, -32768, 0], "<i2").tobytes()
    np.testing.assert_allclose(heard(open_decoder("pcm_s16le", 16000, 1), [data]), [32767 / 32768, -1.0, 0.0])


@pytest.mark.parametrize("channels", [1, 2])
def test_values_that_are_no_numbers_or_too_loud_become_silence_or_full_scale(channels: int) -> None:
    values = [np.nan, np.inf, -np.inf, 3.0, -3.0, 3e38, 0.25]
    audio = np.repeat(np.array(values, np.float32)[:, None], channels, axis=1)
    expected = [0.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.25]
    np.testing.assert_array_equal(heard(open_decoder("pcm_f32le", 16000, channels), [audio.tobytes()]), expected)


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "size"), [("pcm_s16le", 2), ("pcm_f32le", 4)])
@pytest.mark.parametrize("channels", [1, 2, 3, 32])
def test_pcm_that_is_cut_within_a_sample_is_the_same_as_uncut(encoding: str, size: int, channels: int) -> None:
    data = pcm(encoding, tone(44100, 0.01, channels))
    whole = heard(open_decoder(encoding, 44100, channels), [data])
    for cuts in ([1], [3], [size * channels - 1], [size * channels + 1], [0, 5, 1, 400, 7]):
        np.testing.assert_array_equal(heard(open_decoder(encoding, 44100, channels), pieces(data, cuts)), whole)


@given(st.binary(max_size=300), st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.integers(1, 5))
@settings(deadline=None)
def test_any_bytes_are_the_same_samples_however_they_are_cut(data: bytes, sizes: list[int], channels: int) -> None:
    whole = heard(open_decoder("pcm_s16le", 16000, channels), [data])
    assert len(whole) == len(data) // (2 * channels)
    np.testing.assert_array_equal(heard(open_decoder("pcm_s16le", 16000, channels), pieces(data, sizes)), whole)


@pytest.mark.parametrize("last", [1, 2, 3, 5])
def test_a_last_sample_that_was_never_finished_is_left_out(last: int) -> None:
    data = pcm("pcm_s16le", tone(16000, 0.1, 3))
    decoder = open_decoder("pcm_s16le", 16000, 3)
    np.testing.assert_array_equal(
        heard(decoder, [data, bytes(last)]), heard(open_decoder("pcm_s16le", 16000, 3), [data])
    )


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "says"),
    [
        ("pcm_s16le", 0, 1, "sample rate of 0 Hz"),
        ("pcm_s16le", -16000, 1, "sample rate"),
        ("pcm_s16le", 10**9, 1, "sample rate"),
        ("pcm_f32le", 16000, 0, "0 channels"),
        ("pcm_f32le", 16000, 33, "33 channels"),
        ("text", 16000, 1, "unknown audio encoding 'text'; use one of pcm_s16le"),
        ("", 16000, 1, "unknown audio encoding"),
    ],
)
def test_impossible_declarations_are_refused_in_a_sentence(encoding: str, rate: int, channels: int, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        open_decoder(encoding, rate, channels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "codec", "rate", "bit_rate"),
    [("flac", "flac", 8000, 0), ("ogg_opus", "libopus", 48000, 6000), ("mp3", "libmp3lame", 8000, 8000)],
)
def test_a_frame_that_holds_minutes_comes_in_pieces_and_is_the_same_as_in_small_frames(
    encoding: str, codec: str, rate: int, bit_rate: int
) -> None:
    seconds = 300
    data = silence(seconds, codec, ENCODERS[encoding][0], rate, **({"bit_rate": bit_rate} if bit_rate else {}))
    assert len(data) < 1 << 20
    decoder = open_decoder(encoding, 0, 0)
    sizes = [len(piece) for piece in decoder.decode(data)]
    sizes += [len(piece) for piece in decoder.flush()]
    decoder.close()
    assert max(sizes) < 2 * CHUNK_SAMPLES
    assert abs(sum(sizes) - seconds * SAMPLE_RATE) < 0.2 * SAMPLE_RATE
    assert len(heard(open_decoder(encoding, 0, 0), pieces(data, [997]))) == sum(sizes)


@pytest.mark.slow
def test_what_is_held_of_a_bomb_does_not_grow_with_it() -> None:
    data = silence(1200, "flac", "flac", 8000)
    assert len(data) < 1 << 20
    decoder = open_decoder("flac", 0, 0)
    tracemalloc.start()
    try:
        total = sum(map(len, decoder.decode(data)))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        decoder.close()
    assert total > 1190 * SAMPLE_RATE
    assert held < 4 * 4 * CHUNK_SAMPLES < 4 * total / 20  # what this process holds; test_decoder_process.py: the other


def test_closing_in_the_middle_of_a_bomb_ends_its_decoder() -> None:
    decoder = open_decoder("flac", 0, 0)
    assert len(next(decoder.decode(silence(300, "flac", "flac", 8000)))) >= CHUNK_SAMPLES
    decoder.close()
    assert children() == []


@pytest.mark.parametrize("rate", [1, 3999, 400_000])
def test_an_impossible_rate_inside_a_container_is_refused_in_a_sentence(rate: int, tmp_path: Path) -> None:
    data = bytearray(encoded("wav"))
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz: convert it to one of 4000 to 384000 Hz"):
        heard(open_decoder("wav", 0, 0), [bytes(data)])
    (tmp_path / "odd.wav").write_bytes(data)
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz"):
        list(read_recording(tmp_path / "odd.wav"))


def test_too_many_channels_inside_a_container_are_refused_in_a_sentence() -> None:
    data = bytearray(encoded("wav"))
    data[22:24], data[32:34] = (40).to_bytes(2, "little"), (80).to_bytes(2, "little")
    with pytest.raises(AudioError, match="it has 40 channels: convert it to 1 to 32 of them"):
        heard(open_decoder("wav", 0, 0), [bytes(data)])


def test_an_unknown_codec_is_refused_in_a_sentence() -> None:
    with pytest.raises(AudioError, match="webm"):
        heard(open_decoder("webm", 0, 0), [encoded("webm").replace(b"A_OPUS", b"A_XPUS")])


@pytest.mark.slow
@every_container
@pytest.mark.parametrize("sizes", [[997], [1, 40, 3000, 0, 20_000], [70_000]])
def test_the_chunk_size_of_a_container_never_changes_the_samples(encoding: str, sizes: list[int]) -> None:
    data = encoded(encoding, 0.7, 2)
    whole = heard(open_decoder(encoding, 0, 0), [data])
    assert 0.65 * SAMPLE_RATE < len(whole) < 0.8 * SAMPLE_RATE
    np.testing.assert_array_equal(heard(open_decoder(encoding, 0, 0), pieces(data, sizes)), whole)


@every_container
def test_a_container_is_heard_as_the_sound_that_was_encoded(encoding: str) -> None:
    whole = heard(open_decoder(encoding, 0, 0), [encoded(encoding)])
    sound = tone(SAMPLE_RATE, 1)[:, 0]
    reach = 1300  # encoders may put some silence before the sound
    match = np.correlate(whole[: len(sound) + reach], sound[: len(sound) - reach], mode="valid")
    assert match.max() > 0.9 * float(sound @ sound) * (1 - reach / len(sound))


@every_container
def test_a_container_is_heard_while_it_arrives(encoding: str) -> None:
    seconds = 4.0
    data = encoded(encoding, seconds)
    decoder = open_decoder(encoding, 0, 0)
    sent, total, first = 0, 0, None
    for chunk in pieces(data, [len(data) // 80]):
        sent += len(chunk)
        total += sum(map(len, decoder.decode(chunk)))
        if total and first is None:
            first = sent / len(data) * seconds
    decoder.close()
    assert first is not None
    assert first <= LOOKAHEAD[encoding]
    assert total > (seconds - LOOKAHEAD[encoding]) * SAMPLE_RATE


@every_container
def test_text_instead_of_audio_is_refused_at_once(encoding: str) -> None:
    decoder = open_decoder(encoding, 0, 0)
    with pytest.raises(AudioError, match="first bytes are of another format"):
        decoder.decode(b"Good morning, everybody.")
    decoder.close()


@every_container
def test_the_right_first_bytes_with_rubbish_behind_are_refused_in_a_sentence(encoding: str) -> None:
    data = encoded(encoding)[:14] + np.random.default_rng(1).bytes(20_000)
    with pytest.raises(AudioError, match=encoding):
        heard(open_decoder(encoding, 0, 0), pieces(data, [1000]))


@every_container
@pytest.mark.parametrize("length", [0, 5, 12, 40])
def test_a_container_that_ends_before_any_audio_is_refused(encoding: str, length: int) -> None:
    with pytest.raises(AudioError, match=r"audio arrived|no audio|not .* audio that can be streamed"):
        heard(open_decoder(encoding, 0, 0), [encoded(encoding)[:length]])


@pytest.mark.slow
@every_container
@pytest.mark.parametrize("share", [0.5, 0.6123, 0.8])
def test_a_container_that_breaks_off_is_heard_up_to_the_break(encoding: str, share: float) -> None:
    data = encoded(encoding, 3.0)
    part = heard(open_decoder(encoding, 0, 0), pieces(data[: int(share * len(data))], [500]))
    whole = heard(open_decoder(encoding, 0, 0), [data])
    assert (share - 0.35) * len(whole) < len(part) < len(whole)
    same = min(len(part), int((share - 0.35) * len(whole))) - 500
    np.testing.assert_array_equal(part[:same], whole[:same])


@pytest.mark.parametrize(
    ("encoding", "muxer", "codec"),
    [("m4a", "mp4", "mpeg4"), ("webm", "webm", "libvpx"), ("webm_opus", "matroska", "mpeg4")],
)
def test_a_film_without_sound_is_refused(encoding: str, muxer: str, codec: str) -> None:
    with pytest.raises(AudioError, match=r"holds no audio|held no audio|not .* audio"):
        heard(open_decoder(encoding, 0, 0), [picture(muxer, codec)])


def test_a_recorder_that_never_speaks_is_silence_not_an_error() -> None:
    silence = np.zeros(16000, np.int16).tobytes()
    assert not heard(open_decoder("pcm_s16le", 16000, 1), [silence]).any()


@every_container
def test_closing_ends_the_decoder_at_any_moment_and_twice(encoding: str) -> None:
    decoder = open_decoder(encoding, 0, 0)
    decoder.close()
    decoder = open_decoder(encoding, 0, 0)
    list(decoder.decode(encoded(encoding)[:3000]))
    assert len(children()) == 1
    decoder.close()
    decoder.close()
    assert children() == []


def test_decoders_do_not_disturb_each_other() -> None:
    data = encoded("webm_opus")
    decoders = [open_decoder("webm_opus", 0, 0) for _ in range(3)]
    outs: list[list[Samples]] = [[], [], []]
    for chunk in pieces(data, [900]):
        for decoder, out in zip(decoders, outs, strict=True):
            out.extend(decoder.decode(chunk))
    for decoder, out in zip(decoders, outs, strict=True):
        out.extend(decoder.flush())
        decoder.close()
        np.testing.assert_array_equal(np.concatenate(out), np.concatenate(outs[0]))
