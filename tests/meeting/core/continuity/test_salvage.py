"""What is kept of a stored transcript where its sound is lost; pure values."""

from __future__ import annotations

from meeting.core.continuity.salvage import salvage, turns_outside
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript
from pipelines.types import Segment, Span, Turn, TurnsRevised, Word


def line(id_: str, *words: tuple[int, int], final: bool = True) -> Segment:
    spans = [Span(start, end) for start, end in words]
    whole = Span(spans[0].start, spans[-1].end)
    return Segment(id_, 1, final, "src", whole, "spk1", tuple(Word("w", span) for span in spans))


LINES = [line("s1", (0, 100)), line("s2", (100, 150), (150, 200)), line("s3", (300, 400), final=False)]


def test_lines_with_a_word_in_lost_sound_are_kept_as_they_are() -> None:
    edits = salvage(Transcript(LINES), [("src", Span(180, 400)), ("other", Span(0, 400))], Edits())
    assert edits.lines == {"s2": EditedLine(LINES[1], LINES[1].words, False)}


def test_where_nothing_is_lost_nothing_is_kept() -> None:
    given = Edits()
    assert salvage(Transcript(LINES), [("src", Span(200, 200)), ("src", Span(200, 300))], given) is given


def test_a_line_that_a_person_wrote_stays_theirs() -> None:
    mine = EditedLine(line("s1", (0, 100)), (), True)
    given = Edits(lines={"s1": mine})
    assert salvage(Transcript(LINES), [("src", Span(0, 100))], given) is given


def test_what_is_said_about_lost_sound_later_changes_no_turns() -> None:
    turns = (Turn(Span(0, 100), "spk1"), Turn(Span(100, 400), "spk2"))
    revised = TurnsRevised(Span(0, 400), turns)
    assert turns_outside(revised, []) == [revised]
    assert turns_outside(revised, [Span(50, 80), Span(300, 500)]) == [
        TurnsRevised(Span(0, 50), turns[:1]),
        TurnsRevised(Span(80, 300), turns),
    ]
    assert turns_outside(revised, [Span(0, 400)]) == []
