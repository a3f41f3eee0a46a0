"""One recording through each endpoint of a real server whose pipelines say "one" each second."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from benchmarks.doors.clients import DOORS, FILES, of_file
from benchmarks.harness.recordings import Recording
from benchmarks.harness.server import Server
from tests.fakes.server_fakes import Serving, tone


@pytest.fixture(scope="module")
def server(open_server: Serving) -> Server:
    return Server(Path(), port=open_server.port)


@pytest.fixture(scope="module")
def recording() -> Recording:
    audio = np.frombuffer(tone(2.9), np.int16)
    return Recording("tone", audio, (), (), ())


@pytest.mark.parametrize("name", DOORS)
def test_every_endpoint_tells_the_whole_recording(server: Server, recording: Recording, name: str) -> None:
    found = asyncio.run(DOORS[name](server, recording, 50.0))
    assert [word for row in found.end for word in row["words"].split()] == ["one"] * 3
    assert {row["speaker"] for row in found.end} - {None}
    assert (found.live is None) == (not found.texts) == (name == "/transcribe")


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_answered_with_its_lines(server: Server, recording: Recording, path: str) -> None:
    took, rows = of_file(server, path, recording)
    assert took > 0
    assert [row["words"] for row in rows] == ["one"] * 3
