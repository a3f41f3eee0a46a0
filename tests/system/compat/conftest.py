"""The real server with real models, for clients of other services."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Sample
from tests.system.test_end_to_end import RealServer, excerpt, free_port

TOKEN = "a-key-that-nobody-guesses"


OPENING = 30.0
"""Seconds of the sample in which all three have spoken"""


@pytest.fixture(scope="package")
def opening(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first half of the sample: to hear all of it shows no more, and takes twice as long."""
    return excerpt(sample, tmp_path_factory.mktemp("opening"), OPENING)


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server that asks for a token, one for the clients of all services."""
    made = RealServer(tmp_path_factory.mktemp("compatible"), free_port(), settings={"MEETING_SERVER_TOKEN": TOKEN})
    made.start()
    made.wait_for("/readyz")
    yield made
    made.end(signal.SIGTERM)
