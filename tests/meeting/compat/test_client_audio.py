"""What a client has sent, and the silence behind it."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.compat.client_audio import FLUSH_SECONDS, ClientAudio, Clock, flush_seconds
from meeting.compat.exchange import Feed
from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.types import SAMPLE_RATE, Utterance
from tests.meeting.compat.deepgram.streams import query


def made(raw: str) -> ClientAudio:
    asked = query(raw=raw)
    return ClientAudio(asked.raw, asked.decoded)


def test_what_was_sent_is_decoded_and_counted() -> None:
    audio = made("encoding=mulaw&sample_rate=8000")
    assert audio.feed(b"\xff" * 4000) == Feed(bytes(8000))
    assert audio.seconds == 0.5


@pytest.mark.parametrize(
    ("raw", "frame"),
    [("encoding=linear16&sample_rate=11025&channels=3", 6), ("encoding=linear32&sample_rate=44100", 4)],
)
def test_a_sample_that_is_not_whole_waits_behind_the_silence_for_its_rest(raw: str, frame: int) -> None:
    audio = made(raw)
    assert audio.feed(b"\1" * (frame * 7 + 1)) == Feed(b"\1" * frame * 7)
    silence = audio.silence()
    assert silence is not None
    assert len(silence.data) % frame == 0
    assert audio.feed(b"") == Feed(b"")
    assert audio.feed(b"\2" * frame) == Feed(b"\1" + b"\2" * (frame - 1))
    audio.drop_rest()
    assert audio.feed(b"\3" * frame) == Feed(b"\3" * frame)


@pytest.mark.parametrize(
    ("raw", "frame"),
    [("encoding=linear16&sample_rate=11025&channels=3", 6), ("encoding=linear32&sample_rate=44100", 4)],
)
def test_silence_is_as_long_as_it_should_be(raw: str, frame: int) -> None:
    audio = made(raw)
    audio.feed(bytes(frame * 7 + 1))
    audio.silence()
    assert audio.seconds == pytest.approx(FLUSH_SECONDS, abs=0.002)
    assert audio.clock(audio.seconds) == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize("endpoint_silence", [0.1, 0.4, 1.0, 2.5, 5.0])
def test_the_silence_ends_an_utterance_whatever_silence_that_takes(endpoint_silence: float) -> None:
    endpointer = Endpointer(
        lambda frame: float(frame.max() > 0.1), EndpointerOptions(endpoint_silence=endpoint_silence)
    )
    flush = flush_seconds(endpoint_silence)
    endpointer(np.ones(SAMPLE_RATE, np.float32))
    found = endpointer(np.zeros(round(flush * SAMPLE_RATE), np.float32))
    (ended,) = [one for one in found if isinstance(one, Utterance) and one.final]
    assert (ended.end_reason, ended.pause) == ("silence", True)
    assert FLUSH_SECONDS <= flush <= endpoint_silence + 1.0
    audio = ClientAudio(query().raw, query().decoded, flush)
    audio.feed(bytes(32_000))
    assert audio.silence() == Feed(bytes(round(flush * 16_000) * 2))
    assert audio.clock(2.0 + flush) == 2.0


def test_into_a_container_nothing_can_be_put() -> None:
    audio = made("encoding=flac")
    audio.feed(b"fLaC")
    assert audio.silence() is None
    assert audio.seconds == 0.0


def test_the_client_knows_nothing_of_silence_that_was_put_between() -> None:
    clock = Clock()
    assert clock(5.0) == 5.0
    clock.insert(2.0, 1.0)
    clock.insert(6.0, 1.0)
    assert [clock(time) for time in (1.0, 2.0, 2.5, 3.0, 5.0, 6.5, 8.0)] == [1.0, 2.0, 2.0, 2.0, 4.0, 5.0, 6.0]
