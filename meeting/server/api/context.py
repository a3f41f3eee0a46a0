"""What an endpoint needs besides its request's body: the rooms, the store, who asks, where people reach the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from meeting.cluster.ownership import holding
from meeting.core.access import Grant
from meeting.live.rooms import Rooms
from meeting.notes.jobs import NotesJobs
from meeting.server.security.auth import Authenticator
from meeting.storage.store import Store


def rooms_of(request: Request) -> Rooms:
    """The meetings that run."""
    rooms: Rooms = request.app.state.rooms
    return rooms


def store_of(request: Request) -> Store:
    """What is kept."""
    return rooms_of(request).store


@asynccontextmanager
async def changing(request: Request, meeting_id: str) -> AsyncIterator[Store]:
    """The store to change a meeting in, which no other server has, begins to have, or changes within the block.

    Raises Elsewhere or Moving where one has it, and StoreError.
    """
    async with holding(rooms_of(request).ownership, meeting_id) as claim:
        yield claim.store


def notes_of(request: Request) -> NotesJobs:
    """Who makes notes."""
    jobs: NotesJobs = request.app.state.notes
    return jobs


def authenticator_of(request: Request) -> Authenticator:
    """Who knows tokens and links."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


def grant_of(request: Request) -> Grant:
    """What whoever asks may do."""
    grant: Grant = request.state.grant
    return grant


def meeting_url(request: Request, meeting_id: str, token: str | None = None) -> str:
    """Where a meeting's page lies; with a token a link into it."""
    root: str = request.app.state.forwarding.root_path
    # A fragment stays in the browser: it is in no request, log or Referer.
    return f"{root}/m/{meeting_id}" + (f"#t={token}" if token else "")
