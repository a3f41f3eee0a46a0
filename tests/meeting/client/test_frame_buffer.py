"""Frames that wait to be confirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.client.errors import SourceLost
from meeting.client.frame_buffer import FrameBuffer


def filled(count: int, size: int = 10) -> FrameBuffer:
    buffer = FrameBuffer(10_000)
    for number in range(count):
        buffer.append(bytes([number]) * size, number)
    return buffer


def sent(buffer: FrameBuffer) -> list[int]:
    numbers = []
    while (frame := buffer.next_unsent()) is not None:
        numbers.append(frame.seq)
    return numbers


def test_frames_are_sent_once_and_in_order() -> None:
    buffer = filled(3)
    assert sent(buffer) == [0, 1, 2]
    assert sent(buffer) == []
    buffer.append(b"x", 3)
    assert sent(buffer) == [3]


def test_confirmed_frames_make_room() -> None:
    buffer = FrameBuffer(20)
    buffer.append(bytes(10), 0)
    buffer.append(bytes(10), 1)
    assert not buffer.fits(1)
    assert sent(buffer) == [0, 1]
    buffer.acknowledge(0)
    assert buffer.fits(10)
    assert not buffer.fits(11)
    assert (buffer.unacknowledged, buffer.in_flight) == (1, 1)


def test_an_empty_buffer_takes_a_frame_of_any_size() -> None:
    assert FrameBuffer(1).fits(100)


def test_a_new_connection_goes_on_where_the_server_says() -> None:
    buffer = filled(5)
    assert sent(buffer) == [0, 1, 2, 3, 4]
    buffer.acknowledge(1)
    buffer.resume_at(3)
    assert buffer.unacknowledged == 2
    assert sent(buffer) == [3, 4]


def test_a_server_that_lost_what_it_had_confirmed_gets_what_there_is() -> None:
    buffer = filled(5)
    sent(buffer)
    buffer.acknowledge(2)
    buffer.resume_at(1)
    assert sent(buffer) == [3, 4]


def test_a_server_that_has_more_than_was_sent_is_not_gone_on_with() -> None:
    with pytest.raises(SourceLost):
        filled(2).resume_at(3)


@given(st.lists(st.tuples(st.sampled_from(["append", "send", "ack", "resume"]), st.integers(0, 12)), max_size=60))
def test_whatever_happens_every_frame_is_sent_in_order_or_confirmed(steps: list[tuple[str, int]]) -> None:
    buffer, received = FrameBuffer(1 << 20), 0  # what the server has: frames up to here
    for step, number in steps:
        if step == "append":
            buffer.append(bytes(number), 0)
        elif step == "send" and (frame := buffer.next_unsent()) is not None:
            assert frame.seq <= received
            received = max(received, frame.seq + 1)
        elif step == "ack" and received:
            buffer.acknowledge(min(number, received - 1))
        elif step == "resume":
            buffer.resume_at(received)
    buffer.resume_at(received)
    for number in sent(buffer):
        assert number == received
        received += 1
    assert received == buffer.next_seq
