"""Rows as CSV, in which no cell can become a formula of a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

BYTE_ORDER_MARK = "\ufeff"
"""Stands first: without it spreadsheets read UTF-8 as something else"""

# What OWASP names under CSV injection, with the full-width forms that some spreadsheets take for the same.
_FORMULA = re.compile(r"[\s\"']*[=+\-@＝＋－＠]")
# Where a semicolon parts cells, as in half of Europe, what follows one begins a cell, and no quotes keep it in.
_LATER_FORMULA = re.compile(r"(;[\s\"']*)(?=[=+\-@＝＋－＠])")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in UTF-8 with its byte order mark, commas, every cell in quotes; a row for each line."""
    file = io.StringIO()
    file.write(BYTE_ORDER_MARK)
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([cell(text) for text in row] for row in rows)
    return file.getvalue()


def cell(text: str) -> str:
    """A text on one line as spreadsheets show it; an apostrophe stands before what they would compute."""
    text = _LATER_FORMULA.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text
