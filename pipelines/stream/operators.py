"""What the stream is wired of: guarded blocks, results in order, flushing at the end, as RxPY operators.

Each block is guarded: an exception becomes a `BlockFailed` value, because in Rx the first error would end the stream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import rx
from rx import operators as ops
from rx.core.typing import Observable
from rx.disposable import Disposable
from rx.internal.exceptions import DisposedException
from rx.scheduler import EventLoopScheduler, ImmediateScheduler

from pipelines.types import BlockFailed, Hypothesis, Pause, Span, TurnsRevised

log = logging.getLogger(__name__)

Operator = Callable[[Observable[Any]], Observable[Any]]


class Block(Protocol):
    """A callable with state: a value in, values out, and the last ones at the end of the audio."""

    def __call__(self, item: Any, /) -> Iterable[Any]:
        """One more value."""
        ...

    def flush(self) -> Iterable[Any]:
        """What is still held back."""
        ...


@dataclass(frozen=True)
class Pending:
    """A result on its way from the engine; `convert` makes the value that goes on, `failed` that of a failure."""

    future: Future[Any]
    block: str
    span: Span
    convert: Callable[[Any], Any] = lambda result: result
    failed: Callable[[BlockFailed], Any] = lambda failure: failure

    def outcome(self) -> Any:
        """The value, once the future is done."""
        try:
            return self.convert(self.future.result())
        except Exception as error:
            return self.failed(_failed(self.block, error, self.span))


class ResultThread:
    """One thread in which all results are taken and go on; its thread starts with the first of them."""

    def __init__(self) -> None:
        self._scheduler = _Scheduler()

    def later(self, action: Callable[[], None]) -> None:
        """Run an action in the thread, after those before it; never once it is disposed of."""
        self._scheduler.schedule(lambda *_: action())

    def dispose(self) -> None:
        """Drop what waits, and end the thread."""
        self._scheduler.dispose()

    def in_order(self) -> Operator:
        """An operator: each pending item's result when it is there, in the order of the items.

        All of it happens in this thread: Rx's `merge` is not safe when items come in one thread and results in another,
        and a queue of results that are there already would be unwound by recursion.
        """

        def settled(item: Any) -> Observable[Any]:
            def subscribe(observer: Any, scheduler: Any = None) -> None:
                def deliver() -> None:
                    observer.on_next(item.outcome() if isinstance(item, Pending) else item)
                    observer.on_completed()

                if isinstance(item, Pending):
                    item.future.add_done_callback(lambda _: self.later(deliver))
                else:
                    self.later(deliver)

            return rx.create(subscribe)

        here = ops.observe_on(self._scheduler)
        return lambda items: items.pipe(here, ops.map(settled), ops.merge(max_concurrent=1))


class _Scheduler(EventLoopScheduler):  # type: ignore[misc]  # rx is not followed by mypy
    """Once disposed of it drops what it is given, where Rx would raise in that thread."""

    def schedule_absolute(self, duetime: Any, action: Any, state: Any = None) -> Any:
        with suppress(DisposedException):
            return super().schedule_absolute(duetime, action, state)
        return Disposable()


def guarded(block: str, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that never raises; failures of earlier blocks pass through it."""

    def call(item: Any) -> Any:
        if isinstance(item, BlockFailed):
            return item
        try:
            return step(item)
        except Exception as error:
            return _failed(block, error, getattr(item, "span", Span(0, 0)))

    return call


def through(name: str, block: Block) -> Operator:
    """An operator made of a block: each item through the block, and its `flush()` at the end."""
    step = guarded(name, block)
    flush = guarded(name, lambda _: block.flush())

    def operator(source: Observable[Any]) -> Observable[Any]:
        tail = rx.defer(lambda _: items_of(flush(None)))
        return source.pipe(ops.flat_map(lambda item: items_of(step(item))), ops.concat(tail))

    return operator


def guarded_merge(merge: Callable[[Any], Iterable[Any]]) -> Callable[[Any], Observable[Any]]:
    """Hypotheses and turns through the merger; turns and everything else also go out as they are."""
    step = guarded("merge", merge)

    def call(item: Any) -> Observable[Any]:
        values: Iterable[Any] = [item]
        if isinstance(item, Hypothesis | Pause):
            values = []
        if isinstance(item, Hypothesis | Pause | TurnsRevised):
            merged = step(item)
            values = [*values, *([merged] if isinstance(merged, BlockFailed) else merged)]
        return rx.from_iterable(values, ImmediateScheduler())

    return call


def items_of(result: Any) -> Observable[Any]:
    """The values of a block's result, one by one; a failure is one value."""
    values = [result] if isinstance(result, BlockFailed) else result
    return rx.from_iterable(values, ImmediateScheduler())


def _failed(block: str, error: BaseException, span: Span) -> BlockFailed:
    log.error("block %s failed: %s", block, type(error).__name__, exc_info=error)
    return BlockFailed(block, type(error).__name__, span)
