"""What a Whisper needs of a GPU's memory, from its shape; which of several fits, and how many slices it reads at once.

Sizes and shapes: the model card of openai-whisper and table 1 of Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision" (2022). Working memory is computed: what is largest at any moment, as if nothing of it
were given back before. An H200 gave large-v3-turbo 2.8 GB for 4 slices (computed: 2.8), 3.4 for 8 (4.0), 4.4 for 16
(6.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GB = 1_000_000_000
VOICES = 2.0
"""GB of a budget for segmentation and embedding: 24 spectrograms (8 windows, 3 voices) of 80 x 500 go through a network
of 32 channels in float32, 0.12 GB for each map of features, of which a few are held at a time; 1.2 GB were measured"""
CONTEXT = 0.5
"""GB of a budget that no model can have: what CUDA and its libraries need to be there"""
FRAMES = 1500
"""Positions of the encoder in 30 s"""
TOKENS = 448
"""Positions of the decoder"""
HEAD = 64
"""Width of one attention head"""
BEAM = 5
"""Hypotheses for each slice"""
HALF, BYTE = 2, 1
"""Bytes of a number"""
BATCHES = (16, 8, 4)
"""Slices at once worth having, best first"""


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a Whisper."""

    millions: int
    """Parameters"""
    width: int
    encoder: int
    decoder: int
    """Layers"""


SHAPES = {
    "tiny": Shape(39, 384, 4, 4),
    "base": Shape(74, 512, 6, 6),
    "small": Shape(244, 768, 12, 12),
    "medium": Shape(769, 1024, 24, 24),
    "large-v3-turbo": Shape(809, 1280, 32, 4),
    "large-v3": Shape(1550, 1280, 32, 32),
}
ALIASES = {"turbo": "large-v3-turbo", "large": "large-v3", "large-v2": "large-v3", "large-v1": "large-v3"}


@dataclass(frozen=True, slots=True)
class Fit:
    """A Whisper as it may be loaded."""

    name: str
    compute_type: str
    """"float16" or "int8_float16": weights of two bytes or of one"""
    at_once: int
    """Slices read together"""


def shape_of(name: str) -> Shape | None:
    """The shape of a model by its short name; None for one that is not known."""
    plain = name.removesuffix(".en")
    return SHAPES.get(ALIASES.get(plain, plain))


def needed(shape: Shape, compute_type: str, at_once: int) -> float:
    """GB for the weights and for reading so many slices at once."""
    weights = shape.millions * 1e6 * (BYTE if compute_type == "int8_float16" else HALF)
    layer = FRAMES * shape.width * 10 + 2 * FRAMES**2 * shape.width // HEAD  # projections and scores of attention
    heard = shape.decoder * 2 * FRAMES * shape.width  # keys and values of what was heard, shared by hypotheses
    written = shape.decoder * 2 * TOKENS * shape.width * BEAM
    return (weights + at_once * (layer + heard + written) * HALF) / GB


def left_for_whisper(budget: float) -> float:
    """GB of a budget that the other models leave."""
    return max(0.0, budget - VOICES - CONTEXT)


def fitting(names: Sequence[str], left: float) -> Fit | None:
    """The first of the models that fits; precise weights and large batches are given up before it is."""
    for name in names:
        shape = shape_of(name)
        for compute_type in ("float16", "int8_float16"):
            for at_once in BATCHES:
                if shape is not None and needed(shape, compute_type, at_once) <= left:
                    return Fit(name, compute_type, at_once)
    return None


def least(name: str) -> float | None:
    """GB that a model needs at least; None for one whose size is not known."""
    shape = shape_of(name)
    return None if shape is None else needed(shape, "int8_float16", BATCHES[-1])
