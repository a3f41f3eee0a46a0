"""The tools over stdin and stdout: of the meetings on this machine, or of a server, to which calls are handed on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from mcp.server.stdio import stdio_server
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from meeting.agents import tools
from meeting.agents.library import Answer, Library
from meeting.agents.protocol import CallTool, Context, agent_server
from meeting.client.addresses import ServerAddress
from meeting.client.errors import ClientError, ServerUnreachable, error_for_answer, explained
from meeting.config.settings import Storage
from meeting.core.access import FULL_ACCESS
from meeting.storage.store import Store

TIMEOUT = tools.MAX_WAIT + 15.0
"""Seconds that a server has to answer"""


def serve_local(settings: Storage) -> None:
    """Answer until stdin ends, from the store of the settings, to which nothing is written. Raises StoreError."""
    with Store.configured(settings) as store:
        library = Library(store, FULL_ACCESS)

        async def call(context: Context, name: str, arguments: dict[str, Any]) -> Answer:
            return await tools.call(name, arguments, library, _always)

        asyncio.run(_serve(call))


def serve_remote(address: ServerAddress) -> None:
    """Answer until stdin ends, with what a server answers."""

    async def call(context: Context, name: str, arguments: dict[str, Any]) -> Answer:
        return await ask_server(address, name, arguments)

    asyncio.run(_serve(call))


async def ask_server(address: ServerAddress, name: str, arguments: dict[str, Any]) -> Answer:
    """Have a server answer one call of a tool; raises ClientError, also with what the tool says is wrong."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    headers = {
        **address.headers,
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": HANDSHAKE_PROTOCOL_VERSIONS[-1],
    }
    try:
        # A connection of its own for each call: a server that was started anew in between is no matter.
        async with httpx2.AsyncClient(timeout=TIMEOUT) as http:
            answer = await http.post(address.api_url(tools.PATH), json=asked, headers=headers)
    except httpx2.HTTPError as error:
        raise ServerUnreachable(f"{address.base} cannot be reached: {explained(error)}") from error
    if answer.is_error:
        raise error_for_answer(answer.status_code, answer.content)
    try:
        body = answer.json()
        if "error" in body:
            raise ClientError(str(body["error"]["message"]))
        result = body["result"]
        if result.get("isError"):
            raise ClientError(str(result["content"][0]["text"]))
        told = result["structuredContent"]
        if not isinstance(told, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ServerUnreachable(f"what answers at {address.base} is no meeting server with {tools.PATH}") from None
    return told


async def _serve(call: CallTool) -> None:
    server = agent_server(call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _always() -> bool:
    return True
