"""All that the first page shows, as one value."""

from __future__ import annotations

from tests.web.conftest import Run


def test_the_list_grows_by_pages_and_says_when_there_is_nothing(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { isEmpty, listFailed, listLoaded, meetingDeleted, openedHome } = await load('state/home-state.js')
          const opened = openedHome(false)
          const page = (next, ...ids) => ({ meetings: ids.map((id) => ({ id })), next })
          const one = listLoaded(opened, page('b', 'a'))
          const two = listLoaded(listFailed(one, 'no answer'), page(null, 'b', 'c'))
          const ids = ({ meetings }) => meetings.map(({ id }) => id).join('')
          const [failed, nothing] = [listFailed(opened, 'no'), listLoaded(opened, page(null))]
          const states = [opened, one, failed, nothing, meetingDeleted(one, 'a')]
          return [ids(two), two.next, two.problem, ids(meetingDeleted(two, 'b')), ids(two), states.map(isEmpty)]
        }"""
    ) == ["abc", None, "", "ac", "abc", [False, False, False, True, True]]


def test_the_newest_meetings_go_before_those_that_are_listed(javascript: Run) -> None:
    assert (
        javascript(
            """async () => {
          const { listLoaded, newestLoaded, openedHome } = await load('state/home-state.js')
          const page = (...ids) => ({ meetings: ids.map((id) => ({ id })), next: 'x' })
          const state = newestLoaded(listLoaded(openedHome(false), page('b', 'a')), page('c', 'b'))
          return [state.meetings.map(({ id }) => id).join(''), state.next]
        }"""
        )
        == ["cba", "x"]
    )
