"""Who is heard through a microphone: what is remembered, and what is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Run


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        (None, {"name": "", "kind": "room"}),
        ({"name": "Ann", "kind": "solo"}, {"name": "Ann", "kind": "solo"}),
        ({"name": "Ann", "kind": "band"}, {"name": "Ann", "kind": "room"}),
        ({"name": "", "kind": "solo"}, {"name": "", "kind": "room"}),
        ({"name": 7, "kind": "solo"}, {"name": "", "kind": "room"}),
        ({"name": "x" * 300, "kind": "room"}, {"name": "x" * 200, "kind": "room"}),
        ("nonsense", {"name": "", "kind": "room"}),
    ],
)
def test_what_is_remembered_is_taken_where_it_makes_sense(javascript: Run, stored: Any, known: dict[str, str]) -> None:
    source = "async (stored) => (await load('state/sources/participant.js')).participantFrom(stored)"
    assert javascript(source, stored) == known


@pytest.mark.parametrize(
    ("name", "kind", "wrong"), [("", "solo", True), (" ", "solo", True), ("Ann", "solo", False), ("", "room", False)]
)
def test_one_person_needs_a_name(javascript: Run, name: str, kind: str, wrong: bool) -> None:
    source = "async (told) => (await load('state/sources/participant.js')).participantProblem(told)"
    assert bool(javascript(source, {"name": name, "kind": kind})) is wrong
