"""Recordings of several tracks: all who speak are heard, what is another version of the same is not.

And of time stamps: what is missing by them is silence, what they say wrongly is nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audio.containers import MAX_TRACKS, TIMED
from pipelines.audio.decoding import ContainerDecoder
from pipelines.audio.recording import read_recording
from pipelines.audio.tracks import MAX_LEAD, MAX_SILENCE, STEP, Timeline, TrackMixer
from pipelines.errors import AudioError
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.containers import with_tracks

SECONDS = 2


def beep(hertz: float, begins: float = 0.0, ends: float = SECONDS, seconds: float = SECONDS) -> Samples:
    """A tone at 48 kHz between two times, silence elsewhere."""
    at = np.arange(round(48_000 * seconds)) / 48_000
    audio: Samples = (0.5 * np.sin(2 * np.pi * hertz * at) * ((begins <= at) & (at < ends))).astype(np.float32)
    return audio


def read(path: Path, data: bytes) -> Samples:
    path.write_bytes(data)
    return np.concatenate(list(read_recording(path)))


def loudness(audio: Samples, hertz: float, begins: float = 0.0, ends: float = SECONDS) -> float:
    """How loud a tone is between two times; 1 as `beep` makes it."""
    part = audio[round(begins * SAMPLE_RATE) : round(ends * SAMPLE_RATE)]
    at = np.arange(len(part)) / SAMPLE_RATE
    return float(abs((part * np.exp(-2j * np.pi * hertz * at)).mean()) * 4)


TONES = [300.0 + 150 * number for number in range(8)]


@pytest.mark.parametrize(("muxer", "codec"), [("matroska", "libopus"), ("mp4", "aac"), ("mpegts", "aac")])
def test_everybody_in_a_recording_of_eight_tracks_is_heard(muxer: str, codec: str, tmp_path: Path) -> None:
    audio = read(tmp_path / "talk", with_tracks(muxer, [beep(hertz) for hertz in TONES], codec=codec))
    assert len(audio) == pytest.approx(SECONDS * SAMPLE_RATE, abs=1500)
    for hertz in TONES:
        assert loudness(audio, hertz, 0.5, 1.5) == pytest.approx(1 / np.sqrt(8), rel=0.1)


def test_tracks_stay_beside_each_other_and_the_longest_counts(tmp_path: Path) -> None:
    tracks = [beep(400, ends=1.0, seconds=1.0), beep(900, 2.0, 3.0, seconds=4.0)]
    audio = read(tmp_path / "talk", with_tracks("matroska", tracks))
    assert len(audio) == pytest.approx(4 * SAMPLE_RATE, abs=1500)
    assert loudness(audio, 400, 0.1, 0.9) > 0.6 > 0.1 > loudness(audio, 400, 1.1, 3.9)
    assert loudness(audio, 900, 2.1, 2.9) > 0.6 > 0.1 > loudness(audio, 900, 0.1, 1.9)


def test_another_language_is_another_version_and_not_heard(tmp_path: Path) -> None:
    dubbed = with_tracks("matroska", [beep(300), beep(600), beep(900)], ["eng", "ger", "eng"])
    audio = read(tmp_path / "film", dubbed)
    assert loudness(audio, 300) > 0.6
    assert loudness(audio, 900) > 0.6
    assert loudness(audio, 600) < 0.1


def marked(disposition: str) -> bytes:
    """A recording whose second track is marked."""
    source, file = io.BytesIO(with_tracks("matroska", [beep(300), beep(600)])), io.BytesIO()
    with av.open(source) as old, av.open(file, "w", format="matroska") as new:
        copies = [new.add_stream_from_template(stream) for stream in old.streams.audio]
        copies[1].disposition = av.stream.Disposition[disposition]
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize(("mark", "heard"), [("comment", False), ("visual_impaired", False), ("original", True)])
def test_what_comments_on_the_talk_is_not_heard(mark: str, heard: bool, tmp_path: Path) -> None:
    assert (loudness(read(tmp_path / "film", marked(mark)), 600) > 0.6) == heard


def test_more_tracks_than_can_be_heard_are_refused_in_a_sentence(tmp_path: Path) -> None:
    short = beep(300, seconds=0.1)
    assert len(read(tmp_path / "most", with_tracks("matroska", [short] * MAX_TRACKS)))
    with pytest.raises(AudioError, match=f"has {MAX_TRACKS + 1} tracks of sound: mix them to {MAX_TRACKS} at most"):
        read(tmp_path / "many", with_tracks("matroska", [short] * (MAX_TRACKS + 1)))


def test_a_stream_of_many_tracks_is_taken_and_its_first_heard() -> None:
    decoder = ContainerDecoder("webm")
    parts = list(decoder.decode(with_tracks("matroska", [beep(hertz) for hertz in TONES])))
    audio = np.concatenate([*parts, *decoder.flush()])
    decoder.close()
    assert loudness(audio, TONES[0], 0.5, 1.5) > 0.9
    assert loudness(audio, TONES[1], 0.5, 1.5) < 0.1


def test_one_track_stays_as_it_is() -> None:
    mixer, audio = TrackMixer(1), np.linspace(-1, 1, 10, dtype=np.float32)
    assert mixer.add(0, audio)[0] is audio
    assert mixer.flush() == []


def test_what_waits_for_a_track_that_does_not_come_is_bounded_and_what_comes_too_late_left_out() -> None:
    mixer, given, second = TrackMixer(2), list[Samples](), np.ones(SAMPLE_RATE, np.float32)
    for _ in range(60):
        given += mixer.add(0, second)
        assert sum(map(len, mixer._waiting[0])) <= MAX_LEAD + STEP
    for _ in range(60):
        given += mixer.add(1, second)
    given += mixer.flush()
    audio = np.concatenate(given) * np.sqrt(2)
    assert len(audio) == 60 * SAMPLE_RATE
    np.testing.assert_allclose(audio[: 50 * SAMPLE_RATE], 1.0, rtol=1e-6)
    np.testing.assert_allclose(audio[50 * SAMPLE_RATE :], np.sqrt(2), rtol=1e-6)  # cut at what a sample may be


def test_the_same_comes_out_whatever_the_parts() -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, (3, 5 * SAMPLE_RATE)).astype(np.float32)
    mixed = []
    for size in (160, 4_000, 5 * SAMPLE_RATE):
        mixer, given = TrackMixer(3), list[Samples]()
        for at in range(0, noise.shape[1], size):
            for track in range(3):
                given += mixer.add(track, noise[track, at : at + size])
        mixed.append(np.concatenate([*given, *mixer.flush()]))
    np.testing.assert_array_equal(mixed[0], mixed[1])
    np.testing.assert_array_equal(mixed[0], mixed[2])


def test_a_mix_beside_what_it_is_made_of_stays_what_it_is_and_loses_nobody() -> None:
    first, other, alone = np.random.default_rng(4).uniform(-0.1, 0.1, (3, SAMPLE_RATE)).astype(np.float32)
    for tracks, gains in (
        ((first + other, first, other), (2.0, 2.0, 0.0)),
        ((first + other + alone, first, other), (2.0, 2.0, 1.0)),  # what is in the mix alone
        ((first, first), (2.0, 0.0, 0.0)),
    ):
        mixer = TrackMixer(len(tracks))
        given = [part for number, track in enumerate(tracks) for part in mixer.add(number, track)]
        wanted = sum(gain * part for gain, part in zip(gains, (first, other, alone), strict=True))
        mixed = np.concatenate([*given, *mixer.flush()])
        np.testing.assert_allclose(mixed, wanted / np.sqrt(len(tracks)), atol=1e-6)


TIMED_FORMATS = [
    ("webm", "libopus"),
    ("mp4", "aac"),
    ("mpegts", "aac"),
    ("ogg", "libopus"),
    ("flv", "aac"),
    ("asf", "aac"),
    ("mpeg", "mp2"),
]
"""Muxers of formats whose packets say when they are heard, and a codec"""


@pytest.mark.parametrize(("muxer", "codec"), TIMED_FORMATS)
def test_a_gap_in_a_recording_is_silence_so_that_times_are_those_of_the_film(
    muxer: str, codec: str, tmp_path: Path
) -> None:
    data = with_tracks(muxer, [beep(400)], codec=codec, stamp=lambda _, at: at + 5 * (at >= 1))
    audio = read(tmp_path / "paused", data)
    assert len(audio) == pytest.approx(7 * SAMPLE_RATE, abs=1500)
    assert loudness(audio, 400, 0.1, 0.9) > 0.9
    assert loudness(audio, 400, 6.1, 6.9) > 0.9
    assert not audio[round(1.2 * SAMPLE_RATE) : round(5.8 * SAMPLE_RATE)].any()


# without Ogg, whose last stamp says where the sound is cut off
@pytest.mark.parametrize(("muxer", "codec"), [one for one in TIMED_FORMATS if one[0] != "ogg"])
def test_stamps_that_tremble_neither_add_nor_take_a_sample(muxer: str, codec: str, tmp_path: Path) -> None:
    def tremble(track: int, at: float) -> float:
        return at + 0.009 * (round(at * 50) % 3)

    plain = read(tmp_path / "plain", with_tracks(muxer, [beep(400)], codec=codec))
    trembling = read(tmp_path / "trembling", with_tracks(muxer, [beep(400)], codec=codec, stamp=tremble))
    np.testing.assert_array_equal(plain, trembling)


def test_a_track_that_begins_late_is_heard_at_its_time(tmp_path: Path) -> None:
    tracks = [beep(400), beep(900, ends=0.5)]
    audio = read(tmp_path / "talk", with_tracks("matroska", tracks, stamp=lambda track, at: at + track))
    assert loudness(audio, 900, 1.05, 1.45) > 0.6 > 0.1 > loudness(audio, 900, 0.0, 0.95)


def test_sound_that_begins_behind_the_pictures_is_heard_at_its_time(tmp_path: Path) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        film: Any = container.add_stream("mpeg4", rate=10)
        film.width = film.height = 64
        sound: Any = container.add_stream("libopus", rate=48_000, layout="mono")
        for number in range(10):
            picture = np.full((64, 64, 3), 20 * number, np.uint8)
            container.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(film.encode(None))
        data = (beep(400, seconds=1.0) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 3 * 48_000, Fraction(1, 48_000)
        container.mux([*sound.encode(frame), *sound.encode(None)])
    audio = read(tmp_path / "film", file.getvalue())
    assert len(audio) == pytest.approx(4 * SAMPLE_RATE, abs=1500)
    assert loudness(audio, 400, 3.1, 3.9) > 0.9 > 0.1 > loudness(audio, 400, 0.0, 2.9)


def test_a_stamp_that_lies_brings_no_silence(tmp_path: Path) -> None:
    hostile = with_tracks("mp4", [beep(400)], codec="aac", stamp=lambda _, at: at + 3_600.0 * 10_000 * (at >= 1))
    assert len(read(tmp_path / "hostile", hostile)) == pytest.approx(SECONDS * SAMPLE_RATE, abs=1500)


def test_a_long_gap_is_read_bit_by_bit(tmp_path: Path) -> None:
    (tmp_path / "paused").write_bytes(with_tracks("webm", [beep(400)], stamp=lambda _, at: at + 600 * (at >= 1)))
    sizes = [len(chunk) for chunk in read_recording(tmp_path / "paused")]
    assert max(sizes) <= 3 * SAMPLE_RATE
    assert sum(sizes) == pytest.approx(602 * SAMPLE_RATE, abs=1500)


def test_a_stream_has_no_gaps_for_a_browser_may_stamp_what_it_sends_as_it_likes() -> None:
    decoder = ContainerDecoder("webm")
    parts = list(decoder.decode(with_tracks("webm", [beep(400)], stamp=lambda _, at: at + 5 * (at >= 1))))
    audio = np.concatenate([*parts, *decoder.flush()])
    decoder.close()
    assert len(audio) == pytest.approx(SECONDS * SAMPLE_RATE, abs=1500)


def gaps(stamps: Sequence[float | None], start: float | None = 0.0) -> list[float]:
    """The silences before parts of one second with these time stamps."""
    timeline = Timeline(start)
    return [round(timeline.silence(at, 1.0), 6) for at in stamps]


@pytest.mark.parametrize(
    ("stamps", "found"),
    [
        ([0, 1, 2], [0, 0, 0]),
        ([3, 4, 5], [3, 0, 0]),
        ([0, 1, 7, 8], [0, 0, 5, 0]),
        ([0, 1.1, 2.19, 2.9], [0, 0, 0, 0]),
        ([0, 1.1, 2.2, 3.3], [0, 0, 0.2, 0]),  # what small ones add up to
        ([0, 2, 2, 3, 4], [0, 1, 0, 0, 0]),  # stamped too late, then on time again
        ([0, 2, 2, 5], [0, 1, 0, 1]),
        ([None, None, 5], [0, 0, 3]),
        ([0, 1e9, 1e9 + 1, 1e9 + 4], [0, 0, 0, 2]),
        ([500, 501, 0, 1, 4], [500, 0, 0, 0, 2]),  # the clock was set anew
        ([0, 14_000, 14_500, 15_001], [0, 13_999, 0, 0]),
    ],
)
def test_silence_is_what_is_missing_by_the_stamps(stamps: list[float | None], found: list[float]) -> None:
    assert gaps(stamps) == found


def test_stamps_of_a_format_that_has_none_are_not_used() -> None:
    assert gaps([0, 7, 900], None) == [0, 0, 0]
    assert av.formats_available | {"mov", "webm"} >= TIMED


@given(st.lists(st.floats(-1e12, 1e12), max_size=30))
def test_stamps_never_bring_more_silence_than_may_be(stamps: list[float]) -> None:
    found = gaps(stamps)
    assert min(found, default=0.0) >= 0.0
    assert sum(found) <= MAX_SILENCE + 0.001
