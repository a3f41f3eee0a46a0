"""The Serve applications: which models they load, and what is kept of the settings."""

from __future__ import annotations

import pytest

from meeting.config.settings import Models
from pipelines.errors import SettingsError

pytestmark = pytest.mark.ray


def test_what_an_application_is_given_goes_before_the_settings() -> None:
    from meeting.cluster.shared_models.deployments import shared_options

    options = shared_options({"whisper": "small", "threads": 2}, Models(set="whisper", whisper="base"))
    assert (options.set, options.whisper, options.threads) == ("whisper", "small", 2)


def test_the_token_for_a_hub_is_not_kept_by_serve() -> None:
    from meeting.cluster.shared_models.deployments import shared_options

    assert shared_options({}, Models(hub_token="secret")).hub_token is None


def test_a_setting_that_there_is_not_is_refused() -> None:
    from meeting.cluster.shared_models.deployments import speech

    with pytest.raises(SettingsError, match="wisper"):
        speech({"wisper": "small"})


def test_both_applications_can_be_built_from_the_settings() -> None:
    from ray import serve

    from meeting.cluster.shared_models.deployments import speakers, speech

    for build in (speech, speakers):
        assert isinstance(build({"set": "embedded"}), serve.Application)


def test_answers_are_bytes_as_they_are() -> None:
    from meeting.cluster.shared_models.deployments import Answer

    assert Answer(b"as it is").SerializeToString() == b"as it is"
