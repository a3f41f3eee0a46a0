"""Where a source's capture clock runs ahead of its frames: audio that never arrived, and the silence in its place.

What is found depends on the frames alone, so that a replay finds the same.
"""

from __future__ import annotations

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from pipelines.types import SAMPLE_RATE, Span, seconds

SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4}
"""Encodings whose frames say how long they are, and the bytes of one sample; in others no gap is looked for"""

MIN_MISSING = 1.0
"""Seconds that must be missing before it counts as a gap: an audio clock and the clock of the day differ a little"""
MAX_GAPS = 200
"""Gaps of a source that are reported one by one"""
REPORT_AGAIN = 10 * SAMPLE_RATE
"""Samples by which the last gap grows before it is reported again"""
MAX_SILENCE = 60.0
"""Longest silence in seconds that stands for a gap; a longer gap is named, not waited through"""


class GapFinder:
    """Takes a source's frames in order; says how much is missing before each."""

    def __init__(self, audio: AudioInfo) -> None:
        size = SAMPLE_BYTES.get(audio.encoding, 0)
        self._bytes_per_second = max(0, audio.sample_rate * audio.channels * size)
        self._expected: int | None = None
        self._received = 0.0
        self._filled = 0.0

    def __call__(self, frame: AudioFrame) -> float:
        """Seconds missing before this frame; 0.0 where it follows the one before."""
        if not self._bytes_per_second:
            return 0.0
        length = len(frame.payload) / self._bytes_per_second
        missing = 0.0 if self._expected is None else (frame.capture_us - self._expected) / 1e6
        self._expected = frame.capture_us + round(length * 1e6)
        self._received += length
        return missing if missing >= MIN_MISSING else 0.0

    def skip(self, seconds: float) -> None:
        """Something else stands for so much of the source."""
        self._received += seconds
        if self._expected is not None:
            self._expected += round(seconds * 1e6)

    def silence(self, missing: float) -> int:
        """Samples at 16 kHz that stand for a gap.

        All silence together is at most `MAX_SILENCE` more than what was received, whatever a client's clock claims:
        a few bytes must not become hours of audio.
        """
        allowed = MAX_SILENCE + self._received - self._filled
        taken = max(0.0, min(missing, MAX_SILENCE, allowed))
        self._filled += taken
        return round(taken * SAMPLE_RATE)


class GapList:
    """A source's gaps as they are reported: those that touch are one, and number `MAX_GAPS` takes in all later ones.

    What it reports depends on the gaps alone, so that a replay reports the same.
    """

    def __init__(self, source_id: str) -> None:
        self._source_id = source_id
        self._count = 0
        self._span = Span(0, 0)
        self._missing = 0.0
        self._silence = 0
        self._places = 0
        self._reported: Gap | None = None

    def add(self, start: int, silence: int, missing: float) -> list[Gap]:
        """Take a gap of `silence` samples from `start` on in the place of `missing` seconds; what is to be reported.

        One that only grows is reported again after each `REPORT_AGAIN` samples; `flush` reports the rest in the end.
        """
        end = start + silence
        if self._count and (start <= self._span.end or self._count >= MAX_GAPS):
            apart = start > self._span.end
            self._span = Span(self._span.start, max(end, self._span.end))
            self._missing, self._silence = self._missing + missing, self._silence + silence
            self._places += apart
            assert self._reported is not None
            return self._report() if self._span.end - self._reported.span.end >= REPORT_AGAIN else []
        before = self.flush()
        self._count += 1
        self._span, self._missing, self._silence, self._places = Span(start, end), missing, silence, 1
        return [*before, *self._report()]

    def flush(self) -> list[Gap]:
        """The last gap, if it has grown since it was reported."""
        return self._report() if self._count else []

    def _report(self) -> list[Gap]:
        gap = Gap(self._source_id, self._span, reason(self._missing, self._silence, self._places))
        news, self._reported = gap != self._reported, gap
        return [gap] if news else []


def reason(missing: float, silence: int, places: int = 1) -> str:
    """Why there is a gap, for people; one may stand for several places, and for the audio between them."""
    if places > 1:
        said = f"{round(missing)} s of sound never arrived, in {places} places from here on"
        shortened = round(missing) > round(silence / SAMPLE_RATE)
        return f"{said}; shortened here to {round(seconds(silence))} s" if shortened else said
    if round(missing) > round(silence / SAMPLE_RATE):
        return f"{round(missing)} s of sound never arrived; shortened here to {round(seconds(silence))} s"
    return "sound that never arrived"
