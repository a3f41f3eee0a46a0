"""Where clients of OpenAI's realtime API find what they look for."""

from __future__ import annotations

from fastapi import FastAPI

from meeting.compat.openai.realtime.routes import add_realtime


def test_the_socket_lies_where_theirs_does() -> None:
    app = FastAPI()
    add_realtime(app, 1.0)
    assert "/v1/realtime" in [getattr(route, "path", None) for route in app.routes]
