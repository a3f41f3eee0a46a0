"""The audio of a meeting that is over."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import FileResponse, Response

from meeting.core.errors import Conflict
from meeting.core.messages import JsonObject
from meeting.core.records import Source
from meeting.server.api.context import rooms_of, store_of
from meeting.server.api.description import meetings_router
from meeting.storage.summary import Summary, read_summary
from pipelines.errors import NotFound

router = meetings_router()


SOUND: JsonObject = {"description": "The sound, or the part asked for", "content": {"audio/flac": {}}}
NO_RANGE: JsonObject = {"description": "There is no such part", "content": {"text/plain": {}}}


@router.get("/{meeting_id}/audio", response_class=Response, responses={200: SOUND, 206: SOUND, 416: NO_RANGE})
def audio(request: Request, meeting_id: str, source: str | None = None) -> Response:
    """A source's sound as FLAC; ranges may be asked for."""
    store = store_of(request)
    record = read_summary(store, meeting_id)
    if rooms_of(request).busy(meeting_id):
        raise Conflict("the meeting is live: its audio can be had once it has ended")
    found = _with_audio(record, source)
    path = store.files.audio_path(meeting_id, found.id)
    if not path.is_file():
        raise NotFound("the audio of this meeting is no longer there")
    return FileResponse(path, media_type="audio/flac")


def _with_audio(record: Summary, source_id: str | None) -> Source:
    found = [source for source in record.sources if source.audio is not None and source_id in (None, source.id)]
    if not found:
        raise NotFound("no such audio was kept for this meeting")
    # A source whose server died before it could speak is there as well, with nothing in it.
    return max(found, key=lambda source: source.samples)
