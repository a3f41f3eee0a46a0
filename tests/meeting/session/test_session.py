"""The meeting's rules, one small case each: events in, effects out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.access import Role
from meeting.core.editing.changes import SegmentChange
from meeting.core.errors import CloseCode, ProtocolError
from meeting.core.messages import Ended, SnapshotMessage
from meeting.core.records import State
from meeting.session.events import (
    Answer,
    AppendFrame,
    ClientJoined,
    ClientLeft,
    ClientRejected,
    CloseRequested,
    Disconnect,
    EditRequested,
    EndRequested,
    Event,
    ExpectHotwords,
    FinishSource,
    FrameAppended,
    FrameReceived,
    HotwordsChanged,
    MuteRequested,
    OpenSource,
    OutputReceived,
    RemoveRequested,
    SaveState,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    StopReceived,
    StorageFailing,
    StorageWorking,
    Tick,
    TitleChanged,
)
from meeting.session.session import Session
from tests.meeting.session.sessions import (
    BOB,
    HOST,
    LIMITS,
    MODELS,
    OPENED,
    OTHER,
    SECOND,
    START,
    VIEWER,
    disconnects,
    errors,
    frame,
    live_session,
    new_session,
    only,
    resumed,
    segment,
    started,
)


def test_whoever_joins_gets_a_snapshot_first() -> None:
    (effect,) = new_session().handle(ClientJoined(VIEWER), 0.0)
    assert effect == SendSnapshot(VIEWER, SnapshotMessage((), (), "open", "Monday", 0.0, MODELS))


def test_a_source_expects_its_own_terms_and_those_of_the_hosts() -> None:
    session = new_session(ClientJoined(HOST), HotwordsChanged(("Okapi",)))
    (opened,) = session.handle(started(start=replace(START, hotwords=("Zebra",))), 0.0)
    assert isinstance(opened, OpenSource)
    assert opened.hotwords == ("Zebra", "Okapi")
    session.handle(OPENED, 0.0)
    assert session.handle(HotwordsChanged(("Gnu",)), 1.0) == [ExpectHotwords("src1", ("Zebra", "Gnu"))]


def test_terms_that_change_without_a_source_wait_for_one() -> None:
    session = new_session(ClientJoined(HOST))
    assert session.handle(HotwordsChanged(("Okapi",)), 0.0) == []
    session = live_session()
    session.handle(CloseRequested(CloseCode.NOT_FOUND, "deleted", discard=True), 0.0)
    assert session.handle(HotwordsChanged(("Okapi",)), 0.0) == []


def test_terms_are_never_printed() -> None:
    assert "Okapi" not in repr(HotwordsChanged(("Okapi",)))
    assert "Okapi" not in repr(ExpectHotwords("src1", ("Okapi",)))


def test_audio_before_start_is_refused() -> None:
    effects = new_session(ClientJoined(VIEWER)).handle(FrameReceived(VIEWER, frame(0)), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])


def test_a_frame_that_is_too_large_is_refused() -> None:
    effects = live_session().handle(FrameReceived(HOST, frame(0, 1025)), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("too_large", True)], [(HOST, 4413)])


def test_the_largest_frame_is_taken() -> None:
    assert only(live_session().handle(FrameReceived(HOST, frame(0, 1024)), 0.0), AppendFrame)


def test_one_source_more_than_a_meeting_takes_is_refused_and_the_first_goes_on() -> None:
    session = live_session(replace(LIMITS, sources=1))
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(started(OTHER), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("too_many", True)], [(OTHER, 4429)])
    assert only(session.handle(FrameReceived(HOST, frame(0)), 0.0), AppendFrame)


def test_a_server_with_enough_meetings_refuses_another() -> None:
    effects = new_session(ClientJoined(HOST)).handle(started(refusal="full"), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("too_many", True)], [(HOST, 4429)])


def test_garbage_is_answered_and_closes_only_its_sender() -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER), 0.0)
    effects = session.handle(ClientRejected(VIEWER, ProtocolError("not JSON")), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])
    assert session.state is State.LIVE


@pytest.mark.parametrize("role", [Role.HOST, Role.SERVER])
def test_a_host_ends_a_meeting_whose_source_is_away(role: Role) -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER, role), 0.0)
    session.handle(ClientLeft(HOST), 1.0)
    effects = session.handle(StopReceived(VIEWER), 2.0)
    assert only(effects, FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING
    assert not disconnects(effects)
    effects = session.handle(SourceFinished("src1", 1600), 3.0)
    assert session.state is State.ENDED
    assert disconnects(effects) == [(VIEWER, 1000)]


def test_a_host_ends_a_meeting_whose_source_is_there_and_what_it_still_sends_is_no_mistake() -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER, Role.HOST), 0.0)
    assert FinishSource("src1") in session.handle(StopReceived(VIEWER), 2.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 2.0) == []
    assert session.handle(StopReceived(HOST), 2.0) == []
    assert session.handle(StopReceived(VIEWER), 2.0) == []
    assert disconnects(session.handle(SourceFinished("src1", 1600), 3.0)) == [(HOST, 1000), (VIEWER, 1000)]


@pytest.mark.parametrize("role", [Role.VIEW, Role.SPEAK])
def test_readers_and_speakers_cannot_end_a_meeting_that_is_not_theirs(role: Role) -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER, role), 0.0)
    effects = session.handle(StopReceived(VIEWER), 2.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])
    assert session.state is State.LIVE


def test_there_is_nothing_to_end_before_a_meeting_has_begun() -> None:
    session = new_session(ClientJoined(VIEWER, Role.HOST))
    assert disconnects(session.handle(StopReceived(VIEWER), 0.0)) == [(VIEWER, 4400)]
    assert new_session().handle(EndRequested(1), 0.0) == [Answer(1, ())]


def test_a_viewer_cannot_stop_the_meeting() -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER), 0.0)
    assert disconnects(session.handle(StopReceived(VIEWER), 0.0)) == [(VIEWER, 4400)]
    assert session.state is State.LIVE


def test_nobody_starts_in_a_meeting_that_is_ending() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(ClientJoined(OTHER), 0.0)
    assert disconnects(session.handle(started(OTHER), 0.0)) == [(OTHER, 4400)]


def test_who_joins_an_ended_meeting_gets_it_all_and_goodbye() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 0), 0.0)
    effects = session.handle(ClientJoined(VIEWER), 0.0)
    assert [type(e.message) for e in effects if isinstance(e, (SendSnapshot, Send))] == [SnapshotMessage, Ended]
    assert disconnects(effects) == [(VIEWER, 1000)]


def test_a_failure_to_save_is_told_and_the_meeting_goes_on() -> None:
    session = live_session()
    assert errors(session.handle(StorageFailing("text", "the disk is full"), 0.0)) == [("storage", False)]
    assert session.state is State.LIVE
    assert ("storage", False) in errors(session.handle(ClientJoined(VIEWER), 0.0))


def test_relief_is_told_when_the_last_trouble_is_over() -> None:
    session = live_session()
    session.handle(StorageFailing("text", "no room"), 0.0)
    session.handle(StorageFailing("audio", "no room"), 0.0)
    assert session.handle(StorageWorking("text"), 0.0) == []
    assert errors(session.handle(StorageWorking("audio"), 0.0)) == [("storage_ok", False)]
    assert errors(session.handle(ClientJoined(VIEWER), 0.0)) == []


def test_an_open_meeting_is_closed_when_the_last_client_leaves() -> None:
    session = new_session()
    assert not session.closed
    session.handle(ClientJoined(VIEWER), 0.0)
    assert not session.closed
    session.handle(ClientLeft(VIEWER), 0.0)
    assert session.closed


def test_a_live_meeting_stays_when_everyone_has_left() -> None:
    session = live_session()
    session.handle(ClientLeft(HOST), 0.0)
    assert not session.closed
    assert session.busy


EVENTS = st.one_of(
    st.builds(ClientJoined, st.integers(1, 3)),
    st.builds(ClientLeft, st.integers(1, 3)),
    st.builds(started, st.integers(1, 3)),
    st.builds(resumed, st.integers(1, 3), st.sampled_from(["secret", "wrong"])),
    st.builds(StopReceived, st.integers(1, 3)),
    st.builds(FrameReceived, st.integers(1, 3), st.builds(frame, st.integers(0, 4), st.sampled_from([0, 4, 2000]))),
    st.builds(ClientRejected, st.integers(1, 3), st.just(ProtocolError("no"))),
    st.just(OPENED),
    st.builds(FrameAppended, st.just("src1"), st.integers(0, 4), st.integers(0, 10**9)),
    st.just(SourceFailed("src1", "bad_audio", "no")),
    st.builds(OutputReceived, st.just("src1"), st.builds(segment, st.integers(0, 3), st.booleans())),
    st.just(SourceFinished("src1", 9)),
    st.just(Tick()),
    st.just(CloseRequested(1001, "stop")),
    st.just(EndRequested(1)),
    st.just(CloseRequested(4404, "deleted", True)),
    st.just(TitleChanged("x")),
    st.builds(
        EditRequested, st.integers(1, 9), st.builds(SegmentChange, st.just("s1"), st.integers(0, 4), st.just(True))
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_no_order_of_events_breaks_the_rules(events: list[Event]) -> None:
    session, now, kept = Session("m1", "t", LIMITS, MODELS), 0.0, []
    connected: set[int] = set()
    for event in events:
        # What a driver guarantees: a connection joins once, speaks only while it is connected, and sources
        # report their end only when they were told to finish.
        client = getattr(event, "client", None)
        if isinstance(event, ClientJoined) == (client in connected) and client is not None:
            continue
        if isinstance(event, SourceFinished) and session.state is not State.ENDING:
            continue
        if isinstance(event, SourceOpened) and session.state is not State.OPEN:
            continue
        before, now = session.state, now + 7
        connected |= {event.client} if isinstance(event, ClientJoined) else set()
        connected -= {event.client} if isinstance(event, ClientLeft) else set()
        effects = session.handle(event, now)
        told = {effect.client for effect in only(effects, Send)}
        assert told <= connected
        connected -= {client for client, _ in disconnects(effects)}
        kept += [effect.frame.seq for effect in only(effects, AppendFrame)]
        if session.state is not before:
            assert SaveState(session.state.value, session.samples, MODELS) in effects
        if session.state is State.OPEN and not session.busy:
            kept = []
    assert kept == list(range(len(kept)))


def test_a_start_of_a_client_that_has_gone_meanwhile_takes_nothing() -> None:
    session = new_session(ClientJoined(HOST), ClientLeft(HOST), ClientJoined(VIEWER))
    assert session.handle(started(HOST), 0.0) == []
    assert not session.busy
    assert any(isinstance(effect, OpenSource) for effect in session.handle(started(VIEWER), 0.0))


def test_who_comes_while_a_meeting_is_deleted_is_told_so_and_nothing_of_it() -> None:
    session = new_session(ClientJoined(HOST), started(), OPENED, CloseRequested(4404, "deleted", discard=True))
    assert session.handle(ClientJoined(VIEWER), 1.0) == [Disconnect(VIEWER, 4404, "deleted")]


def left_unfinished() -> Session:
    """A meeting of two sources, one of them not ready yet, whose models could not be loaded."""
    waiting = replace(OPENED, models=None)
    session = new_session(ClientJoined(HOST), started(), waiting, ClientJoined(OTHER, Role.SPEAK), SECOND)
    session.handle(SourceFailed("src1", "models", "there are none"), 1.0)
    assert session.unfinished
    return session


@pytest.mark.parametrize(
    "event",
    [
        FrameReceived(OTHER, frame(0)),
        StopReceived(OTHER),
        ClientLeft(OTHER),
        started(OTHER, BOB),
        SourceOpened("src2", MODELS, "m1.src2.flac"),
        SourceFailed("src2", "models", "there are none"),
        SourceFinished("src1", 9, complete=False),
        HotwordsChanged(("Ada",)),
        CloseRequested(1001, "stop"),
        CloseRequested(4404, "deleted", discard=True),
    ],
)
def test_what_comes_behind_a_meeting_that_is_left_unfinished_asks_nothing_of_its_sources(event: Event) -> None:
    session = left_unfinished()
    assert session.handle(event, 2.0) == []
    assert session.discarded is (event == CloseRequested(4404, "deleted", discard=True))


def test_who_asks_for_something_in_a_meeting_that_is_left_unfinished_learns_that_it_is_over_here() -> None:
    session, change = left_unfinished(), SegmentChange("s1", 1, True)
    requests = (EndRequested(7), EditRequested(7, change), MuteRequested(7, "src1", True), RemoveRequested(7, "src1"))
    for event in requests:
        assert session.handle(event, 2.0) == [Answer(7, None)]
    assert disconnects(session.handle(ClientJoined(VIEWER), 2.0)) == [(VIEWER, 1013)]
