"""Deepgram's live protocol: control messages and audio in, results and events out. Pure.

What the client is told of time is time of its own audio, whatever silence was put between to bring an utterance to its
end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from meeting.compat.client_audio import FLUSH_SECONDS, ClientAudio
from meeting.compat.deepgram.control import kind_of
from meeting.compat.deepgram.query import Query
from meeting.compat.deepgram.results import Results
from meeting.compat.deepgram.shapes import Heading, to_json
from meeting.compat.exchange import Action, Close, Finish, Tell
from meeting.compat.live_stream import StreamMessage
from meeting.compat.recording import SERIOUS
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage, JsonObject, SegmentMessage

IDLE_SECONDS = 10.0
"""Seconds without audio or `KeepAlive` after which a client counts as gone"""
SETTLE_SECONDS = 1.0
"""Seconds that the words before that silence may take to appear once it has been received"""
FINALIZE_SECONDS = 10.0
"""Seconds after which the end of an utterance that was asked for is told in any case"""
POLICY, INTERNAL = 1008, 1011
"""Codes with which Deepgram closes"""


class Translator:
    """One client."""

    def __init__(self, query: Query, heading: Heading, now: float, flush: float = FLUSH_SECONDS) -> None:
        """`flush` is how many seconds of silence end an utterance."""
        self._query = query
        self._audio = ClientAudio(query.raw, query.decoded, flush)
        self._clock = self._audio.clock
        self._digest = hashlib.sha256()
        self._results = Results(query, heading, self._clock)
        self._received = 0.0
        """Seconds of audio on the server's disk"""
        self._backlog: Callable[[], float] = lambda: 0.0
        self._active_at = now
        self._closing = False
        self._finalizing: tuple[float, float] | None = None
        """Seconds of audio that must be received before it may be told, and when it is told in any case"""
        self._settled_at: float | None = None
        self._withheld: list[JsonObject] = []
        """The newest final result, while it is not known whether it is the last one that `Finalize` causes"""
        self._speech_told = False
        self._utterance_over = True
        self._told_at = 0.0
        """How far the audio had come when the last words were told as final, in the client's time"""

    @property
    def closing(self) -> bool:
        """Whether the client has no more audio."""
        return self._closing

    @property
    def wake_at(self) -> float | None:
        """When `tick` is due."""
        limits = () if self._finalizing is None else (self._finalizing[1],)
        idle = None if self._closing else self._active_at + IDLE_SECONDS
        return min(
            [at for at in (idle, self._results.release_at, self._settled_at, *limits) if at is not None], default=None
        )

    def opened(self, backlog: Callable[[], float]) -> None:
        """The meeting has been made; `backlog` says how many seconds of its audio wait for the models."""
        self._backlog = backlog

    # From the client

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        """Audio, or a control message."""
        self._active_at = now
        if isinstance(data, str):
            return self._control(data, now)
        if self._closing:
            return []
        if not data:  # which ends a stream, too
            return self._close()
        self._digest.update(data)
        return [self._audio.feed(data)]

    def fed(self, now: float) -> None:
        """Audio was taken, for which the client may have had to wait."""
        self._active_at = now

    def _control(self, text: str, now: float) -> list[Action]:
        match kind_of(text):
            case "KeepAlive":
                return []
            case "Finalize":
                return self._finalize(now)
            case "CloseStream":
                return self._close()
            case _:
                message = "a text message is JSON with the type KeepAlive, Finalize or CloseStream"
                return [self._error("SchemaError", message, message=text[:200])]

    def _close(self) -> list[Action]:
        self._closing = True
        return [Finish()]

    def _finalize(self, now: float) -> list[Action]:
        if self._closing:
            return []
        silence = self._audio.silence()
        until = self._received if silence is None else self._audio.seconds - 0.01
        self._finalizing = (until, now + FINALIZE_SECONDS)
        self._settled_at = now + SETTLE_SECONDS if self._received >= until else None
        return [] if silence is None else [silence]

    # From the meeting

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        """Results and events; in the end what has changed of them, and the metadata of the whole."""
        if isinstance(message, ErrorMessage):
            return self._failure(message)
        if isinstance(message, Ended):
            return self._end(now)
        if isinstance(message, Ack):
            return self._acknowledged(message, now)
        before = self._results.last_word_end or 0.0
        told = self._results.apply(message, now)
        started = self._speech_started(message, before) if isinstance(message, SegmentMessage) else []
        return [*started, *self._tell(told, now)]

    def _acknowledged(self, ack: Ack, now: float) -> list[Action]:
        self._received = max(self._received, ack.audio)
        if self._finalizing is not None and self._settled_at is None and ack.audio >= self._finalizing[0]:
            self._settled_at = now + SETTLE_SECONDS
        return self._utterance_end()

    def _utterance_end(self) -> list[Action]:
        patience, last = self._query.utterance_end, self._results.last_word_end
        waits = patience is not None and last is not None and not self._utterance_over and not self._grows
        # Without a pause behind them somebody goes on, whose words may only just be on their way.
        since = max(last or 0.0, self._told_at if self._results.speech.goes_on else 0.0)
        if not waits or self._clock(self._received) - since < (patience or 0.0):
            return []
        self._utterance_over = True
        return [_say({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last})]

    @property
    def _grows(self) -> bool:
        """Whether more will be told of an utterance."""
        return bool(self._results.speech.growing or self._withheld)

    def _speech_started(self, line: SegmentMessage, before: float) -> list[Action]:
        start = self._clock(line.start)
        new = bool(line.text) and start >= before
        told, self._speech_told = self._speech_told, self._results.speech.goes_on
        if told or not new or not self._query.vad_events:
            return []
        return [_say({"type": "SpeechStarted", "channel": [0, 1], "timestamp": start})]

    def _tell(self, told: list[JsonObject], now: float) -> list[Action]:
        if told:
            told, self._withheld = [*self._withheld, *told], []
        if any(result["is_final"] for result in told):
            self._note_words(told)
            if self._settled_at is not None and self._heard_to_the_end() and self._results.release_at is None:
                told = self._from_finalize(told)
            elif self._settled_at is not None and told[-1]["is_final"]:
                self._withheld = [told.pop()]
        return [*map(_say, told), *self._utterance_end()]

    def _note_words(self, told: list[JsonObject]) -> None:
        if any(result["is_final"] and result["channel"]["alternatives"][0]["words"] for result in told):
            self._utterance_over, self._told_at = False, self._clock(self._received)

    def tick(self, now: float) -> list[Action]:
        """Tell what has waited long enough."""
        actions = self._tell(self._results.release(now), now)
        if self._finalizing is not None and (
            now >= self._finalizing[1] or (self._settled_at is not None and now >= self._settled_at)
        ):
            actions += self._finalized(now)
        if not self._closing and now >= self._active_at + IDLE_SECONDS:
            self._closing = True
            message = f"neither audio nor KeepAlive has come for {IDLE_SECONDS:g} seconds"
            actions += [self._error("Timeout", message), Close(INTERNAL, "NET-0001")]
        return actions

    def _finalized(self, now: float) -> list[Action]:
        assert self._finalizing is not None
        if now < self._finalizing[1] and not self._heard_to_the_end():
            self._settled_at = now + SETTLE_SECONDS
            return []
        told = self._rest(now)
        if told:
            self._note_words(told)
            return [*map(_say, self._from_finalize(told)), *self._utterance_end()]
        told = [self._results.result([], True, self._silent)]
        return [*map(_say, self._from_finalize(told))]

    def _rest(self, now: float) -> list[JsonObject]:
        """All final results that have not been told, whatever they wait for."""
        withheld, self._withheld = self._withheld, []
        return [*withheld, *self._results.release(now, all_=True)]

    def _from_finalize(self, told: list[JsonObject]) -> list[JsonObject]:
        """The results, the last one as the end of all that `Finalize` has caused."""
        told[-1]["from_finalize"] = True
        if self._silent:
            told[-1]["speech_final"] = True
            self._results.end_speech()
        self._finalizing = self._settled_at = None
        return told

    @property
    def _silent(self) -> bool:
        """Whether nobody goes on speaking where `Finalize` came: in a container no silence was put there."""
        return self._query.endpointing and (self._query.raw is not None or not self._results.speech.goes_on)

    def _heard_to_the_end(self) -> bool:
        """Whether no words will come any more of what was said before `Finalize`."""
        if self._finalizing is None or self._results.speech.growing:
            return False
        # the silence itself need not be heard
        return self._received - self._backlog() >= self._finalizing[0] - self._audio.flush

    def greeting(self) -> list[Action]:
        """What a client is told first: nothing."""
        return []

    def nothing(self) -> list[Action]:
        """The end of a stream that had no audio."""
        return [*self._end(0.0), Close()]

    def _end(self, now: float) -> list[Action]:
        told = self._rest(now)
        if told and self._finalizing is not None:
            told = self._from_finalize(told)
        told += self._results.last()
        heading, duration = self._results.heading, self._clock(self._received)
        metadata = {"type": "Metadata", **heading.of_end(duration, self._digest.hexdigest())}
        return [*map(_say, told), _say(metadata)]

    # Errors

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        """An error of the client's."""
        return [*map(_say, self._withheld), self._error(error.code, str(error)), Close(POLICY, error.code)]

    def _failure(self, message: ErrorMessage) -> list[Action]:
        if not message.fatal:
            told = message.code in SERIOUS
            return [self._error(message.code, message.message)] if told else []
        bad = message.code == ErrorCode.BAD_AUDIO
        return [
            *map(_say, self._withheld),
            self._error(message.code, message.message),
            Close(POLICY if bad else INTERNAL, "DATA-0000" if bad else message.code),
        ]

    def _error(self, variant: str, description: str, **more: str) -> Tell:
        return _say({"type": "Error", "variant": str(variant), "description": description, **more})


def _say(body: JsonObject) -> Tell:
    return Tell(to_json(body))
