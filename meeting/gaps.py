"""Where a source's capture clock runs ahead of its frames: audio that never arrived, and the silence in its place.

What it finds depends on the frames alone, so that hearing them again finds the same.
"""

from __future__ import annotations

from meeting.messages import AudioFrame, AudioInfo
from pipelines.types import SAMPLE_RATE, seconds

SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4}
"""Encodings whose frames say how long they are, and the bytes of one sample; in others no gap is looked for"""

LEAST = 1.0
"""Seconds that must be missing before it counts as a gap: clocks of sound and of the day differ a little"""
LONGEST = 60.0
"""Longest silence in seconds that stands for a gap; a longer gap is named, not waited through"""


class GapFinder:
    """Takes a source's frames in order; says how much is missing before each."""

    def __init__(self, audio: AudioInfo) -> None:
        size = SAMPLE_BYTES.get(audio.encoding, 0)
        self._bytes_per_second = max(0, audio.sample_rate * audio.channels * size)
        self._expected: int | None = None
        self._heard = 0.0
        self._missed = 0.0

    def __call__(self, frame: AudioFrame) -> float:
        """Seconds missing before this frame; 0.0 where it follows the one before."""
        if not self._bytes_per_second:
            return 0.0
        length = len(frame.payload) / self._bytes_per_second
        missing = 0.0 if self._expected is None else (frame.capture_us - self._expected) / 1e6
        self._expected = frame.capture_us + round(length * 1e6)
        self._heard += length
        return missing if missing >= LEAST else 0.0

    def silence(self, missing: float) -> int:
        """Samples at 16 kHz that stand for a gap; bounded by what was heard, whatever a client's clock claims."""
        allowed = LONGEST + self._heard - self._missed
        taken = max(0.0, min(missing, LONGEST, allowed))
        self._missed += taken
        return round(taken * SAMPLE_RATE)


def reason(missing: float, silence: int) -> str:
    """Why there is a gap, for people."""
    if round(missing) > round(silence / SAMPLE_RATE):
        return f"{round(missing)} s of sound never arrived; shortened here to {round(seconds(silence))} s"
    return "sound that never arrived"
