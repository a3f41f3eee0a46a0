"""OpenAI's own SDK, unmodified, against the real server with real models: another address and another key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError, OpenAI

from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample
from tests.meeting.compat.slices import wav
from tests.system.compat.conftest import TOKEN
from tests.system.test_end_to_end import SHORT, RealServer, error_rate, pcm

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


Dial = Callable[..., OpenAI]


@pytest.fixture
def dial(real: RealServer) -> Iterator[Dial]:
    """Makes clients of the SDK, told where to go; with the right key unless another is given."""
    made: list[OpenAI] = []

    def client(key: str = TOKEN) -> OpenAI:
        made.append(OpenAI(base_url=f"{real.url}/v1", api_key=key, timeout=120, max_retries=0))
        return made[-1]

    yield client
    for one in made:
        one.close()


def beginning(sample: Sample) -> tuple[str, bytes]:
    """The first seconds, as a file."""
    return "beginning.wav", wav(pcm(sample.samples()[: round(SHORT * SAMPLE_RATE)]))


def length(sample: Sample) -> float:
    return len(sample.samples()) / SAMPLE_RATE


def test_a_file_gives_its_text(dial: Dial, sample: Sample) -> None:
    with sample.audio.open("rb") as file:
        answer = dial().audio.transcriptions.create(model="gpt-4o-transcribe", file=file, language="en", temperature=0)
    assert error_rate(sample.words, answer.text) < 0.25
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(length(sample), abs=0.05)


def test_words_and_segments_have_their_times(dial: Dial, sample: Sample) -> None:
    answer = dial().audio.transcriptions.create(
        model="whisper-1",
        file=sample.audio,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        prompt="search page, release",
    )
    assert answer.words
    assert answer.segments
    assert error_rate(sample.words, " ".join(word.word for word in answer.words)) < 0.25
    assert all(0.0 <= word.start <= word.end <= answer.duration for word in answer.words)
    starts = [segment.start for segment in answer.segments]
    assert starts == sorted(starts)
    assert answer.duration == pytest.approx(length(sample), abs=0.05)


def test_speakers_are_told_apart(dial: Dial, sample: Sample) -> None:
    answer = dial().audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize", file=sample.audio, response_format="diarized_json", chunking_strategy="auto"
    )
    assert {one.speaker for one in answer.segments} - {"?"} == {"A", "B", "C"}
    assert error_rate(sample.words, " ".join(one.text for one in answer.segments)) < 0.25


@pytest.mark.parametrize(("format_", "begins"), [("text", ""), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")])
def test_texts_are_handed_over_as_they_are(dial: Dial, sample: Sample, format_: Any, begins: str) -> None:
    answer: Any = dial().audio.transcriptions.create(model="whisper-1", file=beginning(sample), response_format=format_)
    assert answer.startswith(begins)
    assert "everyone" in answer


def test_text_comes_while_the_recording_is_heard(dial: Dial, sample: Sample) -> None:
    began = time.monotonic()
    at: list[float] = []
    told: list[Any] = []
    stream = dial().audio.transcriptions.create(model="gpt-4o-transcribe", file=sample.audio, stream=True)
    for event in stream:
        at.append(time.monotonic() - began)
        told.append(event)
    assert [event.type for event in told[:-1]] == ["transcript.text.delta"] * (len(told) - 1)
    assert told[-1].type == "transcript.text.done"
    assert error_rate(sample.words, told[-1].text) < 0.25
    assert error_rate(told[-1].text, "".join(event.delta for event in told[:-1])) < 0.05
    assert at[0] < at[-1] / 2, "the first words do not wait for the last ones"


def test_the_asynchronous_client_hears_who_speaks_while_the_recording_is_heard(
    real: RealServer, sample: Sample
) -> None:
    async def talk() -> list[Any]:
        async with AsyncOpenAI(base_url=f"{real.url}/v1", api_key=TOKEN, max_retries=0) as client:
            stream = await client.audio.transcriptions.create(
                model="gpt-4o-transcribe-diarize",
                file=sample.audio,
                response_format="diarized_json",
                chunking_strategy={"type": "server_vad"},
                stream=True,
            )
            return [event async for event in stream]

    told = asyncio.run(asyncio.wait_for(talk(), 120))
    segments = [event for event in told if event.type == "transcript.text.segment"]
    assert {"A", "B", "C"} <= {one.speaker for one in segments}
    assert error_rate(sample.words, " ".join(one.text for one in segments)) < 0.25
    assert {one["speaker"] for one in told[-1].segments} - {"?"} == {"A", "B", "C"}


def test_models_can_be_asked_for(dial: Dial) -> None:
    names = [model.id for model in dial().models.list()]
    assert names[-1] == "whisper-1"
    assert dial().models.retrieve(names[0]).id == names[0]
    with pytest.raises(NotFoundError):
        dial().models.retrieve("gpt-9")


def test_a_wrong_key_and_wrong_values_are_refused(dial: Dial, sample: Sample) -> None:
    with pytest.raises(AuthenticationError):
        dial("wrong").audio.transcriptions.create(model="whisper-1", file=sample.audio)
    with pytest.raises(BadRequestError) as refused:
        dial().audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"no audio at all, and none to come"))
    assert refused.value.code == "bad_audio"
    with pytest.raises(BadRequestError) as refused:
        dial().audio.transcriptions.create(
            model="gpt-4o-transcribe-diarize",
            file=sample.audio,
            response_format="diarized_json",
            known_speaker_names=["Ann"],
            known_speaker_references=["data:audio/wav;base64,AAAA"],
        )
    assert refused.value.param == "known_speaker_names"
    with pytest.deprecated_call(), pytest.raises(BadRequestError, match="language it is said in"):
        dial().audio.translations.create(model="whisper-1", file=sample.audio)


def test_nothing_of_all_this_stays(real: RealServer) -> None:
    for _ in range(100):
        left = list((real.data / "audio").iterdir())
        if not left:
            break
        time.sleep(0.1)
    assert left == []
