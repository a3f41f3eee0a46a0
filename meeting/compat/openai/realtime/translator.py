"""OpenAI's realtime protocol for transcription: a client's events in, the server's events out. Pure.

Audio goes to the meeting as it comes. Where a client ends an item by hand, silence is put behind its audio, of which
the times that it is told know nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from meeting.compat.client_audio import FLUSH_SECONDS, ClientAudio
from meeting.compat.exchange import Action, Close, Tell
from meeting.compat.live_stream import StreamMessage, StreamRequest
from meeting.compat.openai.realtime.items import Items
from meeting.compat.openai.realtime.settings import Settings, updated
from meeting.compat.openai.shapes import error_detail, status_of, to_json
from meeting.compat.parameters import refused
from meeting.compat.recording import SERIOUS
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage, JsonObject, parse_json

IDLE_SECONDS = 600.0
"""Seconds without an event after which a client counts as gone"""
LEAST_COMMIT = 0.1
"""Seconds of audio that an item has at least"""
POLICY = 1008
"""Code with which a client is sent away that has not kept to the protocol"""
UPDATES = {"session.update": False, "transcription_session.update": True}
"""Events that set the session -> whether they are of the form before today's"""
EMPTY = "input_audio_buffer_commit_empty"
"""Code of the error that is told where there is nothing to commit"""
CLEARED: JsonObject = {"type": "input_audio_buffer.cleared"}

_FIELD = re.compile(r"(audio|type|session[.\w]*) ")


