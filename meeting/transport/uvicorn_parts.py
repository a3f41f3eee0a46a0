"""What we build on of uvicorn and websockets although they promise it to nobody, in one place.

`missing` looks whether it is still there and as we know it; a test asks, so that another version of a library fails
with a sentence and not with a server that forgets its limits.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from h11 import LocalProtocolError
from uvicorn.config import Config
from uvicorn.protocols.http import h11_impl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server, ServerState
from websockets.server import ServerProtocol

__all__ = [
    "Config",
    "H11Protocol",
    "LocalProtocolError",
    "Server",
    "ServerState",
    "WebSocketsSansIOProtocol",
    "missing",
]

CALLED: tuple[tuple[type, str, str], ...] = (
    (H11Protocol, "__init__", "self config server_state app_state _loop"),
    (H11Protocol, "handle_events", "self"),
    (H11Protocol, "on_response_complete", "self"),
    (H11Protocol, "send_400_response", "self msg"),
    (WebSocketsSansIOProtocol, "__init__", "self config server_state app_state _loop"),
    (WebSocketsSansIOProtocol, "handle_cont", "self event"),
    (WebSocketsSansIOProtocol, "handle_ping", "self"),
    (WebSocketsSansIOProtocol, "handle_pong", "self event"),
    (WebSocketsSansIOProtocol, "handle_parser_exception", "self"),
    (WebSocketsSansIOProtocol, "send_receive_event_to_app", "self"),
    (WebSocketsSansIOProtocol, "receive", "self"),
    (WebSocketsSansIOProtocol, "send", "self message"),
    (WebSocketsSansIOProtocol, "keepalive_timeout", "self"),
    (ServerProtocol, "fail", "self code reason"),
    (Server, "startup", "self sockets"),
    (Server, "shutdown", "self sockets"),
)
"""Class, method that we extend or call, its parameters"""

SAID: tuple[tuple[Any, str, str], ...] = (
    (H11Protocol.__init__, "self.ws_protocol_class = ", "a websocket is made by what this attribute holds"),
    (H11Protocol.handle_events, "self.app_state.copy()", "a request's scope carries what is in app_state"),
    (H11Protocol.handle_events, "self.cycle = RequestResponseCycle(", "the request being answered is `cycle`"),
    (H11Protocol.handle_events, "on_response=self.on_response_complete", "the end of an answer is told"),
    (H11Protocol.handle_websocket_upgrade, "self.transport.set_protocol(protocol)", "a websocket takes over"),
    (h11_impl.RequestResponseCycle.__init__, "self.response_complete = False", "a cycle knows that it is over"),
    (h11_impl.RequestResponseCycle.__init__, "self.more_body = True", "a cycle knows that its body is not whole"),
    (WebSocketsSansIOProtocol.__init__, "self.frames: list[bytes] = []", "the parts of a message are in `frames`"),
    (WebSocketsSansIOProtocol.__init__, "self.read_paused = False", "reading stops while a message waits"),
    (WebSocketsSansIOProtocol.__init__, "self.writable = asyncio.Event()", "`writable` tells whether writing stops"),
    (WebSocketsSansIOProtocol.__init__, "self.close_sent = False", "`close_sent` tells that it is being closed"),
    (WebSocketsSansIOProtocol.handle_connect, "self.app_state.copy()", "its scope carries what is in app_state"),
    (WebSocketsSansIOProtocol.send_receive_event_to_app, "self.transport.pause_reading()", "one message at a time"),
    (WebSocketsSansIOProtocol.keepalive_timeout, "self.conn.fail(1011", "a deaf client is closed with 1011"),
    (Server.startup, "if sockets is not None", "it listens on the sockets that it is given, even on none"),
)
"""Function, words of its source that we count on, what they mean to us"""


def missing(called: Iterable[tuple[type, str, str]] = CALLED, said: Iterable[tuple[Any, str, str]] = SAID) -> list[str]:
    """A sentence for each thing that is not as we know it; none where all is well."""
    problems = []
    for owner, name, parameters in called:
        method = getattr(owner, name, None)
        found = " ".join(inspect.signature(method).parameters) if method is not None else "gone"
        if found != parameters:
            problems.append(
                f"{owner.__module__}.{owner.__qualname__}.{name} takes ({parameters}) where we extend it, and is "
                f"({found}) in this version: look at its source before you raise the bound in pyproject.toml"
            )
    for function, words, meaning in said:
        if words not in inspect.getsource(function):
            problems.append(
                f"{function.__module__}.{function.__qualname__} no longer says `{words}`, by which we know that "
                f"{meaning}: look at its source before you raise the bound in pyproject.toml"
            )
    if not hasattr(ServerProtocol(), "reader") or not hasattr(ServerProtocol().reader, "buffer"):
        problems.append("websockets' ServerProtocol has no reader.buffer any more, in which an unfinished frame waits")
    return problems
