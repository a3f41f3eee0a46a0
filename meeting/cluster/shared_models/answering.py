"""The models of a replica, and what they answer to messages; knows nothing of how these come."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH
from meeting.cluster.shared_models.descriptions import SpeakersDescription, SpeechDescription
from meeting.cluster.shared_models.errors import WireError
from meeting.cluster.shared_models.wire import (
    pack,
    results_head,
    speakers_arrays,
    unpack_requests,
    unpack_windows,
)
from pipelines.asr.recogniser import Recogniser, RecognitionRequest, RecognitionResult
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.local_speakers import LocalSpeakerFinder
from pipelines.engine.engine import BATCH_LENGTH, MAX_WINDOW_BATCH, TRIAL_BATCH
from pipelines.engine.loader import load_speaker_finder
from pipelines.errors import BlockError, MeetingError, ModelError
from pipelines.models.factory import load_recogniser
from pipelines.models.probe import probe_and_select
from pipelines.models.selection import ModelSelection
from pipelines.options import EngineOptions
from pipelines.timing import best_of
from pipelines.types import SAMPLE_RATE, WINDOW, LocalSpeakers, Window, samples

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_BROKEN = 3
"""Unforeseen errors one after the other from which a replica counts as broken"""


class SpeechModels:
    """A recogniser that answers messages; one thread at a time."""

    def __init__(self, recogniser: Recogniser, description: SpeechDescription) -> None:
        self._recogniser = recogniser
        self._together = Together(self._read, recogniser.info.max_batch, _kind)
        self.description = description
        self._sender = {"application": SPEECH, "fingerprint": description.fingerprint}

    def answer(self, messages: Sequence[bytes]) -> list[bytes]:
        """An answer to each message; utterances that a recogniser may read together are."""
        return [
            pack(
                {**done, **self._sender} if isinstance(done, dict) else {"results": results_head(done), **self._sender}
            )
            for done in self._together.work(messages, unpack_requests)
        ]

    def describe(self) -> bytes:
        """The answer to what it is."""
        return pack({"description": self.description.told(), **self._sender})

    @property
    def broken(self) -> bool:
        """Whether it had better be loaded again."""
        return self._together.broken

    def _read(self, requests: list[RecognitionRequest]) -> Sequence[RecognitionResult]:
        return self._recogniser.recognise_batch(requests)


class SpeakerModels:
    """Models that find local speakers and answer messages; one thread at a time."""

    def __init__(self, finder: Callable[[list[Window]], list[LocalSpeakers]], description: SpeakersDescription) -> None:
        self._together = Together(finder, MAX_WINDOW_BATCH)
        self.description = description
        self._sender = {"application": SPEAKERS, "fingerprint": description.fingerprint}

    def answer(self, messages: Sequence[bytes]) -> list[bytes]:
        """An answer to each message; windows go through the models together."""
        return [
            pack({**done, **self._sender})
            if isinstance(done, dict)
            else pack(self._sender, speakers_arrays(done), compress=True)
            for done in self._together.work(messages, unpack_windows)
        ]

    def describe(self) -> bytes:
        """The answer to what they are."""
        return pack({"description": self.description.told(), **self._sender})

    @property
    def broken(self) -> bool:
        """Whether they had better be loaded again."""
        return self._together.broken


class Together(Generic[Item, Result]):
    """Has the items of several messages worked on together, and tells for each message what came of it."""

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result]],
        most: int,
        kind: Callable[[Item], Hashable] = lambda item: None,
    ) -> None:
        """`work` does up to `most` items of the same `kind` at once."""
        self._work = work
        self._most = max(1, most)
        self._kind = kind
        self._unforeseen = 0

    @property
    def broken(self) -> bool:
        """Whether nothing but unforeseen errors has come of late."""
        return self._unforeseen >= MAX_BROKEN

    def work(
        self, messages: Sequence[bytes], read: Callable[[bytes], Sequence[Item]]
    ) -> list[list[Result] | dict[str, str]]:
        """The results of each message's items in order, or why there are none, for the head of an answer.

        What is wrong with one message does not touch the others.
        """
        items: dict[tuple[int, int], Item] = {}
        failed: dict[int, dict[str, str]] = {}
        for number, message in enumerate(messages):
            try:
                items.update({(number, at): item for at, item in enumerate(read(message))})
            except WireError as error:
                failed[number] = {"failed": str(error)}
        results: dict[tuple[int, int], Result] = {}
        for places in self._batches(items):
            for number in self._do(places, items, results, failed):
                # one of several messages is at fault: alone the others are done
                self._do([place for place in places if place[0] == number], items, results, failed, alone=True)
        counts = Counter(number for number, _ in items)
        return [
            failed[number] if number in failed else [results[number, at] for at in range(counts[number])]
            for number in range(len(messages))
        ]

    def _batches(self, items: dict[tuple[int, int], Item]) -> Iterator[list[tuple[int, int]]]:
        kinds: dict[Hashable, list[tuple[int, int]]] = {}
        for place, item in items.items():
            kinds.setdefault(self._kind(item), []).append(place)
        for places in kinds.values():
            for at in range(0, len(places), self._most):
                yield places[at : at + self._most]

    def _do(
        self,
        places: list[tuple[int, int]],
        items: dict[tuple[int, int], Item],
        results: dict[tuple[int, int], Result],
        failed: dict[int, dict[str, str]],
        alone: bool = False,
    ) -> list[int]:
        """Work on some items; the messages that are to be tried alone after that."""
        try:
            found = self._work([items[place] for place in places])
            results.update(zip(places, found, strict=True))
            self._unforeseen = 0
            return []
        except Exception as error:  # an installed model may raise anything
            numbers = sorted({number for number, _ in places})
            if len(numbers) > 1 and not alone:
                return numbers
            if isinstance(error, MeetingError):
                reason = {"failed": error.reason if isinstance(error, BlockError) else str(error)}
            else:
                log.warning("a model failed: %s", type(error).__name__)
                self._unforeseen += 1
                reason = {"broken": type(error).__name__}
            failed.update(dict.fromkeys(numbers, reason))
            return []


def _kind(request: RecognitionRequest) -> Hashable:
    """As in the engine: beside a much longer utterance one would wait for its end."""
    return request.partial, (len(request.audio) // samples(BATCH_LENGTH)).bit_length()


def load_speech_models(options: EngineOptions, threads: int) -> SpeechModels:
    """The recogniser that the options choose, warmed up and measured; slow. Raises ModelError or SettingsError."""
    selection = _select(options)
    if len(selection.speech.candidates) > 1:
        raise ModelError(
            "models.whisper is auto, so that each replica would choose by its own speed, and another one than others: "
            "name one in the settings of the shared models"
        )
    recogniser = load_recogniser(selection.speech, options.threads or threads, options.hub_token)
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    recogniser.recognise(RecognitionRequest(noise))
    models = selection.with_recogniser(recogniser.info).info
    return SpeechModels(recogniser, SpeechDescription(recogniser.info, models, recogniser.measure_rtf()))


def load_speaker_models(options: EngineOptions, threads: int) -> SpeakerModels:
    """What finds local speakers by the options, warmed up and measured; slow. Raises ModelError or SettingsError."""
    selection = _select(options)
    finder, thresholds = load_speaker_finder(selection, options, options.threads or threads)
    finder([Window(0, 0, np.zeros(WINDOW, np.float32))])
    return SpeakerModels(finder, _describe_speakers(selection, finder, thresholds))


def _describe_speakers(
    selection: ModelSelection, finder: LocalSpeakerFinder, thresholds: Thresholds
) -> SpeakersDescription:
    info = selection.info
    clock = time.perf_counter if selection.segmentation.device.startswith("cuda") else time.thread_time
    single = best_of(lambda: finder.trial(1), clock=clock)
    batched = best_of(lambda: finder.trial(TRIAL_BATCH), clock=clock) / TRIAL_BATCH
    assert finder.shape is not None
    return SpeakersDescription(info["segmentation"], info["embedding"], thresholds, finder.shape, single, batched)


def _select(options: EngineOptions) -> ModelSelection:
    selection = probe_and_select(options)
    log.info("%s", selection.why)
    return selection.on_device(selection.devices[0])
