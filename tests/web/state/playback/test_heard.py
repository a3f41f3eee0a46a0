"""Which words are heard at a second, and at which second a word is."""

from __future__ import annotations

from typing import Any

from tests.fakes.web_fakes import segment
from tests.web.conftest import Run


def turn(*segments: dict[str, Any]) -> dict[str, Any]:
    """A block of these lines."""
    ends = [line["end"] for line in segments]
    return {"kind": "turn", "start": segments[0]["start"], "end": max(ends), "segments": list(segments)}


ONE = segment(1, 10, 14, "so we go there")
OTHER = segment(2, 13, 15, "no wait")
LATE = segment(3, 20, 21, "yes")
BLOCKS = [turn(ONE), turn(OTHER), {"kind": "gap", "start": 15, "end": 18}, turn(LATE)]


def heard(javascript: Run, blocks: list[dict[str, Any]], *seconds: float) -> list[list[str]]:
    """The texts that are heard at each of the seconds."""
    found: list[list[str]] = javascript(
        """async ([blocks, seconds]) => {
          const { heardAt } = await load('state/playback/heard.js')
          const texts = new Map(blocks.flatMap(({ segments = [] }) => segments).map(({ id, text }) => [id, text]))
          return seconds.map((second) =>
            heardAt(blocks, second).map(({ id, from, to }) => texts.get(id).slice(from, to)))
        }""",
        [blocks, list(seconds)],
    )
    return found


def test_the_word_that_began_last_is_heard(javascript: Run) -> None:
    assert heard(javascript, BLOCKS, 9.9, 10, 10.99, 11, 12.5, 15, 16, 20.5, 21) == [
        [], ["so"], ["so"], ["we"], ["go"], [], [], ["yes"], [],
    ]  # fmt: skip


def test_of_two_who_speak_at_once_both_are_heard(javascript: Run) -> None:
    assert heard(javascript, BLOCKS, 13.5, 14.2) == [["there", "no"], ["wait"]]


def test_a_line_whose_words_have_no_times_is_heard_as_a_whole(javascript: Run) -> None:
    edited = {**ONE, "text": "so they went there"}
    assert heard(javascript, [turn(edited), turn({**LATE, "words": []})], 12, 20.1) == [["so they went there"], ["yes"]]


def test_letters_of_two_units_do_not_move_the_mark(javascript: Run) -> None:
    assert heard(javascript, [turn(segment(1, 0, 3, "👋 Grüße 世界"))], 0.1, 1.1, 2.1) == [["👋"], ["Grüße"], ["世界"]]


def test_words_of_a_script_without_spaces_are_heard_one_by_one(javascript: Run) -> None:
    line = segment(1, 0, 4, "我 们 用 Go")
    assert heard(javascript, [turn({**line, "text": "我们用 Go"})], 0.1, 1.1, 2.1, 3.1) == [
        ["我"],
        ["们"],
        ["用"],
        ["Go"],
    ]


def test_a_place_in_a_line_is_the_second_of_its_word(javascript: Run) -> None:
    assert javascript(
        """async ([line, edited]) => {
          const { secondOf } = await load('state/playback/heard.js')
          return [...[0, 2, 3, 5, 6, 9, 14, 99].map((at) => secondOf(line, at)), secondOf(edited, 9)]
        }""",
        [ONE, {**ONE, "text": "so they went there"}],
    ) == [10, 10, 11, 11, 12, 13, 13, 10, 10]


def test_the_line_of_a_second_is_the_last_that_has_begun(javascript: Run) -> None:
    assert javascript(
        """async (blocks) => {
          const { lineAt } = await load('state/playback/heard.js')
          return [...[0, 10, 13.4, 17, 99].map((second) => lineAt(blocks, second).id), lineAt([], 3)]
        }""",
        BLOCKS,
    ) == ["s1", "s1", "s2", "s2", "s3", None]
