"""Answers of models, as they come: clean, wrapped, broken off, or no use."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.notes.drafts import (
    KINDS,
    MOST_CHARACTERS,
    MOST_LINES,
    MOST_SENTENCES,
    SCHEMA,
    Draft,
    Sentence,
    read_draft,
)
from meeting.notes.errors import UnusableAnswer

BODY: dict[str, Any] = {
    "summary": [{"text": "They met.", "lines": [1, 2]}],
    "decisions": [{"text": "Release on Friday.", "lines": [3]}],
    "actions": [{"text": "Write the announcement.", "who": "Ben", "when": "Friday", "lines": [4]}],
}
CLEAN = json.dumps(BODY)
DRAFT = Draft(
    (Sentence("They met.", (1, 2)),),
    (Sentence("Release on Friday.", (3,)),),
    (Sentence("Write the announcement.", (4,), "Ben", "Friday"),),
)


@pytest.mark.parametrize(
    "answer",
    [
        CLEAN,
        json.dumps(BODY, indent=2),
        f"```json\n{CLEAN}\n```",
        f"Here are the notes:\n```\n{CLEAN}\n```\nShall I go on? {{}}",
        f'<think>They want {{"summary": []}} … {{ not json</think>\n{CLEAN}',
        f'An example is {{"summary": [], "decisions": [], "actions": []}}. The notes: {CLEAN}',
        f"{{{{ template }}}} {CLEAN}",
        f"{'{ ' * 500}</think>{CLEAN}",
    ],
)
def test_notes_are_found_however_a_model_wraps_them(answer: str) -> None:
    assert read_draft(answer) == DRAFT


def test_an_answer_that_broke_off_gives_what_is_whole_and_says_so() -> None:
    draft = read_draft(f"```json\n{CLEAN[: CLEAN.index('Write the') + 5]}", broke_off=True)
    assert draft == Draft(DRAFT.summary, DRAFT.decisions, incomplete=True)
    assert read_draft(CLEAN[:-2]).incomplete  # although the server did not say so


def test_an_answer_that_was_cut_by_its_length_is_incomplete_even_if_it_can_be_read() -> None:
    assert read_draft(CLEAN, broke_off=True).incomplete


@pytest.mark.parametrize(
    "answer",
    ["", "I cannot do that.", "{", "[]", '{"notes": []}', "null", '{"summary', "{" * 100_000, '[{"text": "a"}]', "}{"],
)
def test_an_answer_without_notes_says_what_was_expected(answer: str) -> None:
    with pytest.raises(UnusableAnswer, match='"summary", "decisions" and "actions"'):
        read_draft(answer)


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ([3, 1, 3], (1, 3)),
        (["[12]", "L7", "line 3"], (3, 7, 12)),
        ("4, 5", (4, 5)),
        (6, (6,)),
        (None, ()),
        ({"a": 1}, ()),
        ([True, None, [1], 2.5], ()),
        ([10**30, "9" * 50], ()),
        (list(range(50)), tuple(range(MOST_LINES))),
    ],
)
def test_lines_are_understood_as_models_write_them(lines: object, numbers: tuple[int, ...]) -> None:
    (sentence,) = read_draft(json.dumps({"summary": [{"text": "a", "lines": lines}]})).summary
    assert sentence.numbers == numbers


def test_a_bare_text_is_a_sentence_that_rests_on_nothing() -> None:
    draft = read_draft('{"summary": "They met.", "decisions": ["Friday it is."], "actions": null}')
    assert draft == Draft((Sentence("They met."),), (Sentence("Friday it is."),))


def test_what_makes_no_sense_is_left_out_and_sizes_are_bounded() -> None:
    items = [5, None, {}, {"text": " "}, {"text": 3}, *({"text": f"{n} " + "x" * 5000} for n in range(500))]
    draft = read_draft(json.dumps({"summary": items, "actions": [{"text": "a", "who": "y" * 500, "when": " "}]}))
    assert len(draft.summary) <= MOST_SENTENCES
    assert all(len(sentence.text) == MOST_CHARACTERS for sentence in draft.summary)
    (action,) = draft.actions
    assert (len(action.who or ""), action.when) == (MOST_CHARACTERS // 10, None)


def test_a_sentence_is_one_line_that_commands_no_terminal() -> None:
    (sentence,) = read_draft(json.dumps({"summary": [{"text": "a\n\x1b[31mb\u202ec"}]})).summary
    assert sentence.text == "a \\u001b[31mb\\u202ec"


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_nothing_that_a_model_says_does_anything_but_to_be_read_or_refused(answer: str) -> None:
    for said in (answer, f'{{"summary": {answer}}}', f'{{"actions": [{answer}, {{"text": "a", "lines": {answer}}}]}}'):
        with suppress(UnusableAnswer):
            assert isinstance(read_draft(said), Draft)


def test_a_draft_is_written_as_the_schema_says() -> None:
    body = json.loads(DRAFT.to_json())
    assert body == BODY
    for kind in KINDS:
        items = SCHEMA["properties"][kind]["items"]
        assert list(body[kind][0]) == items["required"] == list(items["properties"])
    assert SCHEMA["required"] == list(KINDS)
