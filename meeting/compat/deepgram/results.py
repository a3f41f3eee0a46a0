"""Live results: which words have been told, as which speaker's, and what has changed of them since. Pure.

The protocol cannot take back what it has told as final, so a line waits a little for its speaker; what turns out to be
otherwise later stands in the last result.
"""

from __future__ import annotations

from meeting.compat.client_audio import Clock
from meeting.compat.deepgram.query import Query
from meeting.compat.deepgram.shapes import Heading, alternative, word_of
from meeting.compat.lines import Lines, Speech, word_key
from meeting.compat.live_stream import StreamMessage
from meeting.core.messages import JsonObject, SegmentMessage, SpeakerMessage, SpeakerRevisionMessage, WordMessage

LABEL_SECONDS = 2.0
"""Seconds that a final line waits for its speaker"""


class Results:
    """The results of one stream, as JSON objects without their text."""

    def __init__(self, query: Query, heading: Heading, clock: Clock) -> None:
        self.heading = heading
        self.lines = Lines()
        self.speech = Speech()
        self.last_word_end: float | None = None
        """Of what has been told as final, in the client's time"""
        self._query = query
        self._clock = clock
        self._last_end = 0.0
        """The same in the meeting's time"""
        self._ended = True
        """Whether the end of the speech has been told whose words were told last"""
        self._held: dict[str, float] = {}
        """Final lines that wait for their speakers -> until when"""
        self._told: dict[tuple[float, str], int | None] = {}
        """Words that were told as final -> as whose"""

    @property
    def release_at(self) -> float | None:
        """When the first line that waits is told without its speaker."""
        first = self._first_held()
        return None if first is None else self._held[first]

    def apply(self, message: StreamMessage, now: float) -> list[JsonObject]:
        """What is to be told because of a message."""
        if isinstance(message, SegmentMessage):
            self.speech.apply(message)
        if not self.lines.apply(message):
            return []
        if isinstance(message, (SpeakerMessage, SpeakerRevisionMessage)):
            return self.release(now)
        if not isinstance(message, SegmentMessage):
            return []
        if message.final:
            if message.text:
                waits = self._query.diarize and bool(self._new_words(message))
                self._held.setdefault(message.id, now + (LABEL_SECONDS if waits else 0.0))
            return self.release(now)
        return [self._interim()] if self._query.interim_results and self.speech.growing else []

    def end_speech(self) -> None:
        """It is told otherwise that nobody goes on speaking behind what was told."""
        self._ended = True

    def release(self, now: float, all_: bool = False) -> list[JsonObject]:
        """Tell what waits, in order, as far as speakers are known or it has waited long enough."""
        told: list[JsonObject] = []
        while (id_ := self._first_held()) is not None:
            line = self.lines.line(id_)
            if not (all_ or line is None or line.speaker is not None or now >= self._held[id_]):
                break
            del self._held[id_]
            if line is not None:
                told += self._final(line)
        return told

    def _first_held(self) -> str | None:
        """Of the lines that wait the first in order of time; before those the ones that were withdrawn."""
        return min(self._held, key=self._place, default=None)

    def _place(self, id_: str) -> float:
        line = self.lines.line(id_)
        return -1.0 if line is None else line.start

    def _final(self, line: SegmentMessage) -> list[JsonObject]:
        """A line's words that have not been told yet: it may hold what another one held before."""
        speaker = self.lines.number(line.speaker)
        new = self._new_words(line)
        self._told |= {word_key(word): speaker for word in new}
        over = line.pause and line.end >= self._last_end
        if not new:
            return self._pause() if over else []
        self.last_word_end = self._clock(new[-1].end)
        self._last_end = max(self._last_end, new[-1].end)
        self._ended = over
        over = over and self._query.endpointing
        return [self.result([self._word(word, speaker) for word in new], final=True, speech_final=over)]

    def _pause(self) -> list[JsonObject]:
        """A pause behind words that have all been told: as a result without any, unless it was told with them."""
        told = not self._ended and self._query.endpointing
        self._ended = True
        return [self.result([], final=True, speech_final=True)] if told else []

    def _new_words(self, line: SegmentMessage) -> list[WordMessage]:
        """The words of a line that have not been told."""
        return [word for word in line.words if word_key(word) not in self._told]

    def _interim(self) -> JsonObject:
        shown = [line for id_ in (*self._held, *self.speech.growing) if (line := self.lines.line(id_)) is not None]
        words = [
            self._word(word, self.lines.number(line.speaker))
            for line in sorted(shown, key=lambda line: line.start)
            for word in self._new_words(line)
        ]
        return self.result(words, final=False, speech_final=False)

    def result(self, words: list[JsonObject], final: bool, speech_final: bool, **more: object) -> JsonObject:
        """A result of some words."""
        start = words[0]["start"] if words else self.last_word_end or 0.0
        end = words[-1]["end"] if words else start
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start,
            "duration": round(end - start, 3),
            "is_final": final,
            "speech_final": speech_final,
            "from_finalize": False,
            "channel": {"alternatives": [alternative(words)]},
            "metadata": self.heading.of_result(),
            **more,
        }

    def _word(self, word: WordMessage, speaker: int | None) -> JsonObject:
        moved = WordMessage(word.text, self._clock(word.start), self._clock(word.end), word.confidence)
        return word_of(moved, speaker if self._query.diarize else None, self._query.punctuate)

    def last(self) -> list[JsonObject]:
        """What has changed of what was told, in one more result without words of its own; nothing where nothing has."""
        corrections = [correction for line in self.lines for correction in self._correction(line)]
        if not corrections:
            return []
        return [self.result([], final=True, speech_final=self._query.endpointing, corrections=corrections)]

    def _correction(self, line: SegmentMessage) -> list[JsonObject]:
        speaker = self.lines.number(line.speaker)
        told = [self._told.get(word_key(word), -1) for word in line.words]
        if all(one == speaker for one in told):
            return []
        words = [self._word(word, speaker) for word in line.words]
        body = {"start": words[0]["start"], "end": words[-1]["end"], **alternative(words)}
        return [body if speaker is None else {**body, "speaker": speaker}]
