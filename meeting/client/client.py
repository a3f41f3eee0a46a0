"""The way in: a server, and what can be asked of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

from meeting.client.addresses import ServerAddress
from meeting.client.api import NewMeeting, ServerApi
from meeting.client.audio import AudioInput, audio_info, pieces_of, with_head
from meeting.client.driver import Endpoint
from meeting.client.errors import ClientError, RequestRefused
from meeting.client.events import Event
from meeting.client.members import Source, Viewer
from meeting.core.messages import VERSION, AudioInfo, JsonObject, SourceInfo, Start

BUFFER_BYTES = 8 << 20
"""Bytes of audio that are held while they are not confirmed: four minutes of 16-bit samples at 16 kHz"""
GIVE_UP_AFTER = 600.0
"""Seconds without a server after which a client gives up; a server's meeting waits as long for its source"""


class Client:
    """A server of meetings.

    `server` is its address, such as `http://127.0.0.1:8765`, or a link into a meeting, which brings its token;
    `context` is for a certificate that this machine does not know. Nothing is connected before something is asked.

        client = Client("http://127.0.0.1:8765")
        async for event in client.transcribe(Path("talk.flac"), title="Monday"):
            if isinstance(event, SegmentMessage) and event.final:
                print(event.speaker, event.text)
    """

    def __init__(
        self,
        server: str,
        token: str | None = None,
        *,
        context: ssl.SSLContext | None = None,
        give_up_after: float | None = GIVE_UP_AFTER,
    ) -> None:
        """Raises ClientError where the address is none. `give_up_after`: see `GIVE_UP_AFTER`; None: never."""
        self.address = ServerAddress.parse(server, token)
        self._context = context
        self._give_up_after = give_up_after
        self._api = ServerApi(self.address, context)

    async def create_meeting(
        self, title: str | None = None, *, hotwords: Sequence[str] = (), speakers: int | str | None = None
    ) -> NewMeeting:
        """Make a meeting; `speakers` is how many will speak, 4 or "2-5", where that is known. Raises ClientError."""
        asked: JsonObject = {"title": title, "hotwords": list(hotwords), "speakers": speakers}
        return await self._api.create({name: value for name, value in asked.items() if value})

    async def meeting(self, meeting_id: str | None = None) -> JsonObject:
        """What a meeting is and how far it has come, as `GET /api/meetings/{id}` tells it. Raises ClientError."""
        return await self._api.meeting(self._meeting(meeting_id))

    async def transcript(self, meeting_id: str | None = None) -> JsonObject:
        """The transcript so far, as in the JSON export. Raises ClientError."""
        return await self._api.transcript(self._meeting(meeting_id))

    async def export(self, format: str, meeting_id: str | None = None) -> str:
        """The transcript in a text format of exports, such as "srt". Raises ClientError."""
        data = await self.export_file(format, meeting_id)
        try:
            return data.decode()
        except ValueError:
            raise ClientError(f"{format} is no text: export_file() gives its bytes") from None

    async def export_file(self, format: str, meeting_id: str | None = None) -> bytes:
        """The transcript as a file in any format of exports, such as "docx". Raises ClientError."""
        return await self._api.export(self._meeting(meeting_id), format)

    async def end(self, meeting_id: str | None = None) -> None:
        """End a meeting with what was received, also while its source is away. Raises ClientError."""
        await self._api.end(self._meeting(meeting_id))

    def follow(self, meeting_id: str | None = None) -> Viewer:
        """Read a meeting along: first a `snapshot`, then all that changes, last `ended`.

            async with client.follow(meeting_id) as events:
                async for event in events:
                    ...

        Iterating raises ClientError when the server does not let this client in, or is away for too long.
        """
        return Viewer(self._endpoint(meeting_id), self._give_up_after)

    def speak(
        self,
        meeting_id: str | None = None,
        audio: AudioInfo | None = None,
        *,
        name: str = "",
        language: str | None = None,
        hotwords: Sequence[str] = (),
        buffer_bytes: int = BUFFER_BYTES,
    ) -> Source:
        """Be the source of a meeting; `audio` is what will be sent, by default 16-bit samples at 16 kHz, mono.

            async with client.speak(meeting.id) as source:
                async for samples in microphone():
                    await source.send(samples)

        Entering raises ClientError when the server will not have it. `buffer_bytes` of audio are held at most while
        the server has not confirmed them; then `send` waits.
        """
        start = Start(VERSION, audio or AudioInfo(), SourceInfo(name[:200]), language, tuple(hotwords))
        return Source(self._endpoint(meeting_id), start, buffer_bytes, self._give_up_after)

    async def transcribe(
        self,
        audio: AudioInput,
        info: AudioInfo | None = None,
        *,
        meeting_id: str | None = None,
        title: str | None = None,
        name: str = "",
        language: str | None = None,
        hotwords: Sequence[str] = (),
    ) -> AsyncIterator[Event]:
        """Stream a recording, or audio as it comes, into a meeting, and give its events up to `ended`.

        Without `info` the container is told by its first bytes; raw samples have to be declared, such as
        `AudioInfo("pcm_s16le", 16000, 1)`. Without a meeting a new one is made. An error of `audio` itself ends the
        meeting with what was sent, and is raised behind its events; so is RequestRefused where somebody else ended it
        before all was sent. Raises ClientError.
        """
        async with aclosing(pieces_of(audio)) as pieces:  # type: ignore[type-var]
            rest: AsyncIterator[bytes] = pieces
            if info is None:
                head, rest = await with_head(pieces)
                info = audio_info(head, str(audio) if isinstance(audio, Path) else "this")
            if meeting_id is None and self.address.meeting_id is None:
                meeting_id = (await self.create_meeting(title)).id
            source = self.speak(meeting_id, info, name=name, language=language, hotwords=hotwords)
            async with source:
                feeding = asyncio.create_task(source.send_all(rest))
                try:
                    async for event in source:
                        yield event
                finally:
                    feeding.cancel()
                    await asyncio.wait([feeding])
                if not feeding.cancelled() and (error := feeding.exception()) is not None:
                    raise error
                if source.ended_early:
                    raise RequestRefused("the meeting was ended by somebody else: not all was sent")

    def _meeting(self, meeting_id: str | None) -> str:
        found = meeting_id or self.address.meeting_id
        if found is None:
            raise ClientError("no meeting is named: give its id, or a link into it in the place of the server")
        return found

    def _endpoint(self, meeting_id: str | None) -> Endpoint:
        return Endpoint(self.address, self._meeting(meeting_id), self._context)
