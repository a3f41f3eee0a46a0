"""Objects that clients send, read field by field."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meeting.compat.openai.realtime.fields import Fields
from meeting.core.errors import ProtocolError


def test_fields_are_read_by_name_and_null_is_as_good_as_nothing() -> None:
    fields = Fields({"a": "x", "b": ["y"], "c": None, "d": {"e": 1}}, "session")
    assert (fields.text("a"), fields.texts("b"), fields.text("c"), fields.text("z")) == ("x", ["y"], "", "")
    assert fields.part("d").number("e", 10, 5) == 1
    assert fields.part("z").number("e", 10, 5) == 5


def test_whether_a_field_is_there_and_null_can_be_told() -> None:
    fields = Fields({"c": None, "d": {}}, "session")
    assert ("c" in fields, fields.is_null("c")) == (True, True)
    assert ("d" in fields, fields.is_null("d")) == (True, False)
    assert ("z" in fields, fields.is_null("z")) == (False, False)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda fields: fields.text("wrong"), "session.wrong must be text"),
        (lambda fields: fields.texts("wrong"), "session.wrong must be a list of texts"),
        (lambda fields: fields.texts("list"), "session.list must be a list of texts"),
        (lambda fields: fields.part("wrong"), "session.wrong must be an object"),
        (lambda fields: fields.number("list", 1, 0), "session.list must be a number from 0 to 1"),
        (lambda fields: fields.number("wrong", 1, 0), "session.wrong must be a number from 0 to 1"),
        (lambda fields: fields.number("nan", 1, 0), "session.nan must be a number from 0 to 1"),
        (lambda fields: fields.number("yes", 1, 0), "session.yes must be a number from 0 to 1"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_field(read: Any, told: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{told}$"):
        read(Fields({"wrong": 7, "list": [1], "nan": math.nan, "yes": True}, "session"))


def test_what_nobody_has_read_is_named_wherever_it_stands() -> None:
    fields = Fields({"a": 1, "b": {"c": 2, "d": None, "e": []}}, "session")
    fields.part("b")
    fields.warn("f", "why")
    assert [(one["parameter"], one["message"]) for one in fields.warnings()] == [
        ("session.f", "why"),
        ("session.a", "it means nothing here"),
        ("session.b.c", "it means nothing here"),
    ]
