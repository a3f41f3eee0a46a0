"""Lets an ORT-format encoder-decoder give away its cross-attention, which word times are read from.

Exported "merged" decoders hold two branches, without and with a cache. In the second one, the outputs
`present.N.encoder.key` only repeat what came in; here they are pointed at the attention weights of layer N
instead. The file on disk is left as it is: the change is to the list of output names, in memory.
The layout read below is ONNX Runtime's published flatbuffer schema (`ort.fbs`, format version 6).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pipelines.errors import ModelCorrupt

# field numbers of ort.fbs as vtable offsets
_SESSION_MODEL, _MODEL_GRAPH, _GRAPH_NODES, _GRAPH_OUTPUTS = 6, 18, 8, 16
_NODE_OP, _NODE_ATTRIBUTES, _ATTRIBUTE_NAME, _ATTRIBUTE_GRAPH = 14, 24, 4, 18


@dataclass(frozen=True)
class _Table:
    """A flatbuffer table: its buffer and its position in it."""

    data: bytearray
    at: int

    def u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.data, at)[0])

    def field(self, slot: int) -> int | None:
        """Where the value of a field is, or None when the table lacks it."""
        vtable = self.at - int(struct.unpack_from("<i", self.data, self.at)[0])
        size = int(struct.unpack_from("<H", self.data, vtable)[0])
        offset = int(struct.unpack_from("<H", self.data, vtable + slot)[0]) if slot < size else 0
        return self.at + offset if offset else None

    def follow(self, at: int) -> int:
        return at + self.u32(at)

    def table(self, slot: int) -> _Table | None:
        at = self.field(slot)
        return None if at is None else _Table(self.data, self.follow(at))

    def text(self, slot: int) -> bytes:
        at = self.field(slot)
        return b"" if at is None else self.string(at)

    def string(self, at: int) -> bytes:
        start = self.follow(at)
        return bytes(self.data[start + 4 : start + 4 + self.u32(start)])

    def elements(self, slot: int) -> list[int]:
        """Positions of a vector's elements (each an offset)."""
        at = self.field(slot)
        if at is None:
            return []
        start = self.follow(at)
        count = self.u32(start)
        if start + 4 + 4 * count > len(self.data):
            raise struct.error("a vector reaches beyond the end of the file")
        return [start + 4 + 4 * i for i in range(count)]

    def tables(self, slot: int) -> list[_Table]:
        return [_Table(self.data, self.follow(at)) for at in self.elements(slot)]


def with_cross_attention(model: bytes, attention: str) -> bytes:
    """A decoder whose cached branch returns attention weights as `present.N.encoder.key`.

    `attention` names the weights of a layer, with `{layer}` for its number. Raises ModelCorrupt when the
    model is not laid out as expected.
    """
    data = bytearray(model)
    if data[4:8] != b"ORTM":
        raise ModelCorrupt("the speech decoder is not an ONNX Runtime model; reinstall moonshine-voice")
    try:
        changed = _redirect(data, attention)
    except (struct.error, IndexError) as error:
        raise ModelCorrupt("the speech decoder is damaged; reinstall moonshine-voice") from error
    if not changed:
        raise ModelCorrupt("the speech decoder has no cached branch; reinstall moonshine-voice")
    return bytes(data)


def _redirect(data: bytearray, attention: str) -> int:
    root = _Table(data, struct.unpack_from("<I", data, 0)[0])
    model = root.table(_SESSION_MODEL)
    graph = model.table(_MODEL_GRAPH) if model else None
    changed = 0
    for node in graph.tables(_GRAPH_NODES) if graph else []:
        if node.text(_NODE_OP) != b"If":
            continue
        for attribute in node.tables(_NODE_ATTRIBUTES):
            branch = attribute.table(_ATTRIBUTE_GRAPH)
            if branch is None or attribute.text(_ATTRIBUTE_NAME) != b"then_branch":
                continue
            for element in branch.elements(_GRAPH_OUTPUTS):
                name = branch.string(element)
                if name.startswith(b"present.") and name.endswith(b".encoder.key"):
                    layer = int(name.split(b".")[1])
                    _rename(data, element, attention.format(layer=layer).encode())
                    changed += 1
    return changed


def _rename(data: bytearray, element: int, name: bytes) -> None:
    """Point a vector's element at a string appended to the buffer (offsets only ever point forward)."""
    data.extend(b"\0" * (-len(data) % 4))
    at = len(data)
    data.extend(struct.pack("<I", len(name)) + name + b"\0")
    data.extend(b"\0" * (-len(data) % 4))
    struct.pack_into("<I", data, element, at - element)
