"""What sources ask."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.core.speech import Kind, calls, silence_after
from pipelines.audio.endpointing import EndpointerOptions


def test_as_much_is_asked_as_was_counted_in_real_recordings(assumed: Assumptions, random: np.random.Generator) -> None:
    asked = calls(assumed, 100, 100.0, random)
    per_second = {kind: sum(one.kind is kind for one in asked) / 10_000 for kind in Kind}
    assert per_second[Kind.FINAL] == pytest.approx(184 / 577, rel=0.1)
    assert per_second[Kind.PARTIAL] == pytest.approx(733 / 577, rel=0.1)
    assert per_second[Kind.WINDOW] == pytest.approx(1.817, rel=0.02)
    read = sum(one.audio for one in asked if one.kind is not Kind.WINDOW) / 10_000
    assert read == pytest.approx(1.55 * 3.0, rel=0.1)


def test_calls_come_in_order_and_an_utterance_is_final_last(assumed: Assumptions, random: np.random.Generator) -> None:
    asked = calls(assumed, 3, 60.0, random)
    assert [one.time for one in asked] == sorted(one.time for one in asked)
    assert all(0 <= one.time < 60.0 and one.spoken <= one.time for one in asked)
    spoken = sorted((one for one in asked if one.kind is not Kind.WINDOW), key=lambda one: (*one[2:4], one.time))
    for _, group in groupby(spoken, key=lambda one: one[2:4]):
        kinds = [one.kind for one in group]
        assert Kind.FINAL not in kinds[:-1]


def test_rarer_partial_results_are_fewer(assumed: Assumptions) -> None:
    def partials(interval: float) -> int:
        asked = calls(assumed.given([f"partial_interval={interval}"]), 20, 60.0, np.random.default_rng(1))
        return sum(one.kind is Kind.PARTIAL for one in asked)

    assert partials(0.5) > 2 * partials(1.0) > 2 * partials(2.0) > 0


@pytest.mark.parametrize("length", [0.5, 2.0, 2.5, 3.0, 9.0])
def test_silence_ends_utterances_as_the_endpointer_has_it(length: float) -> None:
    options = EndpointerOptions()
    share = np.clip(
        (length - options.full_silence_until) / (options.min_silence_from - options.full_silence_until), 0, 1
    )
    expected = options.endpoint_silence - share * (options.endpoint_silence - options.min_silence)
    assert silence_after(length) == pytest.approx(expected)
