"""What may be chosen: the blocks that it is for have the same defaults, and none of their own."""

from __future__ import annotations

import re

import pytest

from pipelines.audio.endpointing import EndpointerOptions
from pipelines.diarization.clustering import PRESETS, Thresholds
from pipelines.diarization.tracker import SpeakerOptions
from pipelines.options import (
    DEVICE,
    DEVICES,
    MODEL_SETS,
    SECOND_PASSES,
    EngineOptions,
    PipelineOptions,
    language_codes,
)
from pipelines.stream.stream import endpointer_options, speaker_options
from pipelines.types import SpeakerCount


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_blocks_have_the_defaults_of_a_pipeline(preset: Thresholds) -> None:
    assert endpointer_options(PipelineOptions()) == EndpointerOptions()
    assert speaker_options(PipelineOptions(), preset) == SpeakerOptions(preset)


def test_languages_are_named_one_by_one_with_commas() -> None:
    assert language_codes(None) == ()
    assert language_codes("en") == ("en",)
    assert language_codes("en, de,en") == ("en", "de")


def test_what_is_chosen_reaches_the_blocks() -> None:
    options = PipelineOptions(
        vad_threshold=0.6,
        endpoint_silence=0.7,
        pre_roll=0.2,
        max_utterance=9.0,
        partial_interval=1.5,
        window_threshold=0.0,
        match_margin=0.1,
        overlap_onset=0.6,
        second_pass="off",
        speakers=SpeakerCount(2, 5),
    )
    cut, speakers = endpointer_options(options), speaker_options(options, PRESETS["ge2e"])
    assert (cut.threshold, cut.endpoint_silence, cut.pre_roll) == (0.6, 0.7, 0.2)
    assert (cut.max_utterance, cut.partial_interval) == (9.0, 1.5)
    assert (speakers.thresholds.window_threshold, speakers.thresholds.match_margin) == (0.0, 0.1)
    assert speakers.thresholds.merge_threshold == PRESETS["ge2e"].merge_threshold
    assert speakers.expected == SpeakerCount(2, 5)
    assert (speakers.activity.overlap_onset, speakers.second_pass) == (0.6, "off")


def test_defaults_are_among_what_may_be_chosen() -> None:
    assert EngineOptions().set in MODEL_SETS
    assert PipelineOptions().second_pass in SECOND_PASSES
    assert re.fullmatch(DEVICE, EngineOptions().device)


@pytest.mark.parametrize("device", [*DEVICES[:3], "cuda:0", "cuda:12"])
def test_devices_are_recognised_by_their_looks(device: str) -> None:
    assert re.fullmatch(DEVICE, device)


@pytest.mark.parametrize("device", [DEVICES[3], "cuda:", "cuda:123", "gpu", ""])
def test_what_is_no_device_is_not(device: str) -> None:
    assert not re.fullmatch(DEVICE, device)
