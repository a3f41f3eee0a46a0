"""Engines of SQLAlchemy as both databases want them: what they say in errors, write as JSON, and do when they are let
go of."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry


def engine_at(
    url: URL, connect_args: Mapping[str, Any], pool: type[NullPool] | type[QueuePool], pre_ping: bool = False
) -> Engine:
    """Connections to a database; the driver gets `connect_args`.

    `pre_ping`: one that was lost while nobody used it is made again unseen.
    """
    engine = create_engine(
        url,
        connect_args=dict(connect_args),
        poolclass=pool,
        pool_pre_ping=pre_ping,
        json_serializer=partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
        hide_parameters=True,  # they are what people said
    )
    _close_what_is_returned_late(engine)
    return engine


def _close_what_is_returned_late(engine: Engine) -> None:
    """Close each connection that was in use when its engine was disposed of: its pool only forgets it."""
    disposed = threading.Event()

    @event.listens_for(engine, "engine_disposed")
    def _disposed(_: Engine) -> None:
        disposed.set()

    @event.listens_for(engine, "checkin")
    def _returned(_: object, record: ConnectionPoolEntry) -> None:
        if disposed.is_set():
            record.invalidate()
