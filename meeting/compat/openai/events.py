"""A transcript as events while it is made: text that is final, who says it, and the whole at the end. Pure.

What has been told cannot be taken back. So only final words are told, each once, and where speakers are asked for a
line waits for its speaker, for so many seconds of audio; what is known otherwise in the end stands in the last event.
"""

from __future__ import annotations

from dataclasses import replace

from meeting.compat.lines import Lines, word_key
from meeting.compat.live_stream import StreamMessage
from meeting.compat.openai.shapes import diarized_segments, segment_event, speaker_label, text_of
from meeting.core.messages import Ack, JsonObject, SegmentMessage
from pipelines.spacing import join_words

LABEL_SECONDS = 10.0
"""Seconds of audio behind its end for which a final line waits for its speaker"""


class Events:
    """The events of one recording."""

    def __init__(self, diarized: bool) -> None:
        self._diarized = diarized
        self._lines = Lines()
        self._heard = 0.0
        """Seconds of audio up to the last word of all"""
        self._held: dict[str, None] = {}
        """Final lines that have not been told"""
        self._told: set[tuple[float, str]] = set()
        """Words that have been told"""

    def apply(self, message: StreamMessage) -> list[JsonObject]:
        """What is to be told because of a message."""
        self._lines.apply(message)
        if isinstance(message, SegmentMessage):
            self._heard = max(self._heard, message.end)
            if message.final and message.text:
                self._held.setdefault(message.id)
        return [] if isinstance(message, Ack) else self._release(False)

    def last(self) -> list[JsonObject]:
        """What is left, and the whole."""
        done: JsonObject = {"type": "transcript.text.done", "text": text_of(self._lines)}
        left = self._release(True)
        return [*left, {**done, "segments": diarized_segments(self._lines)} if self._diarized else done]

    def _release(self, all_: bool) -> list[JsonObject]:
        """Tell what waits, in order of time, as far as speakers are known or it has waited long enough."""
        found = [line for id_ in self._held if (line := self._lines.line(id_)) is not None]
        told: list[JsonObject] = []
        for line in sorted(found, key=lambda line: line.start):
            waited = self._heard - line.end >= LABEL_SECONDS
            if self._diarized and line.speaker is None and not (all_ or waited):
                break
            del self._held[line.id]
            told += self._tell(line)
        return told

    def _tell(self, line: SegmentMessage) -> list[JsonObject]:
        """A line's words that have not been told yet: it may hold what another one held before."""
        words = tuple(word for word in line.words if word_key(word) not in self._told)
        if not words:
            return []
        first = not self._told
        self._told |= {word_key(word) for word in words}
        text = join_words(word.text for word in words)
        delta: JsonObject = {"type": "transcript.text.delta", "delta": text if first else f" {text}"}
        if not self._diarized:
            return [delta]
        part = replace(line, text=text, words=words, start=words[0].start, end=words[-1].end)
        return [{**delta, "segment_id": line.id}, segment_event(part, speaker_label(self._lines, line.speaker))]
