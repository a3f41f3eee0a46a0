"""What is sent arrives as it was, compactly, and nothing that is read is run."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from meeting.cluster.shared_models import wire
from meeting.cluster.shared_models.errors import WireError
from pipelines.asr.recogniser import RecognisedWord, RecognitionRequest, RecognitionResult
from pipelines.types import WINDOW, LocalSpeakers, Samples, Window


def through(audio: Samples) -> Samples:
    """Audio as it arrives."""
    return wire.unpack_audio(*wire.pack_audio(audio))


@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50))
def test_audio_of_16_bits_arrives_as_it_was(numbers: list[int]) -> None:
    audio = np.array(numbers, np.float32) / 2**15
    assert np.array_equal(through(audio), audio)


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50))
def test_other_audio_is_rounded_by_less_than_a_part_in_32767_of_its_peak(values: list[float]) -> None:
    audio = np.array(values, np.float32)
    peak = max(float(np.abs(audio).max()), 2.0**-wire.MAX_EXPONENT)
    assert np.abs(through(audio) - audio).max() <= peak / 32767


def test_audio_takes_two_bytes_a_sample() -> None:
    message = wire.pack_requests([RecognitionRequest(np.zeros(16_000, np.float32))])
    assert 32_000 < len(message) < 32_400


def test_a_request_arrives_with_all_that_it_asks() -> None:
    audio = np.linspace(-0.5, 0.5, 1000).astype(np.float32)
    sent = RecognitionRequest(
        audio, "before", "de", ("Ann", "Bo"), True, ((1, -0.5, 7), (2, -0.25, 9)), ("de",), True, True
    )
    (got,) = wire.unpack_requests(wire.pack_requests([sent]))
    assert (got.prompt, got.language, got.hotwords, got.partial) == ("before", "de", ("Ann", "Bo"), True)
    assert (got.draft, got.among, got.translate) == (sent.draft, ("de",), True)
    assert np.abs(got.audio - audio).max() < 2**-15


def test_a_draft_that_is_made_of_anything_else_stays_behind() -> None:
    for draft in (object(), [1, 2], (1, [2]), {"a": 1}):
        sent = RecognitionRequest(np.zeros(10, np.float32), draft=draft)
        assert wire.unpack_requests(wire.pack_requests([sent]))[0].draft is None


def test_results_arrive_with_every_field() -> None:
    word = RecognisedWord("so", 3, 9, 0.1234567890123)
    result = RecognitionResult((word,), "en", np.float32(-0.3), 0.1, 1.5, 0.99, ((1, 0.5, 2),), True, 1)  # type: ignore[arg-type]
    head, _ = wire.unpack(wire.pack({"results": wire.results_head([result])}))
    (got,) = wire.results_of(head["results"])
    assert got == result
    assert got.draft == result.draft


def test_windows_and_their_masks_arrive_and_numbers_stay_here() -> None:
    rng = np.random.default_rng(1)
    voiced = rng.random(157) > 0.5
    windows = [
        Window(7, -100, rng.normal(0, 0.1, WINDOW).astype(np.float32), voiced, ~voiced),
        Window(9, 400, np.zeros(WINDOW, np.float32)),
    ]
    first, second = wire.unpack_windows(wire.pack_windows(windows))
    assert np.array_equal(first.voiced, voiced)
    assert np.array_equal(first.paused, ~voiced)
    assert second.voiced is None
    assert second.paused is None
    assert (first.index, first.start, second.index) == (0, 0, 1)
    assert np.abs(first.audio - windows[0].audio).max() < 2**-15


def local(subsegments: NDArray[np.float32] | None) -> LocalSpeakers:
    """Three voices, one of which has no embedding."""
    embeddings = np.full((3, 4), np.nan, np.float32)
    embeddings[0] = 0.5
    middles = None if subsegments is None else np.full((3, 2), -1, np.int16)
    return LocalSpeakers(0, 0, np.full((20, 3), 255, np.uint8), embeddings, np.ones(3), subsegments, middles)


@pytest.mark.parametrize("subsegments", [None, np.full((3, 2, 4), 0.25, np.float32)])
def test_local_speakers_arrive_as_those_of_their_window(subsegments: NDArray[np.float32] | None) -> None:
    sent = local(subsegments)
    _, arrays = wire.unpack(wire.pack({}, wire.speakers_arrays([sent]), compress=True))
    (got,) = wire.speakers_of(arrays, [Window(5, 4000, np.zeros(1, np.float32))])
    assert (got.index, got.start) == (5, 4000)
    for name in ("activity", "embeddings", "single_speaker_seconds", "subsegments", "subsegment_middles"):
        was, now = getattr(sent, name), getattr(got, name)
        assert (was is None) == (now is None)
        if was is not None:
            assert was.dtype == now.dtype
            assert np.array_equal(was, now, equal_nan=was.dtype.kind == "f")


def test_answers_that_are_not_one_for_each_window_are_refused() -> None:
    with pytest.raises(WireError, match="as many answers"):
        wire.speakers_of(wire.speakers_arrays([local(None)]), [])


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"MSM0\0\0\0\0",
        wire.MAGIC,
        wire.MAGIC + b"\xff\xff\xff\x7f{}",
        wire.MAGIC + b"\x02\0\0\0{}",
        wire.pack({}, [np.zeros(9)])[:-1],
        wire.pack({}, [np.zeros(9)], compress=True)[:-1],
        wire.pack({"requests": [{}], "exponents": ["x"]}, [np.zeros(1)]),
        pickle.dumps("anything"),
    ],
)
@pytest.mark.parametrize("read", [wire.unpack_requests, wire.unpack_windows])
def test_a_damaged_message_is_an_error_of_its_own(read: Any, message: bytes) -> None:
    with pytest.raises(WireError):
        read(message)


def test_no_object_can_be_sent() -> None:
    with pytest.raises(TypeError, match="object cannot be sent"):
        wire.pack({"head": object()})


def test_no_object_can_be_received() -> None:
    told = b'{"head":{},"arrays":[["|O",[1]]],"zlib":false}'
    with pytest.raises(WireError):
        wire.unpack(wire.MAGIC + struct.pack("<I", len(told)) + told + bytes(8))
