"""The audio door: any format in any chunks gives the same samples; what is not audio is refused in a sentence."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio import CONTAINERS, Door, Resampler, Stepper, open_door, read_recording, recording_seconds, to_mono
from pipelines.errors import AudioError
from pipelines.handover import PIECE
from pipelines.types import SAMPLE_RATE, STEP, Samples
from tests.conftest import Sample
from tests.containers import ENCODERS, encoded, picture, silence, tone

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


def pieces(data: bytes, sizes: list[int], unit: int = 1) -> Iterator[bytes]:
    """Data in chunks of so many units, over and over."""
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size * unit]
        at += size * unit


def heard(door: Door, chunks: Iterator[bytes] | list[bytes]) -> Samples:
    """All that comes out of a door, which is closed behind it."""
    try:
        return np.concatenate([*(piece for chunk in chunks for piece in door.accept(chunk)), *door.flush()])
    finally:
        door.close()


def decoders() -> list[threading.Thread]:
    """Threads of doors that are still running."""
    return [thread for thread in threading.enumerate() if thread.name == "audio-door"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every test closes its doors, and closing ends their threads."""
    yield
    assert decoders() == []


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_chunk_size_of_pcm_never_changes_the_samples(encoding: str, channels: int, rate: int) -> None:
    audio = tone(rate, 0.5, channels)
    data, unit = pcm(encoding, audio), channels * (2 if encoding == "pcm_s16le" else 4)
    whole = heard(open_door(encoding, rate, channels), [data])
    assert abs(len(whole) - SAMPLE_RATE // 2) <= 1

    @given(st.lists(st.integers(0, 3000), min_size=1, max_size=6).filter(any))
    @settings(max_examples=15, deadline=None)
    def same(sizes: list[int]) -> None:
        np.testing.assert_array_equal(heard(open_door(encoding, rate, channels), pieces(data, sizes, unit)), whole)

    same()


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_pcm_comes_out_as_the_same_sound_at_the_same_time(rate: int) -> None:
    whole = heard(open_door("pcm_f32le", rate, 1), [pcm("pcm_f32le", tone(rate, 1))])
    middle = slice(1000, 15000)
    np.testing.assert_allclose(whole[middle], tone(SAMPLE_RATE, 1)[middle, 0], atol=0.01)


def test_channels_are_averaged() -> None:
    both = np.array([[0.5, -0.1], [1.0, 1.0], [0.0, 0.5]], np.float32)
    np.testing.assert_allclose(heard(open_door("pcm_f32le", 16000, 2), [both.tobytes()]), [0.2, 1.0, 0.25])


def test_the_loudest_and_lowest_values_of_16_bit_pcm_stay_within_one() -> None:
    data = np.array([32767, -32768, 0], "<i2").tobytes()
    np.testing.assert_allclose(heard(open_door("pcm_s16le", 16000, 1), [data]), [32767 / 32768, -1.0, 0.0])


@pytest.mark.parametrize("channels", [1, 2])
def test_values_that_are_no_numbers_or_too_loud_become_silence_or_full_scale(channels: int) -> None:
    values = [np.nan, np.inf, -np.inf, 3.0, -3.0, 3e38, 0.25]
    audio = np.repeat(np.array(values, np.float32)[:, None], channels, axis=1)
    expected = [0.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.25]
    np.testing.assert_array_equal(heard(open_door("pcm_f32le", 16000, channels), [audio.tobytes()]), expected)


def test_one_broken_channel_does_not_silence_the_other() -> None:
    np.testing.assert_array_equal(to_mono(np.array([[np.nan, 0.5], [-np.inf, np.inf]], np.float32)), [0.25, 0.0])


@pytest.mark.parametrize(("encoding", "size"), [("pcm_s16le", 2), ("pcm_f32le", 4)])
@pytest.mark.parametrize("channels", [1, 2, 3, 32])
def test_pcm_that_is_cut_within_a_sample_is_the_same_as_uncut(encoding: str, size: int, channels: int) -> None:
    data = pcm(encoding, tone(44100, 0.1, channels))
    whole = heard(open_door(encoding, 44100, channels), [data])
    for cuts in ([1], [3], [size * channels - 1], [size * channels + 1], [0, 5, 1, 4000, 7]):
        np.testing.assert_array_equal(heard(open_door(encoding, 44100, channels), pieces(data, cuts)), whole)


@given(st.binary(max_size=300), st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.integers(1, 5))
@settings(deadline=None)
def test_any_bytes_are_the_same_samples_however_they_are_cut(data: bytes, sizes: list[int], channels: int) -> None:
    whole = heard(open_door("pcm_s16le", 16000, channels), [data])
    assert len(whole) == len(data) // (2 * channels)
    np.testing.assert_array_equal(heard(open_door("pcm_s16le", 16000, channels), pieces(data, sizes)), whole)


@pytest.mark.parametrize("last", [1, 2, 3, 5])
def test_a_last_sample_that_was_never_finished_is_left_out(last: int) -> None:
    data = pcm("pcm_s16le", tone(16000, 0.1, 3))
    door = open_door("pcm_s16le", 16000, 3)
    np.testing.assert_array_equal(heard(door, [data, bytes(last)]), heard(open_door("pcm_s16le", 16000, 3), [data]))


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
        open_door(encoding, rate, channels)


@pytest.mark.parametrize("rate", [4000, 11025, 22050, 96000, 384000])
def test_the_resampler_loses_and_adds_nothing(rate: int) -> None:
    resample = Resampler(rate)
    out = [resample(part[:, 0]) for part in np.array_split(tone(rate, 1), 7)]
    total = sum(map(len, out)) + len(resample(np.zeros(0, np.float32), last=True))
    assert abs(total - SAMPLE_RATE) <= 1


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
    door = open_door(encoding, 0, 0)
    sizes = [len(piece) for piece in door.accept(data)]
    sizes += [len(piece) for piece in door.flush()]
    door.close()
    assert max(sizes) < 2 * PIECE
    assert abs(sum(sizes) - seconds * SAMPLE_RATE) < 0.2 * SAMPLE_RATE
    assert len(heard(open_door(encoding, 0, 0), pieces(data, [997]))) == sum(sizes)


def test_what_is_held_of_a_bomb_does_not_grow_with_it() -> None:
    data = silence(1200, "flac", "flac", 8000)
    assert len(data) < 1 << 20
    door = open_door("flac", 0, 0)
    tracemalloc.start()
    try:
        total = sum(map(len, door.accept(data)))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        door.close()
    assert total > 1190 * SAMPLE_RATE
    assert held < 4 * 4 * PIECE < 4 * total / 20


def claiming(samples: int, file: Path) -> bytes:
    """An M4A whose header says that it has so many samples, whatever it has."""
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(16_000, 1.0).T.copy(), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data, many = bytearray(file.read_bytes()), samples.to_bytes(4, "big")
    for box, at in (("stts", 12), ("stsc", 16), ("stsz", 12)):
        place = data.index(box.encode()) + at
        data[place : place + 4] = many
    place = data.index(b"stsz") + 8
    data[place : place + 4] = (8).to_bytes(4, "big")
    return bytes(data)


def test_an_index_that_a_header_claims_is_not_made_room_for(tmp_path: Path) -> None:
    # its samples are no longer where they were, but the index is made
    with pytest.raises(AudioError, match="none of the audio in it could be decoded"):
        heard(open_door("m4a", 0, 0), [claiming(10, tmp_path / "ten.m4a")])
    with pytest.raises(AudioError, match=r"held no audio|can be streamed"):
        heard(open_door("m4a", 0, 0), [claiming(80_000_000, tmp_path / "many.m4a")])


def test_closing_in_the_middle_of_a_bomb_ends_its_thread() -> None:
    door = open_door("flac", 0, 0)
    assert len(next(door.accept(silence(300, "flac", "flac", 8000)))) >= PIECE
    door.close()
    assert not decoders()


@pytest.mark.parametrize("rate", [1, 3999, 400_000])
def test_an_impossible_rate_inside_a_container_is_refused_in_a_sentence(rate: int, tmp_path: Path) -> None:
    data = bytearray(encoded("wav"))
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz: convert it to one of 4000 to 384000 Hz"):
        heard(open_door("wav", 0, 0), [bytes(data)])
    (tmp_path / "odd.wav").write_bytes(data)
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz"):
        list(read_recording(tmp_path / "odd.wav"))


def test_too_many_channels_inside_a_container_are_refused_in_a_sentence() -> None:
    data = bytearray(encoded("wav"))
    data[22:24], data[32:34] = (40).to_bytes(2, "little"), (80).to_bytes(2, "little")
    with pytest.raises(AudioError, match="it has 40 channels: convert it to 1 to 32 of them"):
        heard(open_door("wav", 0, 0), [bytes(data)])


def test_a_packet_that_would_become_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded("flac")
    assert len(heard(open_door("flac", 0, 0), [data])) == SAMPLE_RATE
    monkeypatch.setattr("pipelines.audio.MAX_FRAME", 1000)
    with pytest.raises(AudioError, match="not flac audio that can be streamed"):
        heard(open_door("flac", 0, 0), [data])


def test_an_unknown_codec_is_refused_in_a_sentence() -> None:
    with pytest.raises(AudioError, match="webm"):
        heard(open_door("webm", 0, 0), [encoded("webm").replace(b"A_OPUS", b"A_XPUS")])


@every_container
@pytest.mark.parametrize("channels", [1, 2])
def test_the_chunk_size_of_a_container_never_changes_the_samples(encoding: str, channels: int) -> None:
    data = encoded(encoding, 0.7, channels)
    whole = heard(open_door(encoding, 0, 0), [data])
    assert 0.65 * SAMPLE_RATE < len(whole) < 0.8 * SAMPLE_RATE

    @given(st.lists(st.integers(0, 4000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 40 * len(sizes)))
    @settings(max_examples=6, deadline=None)
    def same(sizes: list[int]) -> None:
        np.testing.assert_array_equal(heard(open_door(encoding, 0, 0), pieces(data, sizes)), whole)

    same()


@pytest.mark.parametrize("encoding", ["mp3", "m4a", "webm_opus"])
def test_even_a_few_bytes_at_a_time_give_the_same_samples(encoding: str) -> None:
    data = encoded(encoding, 0.3)
    np.testing.assert_array_equal(
        heard(open_door(encoding, 0, 0), pieces(data, [3])), heard(open_door(encoding, 0, 0), [data])
    )


@every_container
def test_a_container_is_heard_as_the_sound_that_was_encoded(encoding: str) -> None:
    whole = heard(open_door(encoding, 0, 0), [encoded(encoding)])
    sound = tone(SAMPLE_RATE, 1)[:, 0]
    reach = 1300  # encoders may put some silence before the sound
    match = np.correlate(whole[: len(sound) + reach], sound[: len(sound) - reach], mode="valid")
    assert match.max() > 0.9 * float(sound @ sound) * (1 - reach / len(sound))


@every_container
def test_a_container_is_heard_while_it_arrives(encoding: str) -> None:
    seconds = 4.0
    data = encoded(encoding, seconds)
    door = open_door(encoding, 0, 0)
    sent, total, first = 0, 0, None
    for chunk in pieces(data, [len(data) // 80]):
        sent += len(chunk)
        total += sum(map(len, door.accept(chunk)))
        if total and first is None:
            first = sent / len(data) * seconds
    door.close()
    assert first is not None
    assert first <= LOOKAHEAD[encoding]
    assert total > (seconds - LOOKAHEAD[encoding]) * SAMPLE_RATE


@every_container
def test_text_instead_of_audio_is_refused_at_once(encoding: str) -> None:
    door = open_door(encoding, 0, 0)
    with pytest.raises(AudioError, match="first bytes are of another format"):
        door.accept(b"Good morning, everybody.")
    door.close()


@every_container
def test_the_right_first_bytes_with_rubbish_behind_are_refused_in_a_sentence(encoding: str) -> None:
    data = encoded(encoding)[:14] + np.random.default_rng(1).bytes(20_000)
    with pytest.raises(AudioError, match=encoding):
        heard(open_door(encoding, 0, 0), pieces(data, [1000]))


@every_container
@pytest.mark.parametrize("length", [0, 5, 12, 40])
def test_a_container_that_ends_before_any_audio_is_refused(encoding: str, length: int) -> None:
    with pytest.raises(AudioError, match=r"audio arrived|no audio|not .* audio that can be streamed"):
        heard(open_door(encoding, 0, 0), [encoded(encoding)[:length]])


@every_container
@pytest.mark.parametrize("share", [0.5, 0.6123, 0.8])
def test_a_container_that_breaks_off_is_heard_up_to_the_break(encoding: str, share: float) -> None:
    data = encoded(encoding, 3.0)
    part = heard(open_door(encoding, 0, 0), pieces(data[: int(share * len(data))], [500]))
    whole = heard(open_door(encoding, 0, 0), [data])
    assert (share - 0.35) * len(whole) < len(part) < len(whole)
    same = min(len(part), int((share - 0.35) * len(whole))) - 500
    np.testing.assert_array_equal(part[:same], whole[:same])


@pytest.mark.parametrize(
    ("encoding", "muxer", "codec"),
    [("m4a", "mp4", "mpeg4"), ("webm", "webm", "libvpx"), ("webm_opus", "matroska", "mpeg4")],
)
def test_a_film_without_sound_is_refused(encoding: str, muxer: str, codec: str) -> None:
    with pytest.raises(AudioError, match=r"holds no audio|held no audio|not .* audio"):
        heard(open_door(encoding, 0, 0), [picture(muxer, codec)])


def test_a_recorder_that_never_speaks_is_silence_not_an_error() -> None:
    silence = np.zeros(16000, np.int16).tobytes()
    assert not heard(open_door("pcm_s16le", 16000, 1), [silence]).any()


@given(st.sampled_from(sorted(ENCODERS)), st.integers(0, 10**6), st.binary(min_size=1, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_damaged_containers_raise_nothing_but_an_audio_error(encoding: str, at: int, junk: bytes, insert: bool) -> None:
    data = encoded(encoding, 0.5)
    at %= len(data)
    damaged = data[:at] + junk + data[at if insert else at + len(junk) :]
    with suppress(AudioError):
        assert np.isfinite(heard(open_door(encoding, 0, 0), pieces(damaged, [700]))).all()
    assert decoders() == []


def test_a_damaged_packet_costs_only_its_own_audio() -> None:
    data = bytearray(encoded("mp3", 4.0))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    assert len(heard(open_door("mp3", 0, 0), pieces(bytes(data), [500]))) > 3.7 * SAMPLE_RATE


@every_container
def test_closing_ends_the_thread_at_any_moment_and_twice(encoding: str) -> None:
    door = open_door(encoding, 0, 0)
    door.close()
    door = open_door(encoding, 0, 0)
    door.accept(encoded(encoding)[:3000])
    assert decoders()
    door.close()
    door.close()
    assert not decoders()


def test_doors_do_not_disturb_each_other() -> None:
    data = encoded("webm_opus")
    doors = [open_door("webm_opus", 0, 0) for _ in range(3)]
    outs: list[list[Samples]] = [[], [], []]
    for chunk in pieces(data, [900]):
        for door, out in zip(doors, outs, strict=True):
            out.extend(door.accept(chunk))
    for door, out in zip(doors, outs, strict=True):
        out.extend(door.flush())
        door.close()
        np.testing.assert_array_equal(np.concatenate(out), np.concatenate(outs[0]))


@every_container
def test_a_recording_is_read_in_chunks_of_about_a_second(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / f"recording.{ENCODERS[encoding][0]}"
    path.write_bytes(encoded(encoding, 2.5, 2))
    chunks = list(read_recording(path))
    assert len(chunks) == 3
    assert all(chunk.dtype == np.float32 and len(chunk) >= SAMPLE_RATE for chunk in chunks[:-1])
    assert sum(map(len, chunks)) == pytest.approx(2.5 * SAMPLE_RATE, abs=1500)


def test_the_sample_recording_is_read_sample_by_sample(sample: Sample) -> None:
    np.testing.assert_allclose(np.concatenate(list(read_recording(sample.audio))), sample.samples(), atol=1e-6)
    assert recording_seconds(sample.audio) == pytest.approx(sample.about["seconds"], abs=0.01)


def test_a_silent_recording_is_read_as_silence(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    audio = np.concatenate(list(read_recording(tmp_path / "silence.wav")))
    assert len(audio) == SAMPLE_RATE
    assert not audio.any()


def unreadable(tmp_path: Path) -> dict[str, Path]:
    """Files that are no recordings, by what is wrong with them."""
    import soundfile

    files = {"empty": b"", "garbage": np.random.default_rng(2).bytes(50_000), "text": b"Minutes of Monday.\n" * 100}
    files |= {"picture": picture("image2pipe", "png"), "film": picture("mp4", "mpeg4"), "cut": encoded("m4a")[:60]}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), SAMPLE_RATE)
    (tmp_path / "folder").mkdir()
    return {name: tmp_path / name for name in [*files, "nothing.wav", "folder", "missing.wav"]}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "empty is not audio that can be read"),
        ("garbage", "garbage is not audio that can be read"),
        ("text", "audio"),
        ("picture", "no audio"),
        ("film", "no audio"),
        ("cut", "audio"),
        ("nothing.wav", r"nothing.wav holds no audio: its length is zero"),
        ("folder", "folder is not audio that can be read"),
        ("missing.wav", "there is no file .*missing.wav"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(name: str, says: str, tmp_path: Path) -> None:
    path = unreadable(tmp_path)[name]
    with pytest.raises(AudioError, match=says):
        list(read_recording(path))


@pytest.mark.parametrize("name", ["empty", "garbage", "picture", "folder", "missing.wav"])
def test_what_is_no_recording_has_no_length_either(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        recording_seconds(unreadable(tmp_path)[name])


def test_a_recording_that_was_cut_off_is_read_up_to_the_cut(tmp_path: Path) -> None:
    for encoding in ("flac", "m4a", "webm"):
        data = encoded(encoding, 4.0)
        path = tmp_path / encoding
        path.write_bytes(data[: len(data) // 2])
        assert 1.0 * SAMPLE_RATE < sum(map(len, read_recording(path))) < 3.0 * SAMPLE_RATE


@given(st.lists(st.integers(0, 3 * STEP), max_size=12))
@settings(deadline=None)
def test_steps_are_exact_whatever_the_chunks_and_samples_in_are_samples_accounted_for(sizes: list[int]) -> None:
    audio = np.arange(sum(sizes), dtype=np.float32)
    stepper, steps, at = Stepper(), [], 0
    for size in sizes:
        steps += stepper(audio[at : at + size])
        at += size
        assert stepper.samples == at
    steps += stepper.flush()
    assert [step.index for step in steps] == list(range(len(steps)))
    assert [step.start for step in steps] == [i * STEP for i in range(len(steps))]
    assert all(len(step.audio) == STEP for step in steps[:-1])
    np.testing.assert_array_equal(np.concatenate([np.zeros(0), *(step.audio for step in steps)]), audio)


def test_a_step_comes_out_as_soon_as_it_is_full() -> None:
    stepper = Stepper()
    assert stepper(np.zeros(STEP - 1, np.float32)) == []
    assert len(stepper(np.zeros(1, np.float32))) == 1
    assert stepper.flush() == []


def test_after_a_reset_counting_starts_anew() -> None:
    stepper = Stepper()
    stepper(np.zeros(STEP + 5, np.float32))
    stepper.reset()
    assert stepper.samples == 0
    (step,) = stepper(np.zeros(STEP, np.float32))
    assert (step.index, step.start) == (0, 0)
