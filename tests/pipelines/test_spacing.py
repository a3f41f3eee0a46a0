"""Spaces between words: none in scripts that write none, single ones elsewhere."""

from __future__ import annotations

import pytest

from pipelines.spacing import close_up, is_spaced, join_words, set_apart


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["so", "we", "go."], "so we go."),
        (["今", "天", "我们", "讨论", "预算。"], "今天我们讨论预算。"),
        (["きょう", "は", "カレー", "です。"], "きょうはカレーです。"),
        (["สวัส", "ดี", "ครับ"], "สวัสดีครับ"),
        (["မင်္ဂ", "လာပါ"], "မင်္ဂလာပါ"),
        (["오늘", "예산을", "논의합니다."], "오늘 예산을 논의합니다."),
        (["我们", "用", "Python", "3", "写", "的。"], "我们用 Python 3 写的。"),
        (["𠮷", "野", "家"], "𠮷野家"),
        ([], ""),
    ],
)
def test_words_are_joined_as_they_are_written(words: list[str], text: str) -> None:
    assert join_words(words) == text


def test_a_text_that_is_set_apart_can_be_searched_by_character_and_closed_up_again() -> None:
    apart = set_apart("我们用 Python 3写的。 Good.")
    assert apart == "我 们 用 Python 3 写 的 。 Good."
    assert close_up(apart) == "我们用 Python 3 写的。 Good."
    assert set_apart("so we go") == close_up("so we go") == "so we go"


def test_a_space_stands_where_both_scripts_write_one() -> None:
    assert is_spaced("go", "on")
    assert is_spaced("", "on")
    assert not is_spaced("预", "算")
    assert not is_spaced("Python", "写")
