"""The tools over streamable HTTP, inside the server: a request is a call, and nothing is kept between two."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from meeting.agents import tools
from meeting.agents.library import Answer, Library
from meeting.core.access import Grant
from meeting.core.error_text import client_message
from meeting.core.errors import Unauthorized, answer_to
from meeting.server.security.auth import Authenticator
from meeting.storage.store import Store
from pipelines.errors import MeetingError

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from meeting.agents.protocol import Context

log = logging.getLogger(__name__)


class AgentEndpoint:
    """An ASGI app at `tools.PATH`; `run` must go on beside it. The SDK is loaded by the first request."""

    def __init__(self, store: Store, authenticator: Authenticator, is_stopping: Callable[[], bool]) -> None:
        self._store = store
        self._authenticator = authenticator
        self._is_stopping = is_stopping
        self._asked = asyncio.Event()
        self._manager: asyncio.Future[StreamableHTTPSessionManager] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; `AuthMiddleware` has let it in, and has said what it may read."""
        self._asked.set()
        assert self._manager is not None, "it is run"
        manager = await asyncio.shield(self._manager)
        await manager.handle_request(scope, receive, send)

    async def run(self) -> None:
        """Serve until it is cancelled; all that still runs then ends."""
        self._manager = asyncio.get_running_loop().create_future()
        try:
            await self._asked.wait()
            manager = await asyncio.to_thread(self._make_manager)
            async with manager.run():
                self._manager.set_result(manager)
                await asyncio.get_running_loop().create_future()
        finally:
            self._manager.cancel()

    def _make_manager(self) -> StreamableHTTPSessionManager:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from meeting.agents.protocol import agent_server

        return StreamableHTTPSessionManager(agent_server(self._call), stateless=True, json_response=True)

    async def _call(self, context: Context, name: str, arguments: dict[str, Any]) -> Answer:
        request, ended = context.request, asyncio.Event()
        assert request is not None, "it came over HTTP"
        grant: Grant = request.state.grant

        async def is_wanted() -> bool:
            return not (self._is_stopping() or ended.is_set() or await request.is_disconnected())

        try:
            with self._authenticator.while_valid(grant, ended.set):
                answer = await tools.call(name, arguments, Library(self._store, grant), is_wanted)
        except MeetingError as error:
            if answer_to(error).status == 503:
                log.error("%s", error)
            raise MeetingError(client_message(error, self._store.data_dir)) from None
        if ended.is_set():
            raise Unauthorized("this link has ended: ask the host for a new one")
        return answer


def add_agents(app: FastAPI, endpoint: AgentEndpoint) -> None:
    """Serve the tools."""
    app.router.routes.append(Route(tools.PATH, endpoint, methods=["POST"], include_in_schema=False))
