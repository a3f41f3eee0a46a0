"""What messages of a stream add up to."""

from __future__ import annotations

from dataclasses import replace

from meeting.compat.lines import Lines, Speech, bare, word_key
from meeting.core.messages import (
    Ack,
    ChangeMessage,
    SegmentMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    WordMessage,
)


def line(id_: str, rev: int = 1, text: str = "one", start: float = 0.0, speaker: str | None = None) -> SegmentMessage:
    return SegmentMessage(id_, rev, True, "a", start, start + 1, speaker, text, 0, ())


def relabel(id_: str, rev: int, after: str | None) -> SpeakerRevisionMessage:
    return SpeakerRevisionMessage((ChangeMessage(id_, rev, None, after),), "live")


def test_lines_stand_in_order_of_time_and_the_newest_of_each_counts() -> None:
    lines = Lines()
    assert lines.apply(line("s2", text="b", start=1.0))
    assert lines.apply(line("s1", text="a"))
    assert lines.apply(line("s1", rev=3, text="a new"))
    assert not lines.apply(line("s1", rev=2, text="late"))
    assert not lines.apply(Ack(0, 1.0))
    assert [one.text for one in lines] == ["a new", "b"]


def test_an_empty_text_withdraws_and_what_comes_late_does_not_bring_it_back() -> None:
    lines = Lines()
    lines.apply(line("s1", rev=1))
    assert lines.apply(line("s1", rev=3, text=""))
    assert not lines.apply(line("s1", rev=2))
    assert not lines.apply(relabel("s1", 4, "spk1"))
    assert list(lines) == []
    assert lines.line("s1") is None


def test_a_revision_gives_a_line_to_somebody_else_unless_it_is_outdated() -> None:
    lines = Lines()
    lines.apply(line("s1", rev=2))
    assert not lines.apply(relabel("s1", 2, "spk9"))
    assert lines.apply(relabel("s1", 3, "spk1"))
    (only,) = lines
    assert (only.speaker, only.rev) == ("spk1", 3)


def test_speakers_that_turned_out_to_be_one_are_one() -> None:
    lines = Lines()
    lines.apply(line("s1", speaker="spk1"))
    lines.apply(line("s2", start=1.0, speaker="spk2"))
    assert [lines.number(one.speaker) for one in lines] == [0, 1]
    assert lines.apply(SpeakerMessage("spk2", None, 1, "spk1"))
    assert not lines.apply(SpeakerMessage("spk2", None, 1, "spk1"))
    assert [one.speaker for one in lines] == ["spk1", "spk1"]
    assert lines.number("spk2") == 0
    assert lines.number(None) is None


def test_a_speaker_has_the_name_that_people_gave_or_its_number() -> None:
    lines = Lines()
    lines.apply(SpeakerMessage("spk2", None, 1, None))
    assert (lines.name("spk2"), lines.name("spk3"), lines.name(None)) == ("Speaker 2", "Speaker 3", None)
    assert lines.apply(SpeakerMessage("spk2", "Ann", 1, None))
    assert lines.name("spk2") == "Ann"


def test_a_line_that_moves_stands_where_it_is_now() -> None:
    lines = Lines()
    lines.apply(line("s1", text="a"))
    lines.apply(line("s2", text="b", start=1.0))
    lines.apply(line("s1", rev=2, text="a", start=2.0))
    assert [one.text for one in lines] == ["b", "a"]
    assert [one.text for one in reversed(lines)] == ["a", "b"]


def test_a_word_is_the_same_in_another_line_whatever_stands_around_it() -> None:
    assert [bare(text) for text in ("Don't.", "(Ünï)", "—", "U.S.")] == ["don't", "ünï", "—", "u.s"]
    assert word_key(WordMessage("Well,", 1.5, 2.0, None)) == word_key(WordMessage("well", 1.5, 2.1, 0.5))


def spoken(id_: str, end: float, text: str = "one", final: bool = True, pause: bool = False) -> SegmentMessage:
    return replace(line(id_, text=text), final=final, end=end, pause=pause)


def test_speech_goes_on_from_its_first_words_to_the_pause_behind_the_last() -> None:
    speech = Speech()
    shown = []
    for one in (
        spoken("s1", 1.0, final=False),
        spoken("s1", 1.0),
        spoken("s1-2", 2.0, final=False),
        spoken("s1-2", 2.0, pause=True),
        spoken("s2", 3.0, final=False),
        spoken("s2", 3.0, "", pause=True),
    ):
        speech.apply(one)
        shown.append((speech.goes_on, list(speech.growing)))
    assert shown == [(True, ["s1"]), (True, []), (True, ["s1-2"]), (False, []), (True, ["s2"]), (False, [])]


def test_what_changes_of_earlier_lines_says_nothing_of_the_speech_now() -> None:
    speech = Speech()
    speech.apply(spoken("s1", 2.0, pause=True))
    speech.apply(spoken("s1", 1.0))
    assert not speech.goes_on
    speech.apply(spoken("s2", 4.0))
    speech.apply(spoken("s1.2", 2.0, pause=True))
    assert speech.goes_on
