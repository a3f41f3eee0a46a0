"""Builds a structurally complete CTranslate2 Whisper of any dimensions with random weights: it reads nonsense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shape:
    """Dimensions of a Whisper."""

    width: int = 16
    heads: int = 2
    encoder_layers: int = 2
    decoder_layers: int = 2
    bands: int = 80
    scale: float = 0.3
    """Standard deviation of the weights"""


TINY = Shape()
TURBO = Shape(1280, 20, 32, 4, 128, 0.02)
"""Whisper large-v3-turbo; its vocabulary has one language, and so one token, more than what is built here"""
WORDS = 50257
"""Ordinary tokens of the real multilingual Whisper, whose numbering is kept"""


def build(folder: Path, seed: int = 0, shape: Shape = TINY, quantization: str | None = None) -> Path:
    """Write the model with everything that faster-whisper opens, and give its folder back."""
    from ctranslate2.specs import WhisperSpec

    words, special, times = vocabulary()
    spec = WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    fill = _Filler(seed, shape)
    _encoder(spec.encoder, fill)
    _decoder(spec.decoder, fill, WORDS + len(special) + len(times))
    tokens = [*words, *special, *times]
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [220, WORDS]
    spec.config.lang_ids = list(range(WORDS + 2, WORDS + 2 + len(_languages())))
    spec.config.alignment_heads = [[shape.decoder_layers - 1, head] for head in range(shape.heads)]
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    byte_tokenizer(words, special).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": shape.bands, "sampling_rate": 16000}))
    return folder


class _Filler:
    """Random weights of a given shape."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = shape

    def __call__(self, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        size = int(np.prod(shape))
        # a large matrix repeats itself: drawing every number would take minutes
        drawn = self.random.standard_normal(min(size, MOST_DRAWN)) * self.shape.scale
        return np.resize(drawn.astype(np.float32), shape)


MOST_DRAWN = 1 << 20
"""Random numbers for one matrix"""


def _norm(spec: Any, fill: _Filler) -> None:
    spec.gamma = np.ones(fill.shape.width, np.float32)
    spec.beta = np.zeros(fill.shape.width, np.float32)


def _linear(spec: Any, fill: _Filler, outputs: int, inputs: int) -> None:
    spec.weight = fill(outputs, inputs)
    spec.bias = fill(outputs)


def _own_attention(spec: Any, fill: _Filler) -> None:
    width = fill.shape.width
    _norm(spec.layer_norm, fill)
    _linear(spec.linear[0], fill, 3 * width, width)
    _linear(spec.linear[1], fill, width, width)


def _feed_forward(spec: Any, fill: _Filler) -> None:
    width = fill.shape.width
    _norm(spec.layer_norm, fill)
    _linear(spec.linear_0, fill, 4 * width, width)
    _linear(spec.linear_1, fill, width, 4 * width)


def _encoder(spec: Any, fill: _Filler) -> None:
    width = fill.shape.width
    for conv, inputs in ((spec.conv1, fill.shape.bands), (spec.conv2, width)):
        conv.weight = fill(width, inputs, 3)
        conv.bias = fill(width)
    spec.position_encodings.encodings = fill(1500, width)
    _norm(spec.layer_norm, fill)
    for layer in spec.layer:
        _own_attention(layer.self_attention, fill)
        _feed_forward(layer.ffn, fill)


def _decoder(spec: Any, fill: _Filler, vocabulary: int) -> None:
    width = fill.shape.width
    spec.embeddings.weight = fill(vocabulary, width)
    spec.position_encodings.encodings = fill(448, width)
    spec.projection.weight = fill(vocabulary, width)
    _norm(spec.layer_norm, fill)
    for layer in spec.layer:
        _own_attention(layer.self_attention, fill)
        _norm(layer.attention.layer_norm, fill)
        _linear(layer.attention.linear[0], fill, width, width)
        _linear(layer.attention.linear[1], fill, 2 * width, width)
        _linear(layer.attention.linear[2], fill, width, width)
        _feed_forward(layer.ffn, fill)


def _languages() -> list[str]:
    """The 99 languages of the first multilingual Whisper."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return [code for code in _LANGUAGE_CODES if code != "yue"]


def vocabulary() -> tuple[list[str], list[str], list[str]]:
    """Ordinary tokens (the 256 bytes, then invented words), special ones and time stamps, 51,865 in all."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    # CTranslate2 takes a model for multilingual when its vocabulary has the empty token, as the real ones do.
    words = [*letters, *islice(invented(), WORDS - len(letters) - 1), ""]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in _languages())]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>"]
    return words, special, [f"<|{step * 0.02:.2f}|>" for step in range(1501)]


def invented(space: str = "Ġ") -> Iterator[str]:
    """Words with a space before them, as a vocabulary writes it."""
    for prefix in (space, f"{space}x"):
        for syllables in product("bdfgklmnprst", "aeiou", "bdfgklmnprst", "aeiou", "bdfgklmnprst"):
            yield prefix + "".join(syllables)


def byte_tokenizer(words: list[str], special: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer
