"""The graphs of the embedded recogniser, written anew around the weights of its files.

The files hold graphs as they were exported: three in four of the decoder's nodes find out shapes, pad, or copy what is
known already, and take longer than the model itself. What is written here computes the same numbers, and also gives
the attention to the audio, from which the times of words are read.

Weights of one byte are kept with a sign where the processor multiplies such bytes itself: exactly the same products,
more than twice as fast.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipelines.errors import ModelCorrupt
from pipelines.timing import multiplies_bytes

LAYERS, HEADS, HEAD_SIZE, ROTATED = 6, 8, 36, 32
"""Layers of encoder and decoder, attention heads of each, their width, and how much of it is rotated by position"""
VOCABULARY = 32_768
"""Tokens that the decoder chooses from"""
CACHE = tuple(f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value"))
"""What the decoder remembers of the text is `past.` and `present.` with these; what it reads of the audio `cross.`"""

_DECODER = "/model/decoder/"
_OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
_IR_VERSION = 10
_EPSILON = 1e-5


def build(folder: Path, attention_layers: tuple[int, ...]) -> tuple[bytes, bytes]:
    """Encoder and decoder as ONNX models, from `encoder_model.ort` and `decoder_model_merged.ort` in a folder.

    The encoder takes `audio` (batch, samples) and gives `cross.N.key` (batch, heads, head size, frames) and
    `cross.N.value` (batch, heads, frames, head size). The decoder takes these, `tokens` (batch, n), their `positions`
    (n, 1), a `mask` (1, 1, n, past + n) that is added to the attention to the text, and `past.N.key` and `past.N.value`
    (batch, heads, past, head size); it gives `logits` (batch, n, vocabulary), `present.N.key` and `present.N.value`,
    and `attention.N` (batch, heads, n, frames) of the layers that are asked for. Raises ModelCorrupt.
    """
    encoder, decoder = _exported(folder / "encoder_model.ort"), _exported(folder / "decoder_model_merged.ort")
    try:
        branches = {one.name: one.g for node in decoder.graph.node for one in node.attribute if node.op_type == "If"}
        first = _Weights(decoder.graph, branches["else_branch"])
        steps = _Weights(decoder.graph, branches["then_branch"])
        built = _encoder(encoder.graph, first), _decoder(steps, attention_layers)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelCorrupt(
            f"the files in {folder} are not laid out as Moonshine's are; reinstall moonshine-voice"
        ) from error
    return built[0].SerializeToString(), built[1].SerializeToString()


def _exported(path: Path) -> Any:
    """What a file of ONNX Runtime's own format holds; the runtime itself makes an ONNX model of it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.add_session_config_entry("session.save_model_format", "ONNX")
    with tempfile.TemporaryDirectory() as scratch:
        options.optimized_model_filepath = str(Path(scratch) / "model.onnx")
        try:
            onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            return onnx.load(options.optimized_model_filepath)
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ModelCorrupt(
                f"{path} is not a Moonshine model, or {tempfile.gettempdir()} has no room for a copy of it: "
                "reinstall moonshine-voice, or make room"
            ) from error


class _Weights:
    """The weights of exported graphs, the inner one last, found by what the nodes that use them give."""

    def __init__(self, *graphs: Any) -> None:
        self._makers = {name: node for graph in graphs for node in graph.node for name in node.output}
        self._tensors = {one.name: one for graph in graphs for one in graph.initializer}
        self._with_sign = multiplies_bytes()

    def maker(self, output: str) -> Any:
        """The node that gives an output; raises KeyError."""
        return self._makers[output]

    def of(self, output: str, at: int) -> NDArray[Any]:
        """The weights that the node of an output takes as its input of that number."""
        tensor: NDArray[Any] = numpy_helper.to_array(self._tensors[self._makers[output].input[at]])
        return tensor

    def quantised(self, output: str, at: tuple[int, int, int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """A matrix of bytes, its scale and its zero point."""
        matrix, scale, zero = (self.of(output, one) for one in at)
        if matrix.dtype == np.uint8 and self._with_sign:
            return _signed(matrix), scale, _signed(zero)
        return matrix, scale, zero


class _Graph:
    """A graph that grows node by node; every step returns the name of what it gives."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}

    def add(self, kind: str, *inputs: str, name: str | None = None, domain: str = "", **attributes: Any) -> str:
        """A node with one output."""
        (output,) = self.split(kind, *inputs, names=(name or f"{kind}.{len(self.nodes)}",), domain=domain, **attributes)
        return output

    def fused(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """A node of ONNX Runtime's own."""
        return self.add(kind, *inputs, name=name, domain="com.microsoft", **attributes)

    def split(self, kind: str, *inputs: str, names: tuple[str, ...], domain: str = "", **attributes: Any) -> list[str]:
        """A node with several outputs."""
        self.nodes.append(helper.make_node(kind, list(inputs), list(names), domain=domain, **attributes))
        return list(names)

    def constant(self, name: str, value: Any) -> str:
        """A tensor, kept once for all who ask for it by this name."""
        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def model(self, inputs: list[Any], outputs: list[Any]) -> Any:
        """The whole as a model."""
        graph = helper.make_graph(self.nodes, "moonshine", inputs, outputs, list(self.tensors.values()))
        return helper.make_model(graph, opset_imports=_OPSETS, ir_version=_IR_VERSION)

    # what both halves are made of; `source` is where the weights stand, `path` what gives them there

    def linear(self, source: _Weights, path: str, x: str, name: str | None = None) -> str:
        """A matrix of bytes times what is quantised for it."""
        weights = [self.constant(f"{path}.{n}", part) for n, part in enumerate(source.quantised(path, (1, 2, 3)))]
        inputs = source.maker(path).input
        bias = [self.constant(f"{path}.bias", source.of(path, 4))] if len(inputs) > 4 and inputs[4] else []
        return self.fused("DynamicQuantizeMatMul", x, *weights, *bias, name=name)

    def linear_each(self, source: _Weights, paths: list[str], x: str) -> list[str]:
        """Several matrices of bytes times the same, quantised once."""
        bytes_ = f"quantised.{len(self.nodes)}"
        _, scale, zero = self.split("DynamicQuantizeLinear", x, names=(bytes_, f"{bytes_}.scale", f"{bytes_}.zero"))
        found = []
        for path in paths:
            w, s, z = (self.constant(f"{path}.{n}", part) for n, part in enumerate(source.quantised(path, (1, 3, 5))))
            found.append(self.fused("MatMulIntegerToFloat", bytes_, w, scale, s, zero, z))
        return found

    def attending(self, source: _Weights, path: str, x: str, turns: tuple[str, str]) -> tuple[str, str, str]:
        """Queries and keys, both rotated, and values of a layer that attends to its own: (1, heads, n, head size)."""
        parts = [source.quantised(f"{path}self_attn/{one}_proj/MatMul_output_0", (1, 3, 5)) for one in "qkv"]
        weights = np.concatenate([matrix for matrix, _, _ in parts], axis=1)
        scales, zeros = (np.repeat([part[at] for part in parts], weights.shape[1] // 3) for at in (1, 2))
        both = (f"{path}qkv.{n}" for n in range(3))
        y = self.fused("DynamicQuantizeMatMul", x, *map(self.constant, both, (weights, scales, zeros)))
        all_heads = self.constant("split in three", np.array([0, 0, 3 * HEADS, HEAD_SIZE], np.int64))
        y = self.add("Transpose", self.add("Reshape", y, all_heads), perm=(0, 2, 1, 3))
        sizes = self.constant("sizes", np.array([2 * HEADS, HEADS], np.int64))
        rotated, value = self.split("Split", y, sizes, names=(f"{path}q and k", f"{path}v"), axis=1)
        names = (f"{path}q", f"{path}k")
        query, key = self.split("Split", self.rotate(rotated, turns), names=names, axis=1, num_outputs=2)
        return query, key, value

    def split_heads(self, x: str, layout: tuple[int, ...] = (0, 2, 1, 3), name: str | None = None) -> str:
        """(1, n, width) to (1, heads, n, head size), or as `layout` says."""
        shape = self.constant("split", np.array([0, 0, HEADS, HEAD_SIZE], np.int64))
        return self.add("Transpose", self.add("Reshape", x, shape), name=name, perm=layout)

    def join_heads(self, x: str) -> str:
        """(1, heads, n, head size) to (1, n, width)."""
        shape = self.constant("join", np.array([0, 0, HEADS * HEAD_SIZE], np.int64))
        return self.add("Reshape", self.add("Transpose", x, perm=(0, 2, 1, 3)), shape)

    def norm(self, source: _Weights, path: str, x: str) -> str:
        """Layer normalisation without a bias."""
        weight = self.constant(f"{path}.weight", source.of(path, 1))
        return self.add("LayerNormalization", x, weight, axis=-1, epsilon=_EPSILON)

    def turns(self, source: _Weights, path: str, positions: str) -> tuple[str, str]:
        """Cosines and signed sines by which heads are rotated at `positions` (n, 1), each (n, head size)."""
        frequencies = np.repeat(source.of(path, 0).reshape(-1), 2)
        still = np.zeros(HEAD_SIZE - ROTATED)
        row = self.constant("frequencies", np.concatenate([frequencies, still]).astype(np.float32)[None])
        signs = self.constant("signs", np.concatenate([np.tile([-1, 1], ROTATED // 2), still]).astype(np.float32))
        angle = self.add("MatMul", positions, row)
        return self.add("Cos", angle), self.add("Mul", self.add("Sin", angle), signs)

    def rotate(self, x: str, turns: tuple[str, str]) -> str:
        """Each pair of neighbours turned by the angle of its position (rotary embedding)."""
        # the runtime has a node for it, which rounds otherwise: the words would not stay the same
        order = [*(at ^ 1 for at in range(ROTATED)), *range(ROTATED, HEAD_SIZE)]
        swapped = self.add("Gather", x, self.constant("neighbours", np.array(order, np.int64)), axis=-1)
        return self.add("Add", self.add("Mul", x, turns[0]), self.add("Mul", swapped, turns[1]))

    def attend(
        self, query: str, key: str, *, transposed: bool, mask: str | None = None, name: str | None = None
    ) -> str:
        """How much each query heeds each key."""
        scores = self.fused("FusedMatMul", query, key, alpha=HEAD_SIZE**-0.5, transB=int(transposed))
        return self.add("Softmax", self.add("Add", scores, mask) if mask else scores, name=name, axis=-1)


def _encoder(exported: Any, cross: _Weights) -> Any:
    """Audio to what the decoder's layers read of it."""
    graph, source = _Graph(), _Weights(exported)
    x = "/Transpose_output_0"
    for node in _until(exported.node, x):
        graph.nodes.append(node)
        for at, name in enumerate(node.input):
            if name == "input_values":
                node.input[at] = "audio"
    named = {name for node in graph.nodes for name in node.input}
    graph.tensors.update({one.name: one for one in exported.initializer if one.name in named})
    turns = graph.turns(source, "/rotary_emb/Expand_output_0", _count(graph, x))
    for layer in range(LAYERS):
        path = f"/layers.{layer}/"
        y = graph.norm(source, f"{path}input_layernorm/LayerNormalization_output_0", x)
        q, k, v = graph.attending(source, path, y, turns)
        weights = graph.attend(q, k, transposed=True)
        y = graph.join_heads(graph.add("MatMul", weights, v))
        x = graph.add("Add", x, graph.linear(source, f"{path}self_attn/o_proj/MatMul_output_0", y))
        y = graph.norm(source, f"{path}post_attention_layernorm/LayerNormalization_output_0", x)
        y = graph.fused("Gelu", graph.linear(source, f"{path}mlp/fc1/Add_output_0", y))
        y = graph.linear(source, f"{path}mlp/fc2/Add_output_0", y)
        if layer < LAYERS - 1:
            x = graph.add("Add", x, y)
    last = "last_hidden_state"
    zero = graph.constant("no bias", np.zeros(HEADS * HEAD_SIZE, np.float32))
    weight = graph.constant("norm", source.of(last, 2))
    # summed and normalised in one node, as it was exported: apart they round otherwise
    x = graph.fused("SkipLayerNormalization", x, y, weight, zero, epsilon=_EPSILON)
    outputs = []
    for kind, layout in (("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3))):
        paths = [f"{_DECODER}layers.{layer}/encoder_attn/{kind[0]}_proj/MatMul_output_0" for layer in range(LAYERS)]
        for layer, found in enumerate(graph.linear_each(cross, paths, x)):
            graph.split_heads(found, layout, f"cross.{layer}.{kind}")
            outputs.append(_value(f"cross.{layer}.{kind}", _cross_shape(kind)))
    return graph.model([_value("audio", ["batch", "samples"])], outputs)


def _decoder(source: _Weights, attention_layers: tuple[int, ...]) -> Any:
    """Tokens to the likelihoods of those that follow them."""
    graph = _Graph()
    inputs = [_value("tokens", ["batch", "n"], TensorProto.INT64), _value("positions", ["n", 1])]
    inputs.append(_value("mask", [1, 1, "n", "all"]))
    outputs = [_value("logits", ["batch", "n", VOCABULARY])]
    table = f"{_DECODER}embed_tokens/Gather_output_0"
    chosen = graph.add("Gather", graph.constant("embeddings", source.of(f"{table}_quantized", 0)), "tokens")
    scale, zero = (graph.constant(f"embeddings.{at}", source.of(table, at)) for at in (1, 2))
    x = graph.add("DequantizeLinear", chosen, scale, zero)
    turns = graph.turns(source, f"{_DECODER}rotary_emb/Expand_output_0", "positions")
    for layer in range(LAYERS):
        path = f"{_DECODER}layers.{layer}/"
        inputs += [_value(f"past.{layer}.{kind}", ["batch", HEADS, "past", HEAD_SIZE]) for kind in ("key", "value")]
        inputs += [_value(f"cross.{layer}.{kind}", _cross_shape(kind)) for kind in ("key", "value")]
        outputs += [_value(f"present.{layer}.{kind}", ["batch", HEADS, "all", HEAD_SIZE]) for kind in ("key", "value")]
        x = _attend_to_text(graph, source, layer, x, turns)
        y = graph.norm(source, f"{path}post_attention_layernorm/LayerNormalization_output_0", x)
        q = graph.split_heads(graph.linear(source, f"{path}encoder_attn/q_proj/MatMul_output_0", y))
        weights = graph.attend(q, f"cross.{layer}.key", transposed=False, name=f"attention.{layer}")
        y = graph.join_heads(graph.add("MatMul", weights, f"cross.{layer}.value"))
        x = graph.add("Add", x, graph.linear(source, f"{path}encoder_attn/o_proj/MatMul_output_0", y))
        y = graph.norm(source, f"{path}final_layernorm/LayerNormalization_output_0", x)
        y = graph.linear(source, f"{path}mlp/fc1/Add_output_0", y)
        halves = (f"plain.{layer}", f"gate.{layer}")
        plain, gate = graph.split("Split", y, names=halves, axis=-1, num_outputs=2)
        y = graph.add("Mul", graph.fused("QuickGelu", gate, alpha=1.0), plain)
        x = graph.add("Add", x, graph.linear(source, f"{path}mlp/fc2/Add_output_0", y))
    y = graph.norm(source, f"{_DECODER}norm/LayerNormalization_output_0", x)
    graph.linear(source, "logits", y, name="logits")
    outputs += [_value(f"attention.{layer}", ["batch", HEADS, "n", "frames"]) for layer in attention_layers]
    return graph.model(inputs, outputs)


def _attend_to_text(graph: _Graph, source: _Weights, layer: int, x: str, turns: tuple[str, str]) -> str:
    path = f"{_DECODER}layers.{layer}/"
    y = graph.norm(source, f"{path}input_layernorm/LayerNormalization_output_0", x)
    q, k, v = graph.attending(source, path, y, turns)
    key = graph.add("Concat", f"past.{layer}.key", k, name=f"present.{layer}.key", axis=2)
    value = graph.add("Concat", f"past.{layer}.value", v, name=f"present.{layer}.value", axis=2)
    weights = graph.attend(q, key, transposed=True, mask="mask")
    y = graph.join_heads(graph.add("MatMul", weights, value))
    return graph.add("Add", x, graph.linear(source, f"{path}self_attn/o_proj/MatMul_output_0", y))


def _until(nodes: Any, output: str) -> Iterator[Any]:
    """The nodes up to the one that gives an output."""
    for node in nodes:
        yield node
        if output in node.output:
            return
    raise KeyError(output)


def _count(graph: _Graph, x: str) -> str:
    """0, 1, 2 … for each frame of x (1, frames, width), as a column."""
    zero, one = graph.constant("0", np.array(0, np.int64)), graph.constant("1", np.array(1, np.int64))
    frames = graph.add("Range", zero, graph.add("Gather", graph.add("Shape", x), one), one)
    column = graph.constant("column", np.array([1], np.int64))
    return graph.add("Unsqueeze", graph.add("Cast", frames, to=TensorProto.FLOAT), column)


def _signed(values: NDArray[np.uint8]) -> NDArray[np.int8]:
    return (values.astype(np.int16) - 128).astype(np.int8)


def _cross_shape(kind: str) -> list[Any]:
    return ["batch", HEADS, HEAD_SIZE, "frames"] if kind == "key" else ["batch", HEADS, "frames", HEAD_SIZE]


def _value(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)
