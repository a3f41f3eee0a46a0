"""The operators of the stream: guarded blocks, results in order, what is flushed at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import rx
from rx import operators as ops
from rx.subject import Subject

from pipelines.stream.operators import Pending, ResultThread, guarded, guarded_merge, items_of, through
from pipelines.types import BlockFailed, Hypothesis, Segment, Span, TurnsRevised

HERE = Span(0, 8000)
PATIENCE = 60


class Doubling:
    """A block that gives each number twice and fails on 13; the sum at the end."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, item: int) -> list[int]:
        """The number, twice."""
        if item == 13:
            raise ValueError("unlucky")
        self.total += item
        return [item, item]

    def flush(self) -> list[int]:
        """The sum."""
        return [self.total]


@pytest.fixture
def results() -> Iterator[ResultThread]:
    thread = ResultThread()
    yield thread
    thread.dispose()


def collected(stream: Any) -> list[Any]:
    """All that a stream gives until it completes."""
    found: list[Any] = []
    done = threading.Event()
    stream.subscribe(found.append, on_completed=done.set)
    assert done.wait(PATIENCE)
    return found


def test_each_item_goes_through_a_block_and_what_it_holds_back_comes_last() -> None:
    assert collected(rx.of(1, 2).pipe(through("double", Doubling()))) == [1, 1, 2, 2, 3]


def test_a_block_that_raises_gives_a_failure_and_goes_on() -> None:
    failed = BlockFailed("double", "ValueError", Span(0, 0))
    assert collected(rx.of(1, 13, 2).pipe(through("double", Doubling()))) == [1, 1, failed, 2, 2, 3]


def test_a_failure_passes_later_blocks_as_it_is() -> None:
    failed = BlockFailed("earlier", "ValueError", HERE)
    assert collected(rx.of(failed).pipe(through("double", Doubling()))) == [failed, 0]
    assert guarded("later", lambda item: 1 / 0)(failed) is failed


def test_results_come_in_the_order_of_their_items(results: ResultThread) -> None:
    first, second = Future[int](), Future[int]()
    items: Subject = Subject()
    found: list[Any] = []
    done = threading.Event()
    items.pipe(results.in_order()).subscribe(found.append, on_completed=done.set)
    for item in (Pending(first, "a", HERE), Pending(second, "a", HERE), "not pending"):
        items.on_next(item)
    items.on_completed()
    second.set_result(2)
    first.set_result(1)
    assert done.wait(PATIENCE)
    assert found == [1, 2, "not pending"]


@pytest.mark.parametrize("fails", ["the model", "what is made of its result"])
def test_a_result_that_fails_is_a_value(fails: str, results: ResultThread) -> None:
    future = Future[int]()
    if fails == "the model":
        future.set_exception(ZeroDivisionError())
    else:
        future.set_result(0)
    pending = Pending(future, "a", HERE, lambda result: 1 / result)
    assert collected(rx.of(pending).pipe(results.in_order())) == [BlockFailed("a", "ZeroDivisionError", HERE)]


def test_all_results_go_on_in_one_thread(results: ResultThread) -> None:
    where: list[int] = []
    done = threading.Event()
    futures = [Future[int]() for _ in range(20)]
    pending = rx.from_iterable([Pending(future, "a", HERE) for future in futures])
    pending.pipe(results.in_order(), ops.do_action(lambda _: where.append(threading.get_ident()))).subscribe(
        on_completed=done.set
    )
    setters = [threading.Thread(target=future.set_result, args=(at,)) for at, future in enumerate(futures)]
    for setter in setters:
        setter.start()
    for setter in setters:
        setter.join()
    assert done.wait(PATIENCE)
    assert len(where) == 20
    assert len(set(where)) == 1
    assert where[0] != threading.get_ident()


def test_what_comes_after_the_end_of_its_thread_is_dropped() -> None:
    results, ran = ResultThread(), threading.Event()
    results.dispose()
    results.later(ran.set)
    assert not ran.wait(0.1)


def test_turns_go_out_beside_what_is_merged_from_them_and_hypotheses_only_merged() -> None:
    segment = Segment("s1", 1, True, "a", HERE, None, ())
    turns, hypothesis, failed = TurnsRevised(HERE, ()), Hypothesis(0, HERE, True, ()), BlockFailed("a", "E", HERE)
    merge = guarded_merge(lambda item: [segment])
    assert [collected(merge(item)) for item in (turns, hypothesis, failed)] == [[turns, segment], [segment], [failed]]
    broken = guarded_merge(lambda item: 1 / 0)
    assert collected(broken(hypothesis)) == [BlockFailed("merge", "ZeroDivisionError", HERE)]


def test_a_failure_in_place_of_values_is_one_value() -> None:
    failed = BlockFailed("a", "E", HERE)
    assert collected(items_of(failed)) == [failed]
    assert collected(items_of([1, 2])) == [1, 2]
