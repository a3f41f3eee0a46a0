"""Changes made in a tab and taken back, as the page's pure module has them."""

from __future__ import annotations

from tests.web.conftest import Run


def test_what_is_undone_can_be_made_again_until_something_else_is_changed(javascript: Run) -> None:
    source = """async () => {
        const { NO_HISTORY, afterRedo, afterUndo, forgotten, withChange } =
          await load('state/editing/edit-history.js')
        const two = withChange(withChange(NO_HISTORY, { changes: ['a'], text: 'A' }), { changes: ['b'], text: 'B' })
        const undone = afterUndo(two, ['-b'], 'undone')
        const redone = afterRedo(undone, ['b2'])
        const changes = (all) => all.flatMap((one) => one.changes)
        const look = ({ done, undone, said }) => [changes(done), changes(undone), said]
        const other = withChange(undone, { changes: ['c'], text: 'C' })
        return [two, undone, redone, other, forgotten(undone, 'done')].map(look)
    }"""
    assert javascript(source) == [
        [["a", "b"], [], "B"],
        [["a"], ["-b"], "undone"],
        [["a", "b2"], [], "B"],
        [["a", "c"], [], "C"],
        [[], ["-b"], "undone"],
    ]


def test_no_more_is_remembered_than_the_server_does(javascript: Run) -> None:
    source = """async () => {
        const { NO_HISTORY, withChange } = await load('state/editing/edit-history.js')
        let made = NO_HISTORY
        for (let n = 0; n < 150; n += 1) made = withChange(made, { changes: [`${n}`], text: '' })
        return [made.done.length, made.done[0].changes]
    }"""
    assert javascript(source) == [100, ["50"]]
