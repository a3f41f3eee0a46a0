"""What a replica makes of the calls of several servers: together where it may be, each with its own answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from meeting.cluster.shared_models import wire
from meeting.cluster.shared_models.answering import (
    MAX_BROKEN,
    SpeakerModels,
    SpeechModels,
    load_speaker_models,
    load_speech_models,
)
from meeting.cluster.shared_models.calls import SPEECH
from meeting.cluster.shared_models.descriptions import SpeakersDescription, SpeechDescription
from pipelines.asr.recogniser import RecogniserInfo, RecognitionRequest, RecognitionResult
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.loader import load_engine
from pipelines.errors import BlockError, ModelError
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE, LocalSpeakers, Span, Utterance, Window
from tests.conftest import Sample
from tests.fakes.recogniser_fakes import FakeRecogniser, heard

INFO = RecogniserInfo("fake", max_batch=4)
SPEAKERS = SpeakersDescription("seg", "emb", Thresholds(0.1, 0.2, 0.3), (5, 2), 0.01, 0.01)


class Reader(FakeRecogniser):
    """Says how long each utterance is, and keeps what it was given at once; fails over what lasts an odd second."""

    info = INFO

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []
        self.error: Callable[[], Exception] = lambda: BlockError("recogniser", "odd")

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """A word for each."""
        seconds = [len(request.audio) // SAMPLE_RATE for request in requests]
        self.batches.append(seconds)
        if any(second == 13 for second in seconds):
            raise self.error()
        return [heard(f"{second}") for second in seconds]


def speech(reader: Reader) -> SpeechModels:
    """A replica's recogniser."""
    return SpeechModels(reader, SpeechDescription(INFO, {"speech": "fake"}, 0.1))


def message(*seconds: int, partial: bool = False) -> bytes:
    """A call with utterances that last so long."""
    return wire.pack_requests(
        [RecognitionRequest(np.zeros(second * SAMPLE_RATE, np.float32), partial=partial) for second in seconds]
    )


def words(answer: bytes) -> list[str]:
    """What was recognised."""
    return [result.text for result in wire.results_of(wire.unpack(answer)[0]["results"])]


def test_calls_of_several_servers_are_read_together_up_to_the_largest_batch() -> None:
    reader = Reader()
    answers = speech(reader).answer([message(1, 2), message(3), message(1, 1)])
    assert [words(answer) for answer in answers] == [["1", "2"], ["3"], ["1", "1"]]
    assert reader.batches == [[1, 2, 3, 1], [1]]


def test_partial_ones_and_much_longer_ones_are_read_apart() -> None:
    reader = Reader()
    answers = speech(reader).answer([message(1, 20), message(2, partial=True), message(1)])
    assert [words(answer) for answer in answers] == [["1", "20"], ["2"], ["1"]]
    assert reader.batches == [[1, 1], [20], [2]]


def test_what_cannot_be_read_fails_its_own_call_only() -> None:
    models = speech(Reader())
    good, bad, damaged = models.answer([message(12), message(13), b"?"])
    assert words(good) == ["12"]
    assert wire.unpack(bad)[0]["failed"] == "odd"
    assert "failed" in wire.unpack(damaged)[0]
    assert not models.broken


def test_a_model_that_does_nothing_but_break_is_to_be_replaced() -> None:
    reader = Reader()
    reader.error = lambda: ZeroDivisionError("inside")
    models = speech(reader)
    for _ in range(MAX_BROKEN - 1):
        assert wire.unpack(models.answer([message(13)])[0])[0]["broken"] == "ZeroDivisionError"
    models.answer([message(12)])
    assert not models.broken
    for _ in range(MAX_BROKEN):
        assert not models.broken
        models.answer([message(13)])
    assert models.broken


def test_every_answer_tells_which_models_gave_it() -> None:
    models = speech(Reader())
    for answer in (*models.answer([message(12), message(13)]), models.describe()):
        head, _ = wire.unpack(answer)
        assert (head["application"], head["fingerprint"]) == (SPEECH, models.description.fingerprint)


def find(windows: list[Window]) -> list[LocalSpeakers]:
    """As loud as the window begins."""
    return [
        LocalSpeakers(
            window.index,
            window.start,
            np.full((5, 2), round(window.audio[0] * 64), np.uint8),
            np.zeros((2, 3), np.float32),
            np.zeros(2),
        )
        for window in windows
    ]


def test_windows_of_several_servers_go_through_the_models_together_and_come_back_to_theirs() -> None:
    sizes: list[int] = []

    def counted(windows: list[Window]) -> list[LocalSpeakers]:
        sizes.append(len(windows))
        return find(windows)

    calls = [[Window(7 * at + i, 0, np.full(10, (at + i) / 64, np.float32)) for i in range(5)] for at in range(2)]
    answers = SpeakerModels(counted, SPEAKERS).answer([wire.pack_windows(windows) for windows in calls])
    for at, (answer, windows) in enumerate(zip(answers, calls, strict=True)):
        found = wire.speakers_of(wire.unpack(answer)[1], windows)
        assert [int(one.activity[0, 0]) for one in found] == [at + i for i in range(5)]
        assert [one.index for one in found] == [window.index for window in windows]
    assert sizes == [8, 2]


def test_a_choice_by_each_replicas_own_speed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.models.probe import probe_and_select

    chosen = probe_and_select(EngineOptions(set="embedded"))
    measured = replace(chosen, speech=replace(chosen.speech, candidates=("tiny", "base")))
    monkeypatch.setattr("meeting.cluster.shared_models.answering.probe_and_select", lambda options: measured)
    with pytest.raises(ModelError, match=r"models\.whisper is auto"):
        load_speech_models(EngineOptions(), 1)


@pytest.mark.slow
@pytest.mark.model
def test_models_answer_over_the_wire_as_they_do_here(sample: Sample) -> None:
    options = EngineOptions(set="embedded", threads=1)
    speech_models, speaker_models = load_speech_models(options, 1), load_speaker_models(options, 1)
    engine = load_engine(options)
    try:
        assert speech_models.description.models == engine.models
        assert speaker_models.description.thresholds == engine.thresholds
        audio = sample.samples()[: 5 * SAMPLE_RATE]
        (answer,) = speech_models.answer([wire.pack_requests([RecognitionRequest(audio, careful=True)])])
        (over_wire,) = wire.results_of(wire.unpack(answer)[0]["results"])
        here = engine.recognise(Utterance(0, Span(0, len(audio)), audio, True), "a").result(120)
        assert here is not None
        assert over_wire.text == here.text != ""
        window = Window(3, 0, audio)
        (told,) = speaker_models.answer([wire.pack_windows([window])])
        (far,), near = wire.speakers_of(wire.unpack(told)[1], [window]), engine.find_speakers(window).result(120)
        assert near is not None
        assert far.activity.shape == near.activity.shape == speaker_models.description.shape
        assert np.abs(far.activity.astype(int) - near.activity).max() <= 2
        known = ~np.isnan(near.embeddings[:, 0])
        assert known.any()
        assert ((far.embeddings[known] * near.embeddings[known]).sum(axis=1) > 0.9999).all()
    finally:
        engine.close()
