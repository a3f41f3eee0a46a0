"""What a Whisper needs of a GPU's memory, from its shape; which of several fits, and in batches of how many utterances.

Sizes and shapes: the model card of openai-whisper and table 1 of Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision" (2022). Working memory is computed: what is largest at any moment, as if nothing of it
were given back before. On an H200 large-v3-turbo took 2.8 GB for 4 utterances (computed: 2.8), 3.4 for 8 (4.0), 4.4
for 16 (6.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.models.gpus import COMPUTE_TYPES

GB = 1_000_000_000
DIARIZATION_GB = 2.0
"""GB of a GPU's memory for segmentation and embedding: 24 spectrograms (8 windows, 3 speakers) of 80 x 500 go through a
network of 32 channels in float32, 0.12 GB for each map of features, of which a few are held at a time; 1.2 GB were
measured"""
CUDA_CONTEXT_GB = 0.5
"""GB that no model can have: what CUDA and its libraries need to be there"""
ENCODER_POSITIONS = 1500
"""Positions of the encoder in 30 s"""
DECODER_POSITIONS = 448
"""Positions of the decoder"""
HEAD_WIDTH = 64
"""Width of one attention head"""
BEAM_SIZE = 5
"""Hypotheses for each utterance"""
BYTES = {"float16": (2, 2), "int8_float16": (1, 2), "int8_float32": (1, 4), "float32": (4, 4)}
"""Bytes of a number by how it is computed: of a weight, and of what is computed from it"""
BATCH_SIZES = (16, 8, 4)
"""Utterances at once worth having, best first"""


@dataclass(frozen=True, slots=True)
class WhisperShape:
    """Dimensions of a Whisper."""

    million_parameters: int
    width: int
    """Of the hidden state"""
    encoder_layers: int
    decoder_layers: int


SHAPES = {
    "tiny": WhisperShape(39, 384, 4, 4),
    "base": WhisperShape(74, 512, 6, 6),
    "small": WhisperShape(244, 768, 12, 12),
    "medium": WhisperShape(769, 1024, 24, 24),
    "large-v3-turbo": WhisperShape(809, 1280, 32, 4),
    "large-v3": WhisperShape(1550, 1280, 32, 32),
}
ALIASES = {"turbo": "large-v3-turbo", "large": "large-v3", "large-v2": "large-v3", "large-v1": "large-v3"}


@dataclass(frozen=True, slots=True)
class WhisperFit:
    """A Whisper as it may be loaded."""

    name: str
    compute_type: str
    """One of BYTES"""
    max_batch: int
    """Utterances recognised together"""


def shape_of(name: str) -> WhisperShape | None:
    """The shape of a model by its short name; None for one that is not known."""
    multilingual = name.removesuffix(".en")
    return SHAPES.get(ALIASES.get(multilingual, multilingual))


def required_gb(shape: WhisperShape, compute_type: str, batch: int) -> float:
    """GB for the weights and for recognising so many utterances at once."""
    weight_bytes, bytes_each = BYTES[compute_type]
    weights = shape.million_parameters * 1e6 * weight_bytes
    # projections and scores of attention in one layer of the encoder
    layer = ENCODER_POSITIONS * shape.width * 10 + 2 * ENCODER_POSITIONS**2 * shape.width // HEAD_WIDTH
    # the decoder's keys and values: of the audio, shared by all hypotheses, and of the text of each
    audio = shape.decoder_layers * 2 * ENCODER_POSITIONS * shape.width
    text = shape.decoder_layers * 2 * DECODER_POSITIONS * shape.width * BEAM_SIZE
    return (weights + batch * (layer + audio + text) * bytes_each) / GB


def whisper_budget(budget: float) -> float:
    """GB of a budget that the other models leave."""
    return max(0.0, budget - DIARIZATION_GB - CUDA_CONTEXT_GB)


def first_that_fits(
    names: Sequence[str], gigabytes: float, compute_types: Sequence[str] = COMPUTE_TYPES
) -> WhisperFit | None:
    """The first of the models that fits; large batches and the better of `compute_types` are given up before it is."""
    for name in names:
        shape = shape_of(name)
        for compute_type in compute_types:
            for batch in BATCH_SIZES:
                if shape is not None and required_gb(shape, compute_type, batch) <= gigabytes:
                    return WhisperFit(name, compute_type, batch)
    return None


def min_gb(name: str, compute_types: Sequence[str] = COMPUTE_TYPES) -> float | None:
    """GB that a model needs at least; None for one whose size is not known."""
    shape = shape_of(name)
    return None if shape is None else min(required_gb(shape, each, BATCH_SIZES[-1]) for each in compute_types)
