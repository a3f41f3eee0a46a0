"""What runs in a decoder's process, run here: it asks before it reads, tells bounded pieces, and says how it ended."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio import decoder_worker
from pipelines.audio.containers import DecodedAudio
from pipelines.audio.decoder_worker import (
    AUDIO,
    DONE,
    FAILED,
    FORMAT,
    FORMAT_BODY,
    INPUT_HEADER,
    MAX_ERROR_BYTES,
    MAX_OUTPUT,
    OUTPUT_HEADER,
    WANTS_INPUT,
    DecoderPipes,
    ResourceLimits,
    decode,
)
from pipelines.audio.resampling import MonoResampler
from pipelines.errors import AudioError
from pipelines.formats import CONTAINERS, MIN_PROBE_BYTES
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.bombs import BOMBS
from tests.fakes.containers import ENCODERS, encoded, pieces

every_container = pytest.mark.parametrize("encoding", CONTAINERS)


class NoLimits(ResourceLimits):
    """Nothing is limited here: it is the process of the tests."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def add_input(self, count: int) -> None:
        """Remember it."""
        self.given.append(count)

    def note_progress(self) -> None:
        """Nothing."""


def told(encoding: str, chunks: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """All that a decoder tells of bytes in these chunks."""
    given = b"".join(INPUT_HEADER.pack(len(chunk)) + chunk for chunk in chunks if chunk) + INPUT_HEADER.pack(0)
    sink = io.BytesIO()
    decode(encoding, DecoderPipes(io.BytesIO(given), sink, NoLimits()))
    return list(messages(sink.getvalue()))


def messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each."""
    at = 0
    while at < len(data):
        kind, size = OUTPUT_HEADER.unpack_from(data, at)
        at += OUTPUT_HEADER.size + size
        yield kind, data[at - size : at]


def heard(encoding: str, chunks: Iterable[bytes]) -> Samples:
    """What the server makes of it; raises AudioError."""
    unify, out, form = MonoResampler(), [np.zeros(0, np.float32)], (0, 0)
    for kind, content in told(encoding, chunks):
        if kind == FORMAT:
            form = FORMAT_BODY.unpack(content)
        elif kind == AUDIO:
            out += unify(*form, content)
        elif kind == FAILED:
            raise AudioError(content.decode())
    return np.concatenate([*out, *unify.flush()])


@every_container
@pytest.mark.parametrize("channels", [1, 2])
def test_the_chunk_size_of_a_container_never_changes_the_samples(encoding: str, channels: int) -> None:
    data = encoded(encoding, 0.7, channels)
    whole = heard(encoding, [data])
    assert 0.65 * SAMPLE_RATE < len(whole) < 0.8 * SAMPLE_RATE

    @given(st.lists(st.integers(1, 4000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 40 * len(sizes)))
    @settings(max_examples=6, deadline=None)
    def same(sizes: list[int]) -> None:
        cut = [data[:MIN_PROBE_BYTES], *pieces(data[MIN_PROBE_BYTES:], sizes)]
        np.testing.assert_array_equal(heard(encoding, cut), whole)

    same()


@pytest.mark.parametrize("encoding", ["mp3", "m4a", "webm_opus"])
def test_even_a_few_bytes_at_a_time_give_the_same_samples(encoding: str) -> None:
    data = encoded(encoding, 0.3)
    np.testing.assert_array_equal(
        heard(encoding, [data[:MIN_PROBE_BYTES], *pieces(data[MIN_PROBE_BYTES:], [3])]), heard(encoding, [data])
    )


@given(st.sampled_from(sorted(ENCODERS)), st.integers(0, 10**6), st.binary(min_size=1, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_damaged_containers_end_with_sound_or_a_sentence(encoding: str, at: int, junk: bytes, insert: bool) -> None:
    data = encoded(encoding, 0.5)
    at %= len(data)
    damaged = data[:at] + junk + data[at if insert else at + len(junk) :]
    with suppress(AudioError):
        assert np.isfinite(heard(encoding, pieces(damaged, [700]))).all()


def test_a_broken_pipe_of_ffmpeg_is_the_fault_of_the_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(container: object) -> Iterator[object]:
        yield from ()
        raise av.error.BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(decoder_worker, "decode_audio", broken)
    with pytest.raises(AudioError, match="Broken pipe"):
        heard("wav", [encoded("wav", 0.5)])


def test_a_damaged_packet_costs_only_its_own_audio() -> None:
    data = bytearray(encoded("mp3", 4.0))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    assert len(heard("mp3", pieces(bytes(data), [500]))) > 3.7 * SAMPLE_RATE


def test_it_asks_once_for_each_of_what_it_is_given_and_tells_what_came_of_it_before() -> None:
    chunks = list(pieces(encoded("webm", 3.0), [500]))
    kinds = [kind for kind, _ in told("webm", chunks)]
    assert kinds.count(WANTS_INPUT) == len(chunks) + 1
    assert kinds[0] == WANTS_INPUT
    assert kinds[-1] == DONE
    assert kinds.index(FORMAT) < kinds.index(AUDIO)
    assert kinds.count(AUDIO) > len(chunks) / 2


@pytest.mark.parametrize(("channels", "rate"), [(1, 48_000), (3, 16_000), (32, 48_000)])
def test_what_it_tells_at_once_is_bounded_and_in_whole_samples(channels: int, rate: int) -> None:
    sizes = [len(content) for kind, content in told("wav", [encoded("wav", 2.0, channels, rate)]) if kind == AUDIO]
    assert max(sizes) <= MAX_OUTPUT
    assert all(size % (4 * channels) == 0 for size in sizes)
    assert sum(sizes) == 2 * rate * channels * 4


def test_a_change_of_rate_and_channels_is_told() -> None:
    sink = io.BytesIO()
    pipes = DecoderPipes(io.BytesIO(), sink, NoLimits())
    for sound in (
        DecodedAudio(48_000, 1, bytes(8)),
        DecodedAudio(48_000, 2, bytes(8)),
        DecodedAudio(8000, 2, bytes(8)),
    ):
        pipes.write_audio(sound)
    pipes.finish()
    kinds = [
        (kind, FORMAT_BODY.unpack(content) if kind == FORMAT else len(content))
        for kind, content in messages(sink.getvalue())
    ]
    assert kinds == [
        (FORMAT, (48_000, 1)),
        (AUDIO, 8),
        (FORMAT, (48_000, 2)),
        (AUDIO, 8),
        (FORMAT, (8000, 2)),
        (AUDIO, 8),
        (DONE, 0),
    ]


def test_a_failure_is_told_in_a_sentence_that_is_not_too_long() -> None:
    sink = io.BytesIO()
    DecoderPipes(io.BytesIO(), sink, NoLimits()).finish("é" * 1000)
    ((kind, content),) = messages(sink.getvalue())
    assert (kind, len(content)) == (FAILED, MAX_ERROR_BYTES)


@pytest.mark.parametrize("left", [b"", b"\x01", INPUT_HEADER.pack(100), INPUT_HEADER.pack(100) + b"RIFF"])
def test_it_ends_when_nobody_is_left_to_decode_for(left: bytes) -> None:
    with pytest.raises(BrokenPipeError):
        decode("wav", DecoderPipes(io.BytesIO(left), io.BytesIO(), NoLimits()))


def test_it_ends_when_nobody_is_left_in_the_middle_of_the_sound() -> None:
    given = encoded("wav", 0.5)
    with pytest.raises(BrokenPipeError):
        decode("wav", DecoderPipes(io.BytesIO(INPUT_HEADER.pack(len(given)) + given), io.BytesIO(), NoLimits()))


def test_it_counts_what_it_was_given() -> None:
    limits, data = NoLimits(), encoded("flac", 0.5)
    given = b"".join(INPUT_HEADER.pack(len(part)) + part for part in pieces(data, [5000])) + INPUT_HEADER.pack(0)
    decode("flac", DecoderPipes(io.BytesIO(given), io.BytesIO(), limits))
    assert sum(limits.given) == len(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_gives_more_than_it_holds_or_anything_but_a_sentence(name: str) -> None:
    encoding, make = BOMBS[name]
    with suppress(AudioError):
        assert len(heard(encoding, pieces(make(), [32_000]))) <= 601 * SAMPLE_RATE
