"""The client as programs use it, against the real server with fake models."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meeting.client import (
    AudioInfo,
    AudioRefused,
    Client,
    ClientError,
    Ended,
    NoSuchMeeting,
    RequestRefused,
    ServerUnreachable,
    TokenRefused,
    TranscriptState,
)
from tests.conftest import ROOT
from tests.fakes.access_fakes import TOKEN, locked
from tests.fakes.server_fakes import NO_AUDIO, config, serving, tone
from tests.meeting.client.sockets import ending_early, scripted


def recorded(seconds: float) -> bytes:
    """A WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(tone(seconds))
    return data.getvalue()


async def lines(client: Client, audio: Any, info: AudioInfo | None = None, **options: Any) -> list[str]:
    """What came of audio: the text of each line."""
    state = TranscriptState()
    async for event in client.transcribe(audio, info, **options):
        state.apply(event)
    assert state.state == "ended"
    return [f"{state.name_of(line.speaker)}: {line.text}" for line in state.segments]


@pytest.mark.slow
def test_files_bytes_and_what_is_being_made_are_transcribed(tmp_path: Path) -> None:
    async def made() -> AsyncIterator[bytes]:
        for _ in range(30):
            await asyncio.sleep(0)
            yield tone(0.1)

    async def run(port: int) -> None:
        client = Client(f"http://127.0.0.1:{port}")
        (tmp_path / "talk.wav").write_bytes(recorded(3.0))
        heard = ["Speaker 1: one"] * 3
        assert await lines(client, tmp_path / "talk.wav", title="Monday") == heard
        (meeting_id,) = [one["id"] for one in served.http.get("/api/meetings").json()["meetings"]]
        assert "Speaker 1: one one one" in await client.export("txt", meeting_id)
        with pytest.raises(ClientError, match=r"docx is no text: export_file\(\) gives its bytes"):
            await client.export("docx", meeting_id)
        assert (await client.export_file("docx", meeting_id)).startswith(b"PK")
        assert await lines(client, recorded(3.0)) == heard
        assert await lines(client, io.BytesIO(recorded(3.0))) == heard
        assert await lines(client, made(), AudioInfo("pcm_s16le", 16_000, 1)) == heard

    with serving(config(tmp_path)) as served:
        asyncio.run(run(served.port))
        kept = served.http.get("/api/meetings").json()["meetings"]
    assert [(one["title"], one["duration"], one["state"]) for one in kept][-1] == ("Monday", 3.0, "ended")
    assert len(kept) == 4


