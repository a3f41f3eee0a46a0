"""All resources of the API are served, and described in one order."""

from __future__ import annotations

from fastapi import FastAPI

from meeting.server.api.routes import add_routes


def test_every_resource_is_served_and_described() -> None:
    app = FastAPI()
    add_routes(app)
    paths = [path.removeprefix("/api/meetings") for path in app.openapi()["paths"]]
    assert paths == [
        "",
        "/{meeting_id}",
        "/{meeting_id}/hotwords",
        "/{meeting_id}/sources/{source_id}",
        "/{meeting_id}/speakers/{speaker_id}",
        "/{meeting_id}/segments/{segment_id}",
        "/{meeting_id}/segments",
        "/{meeting_id}/segments/{segment_id}/split",
        "/{meeting_id}/segments/{segment_id}/join",
        "/{meeting_id}/changes/{change_id}/undo",
        "/{meeting_id}/end",
        "/{meeting_id}/transcript",
        "/{meeting_id}/export",
        "/{meeting_id}/statistics",
        "/{meeting_id}/notes",
        "/{meeting_id}/audio",
        "/{meeting_id}/links",
        "/{meeting_id}/links/qr",
        "/{meeting_id}/links/{link_id}",
        "/api/search",
    ]
