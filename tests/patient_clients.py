"""Clients that wait as long as a machine may need on which a whole suite runs; for tests only."""

from __future__ import annotations

from typing import Any

from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

PATIENCE = 60.0
"""Seconds"""


def connect(url: str, **options: Any) -> ClientConnection:
    """Open a WebSocket; the library's own limit of 10 s is for a machine that does nothing else."""
    return open_socket(url, **{"open_timeout": PATIENCE, **options})
