"""One item, line by line."""

from __future__ import annotations

from meeting.compat.lines import Lines
from meeting.compat.openai.realtime.item import Item
from meeting.core.messages import SegmentMessage
from tests.meeting.compat.openai.spoken import line


class Told:
    """An item, and the lines that it takes from."""

    def __init__(self) -> None:
        self.item = Item("i1", 0.0, 0.0)
        self.lines = Lines()

    def take(self, message: SegmentMessage) -> list[str]:
        whole = message.id.partition(".")[0]
        self.lines.apply(message)
        self.item.take(whole, message, 0.0)
        return self.item.fresh(self.lines)


def test_stable_words_are_told_once_and_the_rest_when_the_line_is_final() -> None:
    told = Told()
    assert told.item.silent
    assert told.take(line("s1", "Good mor", final=False)) == []
    assert told.take(line("s1", "Good morning ev", rev=2, final=False, stable="Good morning")) == ["Good", "morning"]
    assert (told.item.silent, told.item.open) == (False, True)
    assert told.take(line("s1", "Good morning everyone.", rev=3)) == ["everyone."]
    assert (told.item.open, told.item.text(told.lines)) == (False, "Good morning everyone.")


def test_words_that_were_told_and_are_others_in_the_end_are_not_told_again() -> None:
    told = Told()
    assert told.take(line("s1", "God morning", final=False, stable="God")) == ["God"]
    assert told.take(line("s1", "Good morning.", rev=2)) == ["morning."]
    assert told.item.text(told.lines) == "Good morning."


def test_words_of_a_line_wait_for_the_end_of_the_one_before() -> None:
    told = Told()
    assert told.take(line("s1", "Can't you", final=False, stable="Can't")) == ["Can't"]
    assert told.take(line("s2", "I can look.", 2.0)) == []
    assert told.take(line("s1", "Can't you?", rev=2)) == ["you?", "I", "can", "look."]
    assert told.take(line("s3", "Good.", 4.0)) == ["Good."]


def test_a_line_that_is_cut_between_speakers_goes_on() -> None:
    told = Told()
    told.take(line("s1", "Good morning hello", final=False, stable="Good morning"))
    assert told.take(line("s1", "Good", rev=2)) == []
    assert told.take(line("s1.2", "morning hello.", 0.5)) == ["hello."]
    assert told.item.text(told.lines) == "Good morning hello."


def test_a_line_that_is_joined_again_tells_nothing_twice() -> None:
    told = Told()
    told.take(line("s1", "Good morning", final=False, stable="Good morning"))
    assert told.take(line("s1.2", "hello you", 1.0, final=False, stable="hello you")) == ["hello", "you"]
    assert told.take(line("s1", "Good morning hello you.", rev=2)) == []
    assert told.take(line("s1.2", "", 1.0, rev=2)) == []
    assert (told.item.open, told.item.text(told.lines)) == (False, "Good morning hello you.")


def test_an_item_knows_its_lines_and_where_the_last_word_ends() -> None:
    told = Told()
    assert told.item.last_word_end(told.lines) == 0.0
    told.take(line("s1", "Good morning.", 2.0))
    told.take(line("s1-2", "Hello", 3.0, final=False))
    assert (told.item.holds("s1-2"), told.item.holds("s2"), told.item.lines) == (True, False, ["s1"])
    assert (told.item.last_word_end(told.lines), told.item.text(told.lines)) == (3.5, "Good morning.")
