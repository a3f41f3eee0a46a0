"""All that the search page shows, as one value."""

from __future__ import annotations

import pytest

from tests.web.conftest import Run


def test_hits_grow_by_pages_and_a_failure_keeps_those_that_are_there(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { hitsLoaded, openedSearch, searchFailed } = await load('state/library/search-state.js')
          const page = (next, ...ids) => ({ hits: ids.map((segment) => ({ segment })), next })
          const one = hitsLoaded(openedSearch({ q: 'x' }), page('7', 'a'))
          const failed = searchFailed({ ...one, loading: true }, 'no answer')
          const two = hitsLoaded(failed, page(null, 'b'))
          return [one, failed, two].map(({ hits, next, loading, loaded, problem }) =>
            [hits.map(({ segment }) => segment).join(''), next, loading, loaded, problem])
        }"""
    ) == [["a", "7", False, True, ""], ["a", "7", False, True, "no answer"], ["ab", None, False, True, ""]]


@pytest.mark.parametrize(
    ("query", "wanted", "again"),
    [
        ("", ["", "", "", ""], ""),
        (
            "?q=%22release+date%22&speaker=%20Ann%20",
            ['"release date"', "Ann", "", ""],
            "?q=%22release+date%22&speaker=Ann",
        ),
        ("?since=2026-05-04&q=a%26b&x=1", ["a&b", "", "2026-05-04", ""], "?q=a%26b&since=2026-05-04"),
        ("?q=%zz&q=2", ["%zz", "", "", ""], "?q=%25zz"),
    ],
)  # fmt: skip
def test_what_is_looked_for_stands_in_the_address(javascript: Run, query: str, wanted: list[str], again: str) -> None:
    assert javascript(
        """async (query) => {
          const { addressQuery, wantedOf } = await load('state/library/search-state.js')
          const { q, speaker, since, until } = wantedOf(query)
          return [[q, speaker, since, until], addressQuery(wantedOf(query))]
        }""",
        query,
    ) == [wanted, again]


def test_days_are_those_of_whoever_looks_and_both_of_them_are_whole(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { apiQuery } = await load('state/library/search-state.js')
          const asked = (since, until, cursor = null) =>
            Object.fromEntries(new URLSearchParams(apiQuery({ q: 'x', speaker: '', since, until }, cursor)))
          const moment = (...parts) => new Date(...parts).toISOString()
          const { since, until } = asked('2026-02-28', '2026-02-28')
          return [since === moment(2026, 1, 28), until === moment(2026, 2, 1), asked('2026-02-30', 'May', '12')]
        }"""
    ) == [True, True, {"q": "x", "since": "2026-02-30", "until": "May", "cursor": "12"}]


def test_marks_count_characters_as_people_do(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { excerptParts } = await load('state/library/search-state.js')
          return [[[3, 6], [7, 10]], [[0, 10]], []].map((marks) => excerptParts({ excerpt: '🎉 a one one', marks })
            .map(({ text, found }) => (found ? `[${text}]` : text)).join('|'))
        }"""
    ) == ["🎉 a|[ on]|e|[ on]|e", "[🎉 a one on]|e", "🎉 a one one"]
