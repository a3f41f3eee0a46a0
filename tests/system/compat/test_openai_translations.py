"""OpenAI's own SDK, unmodified, asks the real server for translations, with a Whisper that reads nonsense."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.conftest import Sample
from tests.fakes.containers import wav
from tests.fakes.tiny_whisper import build
from tests.system.compat.conftest import TOKEN
from tests.system.test_end_to_end import RealServer, free_port, pcm

if TYPE_CHECKING:
    from openai import OpenAI

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),  # the SDK says so of all translations
]

SPOKEN = 3.5
"""Seconds of the sample: one sentence"""


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server with a multilingual Whisper."""
    folder = tmp_path_factory.mktemp("translating")
    settings = {
        "MEETING_SERVER_TOKEN": TOKEN,
        "MEETING_MODELS_RECOGNIZER": f"whisper:{build(folder / 'tiny')}",
        "MEETING_MODELS_DEVICE": "cpu",
    }
    made = RealServer(folder, free_port(), settings=settings)
    made.start()
    made.wait_for("/readyz")
    yield made
    made.end(signal.SIGTERM)


@pytest.fixture
def client(whisper: RealServer) -> Iterator[OpenAI]:
    from openai import OpenAI

    with OpenAI(base_url=f"{whisper.url}/v1", api_key=TOKEN, timeout=120, max_retries=0) as made:
        yield made


@pytest.fixture
def said(sample: Sample) -> tuple[str, bytes]:
    """The first sentence, as a file."""
    return "said.wav", wav(pcm(sample.samples()[: round(SPOKEN * 16_000)]))


@pytest.mark.slow
def test_what_is_said_is_written_down_otherwise_than_when_it_is_transcribed(
    client: OpenAI, said: tuple[str, bytes]
) -> None:
    from openai.types.audio import Translation

    transcribed = client.audio.transcriptions.create(model="whisper-1", file=said, language="de")
    translated = client.audio.translations.create(model="whisper-1", file=said, extra_body={"language": "de"})
    assert isinstance(translated, Translation)
    assert "" not in (translated.text, transcribed.text)
    assert translated.text != transcribed.text


@pytest.mark.slow
def test_each_format_is_one_of_the_translation(client: OpenAI, said: tuple[str, bytes]) -> None:
    def translation(format_: Any) -> Any:
        asked: Any = {"response_format": format_, "temperature": 0, "prompt": "release"}
        return client.audio.translations.create(model="whisper-1", file=said, extra_body={"language": "de"}, **asked)

    from openai.types.audio import TranslationVerbose

    verbose = translation("verbose_json")
    assert isinstance(verbose, TranslationVerbose)
    assert (verbose.language, verbose.duration) == ("english", pytest.approx(SPOKEN, abs=0.05))
    assert " ".join(one.text for one in verbose.segments or []) == verbose.text != ""
    assert translation("text").strip() == verbose.text
    assert translation("srt").startswith("1\n00:00:0")
    assert translation("vtt").startswith("WEBVTT\n\n00:00:0")


@pytest.mark.slow
def test_a_meeting_that_is_kept_says_that_it_was_translated(
    whisper: RealServer, client: OpenAI, said: tuple[str, bytes]
) -> None:
    answer = client.audio.translations.with_raw_response.create(
        model="whisper-1", file=said, extra_body={"keep": "true"}
    )
    address = f"{whisper.url}/api/meetings/{answer.headers['x-meeting-id']}"
    meeting = httpx.get(address, headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert [source["translate"] for source in meeting["sources"]] == [True]
    assert meeting["models"]["translates"]
