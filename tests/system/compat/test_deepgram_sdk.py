"""Deepgram's own SDK, unmodified, against the real server with real models: another address and another key."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results, ListenV1SpeechStarted, ListenV1UtteranceEnd
from websockets.exceptions import InvalidStatus

from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample
from tests.system.compat.conftest import OPENING, TOKEN
from tests.system.test_end_to_end import SHORT, RealServer, error_rate, pcm, said_until

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(600)]

SECONDS = 22.0
PIECE = SAMPLE_RATE // 4
"""Samples of a quarter of a second"""


def environment_of(real: RealServer) -> DeepgramClientEnvironment:
    """Where the SDK is to go."""
    base, socket = real.url, real.url.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=base, production=socket, agent=socket, agent_rest=base)


Dial = Callable[..., DeepgramClient]


@pytest.fixture
def dial(real: RealServer) -> Iterator[Dial]:
    """Makes clients of the SDK, told where to go; with the right key unless another is given."""
    there = environment_of(real)
    with httpx.Client(timeout=120, trust_env=False) as http:
        yield lambda key=TOKEN: DeepgramClient(api_key=key, environment=there, httpx_client=http)


def said(results: list[ListenV1Results]) -> list[Any]:
    return [word for one in results if one.is_final for word in one.channel.alternatives[0].words]


def test_live_audio_gives_words_with_speakers_while_it_is_sent(dial: Dial, sample: Sample) -> None:
    audio = sample.samples()[: round(SECONDS * SAMPLE_RATE)]
    messages: list[Any] = []
    options: dict[str, Any] = {
        "model": "nova-3",
        "language": "en-US",
        "encoding": "linear16",
        "sample_rate": SAMPLE_RATE,
        "diarize": True,
        "punctuate": True,
        "interim_results": True,
        "utterance_end_ms": 1000,
        "vad_events": True,
        "keyterm": "search page",
    }
    with dial().listen.v1.connect(**options) as connection:
        connection.on(EventType.MESSAGE, messages.append)
        listening = threading.Thread(target=connection.start_listening, daemon=True)
        listening.start()
        began = time.monotonic()
        for start in range(0, len(audio), PIECE):
            connection.send_media(pcm(audio[start : start + PIECE]))
            time.sleep(max(0.0, began + (start + PIECE) / SAMPLE_RATE - time.monotonic()))
        results = [one for one in messages if isinstance(one, ListenV1Results)]
        labelled_while_sending = len({word.speaker for word in said(results)} - {None})
        connection.send_keep_alive()
        connection.send_finalize()
        connection.send_close_stream()
        listening.join(60)
        assert not listening.is_alive()
    results = [one for one in messages if isinstance(one, ListenV1Results)]
    words = said(results)
    assert labelled_while_sending >= 2
    assert any(not one.is_final for one in results)
    assert error_rate(said_until(sample, SECONDS), " ".join(word.punctuated_word for word in words)) < 0.3
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0.3 < sum(word.confidence for word in words) / len(words) <= 1.0
    assert len([one for one in messages if isinstance(one, ListenV1SpeechStarted)]) >= 2
    assert all(one.last_word_end > 0 for one in messages if isinstance(one, ListenV1UtteranceEnd))
    metadata = messages[-1]
    assert isinstance(metadata, ListenV1Metadata)
    assert metadata.duration == pytest.approx(SECONDS, abs=0.01)


def test_an_utterance_can_be_ended_by_hand(dial: Dial, sample: Sample) -> None:
    audio = sample.samples()[: round(3.3 * SAMPLE_RATE)]  # in the middle of a sentence
    messages: list[Any] = []
    with dial().listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=SAMPLE_RATE) as connection:
        connection.on(EventType.MESSAGE, messages.append)
        threading.Thread(target=connection.start_listening, daemon=True).start()
        connection.send_media(pcm(audio))
        connection.send_finalize()
        for _ in range(300):
            found = [one for one in messages if isinstance(one, ListenV1Results) and one.from_finalize]
            if found:
                break
            time.sleep(0.1)
        connection.send_close_stream()
    assert "everyone" in " ".join(word.word for word in said(found))
    assert found[0].start + found[0].duration <= 3.4


def test_the_quick_start_tells_turns(dial: Dial, sample: Sample) -> None:
    audio = sample.samples()[: round(SHORT * SAMPLE_RATE)]
    messages: list[Any] = []
    with dial().listen.v2.connect(model="flux-general-en", encoding="linear16", sample_rate=SAMPLE_RATE) as connection:
        connection.on(EventType.MESSAGE, messages.append)
        listening = threading.Thread(target=connection.start_listening, daemon=True)
        listening.start()
        for start in range(0, len(audio), PIECE):
            connection.send_media(pcm(audio[start : start + PIECE]))
        connection.send_close_stream()
        listening.join(60)
        assert not listening.is_alive()
    assert messages[0].type == "Connected"
    turns = [one for one in messages if one.type == "TurnInfo"]
    ended = [one.transcript for one in turns if one.event == "EndOfTurn"]
    opened = [turns[-1].transcript] if turns[-1].event == "Update" else []  # what is said when the audio ends
    assert [one.event for one in turns].count("StartOfTurn") == len(ended) + len(opened) >= 2
    assert error_rate(said_until(sample, SHORT), " ".join([*ended, *opened])) < 0.3


def test_the_asynchronous_client_hears_a_container(real: RealServer, sample: Sample) -> None:
    there = environment_of(real)

    async def talk() -> list[Any]:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = AsyncDeepgramClient(api_key=TOKEN, environment=there, httpx_client=http)
            async with client.listen.v1.connect(model="nova-3", punctuate=True) as connection:
                whole = sample.audio.read_bytes()
                for start in range(0, len(whole) // 4, 8192):
                    await connection.send_media(whole[start : start + 8192])
                await connection.send_close_stream()
                return [message async for message in connection]

    messages = asyncio.run(asyncio.wait_for(talk(), 120))
    words = said([one for one in messages if isinstance(one, ListenV1Results)])
    assert (
        error_rate(
            "Good morning, everyone. Shall we start with the plan for this week?",
            " ".join(word.punctuated_word for word in words[:12]),
        )
        < 0.3
    )
    assert isinstance(messages[-1], ListenV1Metadata)


def test_a_file_gives_words_utterances_and_speakers(dial: Dial, sample: Sample, opening: Path) -> None:
    answer: Any = dial().listen.v1.media.transcribe_file(
        request=opening.read_bytes(), model="nova-3", diarize=True, punctuate=True, utterances=True
    )
    found = answer.results.channels[0].alternatives[0]
    assert error_rate(said_until(sample, OPENING), found.transcript) < 0.25
    assert len({word.speaker for word in found.words} - {None}) == 3
    assert len({one.speaker for one in answer.results.utterances} - {None}) == 3
    assert answer.metadata.duration == pytest.approx(OPENING, abs=0.05)


def status_of_refused(client: DeepgramClient, **options: Any) -> int:
    """The HTTP status with which a socket is refused; the SDK passes on what newer websockets raise."""
    with (
        pytest.raises((ApiError, InvalidStatus)) as refused,
        client.listen.v1.connect(model="nova-3", encoding="linear16", **options),
    ):
        pass
    error: Any = refused.value
    return int(error.status_code if isinstance(error, ApiError) else error.response.status_code)


def test_a_wrong_key_and_wrong_values_are_refused(dial: Dial) -> None:
    assert status_of_refused(dial("wrong"), sample_rate=16000) == 401
    assert status_of_refused(dial(), sample_rate=1) == 400
    with pytest.raises(ApiError) as refused:
        dial().listen.v1.media.transcribe_file(request=b"no audio at all", model="nova-3")
    assert refused.value.status_code == 400


def test_nothing_of_all_this_stays(real: RealServer) -> None:
    for _ in range(100):
        left = list((real.data / "audio").iterdir())
        if not left:
            break
        time.sleep(0.1)
    assert left == []
