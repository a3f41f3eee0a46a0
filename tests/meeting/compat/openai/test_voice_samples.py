"""Samples of voices, decoded and put in front of a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meeting.compat.openai.form import parse_form
from meeting.compat.openai.known_speakers import PAUSE_SECONDS
from meeting.compat.openai.voice_samples import SAMPLE_BYTES, decoded, in_front, read_samples
from meeting.compat.parameters import Parameters
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.live.rooms import Rooms
from pipelines.types import SAMPLE_RATE
from tests.fakes.containers import encoded, wav
from tests.fakes.server_fakes import FakeBackend, tone
from tests.meeting.compat.openai.spoken import data_url

SECOND = SAMPLE_BYTES * SAMPLE_RATE


ROOMS = cast(Rooms, SimpleNamespace(services=SimpleNamespace(backend=FakeBackend())))
"""They know only where decoders come from"""


async def pieces(data: bytes, size: int = 5000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def all_of(container: str, data: bytes, most_seconds: float = 100.0) -> bytes:
    async def take() -> bytes:
        return b"".join([part async for part in decoded(ROOMS, container, pieces(data), most_seconds)])

    return asyncio.run(take())


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_a_recording_is_decoded_as_far_as_it_may_go(container: str) -> None:
    data = wav(tone(2.5)) if container == "wav" else encoded(container, 2.5)
    assert len(all_of(container, data)) == pytest.approx(2.5 * SECOND, abs=SECOND // 10)
    assert len(all_of(container, data, 1.0)) == SECOND


def test_what_is_no_audio_says_so() -> None:
    with pytest.raises(ProtocolError) as refused:
        all_of("flac", b"fLaC" + bytes(100_000))
    assert refused.value.code == ErrorCode.BAD_AUDIO


def read(*samples: bytes) -> Any:
    names = [("known_speaker_names[]", f"n{number}") for number in range(len(samples))]
    given = [("known_speaker_references[]", data_url(one)) for one in samples]
    form = parse_form(Parameters([*names, *given, ("response_format", "diarized_json")]))
    return asyncio.run(read_samples(ROOMS, form))


def test_samples_stand_one_after_the_other_with_a_pause_behind_each() -> None:
    known, audio = read(wav(tone(3.0)), wav(tone(2.0)))
    assert known.seconds == pytest.approx(5.0 + 2 * PAUSE_SECONDS, abs=0.01)
    assert len(audio) == pytest.approx(known.seconds * SECOND, abs=4)
    assert audio.endswith(bytes(SECOND))
    assert [sample.start for sample in known.samples] == [0.0, pytest.approx(3.0 + PAUSE_SECONDS, abs=0.01)]

    async def take() -> list[bytes]:
        return [part async for part in in_front(audio, pieces(b"rest"))]

    assert asyncio.run(take()) == [audio, b"rest"]


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (wav(tone(1.5)), "from 2 to 10 seconds"),
        (wav(tone(10.5)), "from 2 to 10"),
        (b"", "no audio"),
        (b"x" * 99, "no audio"),
    ],
)
def test_what_is_no_sample_of_a_voice_is_refused(sample: bytes, told: str) -> None:
    with pytest.raises(ProtocolError, match=f"^known_speaker_references .*{told}") as refused:
        read(wav(tone(3.0)), sample)
    assert refused.value.code == ErrorCode.BAD_REQUEST
