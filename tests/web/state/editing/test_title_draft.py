"""The title that somebody writes while others may give another one, as the page's pure module has it."""

from __future__ import annotations

from tests.web.conftest import Run

STEPS = """async (steps) => {
    const title = await load('state/editing/title-draft.js')
    const { titleSeen: seen, titleSent: sent, titleAnswered: answered, titleAgreed: agreed } = title
    const does = { seen, sent, answered, agreed }
    let now = title.NO_TITLE_DRAFT
    return steps.map(([step, ...given]) => {
        now = does[step](now, ...given)
        return [now.base, now.theirs, now.sent]
    })
}"""


def test_the_title_that_comes_first_is_nobodys_objection_to_what_was_written_before(javascript: Run) -> None:
    assert javascript(STEPS, [("seen", "Plan", "mine")]) == [["Plan", None, []]]


def test_what_nobody_has_touched_follows_and_what_somebody_writes_is_told_of_another_title(javascript: Run) -> None:
    steps = [
        ("seen", "Plan", ""),
        ("seen", "Plans", "Plan "),
        ("seen", "Theirs", "mine"),
        ("seen", "Their own", "mine"),
        ("agreed",),
        ("seen", "Their own", "mine"),
        ("seen", "Theirs", "mine"),
        ("seen", "Their own", "mine"),
        ("seen", "mine", "mine"),
    ]
    assert javascript(STEPS, steps) == [
        ["Plan", None, []],
        ["Plans", None, []],
        ["Plans", "Theirs", []],
        ["Plans", "Their own", []],
        ["Their own", None, []],
        ["Their own", None, []],
        ["Their own", "Theirs", []],
        ["Their own", None, []],  # they took it back
        ["mine", None, []],
    ]


def test_own_titles_that_are_told_are_nobodys_objection_to_what_is_written_next(javascript: Run) -> None:
    steps = [
        ("seen", "Plan", ""),
        ("sent", "One"),
        ("sent", "Two"),
        ("seen", "One", "three"),
        ("answered", "One", True),
        ("seen", "Two", "three"),
        ("answered", "Two", True),
        ("seen", "Theirs", "three"),
    ]
    assert javascript(STEPS, steps)[3:] == [
        ["One", None, ["Two"]],
        ["One", None, ["Two"]],
        ["Two", None, []],
        ["Two", None, []],
        ["Two", "Theirs", []],
    ]


def test_another_title_that_comes_before_the_answer_to_ones_own_is_followed_or_told_of(javascript: Run) -> None:
    asked = [("seen", "Plan", ""), ("sent", "Mine"), ("seen", "Theirs", "Mine")]
    taken = [*asked, ("answered", "Mine", True), ("seen", "Theirs", "Mine")]
    assert javascript(STEPS, taken)[2:] == [
        ["Plan", None, ["Mine"]],
        ["Mine", None, []],
        ["Theirs", None, []],
    ]
    refused = [*asked, ("answered", "Mine", False), ("seen", "Theirs", "Mine")]
    assert javascript(STEPS, refused)[3:] == [["Plan", None, []], ["Plan", "Theirs", []]]
