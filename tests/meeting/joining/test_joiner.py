"""Outputs of several sources, in the time and with the speakers of one meeting."""

from __future__ import annotations

from meeting.core.records import Source
from meeting.joining.joiner import Joiner
from pipelines.types import Segment, Span, Speaker, Word

ANN = Source("a", "Ann", "room", "pcm_s16le", 16_000, 1)
BEN = Source("b", "Ben", "room", "pcm_s16le", 16_000, 1, number=2, anchors=((0, 8000),))


def test_outputs_of_the_only_source_pass_as_they_are() -> None:
    joiner, span = Joiner(), Span(0, 1600)
    joiner.add(ANN)
    line = Segment("s1", 1, True, "a", span, "spk1", (Word("Hello", span),))
    assert joiner.take("a", line) == [line]
    assert joiner.take("a", Speaker("spk1")) == [Speaker("spk1")]


def test_speakers_are_numbered_in_the_order_in_which_they_are_named() -> None:
    joiner = Joiner()
    joiner.add(ANN)
    joiner.add(BEN)
    assert joiner.take("b", Speaker("spk1")) == [Speaker("spk1", color=0)]
    assert joiner.take("a", Speaker("spk1")) == [Speaker("spk2", color=1)]
    assert (joiner.speakers("a"), joiner.speakers("b")) == ({"spk1": "spk2"}, {"spk1": "spk1"})
    assert joiner.place("b", 1600) == 9600