def test_each_thing_that_can_be_wrong_has_its_error(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        server = f"http://127.0.0.1:{port}"
        client = Client(server, TOKEN)
        meeting = await client.create_meeting("Monday")
        speak, view = Client(meeting.links["speak"]), Client(meeting.links["view"])
        with pytest.raises(TokenRefused):
            await lines(Client(server), recorded(1.0))
        with pytest.raises(TokenRefused):
            async with Client(server, "wrong-token-of-this-test").speak(meeting.id):
                pass
        with pytest.raises(TokenRefused, match="not to speak"):
            async with view.speak():
                pass
        with pytest.raises(NoSuchMeeting, match="there is no such meeting"):
            async with client.speak("nothere"):
                pass
        with pytest.raises(TokenRefused, match="does not open this meeting"):
            async with speak.speak("nothere"):
                pass
        async with speak.speak() as source:
            async with speak.speak() as second:  # which ends by itself, and the first goes on
                await second.send(tone(1.0))
            await source.send(tone(1.0))
        with pytest.raises(RequestRefused, match="is over"):
            async with speak.speak():
                pass
        with pytest.raises(ClientError, match="no meeting is named"):
            client.speak()
        with pytest.raises(ClientError, match="have to be declared"):
            await lines(client, bytes(1000))
        with pytest.raises(AudioRefused, match="not audio"):
            await lines(client, NO_AUDIO, AudioInfo())
        with pytest.raises(ClientError, match="cannot be read"):
            await lines(client, tmp_path / "nothing.wav")

    with locked(tmp_path) as running:
        asyncio.run(run(running.serving.port))
        below = Client(f"http://127.0.0.1:{running.serving.port}/nowhere", TOKEN)
        with pytest.raises(ServerUnreachable, match="no meeting server"):
            asyncio.run(lines(below, recorded(1.0)))
        with pytest.raises(RequestRefused, match="are the address and its path right"):
            asyncio.run(lines(below, recorded(1.0), meeting_id="x"))
    with pytest.raises(ServerUnreachable, match="Connection refused"):
        asyncio.run(lines(Client("127.0.0.1:1"), recorded(1.0)))


def test_audio_that_breaks_off_ends_the_meeting_with_what_came(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield tone(2.0)
        raise ZeroDivisionError

    async def run(port: int) -> list[str]:
        seen = []

        async def follow() -> None:
            async for event in Client(f"127.0.0.1:{port}").transcribe(broken(), AudioInfo()):
                seen.append(event.type)

        with pytest.raises(ZeroDivisionError):
            await follow()
        return seen

    with serving(config(tmp_path)) as served:
        seen = asyncio.run(run(served.port))
        (kept,) = served.http.get("/api/meetings").json()["meetings"]
    assert seen[-1] == "ended"
    assert (kept["duration"], kept["state"]) == (2.0, "ended")


def test_a_meeting_that_somebody_else_ends_is_told_behind_its_events(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield tone(0.1)

    async def run(port: int) -> list[str]:
        client, seen = Client(f"127.0.0.1:{port}"), []
        meeting = await client.create_meeting()

        async def follow() -> None:
            async for event in client.transcribe(endless(), AudioInfo(), meeting_id=meeting.id):
                if event.type == "segment" and "segment" not in seen:
                    await client.end(meeting.id)
                seen.append(event.type)

        with pytest.raises(RequestRefused, match="was ended"):
            await follow()
        return seen

    with serving(config(tmp_path)) as served:
        assert asyncio.run(run(served.port))[-1] == "ended"


def test_a_program_may_leave_in_the_middle(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        client = Client(f"127.0.0.1:{port}")
        async for event in client.transcribe(recorded(20.0)):
            if event.type == "segment":
                break
        await asyncio.sleep(0.2)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    with serving(config(tmp_path)) as served:
        asyncio.run(run(served.port))


@pytest.mark.slow
def test_many_clients_at_once_are_each_heard_and_wrong_ones_each_refused(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        good = Client(f"127.0.0.1:{port}", TOKEN, give_up_after=20.0)
        bad = Client(f"127.0.0.1:{port}", "a-wrong-token-of-somebody")
        work = [lines(good, recorded(2.0)) for _ in range(12)]
        work += [lines(bad, recorded(2.0), meeting_id=f"x{number}") for number in range(5)]
        results = await asyncio.gather(*work, return_exceptions=True)
        assert results[:12] == [["Speaker 1: one"] * 2] * 12
        assert {type(result) for result in results[12:]} <= {TokenRefused, RequestRefused}

    with locked(tmp_path) as running:
        asyncio.run(run(running.serving.port))


def test_the_client_needs_neither_the_models_nor_the_server_nor_the_database() -> None:
    program = "import sys, meeting.client; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "websockets" in loaded
    heavy = "torch sqlalchemy fastapi starlette uvicorn alembic av soundfile onnxruntime rx pydantic yaml"
    assert loaded & set(heavy.split()) == set()


def test_the_last_event_is_the_end(tmp_path: Path) -> None:
    async def run(port: int) -> Any:
        events = [event async for event in Client(f"127.0.0.1:{port}").transcribe(recorded(1.0))]
        return events[-1]

    with serving(config(tmp_path)) as served:
        assert asyncio.run(run(served.port)) == Ended(1)


def test_a_recording_that_was_given_but_did_not_arrive_before_somebody_ended_the_meeting_is_an_error() -> None:
    async def run() -> None:
        async with scripted(ending_early) as url:
            await lines(Client(f"{url}/m/monday"), recorded(30.0))

    with pytest.raises(RequestRefused, match="not all was sent"):
        asyncio.run(run())
