"""Recurrent layers in ONNX Runtime: on a processor they take less time than torch takes for the same.

Where the processor multiplies bytes itself, weights and inputs of layers may be rounded to one byte each, which is much
faster: weights once, with a scale for each row; inputs in each call, with one scale for all that is computed
together. Voices stay what they are (cosine above 0.998); who is active when would not, near the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from pipelines.timing import multiplies_bytes

LARGEST = 127
"""Largest of the whole numbers that weights are rounded to; the smallest is its opposite"""

_OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
_IR_VERSION = 10


class RuntimeLSTM(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """Stands where a `torch.nn.LSTM` stood, on a processor: (batch, frames, size) to what that gives, without cells."""

    def __init__(self, lstm: Any, rounded_from: int | None = None) -> None:
        """`lstm` takes the batch first; from layer `rounded_from` on it may be rounded, by default none is."""
        super().__init__()
        whole = lstm.num_layers if rounded_from is None or not multiplies_bytes() else rounded_from
        self._layers = _model(lstm, whole)
        self._threads = torch.get_num_threads()
        self._session = self._open()

    def forward(self, frames: Tensor) -> tuple[Tensor, tuple[Tensor, None]]:
        """The last layer's output (batch, frames, directions × units), and its state (directions, batch, units)."""
        if torch.get_num_threads() != self._threads:  # several are tried once the models are there
            self._threads = torch.get_num_threads()
            self._session = self._open()
        output, state = self._session.run(["output", "state"], {"input": frames.numpy()})
        return torch.from_numpy(output), (torch.from_numpy(state), None)

    def _open(self) -> Any:
        """A session with as many threads as torch has."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(self._layers, options, providers=["CPUExecutionProvider"])


def _model(lstm: Any, whole: int) -> bytes:
    nodes, tensors = [], []
    directions = 2 if lstm.bidirectional else 1
    shape = numpy_helper.from_array(np.array([0, 0, directions * lstm.hidden_size], np.int64), "shape")
    tensors.append(shape)
    shared = {"hidden_size": lstm.hidden_size, "direction": "bidirectional" if lstm.bidirectional else "forward"}
    nodes.append(helper.make_node("Transpose", ["input"], ["x"], perm=(1, 0, 2)))
    x = "x"
    for layer in range(lstm.num_layers):
        names = {}
        for name, value in _weights(lstm, layer, rounded=layer >= whole):
            names[name] = f"{layer}.{name}"
            tensors.append(numpy_helper.from_array(value, names[name]))
        state = "state" if layer == lstm.num_layers - 1 else ""
        if layer < whole:
            inputs, kind, domain = [x, names["w"], names["r"], names["b"]], "LSTM", ""
        else:
            scales = [names[name] for name in ("w scale", "w zero", "r scale", "r zero")]
            inputs = [x, names["w"], names["r"], names["b"], "", "", "", "", *scales]
            kind, domain = "DynamicQuantizeLSTM", "com.microsoft"
        nodes.append(helper.make_node(kind, inputs, [f"y{layer}", state], domain=domain, **shared))
        # (frames, directions, batch, units): directions stand beside each other for the next layer
        nodes.append(helper.make_node("Transpose", [f"y{layer}"], [f"t{layer}"], perm=(0, 2, 1, 3)))
        x = f"x{layer}"
        nodes.append(helper.make_node("Reshape", [f"t{layer}", "shape"], [x]))
    nodes.append(helper.make_node("Transpose", [x], ["output"], perm=(1, 0, 2)))
    value = helper.make_tensor_value_info
    given = [value("input", TensorProto.FLOAT, ["batch", "frames", lstm.input_size])]
    found = [
        value("output", TensorProto.FLOAT, ["batch", "frames", directions * lstm.hidden_size]),
        value("state", TensorProto.FLOAT, [directions, "batch", lstm.hidden_size]),
    ]
    graph = helper.make_graph(nodes, "lstm", given, found, tensors)
    made: bytes = helper.make_model(graph, opset_imports=_OPSETS, ir_version=_IR_VERSION).SerializeToString()
    return made


def _weights(lstm: Any, layer: int, rounded: bool) -> Iterator[tuple[str, NDArray[Any]]]:
    """The weights of a layer, by the names that `_model` knows them by; each with directions in its first axis."""
    ends = [f"l{layer}", f"l{layer}_reverse"][: 2 if lstm.bidirectional else 1]

    def ordered(name: str) -> NDArray[np.float32]:
        """Gates in the order of ONNX (input, output, forget, cell) where torch has input, forget, cell, output."""
        parts = [np.split(getattr(lstm, f"{name}_{end}").detach().numpy(), 4) for end in ends]
        return np.stack([np.concatenate([i, o, f, c]) for i, f, c, o in parts])

    yield "b", np.concatenate([ordered("bias_ih"), ordered("bias_hh")], axis=1)
    for name, value in (("w", ordered("weight_ih")), ("r", ordered("weight_hh"))):
        if not rounded:
            yield name, value
            continue
        scale = np.maximum(np.abs(value).max(axis=2), 1e-12) / np.float32(LARGEST)
        yield name, np.ascontiguousarray(np.rint(value / scale[:, :, None]).astype(np.int8).transpose(0, 2, 1))
        yield f"{name} scale", scale.astype(np.float32)
        yield f"{name} zero", np.zeros(scale.shape, np.int8)
