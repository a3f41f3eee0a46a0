"""Weights from files into torch modules, with pickle restricted; imported only when a model is built."""

from __future__ import annotations

import inspect
import pickle
import threading
import typing
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from pipelines.diarization.ge2e import VoiceEncoder
from pipelines.errors import ModelCorrupt, ModelError, ModelMissing

ARCHITECTURES = {
    "PyanNet": "pyannote.audio.models.segmentation",
    "WeSpeakerResNet34": "pyannote.audio.models.embedding",
}
"""Classes that a checkpoint may name: what a file says is never imported unseen"""

_safe_globals_lock = threading.Lock()


@contextmanager
def warnings_ignored() -> Iterator[None]:
    """Import or build heavy libraries without their deprecation notices, which no user can act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint without running anything it holds.

    Raises ModelMissing when there is no such file, ModelCorrupt when it is damaged or holds other kinds of objects.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelMissing(f"there is no model file at {path}")
    try:
        with _safe_globals_lock, warnings_ignored(), torch.serialization.safe_globals(_allowed_globals()):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelCorrupt(
            f"{path} is damaged or holds objects that a model has no need of; it was not loaded"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelCorrupt(f"{path} is not a model file, or it is damaged; it was not loaded") from error
    if not isinstance(checkpoint, dict):
        raise ModelCorrupt(f"{path} is not a model file: it holds no named weights")
    return checkpoint


def build_pyannote(path: str | Path) -> Any:
    """A `pyannote.audio` model in evaluation mode, made from its checkpoint's parts.

    Raises ModelMissing or ModelCorrupt.
    """
    checkpoint = load_checkpoint(path)
    try:
        about = checkpoint["pyannote.audio"]
        name, specifications = about["architecture"]["class"], about["specifications"]
        weights, parameters = checkpoint["state_dict"], checkpoint.get("hyper_parameters", {})
    except (KeyError, TypeError) as error:
        raise ModelCorrupt(f"{path} is not a pyannote.audio model") from error
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ModelCorrupt(f"{path} is a model of an unknown kind ({str(name)[:40]}); known are {known}")
    with warnings_ignored():
        architecture = getattr(import_module(ARCHITECTURES[name]), name)
        try:
            accepted = inspect.signature(architecture.__init__).parameters
            model = architecture(**{key: value for key, value in parameters.items() if key in accepted})
            model.specifications = specifications
            model.setup()
            # A training loss may have weights of its own, for which there is no use here.
            model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("loss_func")})
        except (RuntimeError, TypeError, ValueError, AttributeError, KeyError) as error:
            raise ModelCorrupt(f"the weights in {path} do not fit a {name}") from error
    return model.eval()


def build_ge2e(path: str | Path) -> VoiceEncoder:
    """The GE2E voice encoder in evaluation mode; raises ModelMissing or ModelCorrupt."""
    checkpoint = load_checkpoint(path)
    model = VoiceEncoder()
    try:
        weights = checkpoint["model_state"]
        # The two similarity parameters belong to the training loss.
        model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("similarity_")})
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise ModelCorrupt(f"{path} is not a GE2E voice encoder") from error
    model.eval()
    return model


class MultilabelSegmentation(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A segmentation model that gives one probability per speaker, even if trained on sets of speakers."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.powerset: Any = None
        if self.specifications.powerset:
            with warnings_ignored():
                from pyannote.audio.utils.powerset import Powerset

            self.powerset = Powerset(len(self.specifications.classes), self.specifications.powerset_max_classes)

    @property
    def specifications(self) -> Any:
        """What the model was trained for: `classes`, `duration` in seconds, …"""
        return self.model.specifications

    @property
    def receptive_field(self) -> Any:
        """Place and length of the first frame and the step between frames, seconds."""
        return self.model.receptive_field

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Audio (batch, 1, samples) at 16 kHz to probabilities (batch, frames, speakers)."""
        scores = self.model(waveforms)
        return scores if self.powerset is None else self.powerset.to_multilabel(scores, soft=True)


class WeightedEmbedding(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A pyannote.audio voice embedding that takes weights at any frame rate."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def dimension(self) -> int:
        """Size of an embedding."""
        return int(self.model.dimension)

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Audio (batch, 1, samples) at 16 kHz and weights (batch, frames) to embeddings (batch, dimension)."""
        if weights is not None:
            frames = self.model.num_frames(waveforms.shape[-1])
            # The model would stretch them as well, but warns each time.
            weights = torch.nn.functional.interpolate(weights[:, None], size=frames, mode="linear")[:, 0]
        return self.model(waveforms, weights=weights)


def to_device(model: Any, device: str) -> Any:
    """Move a module to a device; raises ModelError when the device cannot take it."""
    try:
        return model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"the device {device} cannot take the model ({type(error).__name__}): check the driver and that PyTorch is "
            "built for CUDA, or set models.device to cpu"
        ) from error


def _allowed_globals() -> list[Any]:
    """Exactly the classes that the known checkpoints hold beside tensors."""
    from omegaconf.base import ContainerMetadata, Metadata
    from omegaconf.listconfig import ListConfig
    from omegaconf.nodes import AnyNode
    from pyannote.audio.core.model import Introspection
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from torch.torch_version import TorchVersion

    values = [OrderedDict, defaultdict, dict, list, int, (int, "__builtin__.long"), TorchVersion]
    settings = [ListConfig, AnyNode, ContainerMetadata, Metadata, (typing.Any, "typing.Any")]
    return [*values, *settings, Specifications, Problem, Resolution, Introspection]
