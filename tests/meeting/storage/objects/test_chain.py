"""Of which objects a journal consists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.storage.objects.chain import (
    HEAD,
    Excerpt,
    Generation,
    Part,
    Stretch,
    appended,
    encode_head,
    excerpts,
    following,
    latest,
    parse_head,
    parse_part,
    put_together,
    read_excerpt,
)
from pipelines.errors import StoreError

OLD, NEW = Generation(7), Generation(9)

stretches = st.lists(
    st.builds(Stretch, st.builds(Generation, st.integers(0, 10**16), st.integers(0, 99)), st.integers(1, 50)),
    max_size=4,
)


@given(st.integers(0, 10**19), st.integers(0, 9999), st.integers(0, 10**7), st.integers(1, 1000))
def test_the_name_of_an_object_says_where_it_belongs(fence: int, opening: int, number: int, count: int) -> None:
    part = Part(Generation(fence, opening), number, count if number > HEAD else 1)
    assert parse_part(part.name) == part


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "7/1",
        "00000000000000000012.0003/00000001.part",
        "../00000001",
        "00000000000000000012.0003/00000002-00000002",
        "00000000000000000012.0003/00000003-00000002",
        "00000000000000000012.0003/00000000-00000002",
    ],
)
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


def test_what_was_put_together_counts_as_what_it_holds() -> None:
    parts = [Part(OLD, HEAD), Part(OLD, 1, 3), Part(OLD, 3), Part(OLD, 4), Part(OLD, 5, 2), Part(OLD, 8)]
    assert appended(parts, OLD) == Stretch(OLD, 6)


def test_what_a_server_stores_too_late_belongs_to_no_journal() -> None:
    head = parse_head(encode_head([Stretch(OLD, 2)]))
    late = [Part(OLD, number) for number in (HEAD, 1, 2, 3)] + [Part(NEW, HEAD), Part(NEW, 1)]
    read = excerpts([*head, appended(late, NEW)], late)
    assert [one.part for one in read] == [Part(OLD, 1), Part(OLD, 2), Part(NEW, 1)]


def test_where_both_are_there_the_larger_object_is_read_and_each_piece_once() -> None:
    parts = [Part(OLD, 1), Part(OLD, 2), Part(OLD, 2, 3), Part(OLD, 3), Part(OLD, 4), Part(OLD, 5)]
    assert excerpts([Stretch(OLD, 5)], parts) == [
        Excerpt(Part(OLD, 1), 0, 1),
        Excerpt(Part(OLD, 2, 3), 0, 3),
        Excerpt(Part(OLD, 5), 0, 1),
    ]


def test_of_an_object_that_holds_more_than_belongs_to_a_journal_only_that_is_read() -> None:
    assert excerpts([Stretch(OLD, 4)], [Part(OLD, 1, 3), Part(OLD, 3, 4)]) == [
        Excerpt(Part(OLD, 1, 3), 0, 3),
        Excerpt(Part(OLD, 3, 4), 1, 1),
    ]


@pytest.mark.parametrize("parts", [[], [Part(OLD, 1)], [Part(OLD, 2, 2)], [Part(OLD, 1), Part(OLD, 3)]])
def test_a_piece_that_is_nowhere_is_an_error(parts: list[Part]) -> None:
    with pytest.raises(StoreError, match="lost a part"):
        excerpts([Stretch(OLD, 3)], parts)


@given(st.lists(st.binary(max_size=5), min_size=2, max_size=6), st.data())
def test_what_was_put_together_is_read_piece_by_piece(pieces: list[bytes], data: st.DataObject) -> None:
    skipped = data.draw(st.integers(0, len(pieces) - 1))
    count = data.draw(st.integers(1, len(pieces) - skipped))
    held = put_together([len(piece) for piece in pieces], b"".join(pieces))
    found = read_excerpt(Excerpt(Part(OLD, 1, len(pieces)), skipped, count), held)
    assert found == b"".join(pieces[skipped : skipped + count])


def test_a_piece_of_its_own_is_read_as_it_is() -> None:
    assert read_excerpt(Excerpt(Part(OLD, 1), 0, 1), b"one\ntwo") == b"one\ntwo"


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"onetwo",
        b"{}\nonetwo",
        b'{"version": 1, "sizes": [3]}\none',
        b'{"version": 1, "sizes": [3, 3]}\nonetw',
        b'{"version": 1, "sizes": [3, "x"]}\nonetwo',
        b'{"version": 2, "sizes": [3, 3]}\nonetwo',
    ],
)
def test_what_holds_something_else_than_its_name_says_is_an_error(held: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        read_excerpt(Excerpt(Part(OLD, 1, 2), 0, 2), held)


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
