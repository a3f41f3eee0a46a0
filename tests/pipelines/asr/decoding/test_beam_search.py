"""Beam search on invented logits: what it keeps, what it gives up, what it takes for the best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from pipelines.asr.decoding.beam_search import GIVE_UP, Beam, BeamSearch, Hypothesis, ScoredToken

END, A, B, C = range(4)
VOCABULARY = 8
WIDE = 50.0
"""Log probability that nothing lies below"""

Model = Mapping[tuple[int, ...], Mapping[int, float]]
"""Probabilities of what follows each beginning; what is not named is all but impossible"""


def read(model: Model, width: int, steps: int = 10) -> BeamSearch:
    """Search as a recogniser does."""
    search = BeamSearch(Beam(width, WIDE), END)
    for _ in range(steps):
        logits = np.full((len(search.open), VOCABULARY), np.log(1e-9), np.float32)
        for row, one in enumerate(search.open):
            for token, probability in model.get(ids(one), {}).items():
                logits[row, token] = np.log(probability)
        search.extend(logits, [100 * len(one.tokens) for one in search.open])
        if search.over:
            break
    return search


def ids(one: Hypothesis) -> tuple[int, ...]:
    return tuple(token.id for token in one.tokens)


GARDEN_PATH: Model = {
    (): {A: 0.6, B: 0.4},
    (A,): {END: 0.3, B: 0.4, C: 0.3},
    (B,): {END: 0.95, A: 0.05},
    **{(A, last): {END: 0.5, A: 0.5} for last in (B, C)},
    **{(A, last, A): {END: 1.0} for last in (B, C)},
    (B, A): {END: 1.0},
    (B, A, A): {END: 1.0},
}


def test_one_hypothesis_takes_the_likeliest_token_each_time() -> None:
    search = read({(): {A: 0.6, B: 0.4}, (A,): {END: 0.9, C: 0.1}}, 1)
    assert ids(search.best) == (A, END)


def test_a_beginning_that_turns_out_to_be_unlikely_is_taken_back() -> None:
    assert ids(read(GARDEN_PATH, 1).best)[0] == A
    assert ids(read(GARDEN_PATH, 2).best) == (B, END)


def test_a_long_text_is_not_worse_for_being_long() -> None:
    search = read({(A,) * n: {A: 0.9, END: 0.1} for n in range(10)}, 4)
    assert [ids(one) for one in search.finished] == [(*(A,) * n, END) for n in range(4)]
    assert search.best is search.finished[-1]


def test_tokens_keep_their_own_probability_and_the_place_where_they_were_heard() -> None:
    (first, last) = read({(): {A: 0.5, B: 0.5}, (A,): {END: 1.0}, (B,): {END: 0.5, C: 0.5}}, 2).best.tokens
    assert (first.id, last.id) == (A, END)
    assert first.logprob == pytest.approx(np.log(0.5), abs=1e-4)
    assert last.logprob == pytest.approx(0.0, abs=1e-4)
    assert (first.centre, last.centre) == (0, 100)


def test_each_open_hypothesis_is_told_which_one_it_goes_on_from() -> None:
    def logits(*rows: Mapping[int, float]) -> np.ndarray:
        return np.array([[row.get(token, -20.0) for token in range(VOCABULARY)] for row in rows], np.float32)

    search = BeamSearch(Beam(2, WIDE), END)
    assert search.extend(logits({A: 0.1, B: 0.0}), [0]) == [0, 0]
    assert search.extend(logits({A: 3.0, C: 2.0, B: 2.0}, {C: 9.0}), [0, 0]) == [1, 0]
    assert [ids(one) for one in search.open] == [(B, C), (A, A)]


def test_what_is_far_less_likely_than_another_beginning_is_given_up() -> None:
    search = BeamSearch(Beam(4, 4.0), END)
    scores = np.full(VOCABULARY, -20.0, np.float32)
    scores[[A, B, C]] = 0.0, -3.9, -4.1
    assert search.extend(scores[None], [0]) == [0, 0]
    assert [ids(one) for one in search.open] == [(A,), (B,)]
    # what counts is all of a beginning, not its last token: the second one goes on as surely as the first
    assert search.extend(np.stack([scores, scores - 0.2]), [0, 0]) == [0, 0, 1]
    assert [ids(one) for one in search.open] == [(A, A), (A, B), (B, A)]


def test_it_is_over_when_all_but_one_that_has_ended_are_given_up() -> None:
    search = BeamSearch(Beam(4, 1.0), END)
    for likely in (A, END):
        search.extend(np.where(np.arange(VOCABULARY) == likely, 0.0, -5.0).astype(np.float32)[None], [0])
    assert search.over
    assert [ids(one) for one in search.finished] == [(A, END)]
    assert not search.open


def test_it_is_over_when_as_many_have_ended_as_there_may_be() -> None:
    search = read({(): {A: 0.5, B: 0.5}, (A,): {END: 1.0}, (B,): {END: 1.0}}, 2)
    assert search.over
    assert {ids(one) for one in search.finished} == {(A, END), (B, END)}
    assert not search.open


def test_it_is_over_when_what_is_open_is_far_worse_than_what_has_ended() -> None:
    search = BeamSearch(Beam(3, WIDE), END)
    search.finished = [Hypothesis((ScoredToken(END, -0.1, 0),), -0.1)]
    for mean, over in ((-0.1 - GIVE_UP + 0.01, False), (-0.1 - GIVE_UP - 0.01, True)):
        search.open = [Hypothesis((ScoredToken(A, mean, 0),), mean)]
        assert search.over is over


def test_where_nothing_has_ended_the_likeliest_beginning_is_the_best() -> None:
    endless: Model = {(A,) * n: {A: 0.9, B: 0.1} for n in range(5)}
    search = read({**endless, **{(*(A,) * n, B): {B: 1.0} for n in range(5)}}, 1, steps=4)
    assert ids(search.best) == (A, A, A, A)
    assert not search.over
