"""Which meetings the first page lists."""

from __future__ import annotations

from tests.web.conftest import Run


def test_a_filter_is_what_the_api_is_asked_for(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { NO_FILTER, isNarrowed, listQuery } = await load('state/library/list-filter.js')
          const [titled, timed] = [(title) => ({ title, time: '' }), (time) => ({ title: '', time })]
          const filters = [NO_FILTER, titled('a&b'), timed('past'), timed('current')]
          return filters.map((filter) => [isNarrowed(filter), listQuery(filter, null), listQuery(filter, 'x=')])
        }"""
    ) == [
        [False, "", "?before=x%3D"],
        [True, "?title=a%26b", "?before=x%3D&title=a%26b"],
        [True, "?state=ended", "?before=x%3D&state=ended"],
        [True, "?state=open&state=live&state=ending", "?before=x%3D&state=open&state=live&state=ending"],
    ]
