"""The items of a realtime session: which line belongs to which, and what is told of each when. Pure.

What has been told cannot be taken back. So words are told once they are stable or final, and where speakers are asked
for a line waits a little for its speaker before it is told as a segment.
"""

from __future__ import annotations

from meeting.compat.client_audio import ClientAudio
from meeting.compat.lines import Lines, word_key
from meeting.compat.live_stream import StreamMessage
from meeting.compat.openai.realtime.item import Item
from meeting.compat.openai.realtime.settings import Settings
from meeting.compat.openai.shapes import label, usage
from meeting.core.messages import JsonObject, SegmentMessage
from pipelines.spacing import join_words

LABEL_SECONDS = 2.0
"""Seconds that a final line waits for its speaker"""
PAUSE_SECONDS = 0.2
"""Seconds after a final line within which a next one of the same speech appears"""
SETTLE_SECONDS = 1.0
"""Seconds that words may take to appear once the models have come past them"""
FINISH_SECONDS = 10.0
"""Seconds after which an item that was ended by hand is over in any case, once the models have come past it"""
LOOK_SECONDS = 0.1
"""Seconds between two looks at how far the models have come"""


class Items:
    """All items of one session; what is told are events without their ids."""

    def __init__(self, prefix: str, audio: ClientAudio, settings: Settings) -> None:
        """`prefix` begins the ids of items; `audio` is what the client has sent, and knows its times."""
        self.settings = settings
        """As they are now: what is told, and when"""
        self._pause = settings.silence
        """Seconds of silence behind which the meeting says that nobody goes on: as they were before its audio"""
        self._prefix = prefix
        self._clock = audio.clock
        self._flush = audio.flush
        self._lines = Lines()
        self._items: list[Item] = []
        """Those that are not complete, in order; only the last one may still grow"""
        self._count = 0
        self._committed: str | None = None
        """The last item that was told to be there"""
        self._begin = 0.0
        """Where the audio of the next item begins"""
        self._over: set[str] = set()
        """Lines of items that are complete"""
        self._told: set[tuple[float, str]] = set()
        """Words that were told in segments"""

    @property
    def begin(self) -> float:
        """Where the audio begins that no item has been made of, in seconds of the meeting."""
        return self._begin

    def wake_at(self, now: float) -> float | None:
        """When `tick` is due."""
        due = [at for item in self._items for at in item.held.values()]
        for item in self._items:
            if item.settled_at is not None:
                due.append(item.settled_at if now < item.settled_at else item.settled_at + FINISH_SECONDS)
            elif item.by_hand:
                due.append(now + LOOK_SECONDS)
            elif self.settings.silence is not None and not item.open and now < item.changed_at + PAUSE_SECONDS:
                due.append(item.changed_at + PAUSE_SECONDS)
        return min(due, default=None)

    # From the meeting

    def apply(self, message: StreamMessage, now: float) -> list[JsonObject]:
        """What is to be told because of a message."""
        self._lines.apply(message)
        return self._line(message, now) if isinstance(message, SegmentMessage) else []

    def _line(self, line: SegmentMessage, now: float) -> list[JsonObject]:
        whole = line.id.partition(".")[0]
        item = self._home(whole, line)
        if whole in self._over or (item is None and not line.text):
            return []
        told: list[JsonObject] = []
        if item is not None and self._follows_a_pause(line, whole, item):
            told, item = self._stop(item), None
        if item is None:
            item = self._open(now)
            if self.settings.silence is not None:
                told.append(self._event("input_audio_buffer.speech_started", item, audio_start_ms=self._ms(line.start)))
        item.take(whole, line, now)
        if item.cleared:
            return []
        first, words = item.silent, item.fresh(self._lines)
        if words:
            text = join_words(words)
            told.append(self._transcription(item, "delta", delta=text if first else f" {text}"))
        if line.final and line.text and self.settings.diarize:
            item.held.setdefault(line.id, now + LABEL_SECONDS)
        return told

    def _home(self, whole: str, line: SegmentMessage) -> Item | None:
        """The item that a line belongs to; None where that is yet to be made."""
        known = next((item for item in self._items if item.holds(whole)), None)
        return known or next((item for item in self._items if item.end is None or line.start < item.end), None)

    def _open(self, now: float) -> Item:
        self._count += 1
        item = Item(f"item_{self._prefix}_{self._count}", self._begin, now)
        self._items.append(item)
        return item

    # From the client

    def commit(self, at: float, now: float) -> list[JsonObject]:
        """The client ends an item, whose audio ends at a time of the meeting; silence follows it."""
        item = self._end(at, now)
        return self._announced(item)

    def clear(self, at: float, now: float) -> None:
        """The client wants to hear nothing of what it has sent since the last item."""
        item = self._end(at, now)
        item.cleared = True
        item.held.clear()

    def _end(self, at: float, now: float) -> Item:
        growing = self._items[-1] if self._items and self._items[-1].end is None else self._open(now)
        growing.end, growing.by_hand = at, True
        self._begin = at + self._flush
        return growing

    # As time goes by

    def tick(self, now: float, received: float, heard: float) -> list[JsonObject]:
        """What is due; `received` and `heard`: seconds of the meeting that are on disk, and behind the models."""
        told: list[JsonObject] = []
        for item in list(self._items):
            told += self._segments(item, now)
            if item.end is None and self._quiet(item, now, received):
                told += self._stop(item)
            if item.by_hand and item.settled_at is None and heard >= (item.end or 0.0):
                item.settled_at = now + SETTLE_SECONDS
            if item.end is not None and self._complete(item, now):
                told += self._completed(item)
        return told

    def finish(self) -> list[JsonObject]:
        """All has been heard: what is left."""
        told: list[JsonObject] = []
        for item in list(self._items):
            told += self._segments(item, None)
            if item.end is None:
                item.end = item.last_word_end(self._lines)
                told += self._announced(item)
            told += self._completed(item)
        return told

    def fail(self, error: JsonObject) -> list[JsonObject]:
        """Nothing more will be heard: of what was to come of the items that the client knows of."""
        known = [item for item in self._items if item.end is not None and not item.cleared]
        self._items.clear()
        return [self._transcription(item, "failed", error=error) for item in known]

    def _stop(self, item: Item) -> list[JsonObject]:
        """The item ends with its last word."""
        item.end = self._begin = item.last_word_end(self._lines)
        stopped = self._event("input_audio_buffer.speech_stopped", item, audio_end_ms=self._ms(item.end))
        return [stopped, *self._announced(item)]

    def _follows_a_pause(self, line: SegmentMessage, whole: str, item: Item) -> bool:
        """Whether a new line comes so long after an item that this has ended: told late where the models are behind.

        That the meeting tells of the pause says more than the times of words, which are a little longer or shorter.
        """
        silence = self.settings.silence
        if silence is None or item.end is not None or item.goes_on or item.holds(whole) or not line.words:
            return False
        between = line.words[0].start - item.last_word_end(self._lines)
        told_of = self._pause is not None and silence <= self._pause
        return between > 0 if told_of else between >= silence

    def _quiet(self, item: Item, now: float, received: float) -> bool:
        silence = self.settings.silence
        if silence is None or item.goes_on or now < item.changed_at + PAUSE_SECONDS:
            return False
        return received >= item.last_word_end(self._lines) + silence

    def _complete(self, item: Item, now: float) -> bool:
        if not item.by_hand:
            return not item.held
        if item.settled_at is None or now < item.settled_at:
            return False
        return not (item.open or item.held) or now >= item.settled_at + FINISH_SECONDS

    def _completed(self, item: Item) -> list[JsonObject]:
        self._items.remove(item)
        # What still grows in an item that is over in any case is told as part of the next one.
        self._over.update(item.lines)
        if item.cleared:
            return []
        seconds = self._clock(item.end or 0.0) - self._clock(item.start)
        text = item.text(self._lines)
        return [self._transcription(item, "completed", transcript=text, usage=usage(max(0.0, round(seconds, 3))))]

    def _segments(self, item: Item, now: float | None) -> list[JsonObject]:
        """Final lines whose speakers are known, or that have waited long enough; all of them without a time."""
        told: list[JsonObject] = []
        for id_, until in list(item.held.items()):
            line = self._lines.line(id_)
            if line is not None and line.speaker is None and now is not None and now < until:
                break  # the next ones wait with it: they are told in order
            del item.held[id_]
            if line is not None:
                told += self._segment(item, line)
        return told

    def _segment(self, item: Item, line: SegmentMessage) -> list[JsonObject]:
        """A line's words that have not been told yet: it may hold what another one held before."""
        words = [word for word in line.words if word_key(word) not in self._told]
        if not words:
            return []
        self._told |= {word_key(word) for word in words}
        return [
            self._transcription(
                item,
                "segment",
                id=line.id,
                start=self._clock(words[0].start),
                end=self._clock(words[-1].end),
                speaker=label(self._lines.number(line.speaker)),
                text=join_words(word.text for word in words),
            )
        ]

    # How it is told

    def _announced(self, item: Item) -> list[JsonObject]:
        """That an item is there."""
        place = {"previous_item_id": self._committed}
        self._committed = item.id
        body = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        kinds = ("created",) if self.settings.older else ("added", "done")
        return [
            self._event("input_audio_buffer.committed", item, **place),
            *({"type": f"conversation.item.{kind}", **place, "item": body} for kind in kinds),
        ]

    def _transcription(self, item: Item, kind: str, **fields: object) -> JsonObject:
        return self._event(f"conversation.item.input_audio_transcription.{kind}", item, content_index=0, **fields)

    def _event(self, kind: str, item: Item, **fields: object) -> JsonObject:
        return {"type": kind, "item_id": item.id, **fields}

    def _ms(self, time: float) -> int:
        return round(self._clock(time) * 1000)
