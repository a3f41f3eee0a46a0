"""Exact steps: the same whatever the chunks, and no sample is lost."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.steps import StepChunker
from pipelines.types import STEP


@given(st.lists(st.integers(0, 3 * STEP), max_size=12))
@settings(deadline=None)
def test_steps_are_exact_whatever_the_chunks_and_samples_in_are_samples_accounted_for(sizes: list[int]) -> None:
    audio = np.arange(sum(sizes), dtype=np.float32)
    chunker, steps, at = StepChunker(), [], 0
    for size in sizes:
        steps += chunker(audio[at : at + size])
        at += size
        assert sum(len(step.audio) for step in steps) == at - at % STEP
    steps += chunker.flush()
    assert [step.index for step in steps] == list(range(len(steps)))
    assert [step.start for step in steps] == [i * STEP for i in range(len(steps))]
    assert all(len(step.audio) == STEP for step in steps[:-1])
    np.testing.assert_array_equal(np.concatenate([np.zeros(0), *(step.audio for step in steps)]), audio)


def test_a_step_comes_out_as_soon_as_it_is_full() -> None:
    chunker = StepChunker()
    assert chunker(np.zeros(STEP - 1, np.float32)) == []
    assert len(chunker(np.zeros(1, np.float32))) == 1
    assert chunker.flush() == []
