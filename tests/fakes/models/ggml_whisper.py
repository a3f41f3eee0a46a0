"""Writes a structurally complete whisper.cpp model (ggml file) with random weights: it reads nonsense.

The format is that of whisper.cpp's `models/convert-pt-to-ggml.py`: header, mel filters, vocabulary, tensors.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tests.fakes.tiny_whisper import invented

MAGIC = 0x67676D6C
WIDTH, HEADS, LAYERS, BANDS = 16, 2, 3, 80
"""Dimensions; whisper.cpp takes a decoder of two layers for a distilled one, which knows no time stamps"""
MULTILINGUAL, ENGLISH = 51865, 51864
"""Tokens of the first Whispers, by which whisper.cpp tells them apart"""
AUDIO_POSITIONS, TEXT_POSITIONS = 1500, 448

Array = np.ndarray[Any, np.dtype[np.float32]]


def write(path: Path, seed: int = 0, tokens: int = MULTILINGUAL) -> Path:
    """Write a model and give its path back."""
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        layout = (AUDIO_POSITIONS, WIDTH, HEADS, LAYERS, TEXT_POSITIONS, WIDTH, HEADS, LAYERS, BANDS)
        file.write(struct.pack("<12i", MAGIC, tokens, *layout, 1))  # 1: matrices are float16
        file.write(struct.pack("<2i", BANDS, 201))
        file.write(np.abs(random.normal(0, 0.05, (BANDS, 201))).astype("<f4").tobytes())
        words = list(islice(_words(), tokens - 1608))  # as many of the rest are special, and named by the program
        file.write(struct.pack("<i", len(words)))
        for word in words:
            file.write(struct.pack("<i", len(word)) + word)
        for name, shape in _tensors(tokens):
            _write_tensor(file, name, _values(name, shape, random))
    return path


def _words() -> Iterator[bytes]:
    yield from (bytes([byte]) for byte in range(256))
    yield from (word.encode() for word in invented(" "))


def _tensors(tokens: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "encoder.positional_embedding", (AUDIO_POSITIONS, WIDTH)
    yield "decoder.positional_embedding", (TEXT_POSITIONS, WIDTH)
    yield "decoder.token_embedding.weight", (tokens, WIDTH)
    for number, inputs in ((1, BANDS), (2, WIDTH)):
        yield f"encoder.conv{number}.weight", (WIDTH, inputs, 3)
        yield f"encoder.conv{number}.bias", (WIDTH, 1)
    for norm in ("encoder.ln_post", "decoder.ln"):
        yield from ((f"{norm}.{part}", (WIDTH,)) for part in ("weight", "bias"))
    for side, attentions in (("encoder", ("attn",)), ("decoder", ("attn", "cross_attn"))):
        for block in (f"{side}.blocks.{layer}" for layer in range(LAYERS)):
            for attention in attentions:
                yield from _attention(f"{block}.{attention}")
            yield from ((f"{block}.mlp_ln.{part}", (WIDTH,)) for part in ("weight", "bias"))
            yield f"{block}.mlp.0.weight", (4 * WIDTH, WIDTH)
            yield f"{block}.mlp.0.bias", (4 * WIDTH,)
            yield f"{block}.mlp.2.weight", (WIDTH, 4 * WIDTH)
            yield f"{block}.mlp.2.bias", (WIDTH,)


def _attention(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from ((f"{name}_ln.{part}", (WIDTH,)) for part in ("weight", "bias"))
    for part in ("query", "key", "value", "out"):
        yield f"{name}.{part}.weight", (WIDTH, WIDTH)
        if part != "key":
            yield f"{name}.{part}.bias", (WIDTH,)


def _values(name: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    if name.endswith(("ln.weight", "ln_post.weight")):
        return np.ones(shape, np.float32)
    return random.normal(0, 0.3, shape).astype(np.float32)


def _write_tensor(file: BinaryIO, name: str, values: Array) -> None:
    half = values.ndim > 1 and name.endswith(".weight")
    file.write(struct.pack("<3i", values.ndim, len(name), int(half)))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode())
    file.write(values.astype("<f2" if half else "<f4").tobytes())
