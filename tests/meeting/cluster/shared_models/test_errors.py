"""Errors of shared models are told like those of models of this machine."""

from __future__ import annotations

import pytest

from meeting.cluster.shared_models.errors import Broken, NoAnswer, OtherModels, Unanswered, WireError
from pipelines.errors import ModelError


@pytest.mark.parametrize("error", [Broken, NoAnswer, OtherModels, Unanswered, WireError])
def test_they_are_errors_of_models(error: type[Exception]) -> None:
    assert issubclass(error, ModelError)
