"""The turns that were known at a given time, whoever comes first: who asks or what is told."""

from __future__ import annotations

import random
from concurrent.futures import Future

import numpy as np
import pytest

from pipelines.stream.turn_history import KEPT, STATES, NotedTracker, TurnHistory
from pipelines.types import STEP, LocalSpeakers, Span, Speaker, Turn, TurnsRevised, VoicesHeard


def told(window: int, *speakers: str) -> TurnsRevised:
    """What a window says: who speaks in its last step, one after the other."""
    span = Span((window - 1) * STEP, window * STEP)
    length = STEP // max(1, len(speakers))
    turns = [
        Turn(Span(span.start + at * length, span.start + (at + 1) * length), who) for at, who in enumerate(speakers)
    ]
    return TurnsRevised(span, tuple(turns))


def test_who_asks_late_gets_the_turns_as_they_were() -> None:
    history = TurnHistory()
    history.window_done([told(1, "a")])
    history.window_done([told(2, "b")])
    history.window_done([TurnsRevised(Span(0, 3 * STEP), (Turn(Span(0, 3 * STEP), "c"),))])
    assert history.at(STEP).result(0) == (Turn(Span(0, STEP), "a"),)
    assert history.at(3 * STEP - 1).result(0) == (Turn(Span(0, STEP), "a"), Turn(Span(STEP, 2 * STEP), "b"))
    assert history.at(3 * STEP).result(0) == (Turn(Span(0, 3 * STEP), "c"),)


def test_who_asks_early_waits() -> None:
    history = TurnHistory()
    first, second = history.at(STEP), history.at(2 * STEP + 1)
    history.window_done([told(1, "a")])
    assert first.result(0) == (Turn(Span(0, STEP), "a"),)
    assert not second.done()
    history.window_done()
    assert second.result(0) == (Turn(Span(0, STEP), "a"),)


@pytest.mark.parametrize("end", [-STEP, 0, STEP - 1])
def test_before_the_first_window_nothing_is_known(end: int) -> None:
    history = TurnHistory()
    assert history.at(end).result(0) == ()
    history.window_done([told(1, "a")])
    assert history.at(end).result(0) == ()


def test_when_no_window_follows_nobody_waits() -> None:
    history = TurnHistory()
    waiting = history.at(9 * STEP)
    history.window_done([told(1, "a")])
    history.close()
    assert waiting.result(0) == history.at(9 * STEP).result(0) == (Turn(Span(0, STEP), "a"),)
    assert history.at(0).result(0) == ()


def test_who_is_released_gets_what_was_told_last_and_the_next_one_waits_again() -> None:
    history = TurnHistory()
    waiting = history.at(2 * STEP)
    history.window_done([told(1, "a")])
    history.release()
    assert waiting.result(0) == (Turn(Span(0, STEP), "a"),)
    assert not history.at(2 * STEP).done()


def test_the_order_of_asking_and_telling_changes_nothing() -> None:
    windows = [told(window, *random.Random(window).sample("abc", window % 3)) for window in range(1, 41)]
    asked = [STEP // 2 + at * STEP for at in range(40)]

    def answers(seed: int) -> list[tuple[Turn, ...]]:
        dice = random.Random(seed)
        history = TurnHistory()
        futures: list[Future[tuple[Turn, ...]]] = []
        coming = list(windows)
        while coming or len(futures) < len(asked):
            if len(futures) < len(asked) and (not coming or dice.random() < 0.5):
                futures.append(history.at(asked[len(futures)]))
            else:
                history.window_done([coming.pop(0)])
        return [future.result(0) for future in futures]

    first = answers(0)
    assert len(set(first)) > 20
    assert all(answers(seed) == first for seed in range(1, 6))


@pytest.mark.slow
def test_an_hour_is_no_more_than_its_last_minute() -> None:
    history = TurnHistory()
    for window in range(1, 7201):
        history.window_done([told(window, "ab"[window // 4 % 2])])
    turns = history.at(7200 * STEP).result(0)
    assert turns[0].span.end > 7200 * STEP - KEPT
    assert len(turns) <= KEPT // (4 * STEP) + 1
    everything = TurnsRevised(Span(0, 7201 * STEP), tuple(told(window, "c").turns[0] for window in range(1, 7202)))
    history.window_done([everything])
    (turn,) = history.at(7201 * STEP).result(0)
    assert turn == Turn(Span(7201 * STEP - KEPT, 7201 * STEP), "c")
    assert len(history._states) == STATES


class Tracker:
    """Says who speaks in each window; fails at the second."""

    def __call__(self, local: LocalSpeakers) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """One window further."""
        if local.index == 1:
            raise ValueError("no voice")
        return [told(local.index + 1, "a")]

    def flush(self) -> list[Speaker | TurnsRevised | VoicesHeard]:
        """The last word."""
        return [Speaker("a")]


def test_what_a_tracker_tells_is_noted_and_a_window_at_which_it_fails_holds_nobody_up() -> None:
    history = TurnHistory()
    noted = NotedTracker(Tracker(), history)
    empty = [
        LocalSpeakers(index, 0, np.zeros((1, 0), np.uint8), np.zeros((0, 1), np.float32), np.zeros(0))
        for index in range(2)
    ]
    assert noted(empty[0]) == [told(1, "a")]
    with pytest.raises(ValueError, match="no voice"):
        noted(empty[1])
    assert history.at(2 * STEP).result(0) == (Turn(Span(0, STEP), "a"),)
    assert noted.flush() == [Speaker("a")]
