"""How long words take, counted."""

from __future__ import annotations

import pytest

from meeting.live.latency import MAX_ARRIVALS, LatencyMeter
from meeting.sources.measurements import Measurements
from pipelines.timing import Histogram
from pipelines.types import SAMPLE_RATE, PipelineStats, Segment, Span, Word


class Meter:
    """A meter, with times in seconds of audio."""

    def __init__(self) -> None:
        self.counted = Measurements()
        self.meter = LatencyMeter(self.counted)
        self.seq = -1

    def audio(self, until: float, now: float) -> None:
        self.seq += 1
        self.meter.frame_came(self.seq, now)
        self.meter.frame_appended(self.seq, round(until * SAMPLE_RATE))

    def line(self, end: float, now: float, final: bool = False, words: bool = True) -> None:
        span = Span(0, round(end * SAMPLE_RATE))
        said = (Word("one", span, 0.5),) if words else ()
        self.meter.line_made(Segment("s0", 1, final, "s", span, None, said), now)


def seen(histogram: Histogram) -> tuple[int, float]:
    ranges, total = histogram.totals()
    return ranges[-1][1], round(total, 3)


def test_a_word_counts_from_when_its_last_sample_came() -> None:
    meter = Meter()
    for tenth in range(1, 31):
        meter.audio(tenth / 10, 100 + tenth / 10)
    meter.line(2.0, 102.75)
    assert seen(meter.counted.word_latency) == (1, 0.75)
    assert seen(meter.counted.final_latency) == (0, 0.0)
    meter.line(2.0, 103.5, final=True)
    assert seen(meter.counted.word_latency) == (1, 0.75)
    assert seen(meter.counted.final_latency) == (1, 1.5)


def test_what_is_put_right_later_counts_no_more() -> None:
    meter = Meter()
    meter.audio(3.0, 100.0)
    meter.line(2.0, 101.0, final=True)
    for now in (150.0, 200.0):
        meter.line(2.0, now, final=True)
        meter.line(1.0, now)
    assert seen(meter.counted.word_latency) == (1, 1.0)
    assert seen(meter.counted.final_latency) == (1, 1.0)


def test_a_withdrawn_line_and_one_of_audio_that_is_not_known_count_nothing() -> None:
    meter = Meter()
    meter.audio(2.0, 100.0)
    meter.line(2.0, 101.0, words=False)
    meter.line(3.0, 101.0)
    assert seen(meter.counted.word_latency) == (0, 0.0)


def test_a_frame_that_is_told_again_or_sent_again_came_when_it_first_did() -> None:
    meter = Meter()
    meter.meter.frame_came(0, 100.0)
    meter.meter.frame_came(0, 103.0)
    meter.meter.frame_appended(0, SAMPLE_RATE)
    meter.meter.frame_appended(0, 2 * SAMPLE_RATE)
    meter.line(2.0, 106.0)
    assert seen(meter.counted.word_latency) == (1, 6.0)


def test_a_line_that_is_there_before_its_frame_is_known_to_be_on_disk_counts_all_the_same() -> None:
    meter = Meter()
    meter.meter.frame_came(0, 100.0)
    meter.line(1.0, 100.5, final=True)
    assert seen(meter.counted.final_latency) == (0, 0.0)
    meter.meter.frame_appended(0, SAMPLE_RATE)
    assert seen(meter.counted.word_latency) == seen(meter.counted.final_latency) == (1, 0.5)


def test_frames_of_an_earlier_process_count_nothing() -> None:
    meter = Meter()
    meter.meter.frame_appended(7, SAMPLE_RATE)
    meter.line(1.0, 100.0)
    assert seen(meter.counted.word_latency) == (0, 0.0)


def test_only_so_many_moments_are_remembered() -> None:
    meter = Meter()
    for tenth in range(1, MAX_ARRIVALS * 2):
        meter.audio(tenth / 10, tenth / 10)
    assert len(meter.meter._arrivals) == MAX_ARRIVALS
    meter.line(10.0, 1000.0)
    assert seen(meter.counted.word_latency) == (0, 0.0)


@pytest.mark.parametrize(("told", "total"), [([3, 5, 5], 5), ([3, 0, 2], 5), ([0], 0)])
def test_dropped_partials_are_counted_once_whichever_pipeline_tells_them(told: list[int], total: int) -> None:
    meter = Meter()
    for dropped in told:
        meter.meter.stats_told(PipelineStats(0.1, 0.2, 0.3, dropped))
    assert meter.counted.dropped_partials.total == total
