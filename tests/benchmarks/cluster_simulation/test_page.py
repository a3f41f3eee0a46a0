"""One file with tables and pictures."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.page import draw, write_page
from benchmarks.cluster_simulation.run import Options, run, sizes
from benchmarks.cluster_simulation.tables import Table

KNOWN = {"date": "2026-11-28", "commit": "abc", "command": "python -m x --assume a<b"}


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    table = Table("t", "A table", ("name", "value"), [["<b>", 1.25], ["none", None]], "readers")
    write_page(tmp_path / "out" / "page.html", KNOWN, [(table, ["Assumed: a & b"])], "<svg></svg>")
    text = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert "<td>&lt;b&gt;</td><td>1.250</td>" in text
    assert "a &amp; b" in text
    assert "a&lt;b" in text
    assert not re.search(r"(src|href)=|<script|@import|url\(", text)


@pytest.mark.slow
def test_the_picture_is_one_svg_and_the_same_each_time(assumed: Assumptions) -> None:
    options = Options((5, 10), ("embedded", "base-h200"), 20.0, 100, 1)
    days = sizes(assumed, options)
    found = list(run(assumed, options, days))
    picture = draw(days, found)
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert picture == draw(days, found)
