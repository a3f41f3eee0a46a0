"""Who is in a meeting, and who gives way."""

from __future__ import annotations

import pytest

from meeting.core.access import Role
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import ErrorMessage
from meeting.session.audience import EXTRA_SEATS, Audience
from meeting.session.events import AppendFrame, ClientJoined, ClientLeft, Disconnect, FrameReceived, Send
from meeting.session.session import Session
from tests.meeting.session.sessions import (
    HOST,
    LIMITS,
    OPENED,
    OTHER,
    VIEWER,
    disconnects,
    errors,
    frame,
    live_session,
    new_session,
    only,
    resumed,
    started,
)


def test_viewers_beyond_the_limit_are_turned_away() -> None:
    session = live_session()
    for client in (VIEWER, OTHER):
        session.handle(ClientJoined(client), 0.0)
    effects = session.handle(ClientJoined(9), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("too_many", True)], [(9, 4429)])


def crowded(role: Role = Role.VIEW, first: Session | None = None) -> Session:
    """A live meeting at which many more clients of a role have come than it has seats."""
    session = first or live_session()
    for client in range(100, 100 + LIMITS.viewers + EXTRA_SEATS + 50):
        session.handle(ClientJoined(client, role), 0.0)
    return session


@pytest.mark.parametrize("away", [True, False])
def test_readers_take_no_seat_of_those_who_may_speak(away: bool) -> None:
    session = live_session()
    if away:
        session.handle(ClientLeft(HOST), 0.0)
    crowded(first=session)
    assert session.viewers == LIMITS.viewers
    assert not disconnects(session.handle(ClientJoined(7, Role.HOST), 0.0))
    assert not disconnects(session.handle(ClientJoined(8, Role.SERVER), 0.0))
    assert disconnects(session.handle(ClientJoined(6, Role.VIEW), 0.0)) == [(6, 4429)]
    assert not disconnects(session.handle(ClientJoined(9, Role.SPEAK), 0.0))
    # Its older connection may not have been noticed to be dead.
    assert disconnects(session.handle(resumed(9), 0.0)) == ([] if away else [(HOST, 4409)])
    assert only(session.handle(FrameReceived(9, frame(0)), 0.0), AppendFrame)


def test_a_thousand_who_may_speak_lock_out_neither_the_returning_source_nor_the_host() -> None:
    session = live_session()
    session.handle(ClientLeft(HOST), 0.0)
    for client in range(100, 1100):
        session.handle(ClientJoined(client, Role.SPEAK), 0.0)
        assert session.viewers <= LIMITS.viewers + EXTRA_SEATS
    assert not [drop for drop in disconnects(session.handle(ClientJoined(7, Role.HOST), 0.0)) if drop[0] == 7]
    for client in range(2000, 3000):
        assert (7, 4429) not in disconnects(session.handle(ClientJoined(client, Role.SPEAK), 0.0))
    session.handle(ClientJoined(9, Role.SPEAK), 0.0)
    assert not disconnects(session.handle(resumed(9), 0.0))
    for client in range(3000, 4000):
        session.handle(ClientJoined(client, Role.SPEAK), 0.0)
    assert session.source_of(9) == "src1"
    assert only(session.handle(FrameReceived(9, frame(0)), 0.0), AppendFrame)


def test_the_longest_on_an_extra_seat_gives_way_and_who_came_before_it_was_full_stays() -> None:
    session, there = live_session(), list[int]()
    for client in range(100, 100 + LIMITS.viewers + EXTRA_SEATS + 50):
        gone = dict(disconnects(session.handle(ClientJoined(client, Role.SPEAK), 0.0)))
        there = [*(one for one in there if one not in gone), client]
    effects = session.handle(ClientJoined(7, Role.SPEAK), 0.0)
    longest = there[LIMITS.viewers]
    assert (errors(effects), disconnects(effects)) == ([("too_many", True)], [(longest, 4429)])
    assert there[: LIMITS.viewers] == [100 + i for i in range(LIMITS.viewers)]
    assert session.handle(ClientLeft(longest), 0.0) == []


def test_nobody_gives_way_to_somebody_who_may_do_less() -> None:
    session = crowded(Role.HOST)
    assert disconnects(session.handle(ClientJoined(7, Role.SPEAK), 0.0)) == [(7, 4429)]


def test_a_source_that_is_just_starting_does_not_give_way() -> None:
    session = new_session(
        *(ClientJoined(client) for client in range(100, 100 + LIMITS.viewers)),
        ClientJoined(HOST, Role.SPEAK),
        started(),
    )
    for client in range(200, 400):
        session.handle(ClientJoined(client, Role.HOST), 0.0)
    assert session.source_of(HOST) == "src1"
    assert only(session.handle(OPENED, 0.0), Send)[0].client == HOST


def test_viewers_are_all_but_the_source() -> None:
    session = new_session(ClientJoined(HOST), ClientJoined(VIEWER))
    assert session.viewers == 2
    session.handle(started(HOST), 0.0)
    assert session.viewers == 1
    session.handle(ClientLeft(HOST), 0.0)
    assert session.viewers == 1


def test_a_client_may_do_what_its_role_says_while_it_is_there() -> None:
    audience = Audience(2)
    assert audience.role(VIEWER) is Role.ANYONE
    assert audience.admit(VIEWER, Role.SPEAK, ()) == []
    assert (VIEWER in audience, audience.role(VIEWER)) == (True, Role.SPEAK)
    audience.leave(VIEWER)
    assert (VIEWER in audience, audience.role(VIEWER)) == (False, Role.ANYONE)


def test_a_place_is_deserted_once_somebody_was_there_and_nobody_is() -> None:
    audience = Audience(2)
    assert not audience.deserted
    audience.admit(VIEWER, Role.VIEW, ())
    assert not audience.deserted
    audience.leave(VIEWER)
    assert audience.deserted


def test_everybody_is_disconnected_in_the_order_of_their_numbers() -> None:
    audience = Audience(3)
    for client in (OTHER, HOST, VIEWER):
        audience.admit(client, Role.VIEW, ())
    assert disconnects(audience.disconnect(VIEWER, CloseCode.CONFLICT, "elsewhere")) == [(VIEWER, 4409)]
    assert disconnects(audience.disconnect_all(CloseCode.NORMAL, "ended")) == [(HOST, 1000), (OTHER, 1000)]
    assert audience.disconnect_all(CloseCode.NORMAL, "ended") == []


def test_who_is_rejected_is_told_the_whole_sentence_before_the_connection_is_closed() -> None:
    audience = Audience(1)
    audience.admit(VIEWER, Role.VIEW, ())
    told, closed = audience.reject(VIEWER, ErrorCode.BAD_MESSAGE, "x" * 200, CloseCode.BAD_MESSAGE)
    assert told == Send(VIEWER, ErrorMessage(ErrorCode.BAD_MESSAGE, "x" * 200, True))
    assert closed == Disconnect(VIEWER, CloseCode.BAD_MESSAGE, "bad_message")
    assert VIEWER not in audience
