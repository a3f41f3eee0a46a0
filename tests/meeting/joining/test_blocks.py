"""Where time is cut into blocks, and that cutting anew gives the same as cutting once."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from meeting.joining.blocks import LONGEST, PAUSE, Block, Blocks, PlacedWord, cut
from pipelines.types import Segment, Span, Word, samples


def placed(span: Span, source: str = "a") -> PlacedWord:
    """A word."""
    word = Word("so", span)
    return PlacedWord.of(word, Segment("s1", 1, True, source, span, None, (word,)))


def words(*spans: tuple[float, float], source: str = "a") -> list[PlacedWord]:
    """Words by start and end in seconds."""
    return [placed(Span(samples(start), samples(end)), source) for start, end in spans]


def spans(made: list[Block]) -> list[tuple[float, float]]:
    """From when to when blocks last."""
    return [(block.span.start / 16000, block.span.end / 16000) for block in made]


def test_a_pause_of_all_sources_ends_a_block() -> None:
    assert samples(0.2) == PAUSE
    said = sorted(words((0, 1), (1.1, 2), (2.3, 3)) + words((0.2, 2.15), source="b"))
    assert spans(list(cut(said))) == [(0, 3)]
    said = sorted(words((0, 1), (1.1, 2), (2.4, 3)) + words((0.2, 2.15), source="b"))
    assert spans(list(cut(said))) == [(0, 2.15), (2.4, 3)]


def test_a_long_block_is_cut_at_its_largest_pause() -> None:
    said = words(
        *((at * 0.5, at * 0.5 + 0.45) for at in range(5)), *((at * 0.5 + 0.1, at * 0.5 + 0.55) for at in range(5, 20))
    )
    first, *rest = list(cut(said))
    assert spans([first]) == [(0, 2.45)]
    assert all(len(block.span) <= LONGEST for block in rest)


def test_words_without_any_pause_are_cut_as_well() -> None:
    said = words(*((at * 0.25, at * 0.25 + 0.25) for at in range(100)))
    made = list(cut(said))
    assert [word for block in made for word in block.words] == said
    assert all(samples(1) <= len(block.span) <= LONGEST for block in made[:-1])


def test_words_at_the_same_time_are_never_cut_apart() -> None:
    said = sorted(words(*((at, at + 1) for at in range(30))) + words(*((at, at + 1) for at in range(30)), source="b"))
    assert all(len({word.middle for word in block.words}) * 2 == len(block.words) for block in cut(said))
    first, second = cut(words((0, 4), (1.9, 2.1), (0.5, 4.5), (0.6, 5.5)))
    assert [len(block.words) for block in (first, second)] == [2, 2]


def test_a_word_longer_than_a_block_is_one() -> None:
    assert spans(list(cut(words((0, 9), (9.5, 10))))) == [(0, 9), (9.5, 10)]


def test_a_block_is_found_by_a_word_in_it_and_by_its_time() -> None:
    said = words((1, 2), (3, 4))
    blocks = Blocks(lambda span: [word for word in said if span.start <= word.middle < span.end])
    blocks.cut_anew(Span(0, samples(4)), samples(4))
    assert blocks.at(samples(0.5)) is None
    assert spans([blocks.at(said[1].middle)]) == [(3, 4)]  # type: ignore[list-item]
    assert spans(blocks.near(Span(samples(1.5), samples(2.5)))) == [(1, 2)]
    assert spans(blocks.near(Span(samples(2.1), samples(2.9)))) == []


LENGTHS = st.integers(1, 30_000)
SPANS = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 1_000_000), LENGTHS)


@settings(max_examples=100, deadline=None)
@example(changes=[([Span(0, 1), Span(0, 1), Span(0, 1), Span(320_000, 320_002)], 0), ([], 0)])
@given(changes=st.lists(st.tuples(st.lists(SPANS, max_size=12), st.integers(0, 10**6)), max_size=10))
def test_what_is_cut_anew_is_as_if_it_were_cut_once(changes: list[tuple[list[Span], int]]) -> None:
    known: list[PlacedWord] = []
    blocks = Blocks(lambda span: [word for word in known if span.start <= word.middle < span.end])
    shown: list[Block] = []
    for added, at in changes:
        gone = known[at % len(known) :][:3] if known else []
        fresh = [placed(span) for span in added]
        known = sorted([*(word for word in known if word not in gone), *fresh])
        if not (gone or fresh):
            continue
        touched = [word.span for word in (*gone, *fresh)]
        span = Span(min(one.start for one in touched), max(one.end for one in touched))
        lost, made = blocks.cut_anew(span, max((word.span.end for word in known), default=0))
        shown = sorted([*(block for block in shown if block not in lost), *made], key=lambda block: block.begin)
        assert shown == list(cut(known))
