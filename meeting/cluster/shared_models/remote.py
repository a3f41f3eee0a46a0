"""The seam of the engine, with models on other machines: a recogniser and a finder of local speakers that ask them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH, Caller
from meeting.cluster.shared_models.errors import NoAnswer, OtherModels, WireError
from meeting.cluster.shared_models.wire import (
    pack_requests,
    pack_windows,
    results_of,
    speakers_of,
)
from pipelines.asr.recogniser import Recogniser, RecogniserInfo, RecognitionRequest, RecognitionResult
from pipelines.diarization.local_speakers import is_silent, nobody
from pipelines.errors import BlockError
from pipelines.types import LocalSpeakers, Window


@dataclass(frozen=True)
class RemoteRecogniser(Recogniser):
    """A recogniser whose utterances are read elsewhere, one batch of the engine a call."""

    call: Caller
    told: RecogniserInfo
    """What the shared recogniser says of itself"""
    rtf: float
    """Its real-time factor, as its replica has measured it"""

    @property
    def info(self) -> RecogniserInfo:
        """What the shared one can; several threads may call, and none of them computes here."""
        return replace(self.told, concurrent=True, on_gpu=True)

    def measure_rtf(self) -> float:
        """As measured where it computes."""
        return self.rtf

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Have one utterance recognised. Raises BlockError."""
        return self.recognise_batch([request])[0]

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Have several utterances recognised. Raises BlockError, also where no shared model answers in time."""
        try:
            head, _ = self.call(SPEECH, "Recognise", pack_requests(requests))
            results = results_of(head.get("results", []))
        except (NoAnswer, OtherModels, WireError) as error:
            raise BlockError("recogniser", str(error)) from error
        if len(results) != len(requests):
            raise BlockError("recogniser", "there are not as many answers as utterances")
        return results


@dataclass(frozen=True)
class RemoteSpeakerFinder:
    """Local speakers of windows, found elsewhere; one batch of the engine a call. What is silent is not sent."""

    call: Caller
    shape: tuple[int, int]
    """Frames and voices of a window"""

    def __call__(self, windows: list[Window]) -> list[LocalSpeakers]:
        """Local speakers of each window. Raises BlockError, also where no shared model answers in time."""
        audible = [window for window in windows if not is_silent(window)]
        found: list[LocalSpeakers] = []
        if audible:
            try:
                _, arrays = self.call(SPEAKERS, "FindSpeakers", pack_windows(audible))
                found = speakers_of(arrays, audible)
            except (NoAnswer, OtherModels, WireError) as error:
                raise BlockError("diarization", str(error)) from error
        rest = iter(found)
        return [nobody(window, self.shape) if is_silent(window) else next(rest) for window in windows]
