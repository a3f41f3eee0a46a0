"""The methods that Serve's gRPC proxy learns: bytes in, bytes out."""

from __future__ import annotations

from typing import Any

import pytest

from meeting.cluster.shared_models.calls import SERVICE

pytestmark = pytest.mark.ray


class Server:
    """Keeps the handlers that it is given."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []

    def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
        """As a gRPC server does."""
        self.handlers += handlers


class Servicer:
    """Each method says its name."""

    def __getattr__(self, name: str) -> Any:
        return lambda message, context: name.encode() + message


def test_each_method_is_known_by_its_full_name_and_leaves_bytes_as_they_are() -> None:
    import grpc

    from meeting.cluster.shared_models.servicers import METHODS, add_shared_models

    server = Server()
    add_shared_models(Servicer(), server)
    (handlers,) = server.handlers
    assert isinstance(handlers, grpc.GenericRpcHandler)
    assert handlers.service_name() == SERVICE
    for method in METHODS:
        found: Any = handlers.service(Call(f"/{SERVICE}/{method}"))
        assert (found.request_deserializer, found.response_serializer) == (None, None)
        assert found.unary_unary(b"!", None) == method.encode() + b"!"


class Call:
    """What a handler is asked with."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()
