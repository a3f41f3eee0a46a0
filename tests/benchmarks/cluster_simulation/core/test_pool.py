"""Queues, batches and replicas that die."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Cost
from benchmarks.cluster_simulation.core.pool import Death, Pool, Served
from benchmarks.cluster_simulation.core.speech import Call, Kind

SECOND = Cost(((1, 1.0),))
"""A model that takes a second for each call"""


def final(time: float, source: int = 0, utterance: int = 0, audio: float = 1.0) -> Call:
    return Call(time, Kind.FINAL, source, utterance, audio, time)


def partial(time: float, source: int = 0, utterance: int = 0, audio: float = 1.0) -> Call:
    return Call(time, Kind.PARTIAL, source, utterance, audio, time)


def serve(cost: Cost, replicas: int, *calls: Call, deaths: tuple[Death, ...] = (), **options: float) -> Served:
    return Pool(cost, replicas, np.random.default_rng(1), **options).serve(sorted(calls), deaths)


def test_a_queue_is_served_one_after_another_and_delays_count_from_what_was_spoken() -> None:
    served = serve(SECOND, 1, *(final(0.0, source) for source in range(3)), added=0.5)
    assert served.late(Kind.FINAL) == [1.5, 2.5, 3.5]
    assert (served.busy, served.calls) == (3.0, 3)


def test_two_replicas_share_the_work() -> None:
    served = serve(SECOND, 2, *(final(0.0, source) for source in range(4)))
    assert sorted(served.late(Kind.FINAL)) == [1.0, 1.0, 2.0, 2.0]


def test_finals_go_before_partials_that_came_earlier() -> None:
    served = serve(SECOND, 1, final(0.0), partial(0.1, 1), partial(0.2, 2), final(0.3, 3))
    assert served.late(Kind.FINAL) == pytest.approx([1.0, 1.7])
    assert served.late(Kind.PARTIAL) == pytest.approx([2.9, 3.8])


def test_a_partial_that_is_overtaken_is_not_computed_whether_by_a_partial_or_by_the_final() -> None:
    served = serve(SECOND, 1, final(0.0, 9), partial(0.1), partial(0.5), final(0.9))
    assert served.overtaken == 2
    assert (served.calls, len(served.late(Kind.PARTIAL))) == (2, 0)


def test_a_partial_that_is_being_computed_is_not_overtaken() -> None:
    served = serve(SECOND, 1, partial(0.0), partial(0.5))
    assert (served.overtaken, len(served.late(Kind.PARTIAL))) == (0, 2)


def test_calls_that_wait_go_together_up_to_the_largest_batch() -> None:
    cost = Cost(((1, 1.0), (4, 1.6)))
    served = serve(cost, 1, *(final(0.0, source) for source in range(6)), batch_wait=0.1)
    assert served.batches == 2
    assert served.late(Kind.FINAL) == pytest.approx([1.6] * 4 + [1.6 + 0.1 + 1.2] * 2)


def test_partials_and_finals_are_not_in_one_batch() -> None:
    cost = Cost(((1, 1.0), (4, 1.0)))
    served = serve(cost, 1, final(0.0, 1), final(0.0, 2), partial(0.0, 3))
    assert served.batches == 2


def test_audio_that_is_read_counts_where_the_model_reads_no_more_than_there_is() -> None:
    served = serve(Cost(((1, 0.5),), per_second=0.1), 1, final(0.0, audio=5.0), slowdown=2.0)
    assert served.late(Kind.FINAL) == [2.0]


def test_what_a_dead_replica_held_is_asked_of_another_once_that_is_noticed() -> None:
    calls = [final(0.0, source) for source in range(4)]
    served = serve(SECOND, 2, *calls, deaths=(Death(0.5, 1, noticed_after=2.0, back_after=100.0),))
    assert served.asked_again == 2
    assert sorted(served.late(Kind.FINAL)) == [1.0, 2.0, 3.5, 4.5]
    assert served.calls == 4


def test_calls_wait_where_all_replicas_are_dead_until_they_are_back() -> None:
    served = serve(SECOND, 1, final(0.0), final(2.0, 1), deaths=(Death(0.5, 1, 1.0, 10.0),))
    assert len(served.late(Kind.FINAL)) == 2
    assert min(served.late(Kind.FINAL)) >= 9.5
    assert served.calls == 2


def test_a_partial_of_a_dead_replica_that_was_overtaken_meanwhile_is_not_asked_again() -> None:
    calls = (final(0.0, 8), final(0.0, 9), partial(0.1), partial(0.6))
    served = serve(SECOND, 1, *calls, deaths=(Death(0.5, 1, 1.0, 2.0),))
    assert (served.overtaken, served.asked_again) == (1, 2)
    assert served.calls == 3


def test_delays_can_be_looked_at_by_when_they_were_asked() -> None:
    served = serve(SECOND, 3, final(0.0), final(5.0, 1), final(9.0, 2))
    assert len(served.late(Kind.FINAL, 5.0, 9.0)) == 1
