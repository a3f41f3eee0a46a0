"""The shared models as Ray Serve applications; `speech` and `speakers` build one each for `serve deploy`, RayService.

Loads with Ray only. A replica computes one batch at a time; what comes meanwhile makes the next one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import fields, replace
from typing import Any

from ray import get_runtime_context, serve

from meeting.cluster.shared_models.answering import load_speaker_models, load_speech_models
from meeting.config.settings import Models
from meeting.config.sources import load_config
from pipelines.errors import ModelError, SettingsError

MAX_BATCH = 16
"""Calls that a replica takes together at most, each with up to a batch of one server"""
SCALING = {
    "min_replicas": 1,
    "initial_replicas": 1,
    "max_replicas": 8,
    "target_ongoing_requests": 2,
    "upscale_delay_s": 10,
    "downscale_delay_s": 300,
}
"""How many replicas there are, by the calls that are computed or wait, where nothing else is said"""
OPTIONS: dict[str, Any] = {
    "max_ongoing_requests": 2 * MAX_BATCH,
    "health_check_period_s": 5,
    "health_check_timeout_s": 60,
    "graceful_shutdown_timeout_s": 60,
    "autoscaling_config": SCALING,
    "logging_config": {"enable_access_log": False},
}
"""Options of both deployments"""


class Answer:
    """Bytes in the form in which Serve's gRPC proxy takes answers."""

    def __init__(self, message: bytes) -> None:
        self._message = message

    def SerializeToString(self) -> bytes:
        """As a message of protobuf does."""
        return self._message


class _Replica:
    """What both deployments do with their models."""

    def __init__(self, models: Any) -> None:
        self._models = models

    async def Describe(self, message: bytes) -> Answer:
        """What the models are."""
        return Answer(self._models.describe())

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=0.0)  # type: ignore[untyped-decorator]
    async def _answer(self, messages: list[bytes]) -> list[bytes]:
        # in a thread, so that health checks are answered meanwhile
        answers: list[bytes] = await asyncio.to_thread(self._models.answer, messages)
        return answers

    def check_health(self) -> None:
        """Called by Serve, which replaces a replica where this raises."""
        if self._models.broken:
            raise ModelError("the models of this replica fail over everything")


@serve.deployment(name="Recogniser", **OPTIONS)
class RecogniserDeployment(_Replica):
    """A recogniser."""

    def __init__(self, options: Models) -> None:
        super().__init__(load_speech_models(_own(options), _threads()))

    async def Recognise(self, message: bytes) -> Answer:
        """Utterances to results."""
        return Answer(await self._answer(message))


@serve.deployment(name="SpeakerFinder", **OPTIONS)
class SpeakersDeployment(_Replica):
    """Segmentation and voice embedding."""

    def __init__(self, options: Models) -> None:
        super().__init__(load_speaker_models(_own(options), _threads()))

    async def FindSpeakers(self, message: bytes) -> Answer:
        """Windows to local speakers."""
        return Answer(await self._answer(message))


def speech(arguments: dict[str, Any]) -> serve.Application:
    """The application `speech`; `arguments` are settings of the section models, laid over those of the environment."""
    return _bind(RecogniserDeployment, shared_options(arguments))


def speakers(arguments: dict[str, Any]) -> serve.Application:
    """The application `speakers`; arguments as for `speech`."""
    return _bind(SpeakersDeployment, shared_options(arguments))


def shared_options(arguments: dict[str, Any], settings: Models | None = None) -> Models:
    """What is loaded; without the token for a hub, which Serve would keep: replicas take it from their environment.

    Raises SettingsError.
    """
    unknown = set(arguments) - {field.name for field in fields(Models)}
    if unknown:
        raise SettingsError(f"the section models has no {', '.join(sorted(unknown))}")
    return replace(settings or load_config().models, **arguments, hub_token=None)


def _bind(deployment: Any, options: Models) -> serve.Application:
    application: serve.Application = deployment.bind(options)
    return application


def _own(options: Models) -> Models:
    logging.basicConfig(level=logging.INFO)
    return replace(options, hub_token=load_config().models.hub_token)


def _threads() -> int:
    """CPU threads for a replica: as many as Ray has given it."""
    given = get_runtime_context().get_assigned_resources().get("CPU", 1.0)
    return max(1, int(given))
