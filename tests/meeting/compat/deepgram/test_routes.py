"""Where clients of Deepgram find what they look for."""

from __future__ import annotations

from pathlib import Path

from meeting.server.app import create_app
from tests.fakes.server_fakes import config


def test_the_addresses_are_those_of_deepgram_and_not_described_as_ours(tmp_path: Path) -> None:
    app = create_app(config(tmp_path))
    found = [getattr(route, "methods", "socket") for route in app.routes if getattr(route, "path", "") == "/v1/listen"]
    assert found == ["socket", {"POST"}]
    assert "/v1/listen" not in app.openapi()["paths"]
