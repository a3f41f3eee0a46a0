"""The audio of a meeting: as it is kept, or as WAV, in which every second has its place, also while it is live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from fastapi import Header, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from meeting.core.errors import Conflict
from meeting.core.messages import JsonObject
from meeting.core.placing import Anchor
from meeting.server.api.context import rooms_of, store_of
from meeting.server.api.description import meetings_router
from meeting.storage.files.flac_as_wav import FlacAsWav
from meeting.storage.files.flac_length import flac_samples
from meeting.storage.files.mix_as_wav import MixAsWav
from meeting.storage.kept_sound import kept_sound
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound
from pipelines.types import Span

router = meetings_router()

Wav: TypeAlias = FlacAsWav | MixAsWav


@dataclass(frozen=True, slots=True)
class KeptAudio:
    """The FLAC of a source, and where its samples stand in the meeting."""

    source_id: str
    path: Path
    anchors: tuple[Anchor, ...]


SOUND: JsonObject = {
    "description": "The sound, or the part asked for",
    "content": {"audio/flac": {}, "audio/wav": {}},
}
NO_RANGE: JsonObject = {"description": "There is no such part", "content": {"text/plain": {}}}

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@router.get("/{meeting_id}/audio", response_class=Response, responses={200: SOUND, 206: SOUND, 416: NO_RANGE})
def audio(
    request: Request,
    meeting_id: str,
    source: str | None = None,
    format: Literal["flac", "wav"] = "flac",
    range: Annotated[str | None, Header()] = None,
) -> Response:
    """One source's sound as FLAC, once the meeting has ended, or all of them together as WAV, at any time, in ranges.

    Together, sources whose words are not shown are heard more softly while words of others are, so that a voice which
    several microphones heard does not echo. With `source` the WAV is of that one alone, on its own time, too.
    """
    kept = _kept(store_of(request), meeting_id, source)
    if format == "wav":
        alone = source is not None or (len(kept) == 1 and not kept[0].anchors)
        return _wav(FlacAsWav(kept[0].path) if alone else _together(store_of(request), meeting_id, kept), range)
    if len(kept) > 1:
        raise MeetingError(
            "this meeting has several sources of sound: name one of them (source=), or ask for all of them together "
            "as WAV (format=wav)"
        )
    if rooms_of(request).busy(meeting_id):
        raise Conflict("the meeting is live: until it has ended its audio can be had as WAV only (format=wav)")
    return _File(kept[0].path, media_type="audio/flac")


class _File(FileResponse):
    """A file, or one part of it; the whole of it where a `Range` header does not ask for one part.

    RFC 9110 (14.2) lets a server ignore such a header. FileResponse refuses some of them, in plain text.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(n, value) for n, value in scope["headers"] if n != b"range" or _one_part(value.decode("latin-1"))]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _kept(store: Store, meeting_id: str, source_id: str | None) -> list[KeptAudio]:
    """What there is to hear, at least one FLAC; raises NotFound."""
    summary = read_summary(store, meeting_id)
    found = [one for one in summary.sources if one.audio is not None and source_id in (None, one.id)]
    if not found:
        raise NotFound("no such audio was kept for this meeting")
    paths = [KeptAudio(one.id, kept_sound(store, summary.meeting, one.id), one.anchors) for one in found]
    there = [one for one in paths if one.path.is_file()]
    if not there:
        raise NotFound("the audio of this meeting is no longer there")
    # A source whose server died before it could speak is there as well, with nothing in it, or one sample of silence.
    return [one for one in there if flac_samples(one.path) > 1] or [max(there, key=lambda one: flac_samples(one.path))]


def _together(store: Store, meeting_id: str, kept: Sequence[KeptAudio]) -> MixAsWav:
    """All sources, those softly whose words are not shown while others' are."""
    transcripts = TranscriptStore(store)

    def spoken(span: Span) -> list[list[Span]]:
        words = transcripts.words_shown(meeting_id, span)
        return [words.get(one.source_id, []) for one in kept]

    return MixAsWav([(one.path, one.anchors) for one in kept], spoken)


def _wav(file: Wav, asked: str | None) -> Response:
    """The whole file, or the one part of it that is asked for."""
    part = byte_range(asked, file.size)
    if part is None:
        return PlainTextResponse("", 416, {"Content-Range": f"bytes */{file.size}"})
    start, end = part
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    if part != (0, file.size):
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 206 if "Content-Range" in headers else 200
    return StreamingResponse(file.read(start, end), status, headers, "audio/wav")


def byte_range(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte of what a `Range` header asks for and the one after its last; None where there is no such part.

    Without a header all is asked for, as with one that asks for several parts or for something else than bytes.
    """
    part = _one_part(asked or "")
    if part is None:
        return (0, size) if size else None
    first, last = part
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (start, end) if start < size else None


def _one_part(asked: str) -> tuple[str, str] | None:
    """First and last byte that a `Range` header names, of which one may be empty; None where it names no one part."""
    found = _RANGE.fullmatch(asked)
    first, last = found.groups() if found else ("", "")
    backwards = first and last and int(last) < int(first)
    return (first, last) if (first or last) and not backwards else None
