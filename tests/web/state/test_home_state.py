"""All that the first page shows, as one value."""

from __future__ import annotations

from tests.web.conftest import Run


def test_the_list_grows_by_pages_and_says_when_there_is_nothing(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { deletionEnded, isEmpty, listFailed, listLoaded, openedHome } = await load('state/home-state.js')
          const opened = openedHome(false)
          const page = (next, ...ids) => ({ meetings: ids.map((id) => ({ id })), next })
          const one = listLoaded(opened, page('b', 'a'))
          const two = listLoaded(listFailed(one, 'no answer'), page(null, 'b', 'c'))
          const ids = ({ meetings }) => meetings.map(({ id }) => id).join('')
          const [failed, nothing] = [listFailed(opened, 'no'), listLoaded(opened, page(null))]
          const states = [opened, one, failed, nothing, deletionEnded(one, 'a')]
          return [ids(two), two.next, two.problem, ids(deletionEnded(two, 'b')), ids(two), states.map(isEmpty)]
        }"""
    ) == ["abc", None, "", "ac", "abc", [False, False, False, True, True]]


def test_what_is_new_comes_first_and_earlier_pages_stay(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { filtered, listLoaded, listRefreshed, openedHome } = await load('state/home-state.js')
          const page = (next, ...ids) => ({ meetings: ids.map((id) => ({ id })), next })
          const told = ({ meetings, next, loading }) => [meetings.map(({ id }) => id).join(''), next, loading]
          const two = listLoaded(listLoaded(openedHome(false), page('n2', 'b', 'c')), page('n4', 'd', 'e'))
          const narrowed = filtered(two, { title: 'd', time: '' })
          return [
            told(listRefreshed(two, page('n2', 'a', 'b', 'c'))),
            told(listRefreshed(two, page('nc', 'a', 'b'))),
            told(listRefreshed(two, page('nx', 'x'))),
            told(listRefreshed(two, page(null, 'a', 'c'))),
            told(narrowed),
            told(listRefreshed(narrowed, page('nd', 'd'))),
            told(listRefreshed(listRefreshed(narrowed, page('nd', 'd')), page('nd', 'd'))),
          ]
        }"""
    ) == [
        ["abcde", "n4", False],
        ["abcde", "n4", False],
        ["x", "nx", False],
        ["ac", None, False],
        ["bcde", "n4", True],
        ["d", "nd", False],
        ["d", "nd", False],
    ]


def test_what_is_being_deleted_is_not_shown_and_comes_back_where_it_is_not(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const home = await load('state/home-state.js')
          const [a, b] = [{ id: 'a', title: 'A' }, { id: 'b', title: '' }]
          const opened = home.listLoaded(home.openedHome(false), { meetings: [a, b], next: null })
          const begun = home.deletionBegan(home.deletionBegan(opened, a), b)
          const shown = (state) => home.shownMeetings(state).map(({ id }) => id).join('')
          const failed = home.deletionFailed(begun, 'b', 'The disk is full.')
          return [shown(begun), home.isEmpty(begun), shown(home.deletionUndone(begun, 'a')),
            shown(failed), failed.notice,
            shown(home.deletionEnded(begun, 'a')), home.deletionEnded(begun, 'a').meetings.length,
            home.shownMeetings(opened) === opened.meetings]
        }"""
    ) == ["", True, "a", "b", "“Untitled meeting” was not deleted. The disk is full.", "", 1, True]
