"""How far a source's audio has come through the models: its backlog, and what the meeting is told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipelines.types import (
    SAMPLE_RATE,
    STEP,
    BlockFailed,
    Hypothesis,
    LocalSpeakers,
    Pause,
    PipelineStats,
    Span,
    Unread,
    Utterance,
)

STATS_EVERY = 2 * SAMPLE_RATE
"""Samples of audio between two `PipelineStats`"""


class Progress:
    """How far each branch has come; thread-safe."""

    def __init__(self, computing: Callable[[], float], on_backlog: Callable[[float], None] = lambda _: None) -> None:
        """`computing` gives the seconds that the models have computed so far.

        `on_backlog` is told the backlog whenever something has changed; it must neither block nor call back.
        """
        self._computing = computing
        self._on_backlog = on_backlog
        self._lock = threading.Lock()
        self._fed = 0
        self._told = 0
        self._windows = 0
        self._open: list[Span] = []  # utterances that are being recognised and of which text becomes final
        self._dropped = 0
        self._began = time.perf_counter()
        self._busy = self._computing()

    def audio_fed(self, length: int) -> None:
        """So many more samples have come in."""
        with self._lock:
            self._fed += length
            self._tell()

    def window_sent(self) -> None:
        """One more window waits for its local speakers."""
        with self._lock:
            self._windows += 1
            self._tell()

    def window_done(self, item: LocalSpeakers | BlockFailed | None) -> None:
        """A window has come back from the models; None where it was left out."""
        if isinstance(item, BlockFailed) and item.block != "diarization":
            return  # an earlier block failed: no window was sent
        with self._lock:
            self._windows -= 1
            self._tell()

    def utterance_sent(self, utterance: Utterance) -> None:
        """One more utterance waits to be recognised."""
        if utterance.final or utterance.commits:
            with self._lock:
                self._open.append(utterance.span)
                self._tell()

    def utterance_done(self, item: Hypothesis | Unread | BlockFailed | Pause | None) -> None:
        """An utterance has come back from the recogniser; None where it was overtaken or left out."""
        if isinstance(item, Pause):
            return
        with self._lock:
            if item is None:
                self._dropped += 1
            elif item.span in self._open and (
                # the failure may be that of a partial one whose final one is still being recognised: then it goes early
                isinstance(item, BlockFailed | Unread) or item.final or item.committed is not None
            ):
                self._open.remove(item.span)
            self._tell()

    def utterance_left_out(self, utterance: Utterance) -> None:
        """The recogniser will say nothing of an utterance that is not final."""
        with self._lock:
            if utterance.commits:
                self._open.remove(utterance.span)

    @property
    def backlog(self) -> float:
        """Seconds of audio that came in and are not yet through the slower branch."""
        with self._lock:
            return self._seconds_behind()

    def _tell(self) -> None:
        # Under the lock, so that the latest that is told is the latest that holds.
        self._on_backlog(self._seconds_behind())

    def _seconds_behind(self) -> float:
        return max(self._windows * STEP, self._asr_lag()) / SAMPLE_RATE

    def _asr_lag(self) -> int:
        return self._fed - min(span.start for span in self._open) if self._open else 0

    def due(self) -> bool:
        """Whether `STATS_EVERY` samples have come in since `stats`."""
        with self._lock:
            return self._fed - self._told >= STATS_EVERY

    @property
    def told(self) -> bool:
        """Whether `stats` was asked before."""
        with self._lock:
            return self._told > 0

    def stats(self) -> PipelineStats:
        """How the pipeline has kept up since it was last asked, and how far it is behind."""
        with self._lock:
            self._told = self._fed
            now, busy = time.perf_counter(), self._computing()
            spent, self._busy = busy - self._busy, busy
            elapsed, self._began = now - self._began, now
            rtf = spent / max(elapsed, STATS_EVERY / SAMPLE_RATE)
            lags = self._asr_lag() / SAMPLE_RATE, self._windows * STEP / SAMPLE_RATE
            return PipelineStats(rtf, lags[0], lags[1], self._dropped)
