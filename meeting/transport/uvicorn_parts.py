"""What we build on of uvicorn and websockets although they promise it to nobody, in one place.

docs/private-parts.md says what it is and why; tests look whether it is still there and as we know it, so that another
version of a library fails with a sentence and not with a server that forgets its limits.
"""

from __future__ import annotations

from h11 import LocalProtocolError
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

__all__ = [
    "Config",
    "H11Protocol",
    "LocalProtocolError",
    "ServerState",
    "WebSocketsSansIOProtocol",
]
