"""Sentences about what went wrong, each under a key."""

from __future__ import annotations

from tests.web.conftest import Run


def test_a_notice_is_replaced_in_its_place_and_taken_back_by_its_key(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { withNotice, withoutNotice } = await load('state/notices.js')
          const two = withNotice(withNotice(new Map(), 'a', { text: '1' }), 'b', { text: '2' })
          const replaced = withNotice(two, 'a', { text: '3' })
          return [[...replaced].map(([key, { text }]) => key + text), [...withoutNotice(two, 'a').keys()],
            withNotice(two, 'a', { text: '1' }) === two, withoutNotice(two, 'c') === two, two.size]
        }"""
    ) == [["a3", "b2"], ["b"], True, True, 2]
