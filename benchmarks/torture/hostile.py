"""Messages that no good client sends: the protocol's grammar, mutated, and plain nonsense."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from meeting.core.messages import FRAME_HEADER, AudioFrame

START: dict[str, Any] = {
    "type": "start",
    "version": 1,
    "source": {"name": "x", "kind": "room"},
    "audio": {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1},
    "language": None,
    "hotwords": ["a"],
    "resume": None,
}
GOOD: tuple[dict[str, Any], ...] = (
    START,
    {**START, "resume": {"source_id": "a" * 16, "token": "b" * 32}},
    {"type": "stop"},
    {"type": "auth", "token": "c" * 32},
)
NUMBERS = (0, -1, 1, 2, 16000, 48000, 2**31, 2**63, 2**64, -(2**70), 1e308, -1e-308, 0.1)
TEXTS = (
    "",
    "x",
    "\x00",
    "\ud800",
    "💥" * 50,
    "a" * 10_000,
    "../..",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "%s%n{0}",
)
NAMES = ("pcm_s16le", "pcm_f32le", "webm_opus", "wav", "mp3", "solo", "stop", "start")
SHAPES: tuple[Any, ...] = (None, True, False, [], [[]], [1, "a", None], {}, {"type": "start"}, {"": ""})
ODD: tuple[Any, ...] = (*NUMBERS, *TEXTS, *NAMES, *SHAPES)


def hostile_messages(chance: random.Random) -> Iterator[str | bytes]:
    """Text and binary messages for ever, most of them almost right."""
    makers = (_mutated, _mutated, _mutated, _nonsense, _frame, _frame, _cut)
    while True:
        yield chance.choice(makers)(chance)


def _mutated(chance: random.Random) -> str:
    message = json.loads(json.dumps(chance.choice(GOOD)))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        _mutate(message, chance)
    return json.dumps(message).replace("\\ud800", chance.choice(("\\ud800", "x")))


def _mutate(body: dict[str, Any], chance: random.Random) -> None:
    key = chance.choice([*body, "extra"])
    if isinstance(body.get(key), dict) and chance.random() < 0.7:
        _mutate(body[key], chance)
    elif chance.random() < 0.3:
        body.pop(key, None)
    else:
        body[key] = chance.choice(ODD)


def _nonsense(chance: random.Random) -> str:
    kind = chance.randrange(5)
    if kind == 0:
        return "".join(chr(chance.randrange(32, 0xD7FF)) for _ in range(chance.randrange(200)))
    if kind == 1:
        return "[" * chance.randrange(1, 20_000)
    if kind == 2:
        return json.dumps(chance.choice(ODD))
    if kind == 3:
        return '{"type":"start",' * chance.randrange(1, 50)
    return json.dumps({"type": chance.choice(ODD), "version": chance.choice(ODD)})


def _frame(chance: random.Random) -> bytes:
    seq = chance.choice((0, 0, 0, 1, 2, 7, 2**31, 2**32 - 1))
    captured = chance.choice((0, 1, 10**15, 2**64 - 1, chance.randrange(2**64)))
    size = chance.choice((0, 1, 2, 3, 320, 3200, 65_535, 65_536, 65_540))
    return AudioFrame(seq, captured, chance.randbytes(size)).encode()


def _cut(chance: random.Random) -> bytes:
    return _frame(chance)[: chance.randrange(FRAME_HEADER.size + 2)]
