"""The real server with real models, for clients of other services."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.system.test_end_to_end import RealServer, free_port

TOKEN = "a-key-that-nobody-guesses"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server that asks for a token."""
    made = RealServer(tmp_path_factory.mktemp("compatible"), free_port(), settings={"MEETING_SERVER_TOKEN": TOKEN})
    made.start()
    made.wait_for("/readyz")
    yield made
    made.end(signal.SIGTERM)
