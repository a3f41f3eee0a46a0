"""What shared models say of themselves arrives whole, and tells those apart whose results differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meeting.cluster.shared_models.descriptions import SpeakersDescription, SpeechDescription
from meeting.cluster.shared_models.errors import WireError
from pipelines.asr.recogniser import RecogniserInfo
from pipelines.diarization.clustering import Thresholds

SPEECH = SpeechDescription(
    RecogniserInfo("small", 16, False, True, False, ("en", "de"), True), {"speech": "small", "why": "because"}, 0.125
)
SPEAKERS = SpeakersDescription("seg", "ge2e", Thresholds(0.1, 0.2, 0.3, 0.4, 0.5), (293, 3), 0.02, 0.015)


@pytest.mark.parametrize("languages", [None, ("en",)])
def test_a_recogniser_is_known_as_if_it_were_here(languages: tuple[str, ...] | None) -> None:
    description = replace(SPEECH, info=replace(SPEECH.info, languages=languages))
    assert SpeechDescription.read(json.loads(json.dumps(description.told()))) == description


def test_so_are_the_models_that_find_speakers() -> None:
    assert SpeakersDescription.read(json.loads(json.dumps(SPEAKERS.told()))) == SPEAKERS


def test_models_whose_results_differ_have_other_fingerprints() -> None:
    others = [
        replace(SPEECH, info=replace(SPEECH.info, name="base")),
        replace(SPEAKERS, embedding="wespeaker"),
        replace(SPEAKERS, thresholds=Thresholds(0.1, 0.2, 0.31)),
    ]
    assert len({SPEECH.fingerprint, SPEAKERS.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_how_fast_they_are_is_no_difference() -> None:
    assert replace(SPEECH, rtf=9.0).fingerprint == SPEECH.fingerprint
    assert replace(SPEAKERS, single=9.0, batched=9.0).fingerprint == SPEAKERS.fingerprint


@pytest.mark.parametrize("read", [SpeechDescription.read, SpeakersDescription.read])
def test_what_cannot_be_read_is_an_error_of_its_own(read: Callable[[Any], object]) -> None:
    for told in ({}, {**SPEECH.told(), "info": {}, "shape": [1]}):
        with pytest.raises(WireError):
            read(told)
