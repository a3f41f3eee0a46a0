"""The layout of the pages as a test: which folder of `web/` may import which, and the rules that every file keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.checks import for_each

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
MOST_FILES = 15
FOLDERS = {
    "texts": "",
    "state": "texts",
    "storage": "",
    "audio": "storage texts",
    "net": "state storage texts",
    "view": "state texts",
    "pages": "audio net state storage texts view",
    "app.js": "net pages",
}
"""The table of docs/architecture.md: what each may import besides itself"""
STATIC = re.compile(r"^(?:import|export)\b[^'\"]*?\bfrom '([^']+)'|^import '([^']+)'", re.M)
DYNAMIC = re.compile(r"\bimport\('([^']+)'\)")
"""At run time, or in a comment for its types"""
COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.S)
PAGE = "document window HTMLElement Element Node"
STORAGE = "sessionStorage localStorage"
SERVER = f"fetch WebSocket XMLHttpRequest EventSource {STORAGE}"
WORLD = f"{PAGE} {SERVER} navigator location history performance setTimeout setInterval requestAnimationFrame"
UNKNOWN = {
    "audio": f"{PAGE} {STORAGE}",
    "net": f"{PAGE} {STORAGE}",
    "state": WORLD,
    "storage": PAGE,
    "texts": WORLD,
    "view": SERVER,
    "pages": STORAGE,
    "app.js": STORAGE,
}
"""Names of the browser that a folder may not use: state and texts are pure, only view and pages know elements, and a
browser may refuse to remember, which `storage` alone has to know"""
CLOCKS = r"\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b"
LONGEST_LINE = 120
LONGEST_CLASS = 250
LONGEST_FUNCTION = 50
CLASS = re.compile(r"^(?:export )?class \w")
FUNCTION = re.compile(
    r"^ *(?:export )?(?:async )?function\b.*\{$"
    r"|^ *(?!if\b|for\b|while\b|switch\b|catch\b)(?:static |async |get |set )*#?\w+\(.*\) \{$"
    r"|=> \{$"
)


@cache
def modules() -> dict[str, str]:
    """Every module of the pages: path within `web/` -> source."""
    return {path.relative_to(WEB).as_posix(): path.read_text(encoding="utf-8") for path in sorted(WEB.rglob("*.js"))}


def imports(module: str, types: bool = False) -> Iterator[str]:
    """The modules that one imports, as paths within `web/`; `types`: those that it takes only types from, too."""
    for pattern in (STATIC, DYNAMIC) if types else (STATIC,):
        for found in pattern.finditer(modules()[module]):
            name = next(filter(None, found.groups()))
            assert name.startswith("."), f"{module} imports {name}, which is no file of ours"
            yield (WEB / module).parent.joinpath(name).resolve().relative_to(WEB).as_posix()


def code(module: str) -> str:
    """A module without its comments."""
    return COMMENT.sub("", modules()[module])


def lengths(module: str, start: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """First line and number of lines of what begins with `start`; a block closes as far in as it was opened."""
    lines = modules()[module].splitlines()
    for first, line in enumerate(lines):
        if start.search(line):
            margin = line[: len(line) - len(line.lstrip())]
            last = next(i for i in range(first + 1, len(lines)) if lines[i].startswith(f"{margin}}}"))
            yield line.strip(), last - first + 1


def row(module: str) -> str:
    """The row of the table that a module stands in."""
    return module.partition("/")[0]


each_module = for_each(list(modules()))


@each_module
def test_imports_name_files_and_follow_the_arrows(module: str) -> None:
    allowed = {row(module), *FOLDERS[row(module)].split()}
    for name in imports(module, types=True):
        assert name in modules(), f"{module} imports {name}, which is not there"
        assert row(name) in allowed, f"{module} may not import {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports(module)) for module in modules()}
    assert set(TopologicalSorter(graph).static_order()) == set(modules())


def test_folders_stay_small() -> None:
    for folder in {path.parent for path in WEB.rglob("*")}:
        assert len([path for path in folder.iterdir() if path.is_file()]) <= MOST_FILES, folder


@each_module
def test_files_are_named_in_one_way_and_begin_with_what_they_are(module: str) -> None:
    assert re.fullmatch(r"(?:[a-z]+/)*[a-z]+(?:-[a-z]+)*\.js", module)
    assert re.match(r"//|/\*\*", modules()[module])


@each_module
def test_a_folder_uses_no_more_of_the_browser_than_it_may_know(module: str) -> None:
    names = UNKNOWN.get(row(module), "").split()
    used = [name for name in names if re.search(rf"(?<![\w.$'-]){name}\b(?![-'])", code(module))]
    assert not used, f"{module} knows nothing of {used}"
    assert row(module) != "state" or not re.search(CLOCKS, code(module)), f"{module} has no clock and no chance"


@pytest.mark.parametrize("name", ["**/*.js", "*.css", "*.html", "*.svg", "**/*.ts"])
def test_lines_stay_short(name: str) -> None:
    for path in WEB.glob(name):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= LONGEST_LINE, f"{path.relative_to(ROOT)}:{number} has {len(line)} characters"


@each_module
def test_classes_and_functions_stay_short(module: str) -> None:
    long = [f"{line} ({length})" for line, length in lengths(module, CLASS) if length > LONGEST_CLASS]
    long += [f"{line} ({length})" for line, length in lengths(module, FUNCTION) if length > LONGEST_FUNCTION]
    assert not long, f"{module}: too many lines: {long}"


@each_module
def test_functions_and_values_that_are_exported_say_what_they_are(module: str) -> None:
    lines = modules()[module].splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r"export (?!\{|class\b)", line) and not before.endswith("*/")
    ]
    assert not bare, f"{module}: no JSDoc above {bare}"


def test_all_dialogs_are_opened_in_one_place() -> None:
    assert [module for module, text in modules().items() if ".showModal(" in text] == ["view/dialogs/modal.js"]


def test_the_documentation_holds_the_same_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {name: allowed.strip() for name, allowed in re.findall(r"^\| `web/([^`]+)` \|[^|]*\|([^|]*)\|$", page, re.M)}
    assert told == {name: ", ".join(allowed.split()) for name, allowed in FOLDERS.items()}
