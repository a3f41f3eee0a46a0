"""A stand-in for a language model, and meetings to be noted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.meeting.notes.model_server import ModelServer, model_server


@pytest.fixture(scope="package")
def running_model() -> Iterator[ModelServer]:
    """One stand-in for all tests of the package."""
    with model_server() as running:
        yield running


@pytest.fixture
def model(running_model: ModelServer) -> ModelServer:
    """The stand-in, which has been asked nothing yet."""
    running_model.forget()
    return running_model
