"""Statements that each database writes its own way, with one meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.storage.store import Store
from tests.fakes.stored import kept

pytestmark = pytest.mark.usefixtures("every_database")


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("Grüße aus KÖLN", "köln"),
        ("Grüße aus Köln", "GRÜSSE"),
        ("GRÜSSE", "grüße"),
        ("ΟΔΟΣ", "οδος"),
        ("οδος", "ΟΔΟΣ"),
        ("İstanbul", "i\u0307stan"),
        ("ﬁnance", "FINANCE"),
        ("100 %_done", "%_D"),
        ("ᏣᎳᎩ", "ꮳꮃꭹ"),
    ],
)
def test_a_title_is_found_whatever_is_capital_in_it(tmp_path: Path, title: str, part: str) -> None:
    with Store(tmp_path) as store:
        kept(store, title=title)
        kept(store, "m2", title="something else")
        found, _ = store.meetings(title=part)
    assert [meeting.title for meeting in found] == [title]
