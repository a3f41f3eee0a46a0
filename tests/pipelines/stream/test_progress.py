"""The backlog of a source, and what its meeting is told of it, from the comings and goings of slices and windows."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from pipelines.stream.progress import STATS_EVERY, Progress
from pipelines.types import SAMPLE_RATE, STEP, BlockFailed, Hypothesis, LocalSpeakers, Span, Utterance

NOTHING = np.zeros(0, np.float32)


def piece(start: int, final: bool = True) -> Utterance:
    """A slice of one second."""
    return Utterance(0, Span(start, start + SAMPLE_RATE), NOTHING, final)


def voices(index: int) -> LocalSpeakers:
    """A window in which nobody is heard."""
    return LocalSpeakers(index, 0, np.zeros((1, 0), np.uint8), np.zeros((0, 1), np.float32), np.zeros(0))


@pytest.fixture
def progress() -> Progress:
    """Models that compute nothing."""
    return Progress(lambda: 0.0)


def test_audio_that_no_model_waits_for_is_no_backlog(progress: Progress) -> None:
    progress.audio_fed(10 * SAMPLE_RATE)
    assert progress.backlog == 0.0


def test_the_backlog_reaches_back_to_the_oldest_final_slice_that_is_being_read(progress: Progress) -> None:
    progress.audio_fed(10 * SAMPLE_RATE)
    progress.utterance_sent(piece(2 * SAMPLE_RATE))
    progress.utterance_sent(piece(6 * SAMPLE_RATE))
    assert progress.backlog == 8.0
    progress.utterance_done(Hypothesis(0, piece(2 * SAMPLE_RATE).span, True, ()))
    assert progress.backlog == 4.0


def test_a_growing_slice_is_no_backlog(progress: Progress) -> None:
    progress.audio_fed(10 * SAMPLE_RATE)
    progress.utterance_sent(piece(0, final=False))
    assert progress.backlog == 0.0


def test_a_growing_slice_whose_sentences_become_final_is_backlog_until_it_is_read_or_left_out(
    progress: Progress,
) -> None:
    progress.audio_fed(10 * SAMPLE_RATE)
    growing = replace(piece(2 * SAMPLE_RATE, final=False), commits=True)
    longer = replace(growing, span=Span(growing.span.start, growing.span.end + 1))
    for sent in (growing, longer):
        progress.utterance_sent(sent)
    progress.utterance_done(Hypothesis(0, growing.span, False, (), committed=0))
    assert progress.backlog == 8.0
    progress.utterance_left_out(piece(2 * SAMPLE_RATE, final=False))
    assert progress.backlog == 8.0
    progress.utterance_left_out(longer)
    assert progress.backlog == 0.0


def test_windows_on_their_way_are_a_step_each(progress: Progress) -> None:
    for _ in range(3):
        progress.window_sent()
    progress.window_done(voices(0))
    assert progress.backlog == 2 * STEP / SAMPLE_RATE


def test_a_failure_counts_for_the_window_or_slice_that_it_took_the_place_of(progress: Progress) -> None:
    progress.audio_fed(SAMPLE_RATE)
    progress.window_sent()
    progress.utterance_sent(piece(0))
    progress.window_done(BlockFailed("steps", "ValueError", Span(0, 0)))
    assert progress.backlog == 1.0
    progress.window_done(BlockFailed("diarization", "ValueError", Span(0, 0)))
    progress.utterance_done(BlockFailed("recogniser", "ValueError", piece(0).span))
    assert progress.backlog == 0.0


def test_the_meeting_is_told_at_every_so_many_samples(progress: Progress) -> None:
    progress.audio_fed(STATS_EVERY - 1)
    assert not progress.due()
    progress.utterance_done(None)
    progress.audio_fed(1)
    assert progress.due()
    assert not progress.told
    stats = progress.stats()
    assert progress.told
    assert (stats.asr_lag, stats.diarization_lag, stats.dropped_partials) == (0.0, 0.0, 1)
    assert not progress.due()


def test_the_backlog_is_told_whenever_it_changes() -> None:
    told: list[float] = []
    progress = Progress(lambda: 0.0, told.append)
    progress.audio_fed(5 * SAMPLE_RATE)
    progress.utterance_sent(piece(0))
    progress.window_sent()
    progress.utterance_done(Hypothesis(0, piece(0).span, True, ()))
    progress.window_done(voices(0))
    assert told == [0.0, 5.0, 5.0, STEP / SAMPLE_RATE, 0.0]


def test_what_is_told_last_is_how_it_is_however_many_threads_tell() -> None:
    told: list[float] = []
    progress = Progress(lambda: 0.0, told.append)

    def window() -> None:
        for _ in range(500):
            progress.window_sent()
            progress.window_done(voices(0))

    threads = [threading.Thread(target=window) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert told[-1] == progress.backlog == 0.0
    assert len(told) == 4000
