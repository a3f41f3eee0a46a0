"""OpenAI's own SDK, unmodified, against the real server with real models: another address and another key."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soxr
from websockets.exceptions import InvalidStatus

from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample
from tests.fakes.containers import wav
from tests.meeting.compat.openai.spoken import data_url
from tests.system.compat.conftest import OPENING, TOKEN
from tests.system.test_end_to_end import SHORT, RealServer, error_rate, pcm, said_until

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(600)]


if TYPE_CHECKING:
    from openai import OpenAI

Dial = Callable[..., "OpenAI"]


@pytest.fixture
def dial(real: RealServer) -> Iterator[Dial]:
    """Makes clients of the SDK, told where to go; with the right key unless another is given."""
    from openai import OpenAI

    made: list[OpenAI] = []

    def client(key: str = TOKEN) -> OpenAI:
        there = f"{real.url}/v1"
        sockets = there.replace("http", "ws", 1)  # its older realtime client would ask for TLS
        made.append(OpenAI(base_url=there, websocket_base_url=sockets, api_key=key, timeout=300, max_retries=0))
        return made[-1]

    yield client
    for one in made:
        one.close()


def beginning(sample: Sample) -> tuple[str, bytes]:
    """The first seconds, as a file."""
    return "beginning.wav", wav(pcm(sample.samples()[: round(SHORT * SAMPLE_RATE)]))


def length(sample: Sample) -> float:
    return len(sample.samples()) / SAMPLE_RATE


def test_a_file_gives_its_text(dial: Dial, sample: Sample, opening: Path) -> None:
    with opening.open("rb") as file:
        answer = dial().audio.transcriptions.create(model="gpt-4o-transcribe", file=file, language="en", temperature=0)
    assert error_rate(said_until(sample, OPENING), answer.text) < 0.25
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(OPENING, abs=0.05)


def test_words_and_segments_have_their_times(dial: Dial, sample: Sample, opening: Path) -> None:
    answer = dial().audio.transcriptions.create(
        model="whisper-1",
        file=opening,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        prompt="search page, release",
    )
    assert answer.words
    assert answer.segments
    assert error_rate(said_until(sample, OPENING), " ".join(word.word for word in answer.words)) < 0.25
    assert all(0.0 <= word.start <= word.end <= answer.duration for word in answer.words)
    starts = [segment.start for segment in answer.segments]
    assert starts == sorted(starts)
    assert answer.duration == pytest.approx(OPENING, abs=0.05)


def voice(sample: Sample, name: str) -> str:
    """The longest turn of a speaker as a data URL, a sample of that voice."""
    start, end = max(times(sample, name), key=lambda time: time[1] - time[0])
    return data_url(wav(pcm(sample.samples()[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])))


def times(sample: Sample, name: str) -> list[tuple[float, float]]:
    """When a speaker speaks."""
    turns: list[dict[str, Any]] = [*sample.turns]
    return [(float(one["start_time"]), float(one["end_time"])) for one in turns if one["speaker"] == name]


def test_speakers_are_told_apart_and_those_of_whom_there_are_samples_have_their_names(
    dial: Dial, sample: Sample
) -> None:
    answer = dial().audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize",
        file=sample.audio,
        response_format="diarized_json",
        chunking_strategy="auto",
        known_speaker_names=["Carl", "Ann"],
        known_speaker_references=[voice(sample, "Carl"), voice(sample, "Ann")],
    )
    assert {one.speaker for one in answer.segments} - {"?"} == {"Ann", "A", "Carl"}
    assert error_rate(sample.words, " ".join(one.text for one in answer.segments)) < 0.25
    assert answer.duration == pytest.approx(length(sample), abs=0.05)
    for name, called in (("Ann", "Ann"), ("Ben", "A"), ("Carl", "Carl")):
        middle = sum(times(sample, name)[0]) / 2
        assert [one.speaker for one in answer.segments if one.start <= middle < one.end] == [called]


@pytest.mark.parametrize(("format_", "begins"), [("text", ""), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")])
def test_texts_are_handed_over_as_they_are(dial: Dial, sample: Sample, format_: Any, begins: str) -> None:
    answer: Any = dial().audio.transcriptions.create(model="whisper-1", file=beginning(sample), response_format=format_)
    assert answer.startswith(begins)
    assert "everyone" in answer


def test_text_comes_while_the_recording_is_heard(dial: Dial, sample: Sample, opening: Path) -> None:
    began = time.monotonic()
    at: list[float] = []
    told: list[Any] = []
    stream = dial().audio.transcriptions.create(model="gpt-4o-transcribe", file=opening, stream=True)
    for event in stream:
        at.append(time.monotonic() - began)
        told.append(event)
    assert [event.type for event in told[:-1]] == ["transcript.text.delta"] * (len(told) - 1)
    assert told[-1].type == "transcript.text.done"
    assert error_rate(said_until(sample, OPENING), told[-1].text) < 0.25
    assert error_rate(told[-1].text, "".join(event.delta for event in told[:-1])) < 0.05
    assert at[0] < at[-1] / 2, "the first words do not wait for the last ones"


def test_the_asynchronous_client_hears_who_speaks_while_the_recording_is_heard(
    real: RealServer, sample: Sample, opening: Path
) -> None:
    from openai import AsyncOpenAI

    async def talk() -> list[Any]:
        async with AsyncOpenAI(base_url=f"{real.url}/v1", api_key=TOKEN, max_retries=0) as client:
            stream = await client.audio.transcriptions.create(
                model="gpt-4o-transcribe-diarize",
                file=opening,
                response_format="diarized_json",
                chunking_strategy={"type": "server_vad"},
                stream=True,
            )
            return [event async for event in stream]

    told = asyncio.run(asyncio.wait_for(talk(), 120))
    segments = [event for event in told if event.type == "transcript.text.segment"]
    assert {"A", "B", "C"} <= {one.speaker for one in segments}
    assert error_rate(said_until(sample, OPENING), " ".join(one.text for one in segments)) < 0.25
    assert {one["speaker"] for one in told[-1].segments} - {"?"} == {"A", "B", "C"}


def test_models_can_be_asked_for(dial: Dial) -> None:
    from openai import NotFoundError

    names = [model.id for model in dial().models.list()]
    assert names[-1] == "whisper-1"
    assert dial().models.retrieve(names[0]).id == names[0]
    with pytest.raises(NotFoundError):
        dial().models.retrieve("gpt-9")


def test_a_wrong_key_and_wrong_values_are_refused(dial: Dial, sample: Sample) -> None:
    from openai import AuthenticationError, BadRequestError

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
    assert refused.value.param == "known_speaker_references"
    with pytest.deprecated_call(), pytest.raises(BadRequestError, match="language it is said in") as refused:
        dial().audio.translations.create(model="whisper-1", file=sample.audio)
    assert refused.value.param == "model"


TRANSCRIPTION = "conversation.item.input_audio_transcription"
LIVE = 22.0
"""Seconds of live audio, sent twice as fast as it was spoken"""


def pieces(sample: Sample, seconds: float) -> list[str]:
    """The beginning as a client of realtime sessions sends it: 24 kHz, a quarter of a second each, as base64."""
    samples = soxr.resample(sample.samples()[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE, 24_000)
    whole = pcm(samples)
    return [base64.b64encode(whole[start : start + 12_000]).decode() for start in range(0, len(whole), 12_000)]


def test_live_audio_gives_words_with_speakers_while_it_is_sent(dial: Dial, sample: Sample) -> None:
    audio: Any = {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "gpt-4o-transcribe-diarize", "language": "en", "prompt": "search page"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        "noise_reduction": {"type": "near_field"},
    }
    events: list[Any] = []
    with dial().realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "transcription", "audio": {"input": audio}})
        updated: Any = connection.recv()
        assert (updated.type, updated.session.audio.input.transcription.language) == ("session.updated", "en")
        listening = threading.Thread(target=lambda: events.extend(connection), daemon=True)
        listening.start()
        began = time.monotonic()
        for number, piece in enumerate(pieces(sample, LIVE), 1):
            connection.input_audio_buffer.append(audio=piece)
            time.sleep(max(0.0, began + number / 8 - time.monotonic()))
        while_sending = len(events)
        connection.input_audio_buffer.commit()
        for _ in range(300):
            kinds = [one.type for one in events]
            announced = kinds.count("input_audio_buffer.committed")
            new = "input_audio_buffer.committed" in kinds[while_sending:]
            if new and kinds.count(f"{TRANSCRIPTION}.completed") == announced:
                break
            time.sleep(0.1)
    listening.join(10)
    completed = [one for one in events if one.type == f"{TRANSCRIPTION}.completed"]
    text = " ".join(one.transcript for one in completed if one.transcript)
    assert error_rate(said_until(sample, LIVE), text) < 0.3
    deltas = "".join(f" {one.delta}" for one in events if one.type == f"{TRANSCRIPTION}.delta")
    assert error_rate(text, deltas) < 0.1
    early = [one for one in events[:while_sending] if one.type == f"{TRANSCRIPTION}.segment"]
    assert len({one.speaker for one in early} - {"?"}) >= 2
    # a line may be told while the one before it still waits for its speaker
    segments = sorted((one for one in events if one.type == f"{TRANSCRIPTION}.segment"), key=lambda one: one.start)
    assert error_rate(text, " ".join(one.text for one in segments)) < 0.05
    assert all(0.0 <= one.start <= one.end <= LIVE for one in segments)
    kinds = [one.type for one in events]
    assert kinds.count("input_audio_buffer.speech_started") >= 2
    assert kinds.count("conversation.item.added") == kinds.count("conversation.item.done") == len(completed)
    assert "error" not in kinds


def test_the_asynchronous_client_ends_its_items_by_hand(real: RealServer, sample: Sample) -> None:
    from openai import AsyncOpenAI

    async def talk() -> Any:
        async with (
            AsyncOpenAI(base_url=f"{real.url}/v1", api_key=TOKEN) as client,
            client.realtime.connect(model="gpt-4o-transcribe") as connection,
        ):
            audio: Any = {"turn_detection": None}
            await connection.session.update(session={"type": "transcription", "audio": {"input": audio}})
            await connection.input_audio_buffer.append(audio=pieces(sample, 1.0)[0])
            await connection.input_audio_buffer.clear()
            for piece in pieces(sample, SHORT):  # as fast as it goes: the models are far behind
                await connection.input_audio_buffer.append(audio=piece)
            await connection.input_audio_buffer.commit()
            return [event async for event in _until(connection, f"{TRANSCRIPTION}.completed")]

    events = asyncio.run(asyncio.wait_for(talk(), 120))
    assert "input_audio_buffer.cleared" in [event.type for event in events]
    assert error_rate(said_until(sample, SHORT), events[-1].transcript) < 0.3
    assert events[-1].usage.seconds == pytest.approx(SHORT, abs=0.01)


async def _until(connection: Any, kind: str) -> Any:
    async for event in connection:
        yield event
        if event.type == kind:
            return


def test_the_form_before_todays_works_as_well(dial: Dial, sample: Sample) -> None:
    with dial().beta.realtime.connect(model="gpt-4o-transcribe", extra_query={"intent": "transcription"}) as connection:
        session = {"input_audio_format": "pcm16", "turn_detection": None}
        connection.transcription_session.update(session=session)  # type: ignore[arg-type]
        for piece in pieces(sample, 3.5):
            connection.input_audio_buffer.append(audio=piece)
        connection.input_audio_buffer.commit()
        kinds: list[str] = []
        for event in connection:
            kinds.append(event.type)
            if event.type == f"{TRANSCRIPTION}.completed":
                break
        assert "everyone" in event.transcript
    assert {"transcription_session.updated", "conversation.item.created"} <= set(kinds)


def test_a_wrong_key_and_wrong_events_of_a_session_are_told(dial: Dial) -> None:
    with pytest.raises(InvalidStatus) as refused, dial("wrong").realtime.connect(model="gpt-4o-transcribe"):
        pass
    assert refused.value.response.status_code == 401
    with dial().realtime.connect(model="gpt-4o-transcribe") as connection:
        connection.recv()
        connection.response.create(event_id="mine")
        error: Any = connection.recv()
        assert (error.type, error.error.event_id, error.error.param) == ("error", "mine", "type")


def test_nothing_of_all_this_stays(real: RealServer) -> None:
    for _ in range(100):
        left = list((real.data / "audio").iterdir())
        if not left:
            break
        time.sleep(0.1)
    assert left == []
