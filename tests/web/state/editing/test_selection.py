"""Which lines are selected, as the page's pure module has it."""

from __future__ import annotations

from tests.web.conftest import Run

ORDER = ["s1", "s2", "s3", "s4"]


def test_lines_are_taken_in_one_by_one_or_all_between_two(javascript: Run) -> None:
    source = """async (order) => {
        const { extended, toggled } = await load('state/editing/selection.js')
        const one = toggled(new Set(), 's3')
        const cases = [one, toggled(one, 's3'), extended(one, order, 's3', 's1'), extended(one, order, '', 's2')]
        return [...cases, extended(one, order, 's3', 'gone')].map((selected) => [...selected].sort())
    }"""
    assert javascript(source, ORDER) == [["s3"], [], ["s1", "s2", "s3"], ["s2", "s3"], ["s3"]]


def test_what_is_gone_is_selected_no_more_and_nothing_changes_where_nothing_is(javascript: Run) -> None:
    source = """async (order) => {
        const { remaining } = await load('state/editing/selection.js')
        const both = new Set(['s1', 's2'])
        return [remaining(both, order) === both, [...remaining(both, ['s2'])]]
    }"""
    assert javascript(source, ORDER) == [True, ["s2"]]


def test_lines_of_a_long_meeting_that_have_not_come_again_yet_are_selected_like_the_others(javascript: Run) -> None:
    source = """async () => {
        const { selectedLines } = await load('state/editing/selection.js')
        const line = (id, rev) => [id, { id, rev }]
        const transcript = { segments: new Map([line('s1', 2)]), stale: new Map([line('s2', 3), line('s3', 1)]) }
        return selectedLines(new Set(['s2', 's1', 'gone']), transcript).map(({ id, rev }) => [id, rev])
    }"""
    assert javascript(source) == [["s2", 3], ["s1", 2]]
