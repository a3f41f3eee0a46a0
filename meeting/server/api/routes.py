"""All resources of the API, in the order in which /openapi.json describes them."""

from __future__ import annotations

from fastapi import FastAPI

from meeting.server.api import (
    audio,
    edits,
    hotwords,
    links,
    meetings,
    notes,
    search,
    statistics,
    transcripts,
)
from meeting.server.api.running import ending, sources


def add_routes(app: FastAPI) -> None:
    """Serve the API."""
    for resource in (meetings, hotwords, sources, edits, ending, transcripts, statistics, notes, audio, links, search):
        app.include_router(resource.router)
