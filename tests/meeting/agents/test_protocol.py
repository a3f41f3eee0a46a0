"""The tools as a client of the official SDK sees them, without a transport."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from meeting.agents.library import Answer
from meeting.agents.tools import TOOLS
from pipelines.errors import MeetingError

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ListToolsResult

    from meeting.agents.protocol import Context


async def answer(context: Context, name: str, arguments: dict[str, Any]) -> Answer:
    """Says again what it was asked, or fails."""
    if name == "wrong":
        raise MeetingError("this makes no sense: say something else")
    if name == "broken":
        raise RuntimeError("near the word wombat")
    return {"name": name, **arguments}


def asked(mode: str, name: str, arguments: dict[str, Any] | None = None) -> tuple[ListToolsResult, CallToolResult]:
    """The tools, and what one call is answered."""
    from mcp.client import Client

    from meeting.agents.protocol import agent_server

    async def run() -> tuple[ListToolsResult, CallToolResult]:
        async with Client(agent_server(answer), mode=mode) as client:
            return await client.list_tools(), await client.call_tool(name, arguments)

    return asyncio.run(run())


MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@MODES
def test_a_client_is_told_the_tools_and_that_they_change_nothing(mode: str) -> None:
    listed, _ = asked(mode, "x")
    assert [tool.name for tool in listed.tools] == list(TOOLS)
    assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in listed.tools)
    assert "query" in listed.tools[1].input_schema["required"]


@MODES
def test_an_answer_is_told_for_programs_and_as_text(mode: str) -> None:
    _, told = asked(mode, "speakers", {"meeting": "Grüße"})
    assert told.structured_content == {"name": "speakers", "meeting": "Grüße"}
    assert json.loads(told.content[0].text) == told.structured_content  # type: ignore[union-attr]
    assert not told.is_error


@MODES
def test_what_makes_no_sense_is_told_to_the_model(mode: str) -> None:
    _, told = asked(mode, "wrong")
    assert (told.is_error, told.content[0].text) == (True, "this makes no sense: say something else")  # type: ignore[union-attr]


@MODES
def test_a_fault_of_ours_tells_nothing_of_what_was_said(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    from mcp.shared.exceptions import MCPError

    caplog.set_level(logging.DEBUG)
    with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True) as refused:
        asked(mode, "broken")
    assert "wombat" not in "".join(traceback.format_exception(refused.value))
    assert "internal error" in "".join(traceback.format_exception(refused.value))
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "a tool of an agent: internal error"


def test_the_sdk_itself_logs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lines.append)
    root = logging.getLogger()
    root.addHandler(handler)
    monkeypatch.setattr(root, "level", logging.DEBUG)
    try:
        asked("legacy", "speakers", {"meeting": "wombat"})
    finally:
        root.removeHandler(handler)
    assert [line.getMessage() for line in lines if line.name.startswith("mcp") or "wombat" in line.getMessage()] == []
