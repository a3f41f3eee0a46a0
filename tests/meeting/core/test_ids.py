"""Ids: long, plain, never the same."""

from __future__ import annotations

from meeting.core.ids import new_id


def test_ids_are_long_and_plain() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id_) == 16 and id_.isalnum() and id_ == id_.lower() and id_.isascii() for id_ in ids)
