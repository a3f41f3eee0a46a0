"""A line that somebody writes while others may change it, as the page's pure module has it."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Run


def line(rev: int, text: str, **more: Any) -> dict[str, Any]:
    """A line as it is told."""
    return {"id": "s1", "rev": rev, "text": text, "speaker": "spk1", "source_id": "a", "final": True, **more}


SEEN = """async ([base, lines]) => {
    const { agreed, begin, seen } = await load('state/editing/draft.js')
    let draft = begin(base)
    return lines.map(([line, touched]) => {
        draft = line === 'agreed' ? agreed(draft) : seen(draft, line ?? undefined, touched)
        return [draft.base.rev, draft.theirs?.text ?? null, draft.gone]
    })
}"""


def test_a_draft_follows_labels_and_what_nobody_has_touched_and_keeps_what_was_written(javascript: Run) -> None:
    lines = [
        (line(2, "one", speaker="spk2"), True),  # another label is nobody's objection
        (line(3, "won"), False),  # nothing was written yet
        (line(4, "own"), True),
        (line(5, "owns"), True),
        ("agreed", True),
        (line(5, "owns"), True),
    ]
    assert javascript(SEEN, [line(1, "one"), lines]) == [
        [2, None, False], [3, None, False], [3, "own", False], [3, "owns", False], [5, None, False], [5, None, False],
    ]  # fmt: skip


def test_a_draft_of_a_line_that_is_gone_is_kept_and_goes_on_when_it_comes_back(javascript: Run) -> None:
    lines = [(line(2, ""), True), (None, True), (line(3, "one"), True)]
    assert javascript(SEEN, [line(1, "one"), lines]) == [[1, None, True], [1, None, True], [3, None, False]]


def test_a_text_is_split_at_the_cursor_where_there_are_words_on_both_sides(javascript: Run) -> None:
    source = """async (cases) => {
        const { splitAt } = await load('state/editing/draft.js')
        return cases.map(([text, at]) => splitAt(text, at))
    }"""
    cases = [(" we  meat ", 4), ("we meat", 0), ("we meat", 7), ("we meat ", 8), ("meat", 2), ("", 0)]
    assert javascript(source, cases) == [["we", "meat"], None, None, None, ["me", "at"], None]


def test_the_next_line_is_of_the_same_source_and_complete(javascript: Run) -> None:
    source = """async (lines) => {
        const { nextLine } = await load('state/editing/draft.js')
        return lines.map((line) => nextLine(lines, line)?.id ?? null)
    }"""
    lines = [
        line(1, "a"),
        line(1, "b", id="s2", source_id="b"),
        line(1, "c", id="s3"),
        line(1, "d", id="s4", final=False),
    ]
    assert javascript(source, lines) == ["s3", None, None, None]
