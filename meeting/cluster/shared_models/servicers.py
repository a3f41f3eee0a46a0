"""The gRPC methods of the shared models, for Serve's gRPC proxy; named in its option `grpc_servicer_functions`."""

from __future__ import annotations

from typing import Any

import grpc

from meeting.cluster.shared_models.calls import SERVICE

METHODS = ("Describe", "Recognise", "FindSpeakers")
"""Each takes bytes and gives bytes: what they mean is told in `wire.py`"""


def add_shared_models(servicer: Any, server: Any) -> None:
    """Add the methods to a gRPC server, as code that is generated from a .proto file would."""
    handlers = {name: grpc.unary_unary_rpc_method_handler(getattr(servicer, name)) for name in METHODS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
