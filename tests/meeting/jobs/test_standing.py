"""What other sources say beside lines that stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meeting.jobs.standing import StandingLines
from pipelines.types import Segment, Span, Word, samples

SECOND = samples(1.0)


def line(source: str, *starts: int, id_: str = "x-s1") -> Segment:
    """A line of words of a second each, which begin at these seconds."""
    words = tuple(Word(f"w{at}", Span(at * SECOND, (at + 1) * SECOND), 0.5) for at in starts)
    span = Span(words[0].span.start, words[-1].span.end)
    return Segment(id_, 4, True, source, span, "spk1", words, 20)


def told(parts: list[Segment]) -> list[str]:
    """What is left of a line."""
    return [part.text for part in parts]


def test_what_a_line_that_stands_says_no_other_source_says_once_more() -> None:
    new = line("b", 1, 2, 3, 4, 5, 6)
    parts = StandingLines([line("a", 3, 4)], [], [new]).beside(new)
    assert [(part.id, part.text, part.span) for part in parts] == [
        ("x-s1", "w1 w2", Span(SECOND, 3 * SECOND)),
        ("x-s1x2", "w5 w6", Span(5 * SECOND, 7 * SECOND)),
    ]
    assert [part.stable_chars for part in parts] == [5, 5]
    new = line("b", 3, 4)
    assert StandingLines([line("a", 3, 4)], [], [new]).beside(new) == []


def test_what_its_own_source_says_there_is_left_to_whoever_lays_edits_over_it() -> None:
    new = line("a", 2, 3, 4)
    assert StandingLines([line("a", 3, 4)], [], [new]).beside(new) == [new]


def test_where_both_are_heard_now_they_hear_different_things() -> None:
    new, own = line("b", 3, 4), line("a", 3)
    assert told(StandingLines([line("a", 3, 4)], [], [new, own]).beside(new)) == ["w3"]


def test_what_was_shown_beside_it_before_is_shown_again() -> None:
    new = line("b", 2, 4, 6)
    assert told(StandingLines([line("a", 2, 4, 6)], [line("c", 4)], [new]).beside(new)) == ["w4"]


@st.composite
def meetings(draw: st.DrawFn) -> tuple[list[Segment], list[Segment], list[Segment]]:
    """Lines that stand, that were shown, that are heard now, of three sources."""

    def lines(prefix: str) -> list[Segment]:
        some = st.lists(st.tuples(st.sampled_from("abc"), st.sets(st.integers(0, 12), min_size=1)), max_size=4)
        return [line(who, *sorted(at), id_=f"{prefix}{n}") for n, (who, at) in enumerate(draw(some))]

    return lines("e"), lines("o"), lines("n")


@given(meetings())
def test_words_are_left_as_they_are_or_left_out_and_only_beside_lines_that_stand(
    meeting: tuple[list[Segment], list[Segment], list[Segment]],
) -> None:
    standing, before, now = meeting
    lines = StandingLines(standing, before, now)
    parts = {segment.id: lines.beside(segment) for segment in now}
    ids = [part.id for found in parts.values() for part in found]
    assert len(set(ids)) == len(ids)
    for segment in now:
        kept = [word for part in parts[segment.id] for word in part.words]
        assert kept == [word for word in segment.words if word in kept], "in order, and each once"
        for word in set(segment.words) - set(kept):
            others = [one for one in standing if one.source_id != segment.source_id]
            assert any(one.span & word.span for one in others)
        for part in parts[segment.id]:
            assert part.span == Span(part.words[0].span.start, part.words[-1].span.end) or part == segment
            assert (part.speaker, part.rev, part.source_id) == (segment.speaker, segment.rev, segment.source_id)
    if not standing:
        assert parts == {segment.id: [segment] for segment in now}
