"""Whether an object store can be used, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from meeting.core.errors import ObjectStoreError
from meeting.storage.objects.examination import DELETED, LISTED, REACHED, READ, WRITTEN, Refusal, examine
from tests.meeting.storage.objects.fake_objects import FakeObjects


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


def test_a_store_that_can_be_used_is_left_as_it_was(objects: FakeObjects) -> None:
    objects.held["journals/m/x"] = b"stays"
    assert examine(objects) is None
    assert list(objects.held) == ["journals/m/x"]


def refuse(*arguments: object) -> None:
    raise ObjectStoreError("the object store cannot be used (X)") from PermissionError()


@pytest.mark.parametrize(("method", "step"), [("list", REACHED), ("put", WRITTEN), ("get", READ), ("remove", DELETED)])
def test_what_it_refuses_is_told_with_the_cause_and_nothing_stays(
    objects: FakeObjects, monkeypatch: pytest.MonkeyPatch, method: str, step: str
) -> None:
    monkeypatch.setattr(objects, method, refuse)
    assert examine(objects) == Refusal(step, "the keys do not allow it (PermissionError)")
    assert len(objects.held) == (method == "remove")


def test_a_store_whose_lists_are_late_cannot_be_used(objects: FakeObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "list", lambda folder: [])
    found = examine(objects)
    assert found is not None
    assert found.step == LISTED
    assert objects.held == {}


def test_one_whose_objects_do_not_go_cannot_be_used(objects: FakeObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    keep: Callable[[Sequence[str]], None] = lambda names: None  # noqa: E731
    monkeypatch.setattr(objects, "remove", keep)
    found = examine(objects)
    assert found is not None
    assert found.step == DELETED


def test_an_error_that_nobody_knows_is_told_as_it_is(objects: FakeObjects) -> None:
    objects.away = True
    assert examine(objects) == Refusal(REACHED, "the object store is away")
