"""Events and effects are plain values."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from meeting.core.messages import AudioInfo, Start
from meeting.session import events

KINDS = [*get_args(events.Event), *get_args(events.Effect)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_and_effect_is_a_frozen_value(kind: type) -> None:
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(kind, "__dict__") or "__slots__" in vars(kind)


def test_every_kind_is_in_one_of_the_two_unions() -> None:
    own = {value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__}
    assert own == set(KINDS)


def test_tokens_are_not_shown() -> None:
    event = events.StartReceived(1, Start(1, AudioInfo()), "s", "secret")
    assert "secret" not in repr(event)
    assert "token" in {spec.name for spec in fields(event)}
