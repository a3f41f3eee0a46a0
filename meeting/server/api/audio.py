"""The audio of a meeting: as it is kept, or as WAV, in which every second has its place, also while it is live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from fastapi import Header, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

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
    return FileResponse(kept[0].path, media_type="audio/flac")


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
    found = _RANGE.fullmatch(asked or "")
    first, last = found.groups() if found else ("", "")
    if not first:
        start = max(0, size - int(last)) if last else 0
        return (start, size) if start < size else None
    start, end = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return 0, size
    return (start, end) if start < size else None
