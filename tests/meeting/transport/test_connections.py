"""Whose turn it is, and who goes when there are too many: with a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from meeting.transport.connections import (
    MAX_SILENT,
    Connection,
    ConnectionLimits,
    ConnectionRegistry,
    WriteProgress,
    connection_of,
)


class Line:
    """What a connection is connected by."""

    def __init__(self) -> None:
        self.dropped = False
        self.reason: str | None = None

    def drop(self) -> None:
        """Remember it."""
        self.dropped = True

    def overdue_reason(self, now: float) -> str | None:
        """As the test says."""
        return self.reason


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(**bounds: int) -> ConnectionRegistry:
    return ConnectionRegistry(ConnectionLimits(**bounds), Clock())


def come(connections: ConnectionRegistry, address: str = "127.0.0.1", spoke: bool = True) -> tuple[Connection, Line]:
    connection, line = connections.open(address), Line()
    assert connection is not None
    connection.handler = line
    if spoke:
        connection.mark_receiving()
    return connection, line


def test_beyond_the_bound_the_oldest_that_waits_goes() -> None:
    connections = made(waiting=3)
    lines = [come(connections)[1] for _ in range(5)]
    assert [line.dropped for line in lines] == [True, True, False, False, False]
    assert (len(connections), connections.waiting) == (3, 3)


def test_who_is_served_does_not_wait_and_is_never_dropped_for_others() -> None:
    connections = made(waiting=3)
    served, line = come(connections)
    served.mark_busy()
    for _ in range(20):
        come(connections)
    assert (line.dropped, len(connections)) == (False, 4)


def test_who_was_served_before_goes_first() -> None:
    connections = made(waiting=2)
    _, first_line = come(connections)
    second, second_line = come(connections)
    second.mark_busy()
    second.mark_waiting()
    come(connections)
    assert (first_line.dropped, second_line.dropped) == (False, True)


def test_silent_ones_do_not_push_out_those_that_speak_and_a_newcomer_has_a_moment() -> None:
    connections = made(waiting=3)
    _, speaking = come(connections)
    _, silent = come(connections, spoke=False)
    for _ in range(MAX_SILENT - 1):
        come(connections, spoke=False)
    assert not silent.dropped
    come(connections, spoke=False)
    assert silent.dropped
    assert not speaking.dropped


def test_one_address_has_a_part_of_the_places_only() -> None:
    connections = made(waiting=100, waiting_per_address=2)
    other = come(connections, "192.0.2.2")[1]
    lines = [come(connections, "192.0.2.1")[1] for _ in range(3)]
    assert [line.dropped for line in (other, *lines)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_an_ipv6_customer_is_one_address(one: str, two: str, together: bool) -> None:
    connections = made(waiting=100, waiting_per_address=1)
    line = come(connections, one)[1]
    come(connections, two)
    assert line.dropped == together


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.0.0.5", "::ffff:127.0.0.1"])
def test_this_machine_s_own_addresses_are_not_counted_since_a_proxy_may_stand_there(address: str) -> None:
    connections = made(waiting=100, waiting_per_address=1)
    lines = [come(connections, address)[1] for _ in range(10)]
    assert not any(line.dropped for line in lines)


def test_nor_are_those_of_proxies() -> None:
    connections = ConnectionRegistry(
        ConnectionLimits(100, waiting_per_address=1), Clock(), lambda address: address == "192.0.2.9"
    )
    lines = [come(connections, "192.0.2.9")[1] for _ in range(10)]
    assert not any(line.dropped for line in lines)


def test_when_no_place_is_left_a_newcomer_is_refused_unless_someone_waits() -> None:
    connections = made(waiting=2, total=4)
    open_ones = [come(connections)[0] for _ in range(1)]
    open_ones[0].mark_busy()
    for _ in range(3):
        connection, _ = come(connections)
        connection.mark_busy()
    assert connections.open("127.0.0.1") is None
    open_ones[0].mark_waiting()
    assert connections.open("127.0.0.1") is not None
    assert len(connections) == 4


def test_readers_leave_places_for_those_who_are_not_in_yet() -> None:
    connections = made(waiting=2, total=12)
    readers = []
    while True:
        connection, _ = come(connections)
        if not connection.admit():
            break
        readers.append(connection)
    assert len(readers) == 12 - 2 - 3
    assert connection.admit(reserved=True), "who may speak has a place all the same"
    connection.closed()
    readers[0].closed()
    assert come(connections)[0].admit()


def test_a_reader_that_takes_nothing_counts_as_waiting_until_it_does() -> None:
    connections = made(waiting=2)
    reader, line = come(connections)
    assert reader.admit()
    reader.mark_waiting()
    assert connections.waiting == 1
    reader.mark_busy()
    assert connections.waiting == 0
    reader.mark_waiting()
    for _ in range(2):
        come(connections)
    assert line.dropped
    reader.mark_busy()
    reader.mark_waiting()
    reader.closed()
    assert len(connections) == 2


def test_what_is_overdue_ends_at_the_next_look() -> None:
    connections = made()
    open_ones = [come(connections) for _ in range(3)]
    open_ones[1][1].reason = "nothing came"
    connections.sweep()
    assert [line.dropped for _, line in open_ones] == [False, True, False]
    assert len(connections) == 2


def test_bounds_follow_when_less_room_is_left() -> None:
    connections = made(waiting=100, total=1000)
    for _ in range(100):
        come(connections)
    connections.total = 40
    connections.sweep()
    assert connections.waiting == 10


def test_shedding_ends_the_oldest_and_no_more_than_wait() -> None:
    connections = made()
    served, line = come(connections)
    served.mark_busy()
    lines = [come(connections)[1] for _ in range(3)]
    connections.shed(2)
    assert [one.dropped for one in lines] == [True, True, False]
    connections.shed(10)
    assert (len(connections), line.dropped) == (1, False)


def test_ends_of_connections_that_are_gone_already_change_nothing() -> None:
    connections = made(waiting_per_address=5)
    connection, _ = come(connections, "192.0.2.1")
    for _ in range(3):
        connection.closed()
        connection.mark_waiting()
        connection.mark_busy()
        connection.mark_receiving()
        connection.admit()
    assert (len(connections), connections.waiting) == (0, 0)


def test_a_client_makes_progress_when_what_waits_for_it_gets_less() -> None:
    progress = WriteProgress(0.0)
    assert [
        progress.seconds_stuck(size, now) for size, now in [(0, 5.0), (100, 6.0), (120, 9.0), (110, 11.0), (110, 12.0)]
    ] == [
        0.0,
        1.0,
        4.0,
        0.0,
        1.0,
    ]
    assert [progress.seconds_closing(now) for now in (20.0, 25.0)] == [0.0, 5.0]


def test_who_takes_as_much_as_is_written_is_not_stuck_though_as_much_waits_at_every_look() -> None:
    progress, stuck = WriteProgress(0.0), []
    for now in range(1, 10):
        progress.note_taken(now - 0.1)
        stuck.append(progress.seconds_stuck(100_000, float(now)))
    assert max(stuck) < 0.2
    assert progress.seconds_stuck(100_000, 20.0) > 10


def test_a_scope_that_came_some_other_way_has_no_peer() -> None:
    scopes: list[dict[str, Any]] = [{}, {"state": {}}, {"state": {"connection": "x"}}]
    assert [connection_of(scope) for scope in scopes] == [None] * 3
    connection = made().open("127.0.0.1")
    assert connection_of({"state": {"connection": connection}}) is connection


def test_each_that_is_turned_away_or_closed_early_is_told_with_its_reason() -> None:
    told: list[str] = []
    connections = ConnectionRegistry(ConnectionLimits(waiting=1, total=8), Clock(), on_refused=told.append)
    come(connections)
    _, second = come(connections)
    assert told == ["crowded"]
    second.reason = "too slow"
    connections.sweep()
    assert told == ["crowded", "overdue"]
    connections.total = 0
    assert connections.open("127.0.0.1") is None
    assert told == ["crowded", "overdue", "full"]