class Translator:
    """One client; of `session_id` its ids are made, `flush` is how many seconds of silence end an utterance."""

    def __init__(
        self,
        settings: Settings,
        warnings: list[JsonObject],
        session_id: str,
        now: float,
        flush: float = FLUSH_SECONDS,
    ) -> None:
        self._settings = settings
        self._warnings = warnings
        self._id = session_id
        self._meeting_id: str | None = None
        self._events = 0
        self._audio = ClientAudio(settings.audio, settings.decoded, flush)
        self._items = Items(session_id, self._audio, settings)
        self._received = 0.0
        """Seconds of audio on the server's disk"""
        self._backlog: Callable[[], float] = lambda: 0.0
        self._now = now
        self._active_at = now
        self._over = False

    @property
    def request(self) -> StreamRequest:
        """The meeting that is asked for."""
        return self._settings.request

    @property
    def wake_at(self) -> float | None:
        """When `tick` is due."""
        due = [None if self._over else self._active_at + IDLE_SECONDS, self._items.wake_at(self._now)]
        return min((at for at in due if at is not None), default=None)

    def greeting(self) -> list[Action]:
        """What a client is told first."""
        return [self._session("created", self._warnings)]

    def opened(self, meeting_id: str, backlog: Callable[[], float]) -> list[Action]:
        """The meeting has been made; `backlog` says how many seconds of its audio wait for the models."""
        self._backlog = backlog
        if not self._settings.keep:
            return []
        self._meeting_id = meeting_id
        return [self._session("updated", [])]

    # From the client

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        """One event; one that makes no sense is told to be wrong, and the session goes on."""
        self._active_at = self._now = now
        event_id: str | None = None
        try:
            event = _event_of(data)
            event_id = event["event_id"] if isinstance(event.get("event_id"), str) else None
            return self._client_event(event, event_id, now)
        except ProtocolError as error:
            return [self._error(error, event_id)]

    def _client_event(self, event: dict[str, Any], event_id: str | None, now: float) -> list[Action]:
        match event.get("type"):
            case "input_audio_buffer.append":
                return [self._audio.feed(_audio_of(event))]
            case "input_audio_buffer.commit":
                if self._uncommitted < LEAST_COMMIT:
                    why = f"there are less than {LEAST_COMMIT:g} seconds of audio that could be committed"
                    return [self._error(refused(why), event_id, EMPTY)]
                return self._ended(self._items.commit(self._audio.seconds, now))
            case "input_audio_buffer.clear":
                if self._uncommitted <= 0:
                    self._audio.drop_rest()
                    return [self._tell(CLEARED)]
                self._items.clear(self._audio.seconds, now)
                return self._ended([CLEARED])
            case str(kind) if kind in UPDATES:
                return self._update(event.get("session"), UPDATES[kind])
            case kind:
                taken = ", ".join(("input_audio_buffer.append", ".commit", ".clear", *UPDATES))
                raise refused(f"type must be one of {taken}, not {str(kind)[:60]}: this is a transcription session")

    @property
    def _uncommitted(self) -> float:
        """Seconds of audio that no item has been made of; rounded, since the two are not computed alike."""
        return round(self._audio.seconds - self._items.begin, 6)

    def _ended(self, told: list[JsonObject]) -> list[Action]:
        """What is told of the end of an item, and silence behind its audio, for which there may be no room yet."""
        self._audio.drop_rest()  # it was in the buffer of this item, and the next one's is empty
        silence = self._audio.silence()
        assert silence is not None
        return [*map(self._tell, told), silence]

    def _update(self, session: object, older: bool) -> list[Action]:
        settings, warnings = updated(self._settings, session, older)
        # which silence ends an item may change; the meeting keeps to the one that it began with
        same = replace(settings.request, pause=self._settings.request.pause) == self._settings.request
        if self._audio.seconds and not same:
            raise refused("session can get another format, language, prompt or model before the first audio only")
        if not self._audio.seconds:
            self._audio = ClientAudio(settings.audio, settings.decoded, self._audio.flush)
            self._items = Items(self._id, self._audio, settings)
        self._settings = self._items.settings = settings
        return [self._session("updated", warnings)]

    def fed(self, now: float) -> None:
        """Audio was taken, for which the client may have had to wait."""
        self._active_at = self._now = now

    # From the meeting

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        """What is heard, item by item."""
        self._now = now
        if isinstance(message, ErrorMessage):
            return self._failure(message)
        if isinstance(message, Ended):
            self._over = True
            return [self._tell(event) for event in self._items.finish()]
        if isinstance(message, Ack):
            self._received = max(self._received, message.audio)
        return [self._tell(event) for event in self._items.apply(message, now) + self._due(now)]

    def tick(self, now: float) -> list[Action]:
        """What is due by now."""
        self._now = now
        actions: list[Action] = [self._tell(event) for event in self._due(now)]
        if not self._over and now >= self._active_at + IDLE_SECONDS:
            self._over = True
            message = f"no event has come for {IDLE_SECONDS:g} seconds"
            actions += [self._error(ProtocolError(message), None, "session_expired"), Close(CloseCode.NORMAL, "idle")]
        return actions

    def _due(self, now: float) -> list[JsonObject]:
        return self._items.tick(now, self._received, self._received - self._backlog())

    # Errors

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        """An error for which the session ends."""
        status = status_of(error)
        code = CloseCode.INTERNAL if status >= 500 else CloseCode.TRY_AGAIN_LATER if status == 429 else POLICY
        return [self._error(error), Close(code, error.code)]

    def _failure(self, message: ErrorMessage) -> list[Action]:
        error = ProtocolError(message.message, message.code)
        if not message.fatal:
            return [self._error(error)] if message.code in SERIOUS else []
        self._over = True
        told = [self._tell(event) for event in self._items.fail(_error_of(error))]
        close = POLICY if message.code == ErrorCode.BAD_AUDIO else CloseCode.INTERNAL
        return [*told, self._error(error), Close(close, message.code)]

    def _error(self, error: ProtocolError, event_id: str | None = None, code: str | None = None) -> Tell:
        body = _error_of(error)
        return self._tell({"type": "error", "error": {**body, "code": code or body["code"], "event_id": event_id}})

    # How it is told

    def _session(self, what: str, warnings: list[JsonObject]) -> Tell:
        body = self._settings.body(self._id)
        if self._meeting_id is not None:
            body["meeting_id"] = self._meeting_id
        kind = "transcription_session" if self._settings.older else "session"
        return self._tell({"type": f"{kind}.{what}", "session": body, **({"warnings": warnings} if warnings else {})})

    def _tell(self, event: JsonObject) -> Tell:
        self._events += 1
        return Tell(to_json({"event_id": f"event_{self._id}_{self._events}", **event}))


def _event_of(data: str | bytes) -> dict[str, Any]:
    if isinstance(data, bytes):
        raise refused("an event is a text message: audio comes as base64 in input_audio_buffer.append")
    try:
        event = parse_json(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise refused("an event is one JSON object with a type, in UTF-8")
    return event


def _audio_of(event: dict[str, Any]) -> bytes:
    audio = event.get("audio")
    try:
        return base64.b64decode(audio if isinstance(audio, str) else "?", validate=True)
    except ValueError:  # which letters of other alphabets raise, too
        raise refused("audio must be bytes as base64") from None


def _error_of(error: ProtocolError) -> JsonObject:
    """An error as events have it; one about a field begins with the field's name."""
    field = _FIELD.match(str(error))
    detail = error_detail(status_of(error), error.code, str(error))
    return {**detail, "param": field[1] if field else None}
