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
