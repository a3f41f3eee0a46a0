"""Other models for meetings that are transcribed again, as fakes, in the process that is made for them.

`python -m tests.fakes.models.other_models` is that process: all in it is real but what hears.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meeting.config.settings import Models
from meeting.hearing_worker import main
from meeting.sources.backend import Engine
from pipelines.errors import ModelError
from pipelines.options import ModelChoice
from tests.fakes.server_fakes import FakeBackend, FakeEngine, LeanPipeline

CHOICES = (
    ModelChoice("parrot", "fake", ("en",)),
    ModelChoice("owl", "Owl", ("de", "en")),
    ModelChoice("fox", "Fox", None),
)
"""The first are those that the fake server has loaded"""
COMMAND = (sys.executable, "-m", "tests.fakes.models.other_models")
SLOW = "FAKE_OTHERS"
"""Environment variable: seconds that they take for each of audio"""
BROKEN = "broken"
"""In the place of seconds: they cannot be loaded"""


class OwlEngine(FakeEngine):
    """Other models than those of the fake server."""

    models = {"speech": "Owl", "why": "another test"}  # noqa: RUF012


@dataclass
class OwlBackend(FakeBackend):
    """Loads them."""

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """As a fake does."""
        super().load_engine(models, on_progress)
        assert (models.recognizer, models.device, models.engine) == ("owl", "cpu", "local")
        return OwlEngine()


def with_others(app: Any, always: bool = False) -> Any:
    """The app of a fake server, which has them where the environment, or the test, says so."""
    if always or SLOW in os.environ:
        others = app.state.jobs.others
        others.find, others.command = (lambda: CHOICES), COMMAND
    return app


def hear() -> None:
    """Be the process."""
    said = os.environ.get(SLOW, "0")
    LeanPipeline.slow = 0.0 if said == BROKEN else float(said)
    error = ModelError("the owl cannot be loaded: it sleeps") if said == BROKEN else None
    main(OwlBackend(pipeline=LeanPipeline, error=error))


if __name__ == "__main__":
    hear()
