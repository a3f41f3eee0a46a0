"""What shared models say of themselves, so that a server knows of them what it knows of models of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from meeting.cluster.shared_models.errors import WireError
from pipelines.asr.recogniser import RecogniserInfo
from pipelines.diarization.clustering import Thresholds
from pipelines.types import ModelInfo


@dataclass(frozen=True, slots=True)
class SpeechDescription:
    """A shared recogniser."""

    info: RecogniserInfo
    models: ModelInfo
    """As a server that has loaded the same models would tell it"""
    rtf: float
    """Seconds of computing per second of speech, on its replica"""

    @property
    def fingerprint(self) -> str:
        """The same for models that give the same results, as far as they say."""
        return _hash({"name": self.info.name, "takes_context": self.info.takes_context})

    def told(self) -> dict[str, Any]:
        """For the head of an answer."""
        return {"info": asdict(self.info), "models": dict(self.models), "rtf": self.rtf}

    @staticmethod
    def read(told: dict[str, Any]) -> SpeechDescription:
        """From the head of an answer; raises WireError."""
        try:
            info = dict(told["info"])
            languages = info.pop("languages")
            known = RecogniserInfo(**info, languages=None if languages is None else tuple(languages))
            return SpeechDescription(known, cast(ModelInfo, dict(told["models"])), float(told["rtf"]))
        except (KeyError, TypeError, ValueError) as error:
            raise WireError("what the shared recogniser says of itself cannot be read") from error


@dataclass(frozen=True, slots=True)
class SpeakersDescription:
    """Shared models that find local speakers."""

    segmentation: str
    embedding: str
    """Their names, as told to people"""
    thresholds: Thresholds
    shape: tuple[int, int]
    """Frames and voices of a window"""
    single: float
    """Seconds for one window, on its replica"""
    batched: float
    """Seconds for each of several"""

    @property
    def fingerprint(self) -> str:
        """The same for models whose voices may be compared."""
        told = {"segmentation": self.segmentation, "embedding": self.embedding, "shape": list(self.shape)}
        return _hash({**told, "thresholds": asdict(self.thresholds)})

    def told(self) -> dict[str, Any]:
        """For the head of an answer."""
        return asdict(self)

    @staticmethod
    def read(told: dict[str, Any]) -> SpeakersDescription:
        """From the head of an answer; raises WireError."""
        try:
            frames, voices = told["shape"]
            thresholds = Thresholds(**told["thresholds"])
            given = {**told, "shape": (int(frames), int(voices)), "thresholds": thresholds}
            return SpeakersDescription(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise WireError("what the shared models for speakers say of themselves cannot be read") from error


def _hash(told: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
