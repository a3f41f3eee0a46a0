"""Lists that the server gives in pages, and how long they are to become."""

from __future__ import annotations

from tests.web.conftest import Run

WANTS = """async () => {
  const { wantsMore } = await load('state/library/list-pages.js')
  const list = { locked: false, next: 'more', problem: '' }
  const others = [{ locked: true }, { next: null }, { problem: 'away' }]
  const refused = others.map((one) => wantsMore({ ...list, ...one }, 0, 9))
  return [wantsMore(list, 20, 21), wantsMore(list, 21, 21), ...refused]
}"""


def test_a_list_is_asked_for_until_it_is_as_long_as_it_was_or_there_is_no_more_to_get(javascript: Run) -> None:
    assert javascript(WANTS) == [True, False, False, False, False]
