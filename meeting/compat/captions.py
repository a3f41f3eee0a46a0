"""The protocol of a recording page: small WAV files in, the text so far out as plain text. Pure.

The page knows nothing but to send each piece of sound that its recorder makes, and to show each text that comes. So
every text is all that it should show: the newest lines, the last of which still grows.
"""

from __future__ import annotations

import base64

from meeting.compat.exchange import Action, Close, Feed, Finish, Tell
from meeting.compat.lines import Lines
from meeting.compat.live_stream import StreamMessage
from meeting.compat.wav import WavPiece, parse_wav
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, Auth, Ended, ErrorMessage, SegmentMessage, Stop, decode

IDLE_SECONDS = 60.0
"""Seconds without a piece after which a page counts as gone"""
MOST_TEXT = 20_000
"""Characters of text that the page is told at once, about: an hour and more of talk"""


def piece_of(data: str | bytes) -> WavPiece | Auth | Stop:
    """What one message of the page is; raises ProtocolError."""
    if isinstance(data, bytes):
        return parse_wav(data)
    if data.lstrip().startswith("{"):
        message = decode(data)
        if isinstance(message, (Auth, Stop)):
            return message
        raise ProtocolError("a text message is a WAV file as base64, or says auth or stop")
    body = data.strip()
    if body.startswith("data:"):
        body = body.partition(",")[2]
    try:
        return parse_wav(base64.b64decode(body, validate=True))
    except ValueError as error:  # which letters of other alphabets raise, too
        raise ProtocolError("a text message must be a WAV file as base64", ErrorCode.BAD_AUDIO) from error


class Captions:
    """One page; made once its first piece has said what its audio is."""

    def __init__(self, audio: AudioInfo, now: float) -> None:
        self._audio = audio
        self._active_at = now
        self._stopped = False
        self._lines = Lines()
        self._told = ""

    @property
    def wake_at(self) -> float | None:
        """When the page counts as gone."""
        return None if self._stopped else self._active_at + IDLE_SECONDS

    def fed(self, now: float) -> None:
        """Audio was taken, for which the page may have had to wait."""
        self._active_at = now

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        """A further piece, of the same kind as the first one."""
        self._active_at = now
        match piece_of(data):
            case WavPiece(audio, samples) if audio == self._audio:
                return [Feed(samples)]
            case WavPiece(audio):
                raise ProtocolError(
                    f"this WAV file is {_description(audio)}, and the first one was {_description(self._audio)}",
                    ErrorCode.BAD_AUDIO,
                )
            case Stop():
                self._stopped = True
                return [Finish()]
            case _:
                return []

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        """The text so far, where it has changed; of errors those that end it."""
        if isinstance(message, ErrorMessage):
            return [Tell(message.message)] if message.fatal else []
        text = self.text() if self._lines.apply(message) or isinstance(message, Ended) else self._told
        if text == self._told:
            return []
        self._told = text
        return [Tell(text)]

    def tick(self, now: float) -> list[Action]:
        """End a recording that has stopped in the middle: it takes the place of another one."""
        if self._stopped or now < self._active_at + IDLE_SECONDS:
            return []
        self._stopped = True
        return [Tell(f"no sound has come for {IDLE_SECONDS:g} seconds"), Close(CloseCode.BAD_MESSAGE, "silent")]

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        """The sentence, and the end."""
        return [Tell(str(error)), Close(error.close, error.code)]

    def text(self) -> str:
        """The newest lines, a paragraph for each speaker in turn, with the name in front where it is known."""
        newest: list[SegmentMessage] = []
        size = 0
        for line in reversed(self._lines):
            newest.append(line)
            size += len(line.text)
            if size >= MOST_TEXT:
                break
        paragraphs: list[tuple[str | None, list[str]]] = []
        for line in reversed(newest):
            if not paragraphs or paragraphs[-1][0] != line.speaker:
                paragraphs.append((line.speaker, []))
            paragraphs[-1][1].append(line.text)
        return "\n".join(self._paragraph(speaker, texts) for speaker, texts in paragraphs)

    def _paragraph(self, speaker: str | None, texts: list[str]) -> str:
        name = self._lines.name(speaker)
        return f"{name}: {' '.join(texts)}" if name else " ".join(texts)


def _description(audio: AudioInfo) -> str:
    return f"{audio.encoding} with {audio.sample_rate} Hz and {audio.channels} channel(s)"
