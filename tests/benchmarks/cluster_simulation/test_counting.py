"""What one meeting makes, counted."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions
from benchmarks.cluster_simulation.counting import audio_bytes, rows

FOUND: dict[str, Any] = {
    "seconds": 10.0,
    "messages": 20,
    "message bytes": 4000,
    "finals": 3,
    "transactions": 30,
    "utterance calls": 15,
    "utterance bytes": 3_000_000,
    "FLAC bytes": 150_000,
}


def test_audio_is_what_the_page_sends_and_the_assumptions_say_so(assumed: Assumptions) -> None:
    kept, sent = audio_bytes()
    assert (kept, sent) == (assumed["frame_bytes"], assumed["audio_bytes"])
    assert kept == 96_000 + 10 * 12


def test_counts_are_told_per_second_and_bytes_each() -> None:
    told = {row[0]: row[1:] for row in rows(FOUND)}
    assert told["messages to a reader"] == [2.0, 20, 200.0]
    assert told["transactions that write"] == [3.0, 30, None]
    assert told["utterances to the recogniser"] == [1.5, 15, 200_000.0]
    assert told["windows to the models of voices"] == [0.0, 0, None]
    assert told["FLAC, MB an hour"][0] == pytest.approx(54.0)
