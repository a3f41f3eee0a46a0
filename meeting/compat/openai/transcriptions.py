"""`POST /v1/audio/transcriptions` and `/translations`: a recording in a form, its text whole or while it is made."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from meeting.compat.containers import container_of
from meeting.compat.live_stream import LiveStream, StreamMessage, open_stream, require_place
from meeting.compat.openai.events import Events
from meeting.compat.openai.form import Form, parse_form
from meeting.compat.openai.shapes import diarized, error_body, status_of, text_of, text_only, to_json, verbose
from meeting.compat.openai.subtitles import srt, vtt
from meeting.compat.openai.upload import Upload, passed_over, uploaded
from meeting.compat.openai.voice_samples import AUDIO, decoded, in_front, read_samples
from meeting.compat.recording import Through, Transcribed, transcribe
from meeting.compat.uploads import Uploads, pieces_of
from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, JsonObject
from meeting.live.rooms import Rooms
from pipelines.errors import MeetingError, StoreError
from pipelines.formats import HEADER_BYTES
from pipelines.types import ModelInfo

MEETING_HEADER = "x-meeting-id"
"""Header of the answer that names a meeting that is kept"""


class Transcription(Response):
    """The answer to one request, made while it is sent."""

    def __init__(self, request: Request, rooms: Rooms, uploads: Uploads, translate: bool = False) -> None:
        super().__init__()
        self._translate = translate
        self._request = request
        self._rooms = rooms
        self._uploads = uploads
        self._told = False
        """Whether events have been told"""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the recording and answer."""
        with contextlib.suppress(ClientDisconnect):  # there is nobody to be told
            try:
                answer = await self._answer(send)
            except (ProtocolError, StoreError) as error:
                answer = await self._failed(error, send)
            if answer is not None:
                await answer(scope, receive, send)

    async def _answer(self, send: Send) -> Response | None:
        try:
            require_place(self._rooms)  # before a large file is taken
            if self._translate:
                _require_translation(self._rooms)
        except ProtocolError:
            await passed_over(self._request)
            raise
        async with uploaded(self._request, self._uploads) as upload:
            form = parse_form(upload.fields, self._translate)
            recording = await _recording_of(self._rooms, upload, form)
            async with open_stream(self._rooms, form.request(recording.audio)) as stream:
                headers = {MEETING_HEADER: stream.meeting_id} if form.keep else {}
                if not form.stream:
                    feeding = stream.send_all(recording.pieces)
                    made = await transcribe(self._request, stream, feeding, body_taken=True, through=recording.through)
                    return _whole(made, form, stream.models, headers)
                await self._stream(stream, recording, form, _Channel(send, headers))
                return None

    async def _stream(self, stream: LiveStream, recording: _Recording, form: Form, channel: _Channel) -> None:
        events = Events(form.response_format == "diarized_json")

        async def tell(message: StreamMessage) -> None:
            for event in events.apply(message):
                self._told = True
                await channel.tell(event)

        feeding = stream.send_all(recording.pieces)
        await transcribe(self._request, stream, feeding, tell, body_taken=True, through=recording.through)
        for event in events.last():
            self._told = True
            await channel.tell(event)
        await channel.end()

    async def _failed(self, error: MeetingError, send: Send) -> Response | None:
        """Tell of an error: as a status where nothing has been told, else as one more event."""
        body = error_body(error, client_message(error, self._rooms.store.data_dir))
        if not self._told:
            return JSONResponse(body, status_of(error))
        await send({"type": "http.response.body", "body": _event(body), "more_body": False})
        return None


class _Channel:
    """Server-sent events; the answer begins with the first one."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = {"content-type": "text/event-stream; charset=utf-8", **headers}
        self._begun = False

    async def tell(self, event: JsonObject) -> None:
        """One event."""
        if not self._begun:
            self._begun = True
            raw = [(name.encode(), value.encode()) for name, value in self._headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": raw})
        await self._send({"type": "http.response.body", "body": _event(event), "more_body": True})

    async def end(self) -> None:
        """No more."""
        await self._send({"type": "http.response.body", "body": b""})


def _event(body: JsonObject) -> bytes:
    return f"data: {to_json(body)}\n\n".encode()


def _require_translation(rooms: Rooms) -> None:
    """Raise ProtocolError where what is said cannot be translated, or it is not known yet whether it can."""
    engine = rooms.services.engine
    if engine.failure is not None:
        raise ProtocolError(str(engine.failure), ErrorCode.MODELS)
    if engine.models is None:
        raise ProtocolError("the models are being loaded: try again in a moment", ErrorCode.LOADING)
    if not engine.models.get("translates"):
        raise ProtocolError(
            "model cannot be one that translates: what is said is written down in the language it is said in by "
            f"{engine.models.get('speech')}, which serves here. Multilingual Whispers translate, but turbo and distil"
        )


@dataclass(frozen=True, slots=True)
class _Recording:
    """What a meeting is to hear, and what becomes of what it tells."""

    audio: AudioInfo
    pieces: AsyncIterator[bytes]
    through: Through


async def _recording_of(rooms: Rooms, upload: Upload, form: Form) -> _Recording:
    container, pieces = await _container(upload), pieces_of(upload.file)
    if not form.known_names:
        return _Recording(AudioInfo(container, 0, 0), pieces, lambda message: (message,))
    known, samples = await read_samples(rooms, form)
    # a second more than may be: so the meeting itself says that it is too long
    most = rooms.limits.meeting_hours * 3600 + 1.0
    return _Recording(AUDIO, in_front(samples, decoded(rooms, container, pieces, most)), known.apply)


async def _container(upload: Upload) -> str:
    head = await upload.file.read(HEADER_BYTES)
    await upload.file.seek(0)
    found = container_of(head)
    if found is None:
        raise ProtocolError("file holds no audio", ErrorCode.BAD_AUDIO)
    return found


def _whole(heard: Transcribed, form: Form, models: ModelInfo, headers: dict[str, str]) -> Response:
    lines, duration = heard.lines, heard.duration
    match form.response_format:
        case "text":
            return PlainTextResponse(text_of(lines) + "\n", headers=headers)
        case "srt":
            return PlainTextResponse(srt(lines, form.diarize), headers=headers)
        case "vtt":
            return PlainTextResponse(vtt(lines, form.diarize), headers=headers, media_type="text/vtt")
        case "verbose_json":
            return JSONResponse(verbose(lines, duration, form, models), headers=headers)
        case "diarized_json":
            return JSONResponse(diarized(lines, duration, form), headers=headers)
        case _:
            return JSONResponse(text_only(lines, duration), headers=headers)
