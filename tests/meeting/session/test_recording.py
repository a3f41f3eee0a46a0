"""A meeting's recording: from the start of its source until all is stored."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.messages import Ack, Ended, ErrorMessage, SessionMessage, SourceMessage, StateMessage
from meeting.core.records import State
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    CloseRequested,
    ConfirmStored,
    EndRequested,
    FinishSource,
    FrameAppended,
    FrameReceived,
    ModelsLoaded,
    OpenSource,
    OutputReceived,
    SaveResume,
    SaveSource,
    SaveState,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceStored,
    StopReceived,
    StorageFailing,
    Tick,
)
from meeting.session.meeting_state import TRANSITIONS
from meeting.session.session import Session
from meeting.session.source import REMINDER_INTERVAL
from pipelines.types import SAMPLE_RATE
from tests.meeting.session.sessions import (
    HOST,
    LIMITS,
    MODELS,
    OPENED,
    OTHER,
    START,
    VIEWER,
    disconnects,
    errors,
    frame,
    live_session,
    new_session,
    only,
    segment,
    started,
)


def test_the_table_of_transitions_runs_one_way_through_all_states() -> None:
    path = [State.OPEN]
    while TRANSITIONS[path[-1]]:
        (following,) = TRANSITIONS[path[-1]]
        path.append(following)
    assert path == list(State)


def test_start_opens_the_source_and_waits_until_it_is_ready() -> None:
    session = new_session(ClientJoined(HOST))
    assert session.handle(started(), 0.0) == [OpenSource("src1", START.audio, None, ())]
    assert session.state is State.OPEN


def test_a_source_may_speak_and_is_acknowledged_only_once_it_is_stored() -> None:
    session = new_session(ClientJoined(HOST), started(), kind=Session)
    effects = session.handle(OPENED, 5.0)
    *saved, told = [type(effect) for effect in effects]
    assert (saved, told) == ([SaveSource, SaveResume, SaveState, Broadcast, ConfirmStored], Broadcast)
    assert only(session.handle(FrameReceived(HOST, frame(0)), 5.0), AppendFrame)
    assert only(session.handle(FrameAppended("src1", 0, 1600), 5.0), Send) == []
    answer, ack = session.handle(SourceStored("src1"), 9.0)
    assert isinstance(answer, Send)
    assert isinstance(answer.message, SessionMessage)
    assert answer.message.next_seq == 1
    assert ack == Send(HOST, Ack(0, 0.1))
    assert session.handle(SourceStored("src1"), 9.0) == []
    assert only(session.handle(FrameAppended("src1", 1, 3200), 9.0), Send) == [Send(HOST, Ack(1, 0.2))]


def test_a_source_that_waits_for_the_disk_is_told_why_again_and_again() -> None:
    session = new_session(
        ClientJoined(HOST), started(), OPENED, StorageFailing("text", "the database is locked"), kind=Session
    )
    for round_ in (1, 2):
        assert session.wake_at == round_ * REMINDER_INTERVAL
        (told,) = session.handle(Tick(), round_ * REMINDER_INTERVAL)
        assert told == Send(HOST, ErrorMessage("storage", "the database is locked", False))
    session.handle(SourceStored("src1"), 11.0)
    assert session.wake_at == LIMITS.meeting_hours * 3600


def test_a_source_that_cannot_be_stored_at_all_is_told_and_ended() -> None:
    session = new_session(ClientJoined(HOST), started(), OPENED, kind=Session)
    effects = session.handle(SourceFailed("src1", "storage", "the meeting cannot be stored"), 0.0)
    assert errors(effects) == [("storage", True)]
    assert only(effects, FinishSource) == [FinishSource("src1")]


def test_everyone_learns_which_models_hear_once_they_are_loaded() -> None:
    session = new_session(ClientJoined(HOST), ClientJoined(VIEWER), started(), replace(OPENED, models=None))
    saved, told = session.handle(ModelsLoaded("src1", MODELS), 5.0)
    assert saved == SaveState(State.LIVE, 0, MODELS)
    assert isinstance(told, SendSnapshot)
    assert told.client is None
    assert (told.message.state, told.message.models) == ("live", MODELS)
    assert session.handle(ModelsLoaded("another", {}), 5.0) == []


def test_models_that_cannot_be_loaded_leave_what_was_kept_to_a_later_process() -> None:
    session = new_session(
        ClientJoined(HOST), ClientJoined(VIEWER), started(), replace(OPENED, models=None), FrameReceived(HOST, frame(0))
    )
    effects = session.handle(SourceFailed("src1", "models", "run models pull"), 5.0)
    assert errors(effects) == [("models", True)]
    assert disconnects(effects) == [(HOST, 4400), (VIEWER, 1013)]
    assert only(effects, AbandonSource) == [AbandonSource("src1")]
    assert not only(effects, SaveState)
    assert session.unfinished
    assert session.closed


def test_models_that_fail_in_the_middle_end_the_meeting_with_what_was_heard() -> None:
    session = live_session()
    effects = session.handle(SourceFailed("src1", "models", "gone"), 5.0)
    assert only(effects, FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING


def test_a_server_that_stops_while_the_models_load_leaves_the_meeting_to_the_next() -> None:
    session = new_session(ClientJoined(HOST), started(), replace(OPENED, models=None), FrameReceived(HOST, frame(0)))
    effects = session.handle(CloseRequested(1001, "stop"), 5.0)
    assert only(effects, FinishSource) == [FinishSource("src1", shutdown_fast=True)]
    effects = session.handle(SourceFinished("src1", 1600, complete=False), 5.0)
    assert disconnects(effects) == [(HOST, 1013)]
    assert not only(effects, SaveState)
    assert session.unfinished


def test_the_rest_of_a_recording_is_left_to_the_next_server_where_its_source_may_come_back() -> None:
    for resumable, state in ((True, State.LIVE), (False, State.ENDING)):
        session = Session("m1", "Monday", LIMITS, MODELS, resumable, recorded=True)
        for event in (ClientJoined(HOST), started(), OPENED, FrameReceived(HOST, frame(0))):
            session.handle(event, 0.0)
        effects = session.handle(CloseRequested(1001, "stop"), 5.0)
        assert (session.state, session.unfinished) == (state, resumable)
        assert bool(only(effects, AbandonSource)) == resumable
        assert bool(only(effects, FinishSource)) == (not resumable)


def test_an_opened_source_makes_the_meeting_live_and_is_answered() -> None:
    session = new_session(ClientJoined(HOST), started())
    effects = session.handle(OPENED, 5.0)
    (saved,) = only(effects, SaveSource)
    assert (saved.source.name, saved.source.audio) == ("Ann", "m1.src1.flac")
    assert only(effects, SaveState) == [SaveState(State.LIVE, 0, MODELS)]
    assert Send(HOST, SessionMessage("m1", "src1", "secret", 0, MODELS)) in effects
    assert session.state is State.LIVE


def test_a_meeting_that_is_ended_while_its_source_is_made_ready_ends_once_it_is() -> None:
    session = new_session(ClientJoined(HOST), started())
    assert session.handle(EndRequested(1), 0.0) == [Answer(1, ())]
    assert only(session.handle(OPENED, 0.0), FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING


def test_stop_finishes_the_source_and_then_everyone_is_told() -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER), 0.0)
    assert session.handle(StopReceived(HOST), 0.0) == [
        SaveState(State.ENDING, 0, MODELS),
        Broadcast(StateMessage("ending", "Monday")),
        FinishSource("src1"),
        Broadcast(SourceMessage("src1", "Ann", "room", 1, "ending")),
    ]
    session.handle(OutputReceived("src1", segment()), 0.0)
    effects = session.handle(SourceFinished("src1", 1600), 0.0)
    saved = effects.index(SaveState(State.ENDED, 1600, MODELS))
    assert saved < effects.index(Broadcast(Ended(1)))
    assert disconnects(effects) == [(HOST, 1000), (VIEWER, 1000)]
    assert session.closed


def test_the_length_of_the_source_is_stored_at_the_end() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    (saved,) = only(session.handle(SourceFinished("src1", 1600), 0.0), SaveSource)
    assert saved.source.samples == 1600


def test_stop_before_the_source_is_ready_is_not_forgotten() -> None:
    session = new_session(ClientJoined(HOST), started())
    assert session.handle(StopReceived(HOST), 0.0) == []
    assert FinishSource("src1") in session.handle(OPENED, 0.0)


def test_stop_twice_finishes_once() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(StopReceived(HOST), 0.0) == []


def test_audio_after_stop_is_ignored() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []


def test_acks_still_come_after_stop() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(FrameAppended("src1", 0, 1600), 0.0) == [Send(HOST, Ack(0, 0.1))]


def test_a_refused_source_leaves_the_meeting_open_for_another_try() -> None:
    session = new_session(ClientJoined(HOST), started())
    effects = session.handle(SourceFailed("src1", "bad_audio", "no such encoding"), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_audio", True)], [(HOST, 4400)])
    assert only(effects, AbandonSource)
    assert session.state is State.OPEN
    session.handle(ClientJoined(OTHER), 0.0)
    assert only(session.handle(started(OTHER), 0.0), OpenSource)


def test_bad_audio_ends_the_source_but_keeps_what_was_heard() -> None:
    session = live_session()
    session.handle(ClientJoined(VIEWER), 0.0)
    effects = session.handle(SourceFailed("src1", "bad_audio", "not audio"), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_audio", True)], [(HOST, 4400)])
    assert FinishSource("src1") in effects
    assert disconnects(session.handle(SourceFinished("src1", 5), 0.0)) == [(VIEWER, 1000)]


def test_a_bad_tail_is_told_and_the_end_goes_on() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    effects = session.handle(SourceFailed("src1", "bad_audio", "half a sample"), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_audio", False)], [])


def test_a_meeting_longer_than_allowed_is_ended_by_the_clock() -> None:
    session = live_session()
    assert session.wake_at == 3600.0
    effects = session.handle(Tick(), 3600.0)
    assert errors(effects) == [("too_long", False)]
    assert FinishSource("src1") in effects


def test_one_made_of_a_recording_waits_for_live_ones_as_long_as_it_has_to_and_its_length_counts_alone() -> None:
    session = Session("m1", "Monday", LIMITS, MODELS, recorded=True)
    for event in (ClientJoined(HOST), started(), OPENED, SourceStored("src1")):
        session.handle(event, 0.0)
    assert session.state is State.LIVE
    assert session.wake_at is None
    assert errors(session.handle(Tick(), 3600.0)) == []
    effects = session.handle(FrameAppended("src1", 0, 3600 * SAMPLE_RATE), 1.0)
    assert errors(effects) == [("too_long", False)]


def test_a_meeting_longer_than_allowed_is_ended_by_its_audio() -> None:
    session = live_session()
    effects = session.handle(FrameAppended("src1", 0, 3600 * SAMPLE_RATE), 1.0)
    assert errors(effects) == [("too_long", False)]
    assert session.state is State.ENDING


def test_a_stopping_server_finishes_what_is_live() -> None:
    session = live_session()
    effects = session.handle(CloseRequested(1001, "the server stops"), 0.0)
    assert FinishSource("src1", shutdown_fast=True) in effects
    assert not disconnects(effects)


def test_a_stopping_server_lets_open_meetings_go() -> None:
    session = new_session(ClientJoined(HOST), ClientJoined(VIEWER), started())
    effects = session.handle(CloseRequested(1001, "the server stops"), 0.0)
    assert AbandonSource("src1") in effects
    assert disconnects(effects) == [(HOST, 1001), (VIEWER, 1001)]
    assert session.closed


def test_news_of_a_source_of_long_ago_is_ignored() -> None:
    session = live_session()
    assert session.handle(FrameAppended("src0", 9, 9), 0.0) == []
    assert session.handle(SourceFinished("src0", 9), 0.0) == []


def test_a_meeting_that_begins_late_on_the_clock_has_all_its_hours() -> None:
    session = new_session(ClientJoined(HOST))
    session.handle(started(), 50_000.0)
    session.handle(OPENED, 50_000.0)
    assert session.wake_at == 50_000.0 + LIMITS.meeting_hours * 3600
    assert not any(isinstance(effect, FinishSource) for effect in session.handle(Tick(), 50_001.0))
