"""Voices of which a client has samples, which are heard before the recording: who speaks in one has its name. Pure.

So a voice is known again by the rules by which anybody is who comes again. Nothing of the samples is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meeting.compat.lines import Lines
from meeting.compat.live_stream import StreamMessage
from meeting.core.messages import Ack, SegmentMessage, SpeakerMessage, SpeakerRevisionMessage

PAUSE_SECONDS = 2.0
"""Silence behind each sample: nobody goes on speaking in the next one"""


@dataclass(frozen=True, slots=True)
class VoiceSample:
    """Where a sample lies in what is heard, in seconds."""

    name: str
    start: float
    end: float


class KnownSpeakers:
    """The names of those who speak in the samples, and messages as they are without these."""

    def __init__(self, names: Sequence[str], lengths: Sequence[float]) -> None:
        """`lengths` are those of the samples in seconds, in the order in which they are heard."""
        self.samples: list[VoiceSample] = []
        self.seconds = 0.0
        """Where the recording begins"""
        for name, length in zip(names, lengths, strict=True):
            self.samples.append(VoiceSample(name, self.seconds, self.seconds + length))
            self.seconds += length + PAUSE_SECONDS
        self._said = Lines()
        """What was said in the samples"""
        self._voices: dict[str, SpeakerMessage] = {}

    def apply(self, message: StreamMessage) -> list[StreamMessage]:
        """What is to be told in the place of a message."""
        match message:
            case SegmentMessage():
                if (message.start + message.end) / 2 >= self.seconds:
                    return [self._moved(message)]
                self._said.apply(message)
                return self._renamed()
            case SpeakerMessage():
                self._said.apply(message)
                self._voices[message.id] = replace(message, name=None)
                return [self._voices[message.id], *self._renamed()]
            case SpeakerRevisionMessage():
                self._said.apply(message)
                return [message, *self._renamed()]
            case Ack():
                return [replace(message, audio=self._time(message.audio))]
            case _:
                return [message]

    def _renamed(self) -> list[StreamMessage]:
        """Voices whose names are others than they were."""
        names = self._names()
        told: list[StreamMessage] = []
        for id_, voice in self._voices.items():
            if voice.name != names.get(id_):
                self._voices[id_] = replace(voice, name=names.get(id_))
                told.append(self._voices[id_])
        return told

    def _names(self) -> dict[str, str]:
        """Who speaks in the samples, by ids; of several in which one voice is heard the one where it speaks longest."""
        heard: Counter[tuple[str, str]] = Counter()
        for line in self._said:
            for word in line.words if line.speaker else ():
                middle = (word.start + word.end) / 2
                for sample in self.samples:
                    if sample.start <= middle < sample.end:
                        heard[line.speaker or "", sample.name] += round(1000 * (word.end - word.start))
        names: dict[str, str] = {}
        for (speaker, name), _ in heard.most_common():
            if speaker not in names and name not in names.values():
                names[speaker] = name
        return names

    def _moved(self, line: SegmentMessage) -> SegmentMessage:
        words = tuple(replace(word, start=self._time(word.start), end=self._time(word.end)) for word in line.words)
        return replace(line, start=self._time(line.start), end=self._time(line.end), words=words)

    def _time(self, time: float) -> float:
        return round(max(0.0, time - self.seconds), 3)
