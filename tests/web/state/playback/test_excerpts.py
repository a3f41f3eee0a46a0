"""Parts of a meeting in which one voice is heard, for whoever is to name it."""

from __future__ import annotations

from typing import Any

from tests.fakes.web_fakes import segment, speaker
from tests.web.conftest import Run


def excerpts(javascript: Run, lines: list[dict[str, Any]], who: str = "spk1") -> list[dict[str, float]]:
    found: list[dict[str, float]] = javascript(
        """async ([lines, speakers, who]) => {
          const { excerptsOf } = await load('state/playback/excerpts.js')
          const byId = (list) => new Map(list.map((one) => [one.id, one]))
          return excerptsOf({ segments: byId(lines), speakers: byId(speakers) }, who)
        }""",
        [lines, [speaker("spk1", 0), speaker("spk2", 1), speaker("spk3", 2, merged_into="spk1")], who],
    )
    return [{name: round(value, 3) for name, value in one.items()} for one in found]


def said(number: int, start: float, end: float, who: str | None = "spk1", **more: Any) -> dict[str, Any]:
    return {**segment(number, start, end, "one two three four", who), **more}


def test_three_long_lines_from_all_over_the_meeting_are_chosen(javascript: Run) -> None:
    lines = [said(i, 10 * i, 10 * i + 2 + (i % 3) / 2) for i in range(1, 10)]
    assert excerpts(javascript, lines) == [
        {"start": 19.9, "end": 23.1},
        {"start": 49.9, "end": 53.1},
        {"start": 79.9, "end": 83.1},
    ]


def test_a_long_line_is_cut_after_a_word(javascript: Run) -> None:
    assert excerpts(javascript, [said(1, 0, 6)]) == [{"start": 0, "end": 3.1}]
    assert excerpts(javascript, [said(1, 5, 25, words=[])]) == [{"start": 4.9, "end": 9.1}]


def test_lines_in_which_others_speak_or_that_are_not_certain_are_left_out(javascript: Run) -> None:
    lines = [
        said(1, 0, 3, overlap=True),
        said(2, 10, 13),
        said(3, 12, 15, "spk2"),
        said(4, 20, 23, final=False),
        said(5, 30, 33, "spk2"),
        said(6, 40, 43, text=""),
        said(7, 50, 53, None),
        said(8, 60, 63, "spk3"),
    ]
    assert excerpts(javascript, lines) == [{"start": 59.9, "end": 63.1}]
    assert excerpts(javascript, lines, "spk2") == [{"start": 29.9, "end": 33.1}]


def test_short_lines_are_better_than_none(javascript: Run) -> None:
    lines = [said(1, 0, 0.5), said(2, 10, 11), said(3, 20, 23), said(4, 30, 30.5)]
    assert [one["start"] for one in excerpts(javascript, lines)] == [0, 19.9, 29.9]
    assert excerpts(javascript, []) == []
