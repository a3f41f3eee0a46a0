"""Errors of shared models are told like those of models of this machine."""

from __future__ import annotations

import pytest

from meeting.cluster.shared_models.errors import NoAnswer, OtherModels, WireError
from pipelines.errors import ModelError


@pytest.mark.parametrize("error", [NoAnswer, OtherModels, WireError])
def test_they_are_errors_of_models(error: type[Exception]) -> None:
    assert issubclass(error, ModelError)
