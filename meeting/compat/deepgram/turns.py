"""Deepgram's live protocol, version 2: a conversation as turns, each of which begins, grows and ends. Pure.

A turn is what is said between two pauses. Once its end has been told it is not told of again, whatever is corrected.
One that began with what turned out to be noise ends without words. One that is open when the client has no more audio
is not ended, as the service that this is like does not: the last update of it is what counts.
"""

from __future__ import annotations

from collections.abc import Callable

from meeting.compat.client_audio import FLUSH_SECONDS, ClientAudio
from meeting.compat.deepgram.control import kind_of
from meeting.compat.deepgram.query import Query
from meeting.compat.deepgram.shapes import Heading, alternative, to_json, word_of
from meeting.compat.deepgram.translator import IDLE_SECONDS, INTERNAL, POLICY
from meeting.compat.exchange import Action, Close, Finish, Tell
from meeting.compat.lines import Lines, Speech, word_key
from meeting.compat.live_stream import StreamMessage
from meeting.compat.recording import SERIOUS
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage, JsonObject, SegmentMessage, WordMessage

Words = list[tuple[WordMessage, str | None]]
"""Words with their speakers"""


class TurnTranslator:
    """One client."""

    def __init__(self, query: Query, heading: Heading, now: float, flush: float = FLUSH_SECONDS) -> None:
        """`flush` is how many seconds of silence end an utterance."""
        self.closing = False
        """Whether the client has no more audio"""
        self._query = query
        self._heading = heading
        self._audio = ClientAudio(query.raw, query.decoded, flush)
        self._active_at = now
        self._lines = Lines()
        self._speech = Speech()
        self._sequence = 0
        self._turn = 0
        self._started = False
        self._growing: dict[str, None] = {}
        """Lines of this turn"""
        self._window = (0.0, 0.0)
        """Where the words of this turn that were told last begin and end, in seconds of the meeting"""
        self._backlog: Callable[[], float] = lambda: 0.0
        self._told: set[tuple[float, str]] = set()
        """Words of the turns before"""
        self._by_hand = False
        """Whether the client has asked for this turn's end"""
        self._forced_at = 0.0
        """Where silence was put in last to end a turn, in seconds of the meeting"""
        self._held = False
        """Whether this turn has ended, unless it was the end of the audio that ended it"""

    @property
    def wake_at(self) -> float | None:
        """When the client counts as gone."""
        return None if self.closing else self._active_at + IDLE_SECONDS

    def from_client(self, data: str | bytes, now: float) -> list[Action]:
        """Audio, or a control message."""
        self._active_at = now
        if isinstance(data, str):
            return self._control(data)
        if self.closing:
            return []
        return [self._audio.feed(data)] if data else self._close()

    def opened(self, backlog: Callable[[], float]) -> None:
        """The meeting has been made; `backlog` says how many seconds of its audio wait for the models."""
        self._backlog = backlog

    def fed(self, now: float) -> None:
        """Audio was taken, for which the client may have had to wait."""
        self._active_at = now

    def _control(self, text: str) -> list[Action]:
        match kind_of(text):
            case "KeepAlive":
                return []
            case "CloseStream":
                return self._close()
            case "ForceEndTurn":
                return self._force()
            case "Configure":
                told = "nothing can be set while a stream runs: the server's own settings hold"
                return [self._say("ConfigureFailure", code="NOT_SUPPORTED", description=told)]
            case _:
                told = "a text message is JSON with the type ForceEndTurn, KeepAlive or CloseStream"
                return [self._say("Warning", code="UNPARSABLE_CLIENT_MESSAGE", description=told)]

    def _force(self) -> list[Action]:
        at = self._audio.seconds
        silence = None if self.closing else self._audio.silence()
        if silence is None:
            return []
        self._forced_at, self._by_hand = at, self._by_hand or self._started
        return [silence]

    def _close(self) -> list[Action]:
        self.closing = True
        return [Finish()]

    def greeting(self) -> list[Action]:
        """That the client is connected."""
        return [self._say("Connected")]

    def nothing(self) -> list[Action]:
        """The end of a stream that had no audio."""
        return [Close()]

    def from_meeting(self, message: StreamMessage, now: float) -> list[Action]:
        """What has happened to the turn."""
        if isinstance(message, ErrorMessage):
            return self._failure(message)
        if isinstance(message, Ended):
            return self._ended()
        if isinstance(message, Ack):
            return self._acknowledged(message)
        return self._line(message) if isinstance(message, SegmentMessage) else self._other(message)

    def _other(self, message: StreamMessage) -> list[Action]:
        self._lines.apply(message)
        return []

    def _line(self, line: SegmentMessage) -> list[Action]:
        self._speech.apply(line)
        before = self._words() if self._held and not self._is_part(line) else None
        if not self._lines.apply(line):
            return []
        told: list[Action] = []
        if line.text and any(word_key(word) not in self._told for word in line.words):
            told = [] if before is None else self._end_of_turn(before)
            self._growing[line.id] = None
        elif line.id not in self._growing:
            return []
        words = self._words()
        if not words:  # taken back
            return self._over(words) if self._started and line.pause else []
        return [*told, *self._turn_told(words, not self._speech.goes_on)]

    def _is_part(self, line: SegmentMessage) -> bool:
        """Whether a line is one of this turn's, or what one of them was cut into."""
        return _whole(line.id) in map(_whole, self._growing)

    def _ended(self) -> list[Action]:
        """All has been heard: how an open turn stands."""
        if not self._started:
            return []
        words = self._words()
        return self._end_of_turn(words) if self._forced else [self._turn_info("Update", words)]

    def _acknowledged(self, ack: Ack) -> list[Action]:
        """End a turn once its silence has been heard, where no line says that: all of its words were taken back, or
        the client has no more audio."""
        words = self._words()
        if not self._started or (words and not self._held):
            return []
        silent = ack.audio - self._backlog() - self._window[1]
        return self._end_of_turn(words) if silent >= self._audio.flush else []

    def _words(self) -> Words:
        """The words of this turn with their speakers, in order."""
        lines = [line for id_ in self._growing if (line := self._lines.line(id_)) is not None]
        return [
            (word, line.speaker)
            for line in sorted(lines, key=lambda line: line.start)
            for word in line.words
            if word_key(word) not in self._told
        ]

    def _turn_told(self, words: Words, over: bool) -> list[Action]:
        started, self._started = self._started, True
        self._window = words[0][0].start, words[-1][0].end
        actions: list[Action] = [] if started else [self._turn_info("StartOfTurn", words)]
        if over:
            return [*actions, *self._over(words)]
        self._held = False
        return actions or [self._turn_info("Update", words)]

    def _over(self, words: Words) -> list[Action]:
        """The end of a turn; while the client has no more audio it is seen later whether that has ended it."""
        if self.closing and not self._forced:
            self._held = True
            return [self._turn_info("Update", words)]
        return self._end_of_turn(words)

    @property
    def _forced(self) -> bool:
        """Whether silence was put in behind this turn, heard already or not."""
        return self._by_hand or self._window[0] < self._forced_at

    def _end_of_turn(self, words: Words) -> list[Action]:
        told = self._turn_info("EndOfTurn", words, trigger="manual" if self._by_hand else "model")
        self._told |= {word_key(word) for word, _ in words}
        self._growing.clear()
        self._started = self._by_hand = self._held = False
        self._turn += 1
        return [told]

    def _turn_info(self, event: str, words: Words, **more: str) -> Tell:
        clock = self._audio.clock
        bodies = [
            word_of(
                WordMessage(word.text, clock(word.start), clock(word.end), word.confidence),
                self._lines.number(speaker) if self._query.diarize else None,
                True,
            )
            for word, speaker in words
        ]
        shown = alternative(bodies)
        for body in bodies:
            body["word"] = body.pop("punctuated_word")
        return self._say(
            "TurnInfo",
            event=event,
            turn_index=self._turn,
            audio_window_start=clock(self._window[0]),
            audio_window_end=clock(self._window[1]),
            transcript=shown["transcript"],
            words=bodies,
            end_of_turn_confidence=1.0 if event == "EndOfTurn" else 0.0,
            **more,
        )

    def tick(self, now: float) -> list[Action]:
        """Send a client away that has gone silent in the middle."""
        if self.closing or now < self._active_at + IDLE_SECONDS:
            return []
        self.closing = True
        told = f"no audio has come for {IDLE_SECONDS:g} seconds"
        return [self._say("Error", code="TIMEOUT", description=told), Close(INTERNAL, "NET-0001")]

    def failed(self, error: ProtocolError, now: float) -> list[Action]:
        """An error of the client's."""
        return [self._say("Error", code=error.code.upper(), description=str(error)), Close(POLICY, error.code)]

    def _failure(self, message: ErrorMessage) -> list[Action]:
        if not message.fatal and message.code not in SERIOUS:
            return []
        kind = "Error" if message.fatal else "Warning"
        told: list[Action] = [self._say(kind, code=message.code.upper(), description=message.message)]
        close = POLICY if message.code == ErrorCode.BAD_AUDIO else INTERNAL
        return [*told, Close(close, message.code)] if message.fatal else told

    def _say(self, kind: str, **fields: object) -> Tell:
        body: JsonObject = {
            "type": kind,
            "request_id": self._heading.request_id,
            "sequence_id": self._sequence,
            **fields,
        }
        self._sequence += 1
        return Tell(to_json(body))


def _whole(line: str) -> str:
    """The line that one is or was a part of."""
    return line.partition(".")[0]
