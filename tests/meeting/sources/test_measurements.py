"""What is counted of a server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from meeting.sources.measurements import Counter, Measurements
from pipelines.types import PipelineStats


def test_a_counter_counts_each_label_by_itself_from_any_thread() -> None:
    counter = Counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: counter.add("even" if number % 2 == 0 else "odd"), range(1000)))
    counter.add("even", 5)
    assert counter.by_label() == {"even": 505, "odd": 500}
    assert counter.total == 1005


def test_what_a_counter_gave_does_not_change_it() -> None:
    counter = Counter()
    counter.add()
    counter.by_label()[""] = 7
    assert counter.total == 1


def test_lags_are_counted_at_every_stats() -> None:
    counted = Measurements()
    counted.add_stats(PipelineStats(0.1, 0.2, 3.5, 0))
    ranges, total = counted.diarization_lag.totals()
    assert (dict(ranges)[3.0], dict(ranges)[5.0], total) == (0, 1, 3.5)
    assert counted.recognition_lag.totals()[1] == 0.2
