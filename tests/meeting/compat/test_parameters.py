"""Parameters of an address: read, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meeting.compat.parameters import Parameters
from meeting.core.errors import ErrorCode, ProtocolError


def given(**values: str) -> Parameters:
    return Parameters(list(values.items()))


def test_what_is_not_given_has_its_default() -> None:
    nothing = given()
    assert (nothing.text("a"), nothing.text("a", "b"), nothing.texts("a")) == ("", "b", [])
    assert (nothing.flag("a"), nothing.flag("a", True)) == (False, True)
    assert nothing.number("a", 1, 5, 3) == 3
    assert nothing.choice("a", {"x"}, "") == ""
    assert nothing.language() is None


def test_what_is_given_is_read() -> None:
    several = Parameters([("a", "1"), ("b", "2"), ("a", "3")])
    assert several.texts("a") == ["1", "3"]
    assert several.number("b", 1, 5, 0) == 2
    assert given(a="TRUE").flag("a")
    assert not given(a="false").flag("a", True)
    assert given(a="Linear16").choice("a", {"linear16"}, "") == "linear16"
    assert given(language="en").language() == "en"
    assert given(language="en-GB").language() == "en"
    assert given(language="zh_CN").language() == "zh"
    assert given(language="en-GB, de,en").language() == "en,de"
    assert given(language="multi").language(automatic=("multi",)) is None


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (lambda one: one.flag("a"), "true or false, not 'maybe'"),
        (lambda one: one.number("a", 1, 5, 0), "from 1 to 5"),
        (lambda one: one.choice("a", {"x", "y"}, ""), "one of x, y"),
        (lambda one: one.language("a"), "language code"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: Callable[[Parameters], Any], why: str) -> None:
    with pytest.raises(ProtocolError, match=why) as refused:
        asked(given(a="maybe"))
    assert refused.value.code == ErrorCode.BAD_REQUEST


def test_one_wrong_language_among_several_is_refused() -> None:
    with pytest.raises(ProtocolError, match="language code"):
        given(language="en,klingon").language()


@pytest.mark.parametrize("value", ["0", "6", "-1", "1.5", "²", "9" * 100, "1e1"])
def test_a_number_is_a_whole_one_within_its_bounds(value: str) -> None:
    with pytest.raises(ProtocolError):
        given(a=value).number("a", 1, 5, 3)


def test_what_counts_once_is_given_once_and_long_values_are_not_quoted_whole() -> None:
    with pytest.raises(ProtocolError, match="2 times"):
        Parameters([("a", "1"), ("a", "2")]).text("a")
    with pytest.raises(ProtocolError) as refused:
        given(a="x" * 5000).flag("a")
    assert len(str(refused.value)) < 200


def test_those_that_nobody_asked_for_remain() -> None:
    several = Parameters([("a", "1"), ("b", "2"), ("c", "3"), ("b", "4")])
    several.flag("a")
    assert several.rest == ["b", "c"]
