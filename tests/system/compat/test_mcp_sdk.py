"""A real meeting, and an agent's questions about it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soundfile

from benchmarks.harness.server import Server
from meeting.client import Client
from pipelines.types import SAMPLE_RATE
from tests.conftest import ROOT, Sample

if TYPE_CHECKING:
    from mcp.client import Client as Agent


async def ask(agent: Agent) -> dict[str, Any]:
    """What an agent finds out: where a word was said, by whom, and all that this speaker said around it."""

    async def call(name: str, **arguments: Any) -> Any:
        told = await agent.call_tool(name, arguments)
        assert not told.is_error, told.content
        return told.structured_content

    (meeting,) = (await call("list_meetings"))["meetings"]
    speakers = (await call("speakers", meeting="last"))["speakers"]
    hits = (await call("search", query="phones", speaker="Speaker 2"))["hits"]
    said = await call("read_transcript", meeting=meeting["meeting"], speaker="Speaker 2", to_seconds=10)
    return {"meeting": meeting, "speakers": speakers, "hits": hits, "said": [one["text"] for one in said["lines"]]}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_what_speaker_2_said_about_the_phones_is_answered_over_http_and_on_stdio(
    tmp_path: Path, sample: Sample
) -> None:
    server = Server(tmp_path, "embedded")
    excerpt = tmp_path / "excerpt.wav"
    soundfile.write(excerpt, sample.samples()[: 17 * SAMPLE_RATE], SAMPLE_RATE)

    async def speak() -> None:
        async for _ in Client(f"127.0.0.1:{server.port}").transcribe(excerpt, title="sample"):
            pass

    from mcp.client import Client as Agent
    from mcp.client.stdio import StdioServerParameters

    async def over_http() -> dict[str, Any]:
        async with Agent(f"http://127.0.0.1:{server.port}/mcp") as agent:
            return await ask(agent)

    async def on_stdio(*arguments: str) -> dict[str, Any]:
        started = ["-m", "meeting", "mcp", *arguments]
        async with Agent(StdioServerParameters(command=sys.executable, args=started, cwd=ROOT)) as agent:
            return await ask(agent)

    server.start()
    try:
        asyncio.run(speak())
        told = asyncio.run(over_http())
        assert asyncio.run(on_stdio("--server", f"127.0.0.1:{server.port}")) == told
    finally:
        server.kill()
    assert asyncio.run(on_stdio("--data-dir", str(server.data))) == told
    assert (told["meeting"]["title"], told["meeting"]["state"]) == ("sample", "ended")
    assert {"Speaker 1", "Speaker 2"} <= {one["name"] for one in told["speakers"]}
    (hit,) = told["hits"]
    assert 4 <= hit["start"] <= 9
    assert "phones" in hit["excerpt"].lower()
    assert any("phones" in text.lower() for text in told["said"])
