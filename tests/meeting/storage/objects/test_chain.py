"""Of which objects a journal consists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.storage.objects.chain import (
    HEAD,
    Generation,
    Part,
    Stretch,
    appended,
    encode_head,
    following,
    latest,
    parse_head,
    parse_part,
    parts_of,
)
from pipelines.errors import StoreError

OLD, NEW = Generation(7), Generation(9)

stretches = st.lists(
    st.builds(Stretch, st.builds(Generation, st.integers(0, 10**16), st.integers(0, 99)), st.integers(1, 50)),
    max_size=4,
)


@given(st.integers(0, 10**19), st.integers(0, 9999), st.integers(0, 10**7))
def test_the_name_of_an_object_says_where_it_belongs(fence: int, opening: int, number: int) -> None:
    part = Part(Generation(fence, opening), number)
    assert parse_part(part.name) == part


@pytest.mark.parametrize("name", ["", "x", "7/1", "00000000000000000012.0003/00000001.part", "../00000001"])
def test_what_has_another_name_is_none_of_ours(name: str) -> None:
    assert parse_part(name) is None


def test_names_sort_as_what_they_stand_for() -> None:
    parts = [Part(Generation(fence, opening), number) for fence in (2, 10) for opening in (0, 1) for number in (2, 10)]
    assert sorted(parts, key=lambda part: part.name) == sorted(parts)


def test_a_generation_counts_once_its_head_is_stored() -> None:
    assert latest([Part(OLD, HEAD), Part(OLD, 1), Part(NEW, 1)]) == OLD
    assert latest([Part(OLD, HEAD), Part(NEW, HEAD)]) == NEW
    assert latest([Part(OLD, 1)]) is None


def test_what_was_appended_ends_where_an_object_is_missing() -> None:
    parts = [Part(OLD, number) for number in (HEAD, 1, 2, 4)] + [Part(NEW, 3)]
    assert appended(parts, OLD) == Stretch(OLD, 2)


def test_what_a_server_stores_too_late_belongs_to_no_journal() -> None:
    head = parse_head(encode_head([Stretch(OLD, 2)]))
    late = [Part(OLD, number) for number in (HEAD, 1, 2, 3)] + [Part(NEW, HEAD), Part(NEW, 1)]
    assert parts_of([*head, appended(late, NEW)]) == [Part(OLD, 1), Part(OLD, 2), Part(NEW, 1)]


def test_each_opening_under_a_fence_has_a_generation_of_its_own() -> None:
    assert following([], 7) == Generation(7, 0)
    assert following([Part(OLD, HEAD), Part(Generation(7, 1), 4)], 7) == Generation(7, 2)
    assert following([Part(OLD, HEAD)], 8) == Generation(8, 0)


@given(stretches)
def test_a_head_tells_what_comes_before(before: list[Stretch]) -> None:
    assert parse_head(encode_head(before)) == before


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b'{"version": 1}', b'{"version": 1, "before": [[1]]}'])
def test_a_damaged_head_is_an_error(head: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        parse_head(head)


def test_a_head_of_a_later_version_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="update this one"):
        parse_head(b'{"version": 2}')
