"""The glossary's words are used, and those that they took the place of do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("meeting", "pipelines", "benchmarks", "tests", "web")

RETIRED_NAMES = [
    "Broke",
    "Course",
    "Cutter",
    "Door",
    "Doorman",
    "Drained",
    "EngineRoom",
    "Figures",
    "Fleet",
    "Framed",
    "Gate",
    "Governor",
    "Guard",
    "Heard",
    "HeardWindows",
    "Keeper",
    "Lane",
    "LocalVoices",
    "Machinery",
    "Missed",
    "Pace",
    "Piece",
    "Reading",
    "Slice",
    "Sound",
    "Thinning",
    "Worker",
    "Workshop",
    "behind",
    "believable",
    "crammed",
    "deaf",
    "doubt",
    "hear",
    "hear_again",
    "hurry",
    "mend",
    "open_door",
    "placed",
    "plain",
    "tidy",
]
"""Names of classes and functions that were private words, or stood for several things"""

RETIRED_WORDS = ["crammed", "doorman", "farewell", "handover", "workshop"]
"""Words that the field does not know: in no name, comment or sentence of the program"""

RETIRED_MODULES = [
    "calibration",
    "choice",
    "corrections",
    "course",
    "doorman",
    "figures",
    "fleet",
    "gate",
    "grid",
    "guard",
    "growing",
    "handover",
    "heard",
    "ingest",
    "keeper",
    "lane",
    "lean",
    "leftovers",
    "machinery",
    "outline",
    "outputs",
    "pieces",
    "refine",
    "rehear",
    "rescue",
    "sharing",
    "sizes",
    "sound",
    "speakers",
    "voice",
    "weights",
    "worker",
]


@cache
def python_files() -> tuple[Path, ...]:
    """The program's modules."""
    return tuple(path for folder in ("meeting", "pipelines") for path in sorted((ROOT / folder).rglob("*.py")))


@cache
def defined() -> dict[str, str]:
    """Names of classes and functions of the program, each with a place where it is defined."""
    return {name: f"{path.relative_to(ROOT)}:{line}" for path in python_files() for name, line in _definitions(path)}


def _definitions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name.lstrip("_"), node.lineno


@pytest.mark.parametrize("name", RETIRED_NAMES)
def test_no_class_or_function_has_a_retired_name(name: str) -> None:
    assert name not in defined(), f"{name} is defined at {defined()[name]}: docs/glossary.md has the words to use"


@pytest.mark.parametrize("name", RETIRED_MODULES)
def test_no_module_has_a_retired_name(name: str) -> None:
    assert not [path for path in python_files() if path.stem == name]


@pytest.mark.parametrize("word", RETIRED_WORDS)
def test_no_sentence_of_the_program_uses_a_retired_word(word: str) -> None:
    pattern = re.compile(rf"\b{word}", re.IGNORECASE)
    files = [
        path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".js", ".html")
    ]
    here = Path(__file__)
    using = [path for path in files if path != here and pattern.search(path.read_text(encoding="utf-8"))]
    assert not using


def test_the_glossary_explains_each_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\*", text, re.MULTILINE)
    assert len(words) >= 30
    assert len(words) == len(set(words))
