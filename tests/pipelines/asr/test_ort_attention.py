"""The decoder's cross-attention: reached by renaming outputs, on the real file, without changing what it computes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from pipelines.asr.moonshine import ATTENTION, HEAD_SIZE, HEADS
from pipelines.asr.ort_attention import with_cross_attention
from pipelines.audio.vad import model_path
from pipelines.errors import ModelCorrupt
from pipelines.models.pinned_files import SPEECH, require

ENCODED = 40
"""Frames of invented encoder output"""

LAYERS = 6
"""Layers of the real decoder"""


@pytest.fixture(scope="module")
def original() -> bytes:
    return require(SPEECH[1]).read_bytes()


@pytest.fixture(scope="module")
def patched(original: bytes) -> bytes:
    return with_cross_attention(original, ATTENTION)


def load(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def step(session: Any) -> dict[str, Any]:
    """One step of the cached branch on invented inputs, by name of the output."""
    random = np.random.default_rng(0)
    inputs: dict[str, Any] = {
        "input_ids": np.array([[7]], np.int64),
        "use_cache_branch": np.array([True]),
        "encoder_hidden_states": random.normal(size=(1, ENCODED, HEADS * HEAD_SIZE)).astype(np.float32),
        "encoder_attention_mask": np.ones((1, ENCODED * 384), np.int64),
    }
    outputs = [output.name for output in session.get_outputs()]
    for name in outputs[1:]:
        frames = ENCODED if ".encoder." in name else 3
        past = random.normal(size=(1, HEADS, frames, HEAD_SIZE)).astype(np.float32)
        inputs[name.replace("present", "past_key_values")] = past
    return dict(zip(outputs, session.run(outputs, inputs), strict=True))


def test_an_output_of_every_layer_is_redirected(original: bytes, patched: bytes) -> None:
    names = [ATTENTION.format(layer=layer).encode() for layer in range(LAYERS)]
    assert [patched.count(name) - original.count(name) for name in names] == [1] * LAYERS
    # what was there stays where it was, but for the six offsets that point at the new names
    before, after = np.frombuffer(original, np.uint8), np.frombuffer(patched[: len(original)], np.uint8)
    assert 0 < int((before != after).sum()) <= 4 * LAYERS


def test_only_the_attention_differs_in_what_the_decoder_computes(original: bytes, patched: bytes) -> None:
    plain, redirected = step(load(original)), step(load(patched))
    assert list(plain) == list(redirected)
    for name, value in plain.items():
        if name.endswith(".encoder.key"):
            attention = redirected[name]
            assert attention.shape == (1, HEADS, 1, ENCODED)
            assert np.allclose(attention.sum(axis=-1), 1.0, atol=1e-5)
        else:
            assert np.array_equal(value, redirected[name]), name


def test_the_original_bytes_are_left_alone(original: bytes) -> None:
    copy = bytes(original)
    with_cross_attention(original, ATTENTION)
    assert original == copy


@pytest.mark.parametrize(
    "model",
    [b"", b"ORTM", b"no model at all", b"\0\0\0\0ORTM", b"\xff" * 4 + b"ORTM" + b"\xff" * 64, bytes(4) + b"ORTM" * 99],
)
def test_garbage_is_a_damaged_model(model: bytes) -> None:
    with pytest.raises(ModelCorrupt, match="reinstall moonshine-voice"):
        with_cross_attention(model, ATTENTION)


@pytest.mark.parametrize("kept", [9, 100, 10_000, 100_000])
def test_the_beginning_of_a_model_is_a_damaged_model(original: bytes, kept: int) -> None:
    with pytest.raises(ModelCorrupt, match=r"damaged|no cached branch"):
        with_cross_attention(original[:kept], ATTENTION)


def chain(slots: list[int], end: bytes) -> bytes:
    """A model in which table points to table by the named fields, and the last one at `end`."""
    data = bytearray(b"\0\0\0\0ORTM")
    struct.pack_into("<I", data, 0, len(data) + slots[0] + 2)
    for at, slot in enumerate(slots):
        size = slot + 2
        data += struct.pack("<HH", size, 8) + b"\0" * (slot - 4) + struct.pack("<H", 4)
        child = 4 if at + 1 == len(slots) else 4 + slots[at + 1] + 2
        data += struct.pack("<iI", size, child)
    return bytes(data + end)


def test_a_count_of_elements_beyond_the_file_is_a_damaged_model() -> None:
    graph = [6, 18, 8]
    with pytest.raises(ModelCorrupt, match="no cached branch"):
        with_cross_attention(chain(graph, struct.pack("<I", 0)), ATTENTION)
    with pytest.raises(ModelCorrupt, match="damaged"):
        with_cross_attention(chain(graph, struct.pack("<I", 0xFFFFFF00) + bytes(64)), ATTENTION)


def test_a_model_without_a_cached_branch_is_refused() -> None:
    with pytest.raises(ModelCorrupt, match="no cached branch"):
        with_cross_attention(require(SPEECH[0]).read_bytes(), ATTENTION)


def test_a_model_of_another_format_is_refused() -> None:
    with pytest.raises(ModelCorrupt, match="not an ONNX Runtime model"):
        with_cross_attention(model_path().read_bytes(), ATTENTION)
