"""What a model answers: notes whose sentences name numbers of lines. Read with tolerance, within bounds; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meeting.core.messages import JsonObject
from meeting.core.terminal_text import printable
from meeting.notes.errors import UnusableAnswer

MOST_SENTENCES = 60
"""Sentences of a kind that are taken from one answer"""
MOST_LINES = 12
"""Lines that one sentence may name"""
MOST_CHARACTERS = 1000
"""Of one sentence; names and dates may have a tenth of it"""
MOST_TRIES = 40
"""Places in an answer at which an object is looked for"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as a model wrote it."""

    text: str
    numbers: tuple[int, ...] = ()
    """Of the lines that it is said to rest on; there may be no such lines"""
    who: str | None = None
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One answer of a model."""

    summary: tuple[Sentence, ...] = ()
    decisions: tuple[Sentence, ...] = ()
    actions: tuple[Sentence, ...] = ()
    incomplete: bool = False
    """Whether it broke off"""

    def to_json(self) -> str:
        """The draft as a model writes it, for a question that puts several together."""
        body = {kind: [_as_written(sentence, kind) for sentence in getattr(self, kind)] for kind in KINDS}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


KINDS = ("summary", "decisions", "actions")


def _sentence_schema(*more: str) -> JsonObject:
    properties = {
        "text": {"type": "string"},
        **{name: {"type": "string"} for name in more},
        "lines": {"type": "array", "items": {"type": "integer"}},
    }
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "summary": _sentence_schema(),
        "decisions": _sentence_schema(),
        "actions": _sentence_schema("who", "when"),
    },
    "required": list(KINDS),
    "additionalProperties": False,
}
"""The form of an answer, for servers that hold a model to it"""


def _as_written(sentence: Sentence, kind: str) -> JsonObject:
    more = {"who": sentence.who or "", "when": sentence.when or ""} if kind == "actions" else {}
    return {"text": sentence.text, **more, "lines": list(sentence.numbers)}


def read_draft(answer: str, broke_off: bool = False) -> Draft:
    """The notes in an answer: JSON as such, in a fence, behind thoughts or other words, or broken off at its end.

    Raises UnusableAnswer, which says what was wrong.
    """
    # What follows thoughts is looked at alone only where they hold too many braces: a quoted line may hold that tag.
    found, cut = _object_in(answer) or _object_in(answer.rpartition("</think>")[2]) or ({}, False)
    if not found:
        raise UnusableAnswer('it holds no JSON object with "summary", "decisions" and "actions"')
    sentences = {kind: tuple(_sentences(found.get(kind))) for kind in KINDS}
    return Draft(**sentences, incomplete=cut or broke_off)


def _object_in(text: str) -> tuple[dict[str, Any], bool] | None:
    """The last object that holds notes, and whether its end was missing; None where there is none."""
    decoder = json.JSONDecoder()
    found: dict[str, Any] | None = None
    broken = -1
    at = text.find("{")
    for _ in range(MOST_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            broken = at if broken < 0 else broken
            end = at + 1
        else:
            found = value if _holds_notes(value) else found
        at = text.find("{", end)
    if found is not None:
        return found, False
    mended = None if broken < 0 else _closed(text[broken:])
    return None if mended is None else (mended, True)


def _holds_notes(value: object) -> bool:
    return isinstance(value, dict) and any(kind in value for kind in KINDS)


def _closed(text: str) -> dict[str, Any] | None:
    """An object that breaks off, up to the last sentence that is whole; None where there is none."""
    ends = [found.end() for found in re.finditer(r"\}", text)]
    for end in ends[: -MOST_TRIES - 1 : -1]:
        try:
            value: dict[str, Any] = json.loads(f"{text[:end]}]}}")
        except (ValueError, RecursionError):
            continue
        if _holds_notes(value):
            return value
    return None


def _sentences(found: object) -> Iterator[Sentence]:
    """What stands under one kind: objects, or bare texts, which name no lines."""
    items = found if isinstance(found, list) else [found]
    for item in items[:MOST_SENTENCES]:
        if isinstance(item, str):
            item = {"text": item}
        if not isinstance(item, dict):
            continue
        text = _clean(item.get("text"), MOST_CHARACTERS)
        if text:
            who, when = (_clean(item.get(name), MOST_CHARACTERS // 10) or None for name in ("who", "when"))
            yield Sentence(text, _numbers(item.get("lines")), who, when)


def _clean(value: object, most: int) -> str:
    """A text on one line without what would command a terminal or turn its direction."""
    text = printable(" ".join(value.split())) if isinstance(value, str) else ""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _numbers(value: object) -> tuple[int, ...]:
    """Numbers of lines, also where they were written as text, such as "[12]"."""
    items = value if isinstance(value, list) else [value]
    said = " ".join(str(item) for item in items[:MOST_LINES] if type(item) in (int, str))
    numbers = [int(found) for found in re.findall(r"(?<!\d)\d{1,7}(?!\d)", said)]
    return tuple(sorted(dict.fromkeys(numbers))[:MOST_LINES])
