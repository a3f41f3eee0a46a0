"""The transcript, in every format."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse

from meeting.core import export as exports
from meeting.core.messages import JsonObject
from meeting.delivery.archive import ExportFile
from meeting.server.api.context import rooms_of
from meeting.server.api.description import meetings_router

router = meetings_router()


FORMAT = Query(json_schema_extra={"enum": sorted(exports.FORMATS)})
FILES: JsonObject = {kind.content_type.partition(";")[0]: {} for kind in exports.FORMATS.values()}


@router.get("/{meeting_id}/transcript")
async def transcript(request: Request, meeting_id: str) -> Response:
    """The transcript so far, as in the JSON export."""
    return _download(await rooms_of(request).archive.file(meeting_id, "json"), "application/json", {})


@router.get("/{meeting_id}/export", response_class=Response, responses={200: {"content": FILES}})
async def export(request: Request, meeting_id: str, format: Annotated[str, FORMAT]) -> Response:
    """The transcript as a file: srt, vtt, json, txt, md, docx, html, csv, rttm or seglst."""
    kind = exports.format_named(format)
    file = await rooms_of(request).archive.file(meeting_id, format)
    name = re.sub(r"[^A-Za-z0-9]+", "-", file.title).strip("-").lower()[:60] or meeting_id
    return _download(file, kind.content_type, {"Content-Disposition": f'attachment; filename="{name}{kind.suffix}"'})


def _download(file: ExportFile, content_type: str, headers: dict[str, str]) -> Response:
    # Handed on in pieces: however many take it slowly, nothing of it waits in memory for each of them.
    length = {"Content-Length": str(len(file.data))}
    return StreamingResponse(file.chunks(), media_type=content_type, headers={**headers, **length})
