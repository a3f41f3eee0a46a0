"""Which meeting the code that runs is about: every line that it logs, whoever wrote it, can carry the id."""

from __future__ import annotations

from contextvars import ContextVar

logged_meeting: ContextVar[str | None] = ContextVar("logged_meeting", default=None)
"""Set once by each task and thread that works for one meeting alone"""
