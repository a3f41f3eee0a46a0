"""What two runs wrote of the same recording: the first difference, told so that a person finds the place.

All that `replay --out` writes is compared character by character. Left out is only what no two runs share, and of that
the form still counts:

- the meeting's id and those of its sources, which are drawn at random: each character stands for any other;
- `created_at`, `started_at`, `ended_at` and the date in TXT and Markdown, which are the time of the run: digits only;
- in `models.why`, and where TXT and Markdown repeat it, the names of settings, such as `models.set`, which may be
  renamed without any change in what is heard.

Nothing else: the models by name, their languages and their device are compared, and so is the order of keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOMENTS = ("created_at", "started_at", "ended_at")
SETTING = re.compile(r"\b[a-z][a-z_\\]*\.[a-z][a-z_\\]*\b")
"""A setting as sentences name it, section and key; Markdown escapes its underscores"""
DATE = re.compile(r"^(?:- )?Date: .*$", re.MULTILINE)
REASON = re.compile(r"^(?:- )?Chosen: .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place in which two runs are not the same."""

    file: str
    """Name of the file"""
    where: str
    """Place in it: segment, word and field, or a line"""
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}, {self.where}: {self.before} before, {self.after} after"


def first_difference(before: Path, after: Path) -> Difference | None:
    """The first difference between two folders that `replay --out` wrote; None where there is none."""
    names = {path.name for path in (*before.iterdir(), *after.iterdir())}
    # JSON first: it knows the most and tells best where
    for name in sorted(names, key=lambda name: (name.endswith(".seglst.json"), not name.endswith(".json"), name)):
        one, other = before / name, after / name
        if not (one.is_file() and other.is_file()):
            return Difference(name, "the file", *("written" if path.is_file() else "none" for path in (one, other)))
        if found := file_difference(name, *(path.read_bytes().decode("utf-8") for path in (one, other))):
            return found
    return None


def file_difference(name: str, before: str, after: str) -> Difference | None:
    """The first difference between two texts of one file; None where there is none."""
    transcript = name.endswith(".json") and not name.endswith(".seglst.json")
    one, other = (neutral_json(text) if transcript else neutral_text(text) for text in (before, after))
    if one == other:
        return None
    found = _value(json.loads(one), json.loads(other)) if transcript else None
    return Difference(name, *(found or _line(one, other)))


def neutral_json(text: str) -> str:
    """A transcript in JSON without what is of its run alone."""
    body = json.loads(text)
    meeting = body["meeting"]
    own = [meeting["id"], *(source["id"] for source in meeting["sources"])]
    changed = {value: re.sub(r"\w", "x", value) for value in own}
    changed |= {at: re.sub(r"\d", "0", at) for at in (meeting[name] for name in MOMENTS) if at is not None}
    if why := body["models"].get("why"):
        changed[why] = SETTING.sub("a setting", why)
    for value, neutral in changed.items():
        text = text.replace(_shown(value), _shown(neutral))
    return text


def neutral_text(text: str) -> str:
    """Any other file without what is of its run alone."""
    text = DATE.sub(lambda found: re.sub(r"\d", "0", found[0]), text, count=1)
    return REASON.sub(lambda found: SETTING.sub("a setting", found[0]), text, count=1)


def _value(before: Any, after: Any, where: tuple[str, ...] = ()) -> tuple[str, str, str] | None:
    """Place and values of the first difference between two parsed texts."""
    if isinstance(before, dict) and isinstance(after, dict):
        if list(before) != list(after):
            return ", ".join((*where, "keys")), _shown(list(before)), _shown(list(after))
        pairs = [(key, before[key], after[key]) for key in before]
    elif isinstance(before, list) and isinstance(after, list):
        pairs = [(_place(where, at, one), one, other) for at, (one, other) in enumerate(zip(before, after), 1)]  # noqa: B905
    else:
        same = type(before) is type(after) and before == after
        return None if same else (", ".join(where), _shown(before), _shown(after))
    for key, one, other in pairs:
        if found := _value(one, other, (*where, key)):
            return found
    if len(before) != len(after):
        return ", ".join((*where, "how many")), str(len(before)), str(len(after))
    return None


def _place(where: tuple[str, ...], number: int, one: Any) -> str:
    """What a person calls an element of a list."""
    known = [f"{key} {one[key]!r}" for key in ("id", "start", "text") if key in one] if isinstance(one, dict) else []
    return f"{number} ({', '.join(known)})" if known else str(number)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _line(before: str, after: str) -> tuple[str, str, str]:
    """Number and texts of the first line that differs; for files of one long line, from where it does."""
    ones, others = before.splitlines(keepends=True), after.splitlines(keepends=True)
    number = next((n for n, (a, b) in enumerate(zip(ones, others), 1) if a != b), None)  # noqa: B905
    if number is None:
        return "how many lines", str(len(ones)), str(len(others))
    one, other = ones[number - 1], others[number - 1]
    at = next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))  # noqa: B905
    start = max(0, at - 30)
    return f"line {number}, character {at + 1}", _shown(one[start : at + 30]), _shown(other[start : at + 30])
