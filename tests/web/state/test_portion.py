"""How much of a long meeting is drawn in one frame."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Run

DRAWN = """async ([sizes, portion]) => {
  const { portionOf } = await load('state/portion.js')
  const blocks = sizes.map((size, key) => ({ kind: size ? 'turn' : 'gap', key, segments: new Array(size) }))
  const drawn = portionOf(blocks, portion)
  return [drawn.map(({ key }) => key), drawn === blocks]
}"""
"""Keys of the blocks that are drawn of turns of so many lines, 0 for a gap, and whether these are all"""


def portion(top: int = 0, bottom: int = 0) -> dict[str, Any]:
    """So many lines at the beginning and at the end."""
    return {"top": top, "bottom": bottom, "pace": 240}


def test_whole_turns_are_drawn_at_the_end_and_at_the_beginning(javascript: Run) -> None:
    sizes = [3, 3, 0, 3, 3]
    assert javascript(DRAWN, [sizes, portion(bottom=4)]) == [[3, 4], False]
    assert javascript(DRAWN, [sizes, portion(top=1, bottom=1)]) == [[0, 4], False]
    assert javascript(DRAWN, [sizes, portion(bottom=7)]) == [[2, 3, 4], False]
    assert javascript(DRAWN, [sizes, portion(top=6, bottom=7)]) == [[0, 1, 2, 3, 4], True]
    assert javascript(DRAWN, [[], portion()]) == [[], True]


def test_a_quick_frame_draws_more_in_the_next_one_and_a_slow_one_fewer(javascript: Run) -> None:
    paces = javascript(
        """async () => {
          const { FIRST_PORTION: first, widened } = await load('state/portion.js')
          const after = (...times) => times.reduce((portion, took) => widened(portion, took, false), first).pace
          return [after(1), after(20), after(100), after(1, 1, 1, 1, 1, 1, 1), after(100, 100, 100, 100)]
        }"""
    )
    assert paces == [360, 240, 144, 960, 120]


def test_lines_are_added_where_the_reader_is(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { FIRST_PORTION: first, widened } = await load('state/portion.js')
          return [widened(first, 20, true), widened(first, 20, false)].map(({ top, bottom }) => [top, bottom])
        }"""
    ) == [[240, 240], [0, 480]]


def test_once_all_is_drawn_new_lines_are_drawn_at_once_and_earlier_ones_in_portions(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { FIRST_PORTION: first, complete } = await load('state/portion.js')
          const blocks = [{ kind: 'turn', segments: new Array(5) }, { kind: 'gap' }]
          const bottom = (...given) => complete(first, ...given).bottom
          return [bottom(blocks, 0) === Infinity, bottom(blocks, 9), complete(first, [], 0) === first]
        }"""
    ) == [True, 246, True]
