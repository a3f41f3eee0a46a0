"""The layout of the pages as a test: which folder of `web/` may import which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
MOST_FILES = 15
FOLDERS = {
    "audio": "",
    "net": "",
    "state": "",
    "view": "net state",
    "pages": "audio net state view",
    "app.js": "net pages",
}
"""The table of docs/architecture.md: what each may import besides itself"""
IMPORT = re.compile(r"^(?:import|export)\b[^'\"]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)", re.M)


@cache
def modules() -> dict[str, str]:
    """Every module of the pages: path within `web/` -> source."""
    return {path.relative_to(WEB).as_posix(): path.read_text(encoding="utf-8") for path in sorted(WEB.rglob("*.js"))}


def imports(module: str) -> Iterator[str]:
    """The modules that one imports, as paths within `web/`."""
    for found in IMPORT.finditer(modules()[module]):
        name = found[1] or found[2] or found[3]
        assert name.startswith("."), f"{module} imports {name}, which is no file of ours"
        yield (WEB / module).parent.joinpath(name).resolve().relative_to(WEB).as_posix()


def row(module: str) -> str:
    """The row of the table that a module stands in."""
    return module.partition("/")[0]


each_module = pytest.mark.parametrize("module", list(modules()))


@each_module
def test_imports_name_files_and_follow_the_arrows(module: str) -> None:
    allowed = {row(module), *FOLDERS[row(module)].split()}
    for name in imports(module):
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


def test_the_documentation_holds_the_same_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {name: allowed.strip() for name, allowed in re.findall(r"^\| `web/([^`]+)` \|[^|]*\|([^|]*)\|$", page, re.M)}
    assert told == {name: ", ".join(allowed.split()) for name, allowed in FOLDERS.items()}
