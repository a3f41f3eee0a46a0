"""Calls of tools: what they take, what is refused, and how long they wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meeting.agents import tools
from meeting.agents.library import Answer, Library
from pipelines.errors import MeetingError, NotFound


class Told:
    """A library that remembers what it was asked, and in which lines come after some looks."""

    def __init__(self, quiet: int = 0) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.looks = 0
        self._quiet = quiet

    def find(self, meeting: str | None) -> Any:
        if meeting == "nowhere":
            raise NotFound("there is no meeting 'nowhere'")
        return SimpleNamespace(id=meeting)

    def new_lines(self, meeting_id: str, after: int | None) -> tuple[Answer, bool]:
        self.looks += 1
        return {"lines": [], "after": str(after)}, self.looks > self._quiet

    def __getattr__(self, name: str) -> Any:
        def remember(*arguments: Any) -> Answer:
            self.asked.append((name, *arguments))
            return {"told": name}

        return remember


async def _always() -> bool:
    return True


def call(name: str, library: Told | None = None, wanted: tools.IsWanted = _always, **arguments: Any) -> Answer:
    """One call."""
    return asyncio.run(tools.call(name, arguments, cast(Library, library or Told()), wanted))


def test_each_tool_says_what_it_takes_and_what_it_is_for() -> None:
    assert list(tools.TOOLS) == ["list_meetings", "search", "read_transcript", "follow_meeting", "speakers"]
    for tool in tools.TOOLS.values():
        assert tool.takes.model_json_schema()["additionalProperties"] is False
        assert len(tool.description) > 60


def test_what_is_left_out_has_a_bound_of_its_own() -> None:
    library = Told()
    call("list_meetings", library)
    call("read_transcript", library, meeting="m1")
    assert library.asked == [("meetings", 20, None), ("transcript", "m1", 0.0, None, None, 100, None)]


def test_a_search_is_taken_apart_before_anything_is_read() -> None:
    library = Told()
    call("search", library, query='"a b" cd*', speaker="Ann", since="2026-05-04", meeting="last")
    ((name, wanted, limit, cursor),) = library.asked
    assert (name, limit, cursor, wanted.speaker, wanted.meeting_id, wanted.until) == (
        "search",
        20,
        None,
        "Ann",
        "last",
        None,
    )
    assert [(term.text, term.prefix) for term in wanted.terms] == [("a b", False), ("cd", True)]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("delete_meeting", {}, "there is no tool of that name; there are: list_meetings, search"),
        ("list_meetings", {"limit": 101}, "limit: Input should be less than or equal to 100"),
        ("list_meetings", {"limit": "many"}, "limit: Input should be a valid integer"),
        ("search", {}, "query: Field required"),
        ("search", {"query": "x" * 501}, "at most 500 characters"),
        ("search", {"query": "***"}, "nothing to search for"),
        ("search", {"query": "one", "since": "soon"}, "a day is written as"),
        ("search", {"query": ["one"]}, "query: Input should be a valid string"),
        ("read_transcript", {"meeting": "x" * 101}, "meeting: String should have at most 100"),
        ("read_transcript", {"from_seconds": -1}, "from_seconds: Input should be greater"),
        ("read_transcript", {"to_seconds": "NaN"}, "to_seconds"),
        ("read_transcript", {"secret": 1}, "secret: Extra inputs are not permitted"),
        ("follow_meeting", {"wait_seconds": 3600}, "wait_seconds: Input should be less"),
        ("follow_meeting", {"after": "-1"}, "after: String should match"),
        ("follow_meeting", {"meeting": "nowhere"}, "there is no meeting 'nowhere'"),
    ],
)
def test_a_call_that_makes_no_sense_says_why(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(MeetingError) as refused:
        call(name, **arguments)
    assert said in str(refused.value)
    assert "errors.pydantic.dev" not in str(refused.value)


def test_what_was_given_is_not_said_again_at_length() -> None:
    with pytest.raises(MeetingError) as refused:
        call("list_meetings", **{"x" * 10_000: 1})
    assert len(str(refused.value)) <= 500


def test_who_follows_waits_until_there_is_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "LOOK_SECONDS", 0.001)
    library = Told(quiet=3)
    assert call("follow_meeting", library, meeting="m1", after="7")["after"] == "7"
    assert library.looks == 4


def test_who_follows_waits_no_longer_than_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "LOOK_SECONDS", 0.01)
    library = Told(quiet=10**6)
    assert call("follow_meeting", library, meeting="m1", after="7", wait_seconds=0.05)["lines"] == []
    assert 1 < library.looks <= 7
    library = Told(quiet=10**6)
    call("follow_meeting", library, meeting="m1", wait_seconds=0)
    assert library.looks == 1


def test_nobody_is_waited_for_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "LOOK_SECONDS", 0.001)
    library = Told(quiet=10**6)

    async def gone() -> bool:
        return library.looks < 5

    call("follow_meeting", library, gone, meeting="m1", after="7")
    assert library.looks == 5
