"""The meeting's rules, one small case each: events in, effects out."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.config.settings import Limits
from meeting.core.access import Role, digest
from meeting.core.edits import SegmentChange, SpeakerChange
from meeting.core.errors import ProtocolError
from meeting.core.messages import (
    Ack,
    AudioFrame,
    AudioInfo,
    Ended,
    ErrorMessage,
    GapMessage,
    ResumeInfo,
    SegmentMessage,
    SessionMessage,
    SnapshotMessage,
    SourceInfo,
    SpeakerMessage,
    SpeakerRevisionMessage,
    Start,
    StateMessage,
)
from meeting.core.records import Gap, Resume, State
from meeting.session.course import LOADING, REMIND, TRANSITIONS
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    ClientRejected,
    CloseRequested,
    ConfirmStored,
    Disconnect,
    EditRequested,
    Effect,
    EndRequested,
    Event,
    FinishSource,
    FrameAppended,
    FrameReceived,
    GapFound,
    Log,
    ModelsLoaded,
    OpenSource,
    OutputReceived,
    SaveGap,
    SaveResume,
    SaveSegment,
    SaveSource,
    SaveState,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceStored,
    StartReceived,
    StopReceived,
    StorageFailing,
    StorageWorking,
    Tick,
    TitleChanged,
)
from meeting.session.session import BENCH, Session
from pipelines.errors import NotFound
from pipelines.types import SAMPLE_RATE, LabelChange, Segment, Span, Speaker, Word

T = TypeVar("T")
LIMITS = Limits(viewers=2, frame_bytes=1024, meeting_hours=1.0, resume_window=60.0)
MODELS = {"set": "fake"}
START = Start(1, AudioInfo(), SourceInfo("Ann", "room"))
HOST, VIEWER, OTHER = 1, 2, 3


class Prompt(Session):
    """A session whose room stores everything at once."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What the room carries out, the news that all is stored included."""
        effects: list[Effect] = []
        for effect in super().handle(event, now):
            effects += (
                super().handle(SourceStored(effect.source_id), now) if isinstance(effect, ConfirmStored) else [effect]
            )
        return effects


def new(*events: Event, limits: Limits = LIMITS, kind: type[Session] = Prompt) -> Session:
    session = kind("m1", "Monday", limits, MODELS)
    for event in events:
        session.handle(event, 0.0)
    return session


def started(client: int = HOST, start: Start = START, refusal: str | None = None) -> StartReceived:
    return StartReceived(client, start, "src1", "secret", refusal)


def resumed(client: int, token: str = "secret", source_id: str = "src1") -> StartReceived:
    return StartReceived(client, replace(START, resume=ResumeInfo(source_id, token)), "src2", "other")


OPENED = SourceOpened("src1", MODELS, "m1.src1.flac")


def live(limits: Limits = LIMITS) -> Session:
    return new(ClientJoined(HOST), started(), OPENED, limits=limits)


def frame(seq: int, size: int = 4) -> AudioFrame:
    return AudioFrame(seq, 0, bytes(size))


def segment(rev: int = 1, final: bool = True, words: tuple[str, ...] = ("Hello",)) -> Segment:
    span = Span(0, SAMPLE_RATE)
    return Segment("s1", rev, final, "src1", span, None, tuple(Word(word, span) for word in words))


def only(effects: list[Effect], kind: type[T]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def errors(effects: list[Effect]) -> list[tuple[str, bool]]:
    messages = [e.message for e in effects if isinstance(e, (Send, Broadcast))]
    return [(m.code, m.fatal) for m in messages if isinstance(m, ErrorMessage)]


def drops(effects: list[Effect]) -> list[tuple[int, int]]:
    return [(drop.client, drop.code) for drop in only(effects, Disconnect)]


def test_the_table_of_transitions_runs_one_way_through_all_states() -> None:
    path = [State.OPEN]
    while TRANSITIONS[path[-1]]:
        (following,) = TRANSITIONS[path[-1]]
        path.append(following)
    assert path == list(State)


def test_whoever_joins_gets_a_snapshot_first() -> None:
    (effect,) = new().handle(ClientJoined(VIEWER), 0.0)
    assert effect == SendSnapshot(VIEWER, SnapshotMessage((), (), "open", "Monday", 0.0, MODELS))


def test_a_late_joiner_sees_everything_said_so_far() -> None:
    session = live()
    session.handle(FrameAppended("src1", 0, SAMPLE_RATE * 2), 0.0)
    session.handle(OutputReceived(segment()), 0.0)
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert [s.text for s in session.transcript.segments] == ["Hello"]
    assert (effect.message.audio, effect.message.state) == (2.0, "live")


def test_start_opens_the_source_and_waits_until_it_is_ready() -> None:
    session = new(ClientJoined(HOST))
    assert session.handle(started(), 0.0) == [OpenSource("src1", START.audio, None, ())]
    assert session.state is State.OPEN


def test_a_source_may_speak_while_the_models_load_and_is_told_so() -> None:
    session = new(ClientJoined(HOST), started())
    effects = session.handle(replace(OPENED, models=None), 5.0)
    assert session.state is State.LIVE
    assert only(effects, SaveState) == [SaveState(State.LIVE, 0, {})]
    answer, told = only(effects, Send)
    assert isinstance(answer.message, SessionMessage)
    assert (answer.message.next_seq, answer.message.models) == (0, {})
    assert told == Send(HOST, LOADING)
    assert only(session.handle(FrameReceived(HOST, frame(0)), 5.0), AppendFrame)
    session.handle(ClientJoined(OTHER), 6.0)
    back = session.handle(resumed(OTHER), 6.0)
    assert errors(back) == [("loading", False)]


def asking(language: str | None) -> StartReceived:
    return started(start=replace(START, language=language))


@pytest.mark.parametrize(("language", "told"), [("de", True), ("en", False), (None, False)])
def test_a_source_learns_that_the_models_do_not_read_its_language(language: str | None, told: bool) -> None:
    english = {**MODELS, "languages": ["en"]}
    at_once = new(ClientJoined(HOST), asking(language)).handle(replace(OPENED, models=english), 0.0)
    waiting = new(ClientJoined(HOST), asking(language), replace(OPENED, models=None))
    later = waiting.handle(ModelsLoaded("src1", english), 5.0)
    for effects in (at_once, later):
        assert errors(effects) == ([("language", False)] if told else [])
        assert only(effects, OpenSource) == []
    assert waiting.state is State.LIVE


def test_models_that_read_many_languages_are_asked_for_any() -> None:
    many = {**MODELS, "languages": None}
    assert errors(new(ClientJoined(HOST), asking("de")).handle(replace(OPENED, models=many), 0.0)) == []


def test_a_source_may_speak_and_is_acknowledged_only_once_it_is_stored() -> None:
    session = new(ClientJoined(HOST), started(), kind=Session)
    effects = session.handle(OPENED, 5.0)
    assert [type(effect) for effect in effects] == [SaveSource, SaveResume, SaveState, Broadcast, ConfirmStored]
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
    session = new(ClientJoined(HOST), started(), OPENED, StorageFailing("text", "the database is locked"), kind=Session)
    for round_ in (1, 2):
        assert session.wake_at == round_ * REMIND
        (told,) = session.handle(Tick(), round_ * REMIND)
        assert told == Send(HOST, ErrorMessage("storage", "the database is locked", False))
    session.handle(SourceStored("src1"), 11.0)
    assert session.wake_at == LIMITS.meeting_hours * 3600


def test_whoever_takes_the_place_of_a_source_waits_until_his_own_token_is_stored() -> None:
    session = new(ClientJoined(HOST), started(), OPENED, ClientLeft(HOST), ClientJoined(OTHER), kind=Session)
    session.handle(SourceStored("src1"), 0.0)
    effects = session.handle(StartReceived(OTHER, START, "src2", "other"), 0.0)
    assert [type(effect) for effect in effects] == [SaveResume, ConfirmStored]
    (answer,) = session.handle(SourceStored("src1"), 0.0)
    assert isinstance(answer, Send)
    assert isinstance(answer.message, SessionMessage)
    assert (answer.client, answer.message.resume_token) == (OTHER, "other")


def test_a_source_that_cannot_be_stored_at_all_is_told_and_ended() -> None:
    session = new(ClientJoined(HOST), started(), OPENED, kind=Session)
    effects = session.handle(SourceFailed("src1", "storage", "the meeting cannot be stored"), 0.0)
    assert errors(effects) == [("storage", True)]
    assert only(effects, FinishSource) == [FinishSource("src1")]


def test_everyone_learns_which_models_hear_once_they_are_loaded() -> None:
    session = new(ClientJoined(HOST), ClientJoined(VIEWER), started(), replace(OPENED, models=None))
    saved, told = session.handle(ModelsLoaded("src1", MODELS), 5.0)
    assert saved == SaveState(State.LIVE, 0, MODELS)
    assert isinstance(told, SendSnapshot)
    assert told.client is None
    assert (told.message.state, told.message.models) == ("live", MODELS)
    assert session.handle(ModelsLoaded("another", {}), 5.0) == []


def test_models_that_cannot_be_loaded_leave_what_was_kept_to_a_later_process() -> None:
    session = new(
        ClientJoined(HOST), ClientJoined(VIEWER), started(), replace(OPENED, models=None), FrameReceived(HOST, frame(0))
    )
    effects = session.handle(SourceFailed("src1", "models", "run models pull"), 5.0)
    assert errors(effects) == [("models", True)]
    assert drops(effects) == [(HOST, 4400), (VIEWER, 1013)]
    assert only(effects, AbandonSource) == [AbandonSource("src1")]
    assert not only(effects, SaveState)
    assert session.unfinished
    assert session.closed


def test_models_that_fail_in_the_middle_end_the_meeting_with_what_was_heard() -> None:
    session = live()
    effects = session.handle(SourceFailed("src1", "models", "gone"), 5.0)
    assert only(effects, FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING


def test_a_server_that_stops_while_the_models_load_leaves_the_meeting_to_the_next() -> None:
    session = new(ClientJoined(HOST), started(), replace(OPENED, models=None), FrameReceived(HOST, frame(0)))
    effects = session.handle(CloseRequested(1001, "stop"), 5.0)
    assert only(effects, FinishSource) == [FinishSource("src1", shutdown_fast=True)]
    effects = session.handle(SourceFinished("src1", 1600, complete=False), 5.0)
    assert drops(effects) == [(HOST, 1013)]
    assert not only(effects, SaveState)
    assert session.unfinished


def test_an_opened_source_makes_the_meeting_live_and_is_answered() -> None:
    session = new(ClientJoined(HOST), started())
    effects = session.handle(OPENED, 5.0)
    (saved,) = only(effects, SaveSource)
    assert (saved.source.name, saved.source.audio) == ("Ann", "m1.src1.flac")
    assert only(effects, SaveState) == [SaveState(State.LIVE, 0, MODELS)]
    assert Send(HOST, SessionMessage("m1", "src1", "secret", 0, MODELS)) in effects
    assert session.state is State.LIVE


def test_frames_go_to_disk_in_order() -> None:
    session = live()
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == [AppendFrame("src1", frame(0))]
    assert session.handle(FrameReceived(HOST, frame(1)), 0.0) == [AppendFrame("src1", frame(1))]


def test_frames_that_follow_start_at_once_are_taken() -> None:
    session = new(ClientJoined(HOST), started())
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == [AppendFrame("src1", frame(0))]


def test_a_frame_is_acknowledged_only_once_it_is_on_disk() -> None:
    session = live()
    assert not only(session.handle(FrameReceived(HOST, frame(0)), 0.0), Send)
    assert session.handle(FrameAppended("src1", 0, 1600), 0.0) == [Send(HOST, Ack(0, 0.1))]


def test_a_source_whose_frames_wait_is_told_its_last_ack_again() -> None:
    session = live()
    for seq in range(3):
        session.handle(FrameReceived(HOST, frame(seq)), 1.0)
    assert session.wake_at == 3600.0  # there is no ack yet to be told again
    session.handle(FrameAppended("src1", 0, 1600), 2.0)
    assert session.wake_at == 2.0 + REMIND
    assert session.handle(Tick(), 2.0 + REMIND) == [Send(HOST, Ack(0, 0.1))]
    assert session.handle(Tick(), 2.0 + REMIND) == []
    assert session.wake_at == 2.0 + 2 * REMIND
    session.handle(StopReceived(HOST), 3.0)
    assert session.handle(Tick(), 2.0 + 2 * REMIND) == [Send(HOST, Ack(0, 0.1))]
    session.handle(FrameAppended("src1", 2, 4800), 15.0)
    assert session.wake_at is None


def test_a_source_that_waits_is_not_reminded_from_before_it_waited_or_while_it_is_away() -> None:
    session = live()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    session.handle(FrameAppended("src1", 0, 1600), 1.0)
    assert session.wake_at == 3600.0
    session.handle(FrameReceived(HOST, frame(1)), 50.0)
    assert session.wake_at == 50.0 + REMIND
    session.handle(ClientLeft(HOST), 51.0)
    assert session.wake_at == 51.0 + LIMITS.resume_window


def test_a_frame_that_came_before_is_dropped_silently() -> None:
    session = live()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []


def test_a_hole_in_the_numbers_closes_the_connection_and_loses_nothing() -> None:
    session = live()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    effects = session.handle(FrameReceived(HOST, frame(2)), 0.0)
    assert errors(effects) == [("bad_message", True)]
    assert drops(effects) == [(HOST, 4400)]
    session.handle(ClientJoined(OTHER), 1.0)
    session.handle(FrameAppended("src1", 0, 2), 1.0)
    (answer,) = only(session.handle(resumed(OTHER), 1.0), Send)
    assert isinstance(answer.message, SessionMessage)
    assert answer.message.next_seq == 1
    assert session.state is State.LIVE


def test_a_client_that_resumes_keeps_what_is_not_on_disk_yet() -> None:
    session = live()
    for seq in range(3):
        session.handle(FrameReceived(HOST, frame(seq)), 0.0)
    session.handle(FrameAppended("src1", 0, 2), 0.0)
    session.handle(ClientJoined(OTHER), 1.0)
    (answer,) = only(session.handle(resumed(OTHER), 1.0), Send)
    assert isinstance(answer.message, SessionMessage)
    assert answer.message.next_seq == 1
    sent_again = [session.handle(FrameReceived(OTHER, frame(seq)), 1.0) for seq in (1, 2, 3)]
    assert sent_again == [[], [], [AppendFrame("src1", frame(3))]]


def test_audio_before_start_is_refused() -> None:
    effects = new(ClientJoined(VIEWER)).handle(FrameReceived(VIEWER, frame(0)), 0.0)
    assert (errors(effects), drops(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])


def test_a_frame_that_is_too_large_is_refused() -> None:
    effects = live().handle(FrameReceived(HOST, frame(0, 1025)), 0.0)
    assert (errors(effects), drops(effects)) == ([("too_large", True)], [(HOST, 4413)])


def test_the_largest_frame_is_taken() -> None:
    assert only(live().handle(FrameReceived(HOST, frame(0, 1024)), 0.0), AppendFrame)


def test_starting_twice_closes_that_connection_and_the_source_can_resume() -> None:
    session = live()
    effects = session.handle(started(), 7.0)
    assert (errors(effects), drops(effects)) == ([("bad_message", True)], [(HOST, 4400)])
    assert session.state is State.LIVE
    assert session.wake_at == 67.0
    session.handle(ClientJoined(OTHER), 8.0)
    assert only(session.handle(resumed(OTHER), 8.0), Send)
    assert session.wake_at == 3600.0


def test_a_second_source_is_refused_and_the_first_goes_on() -> None:
    session = live()
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(started(OTHER), 0.0)
    assert (errors(effects), drops(effects)) == ([("busy", True)], [(OTHER, 4409)])
    assert only(session.handle(FrameReceived(HOST, frame(0)), 0.0), AppendFrame)


def test_a_server_with_enough_meetings_refuses_another() -> None:
    effects = new(ClientJoined(HOST)).handle(started(refusal="full"), 0.0)
    assert (errors(effects), drops(effects)) == ([("too_many", True)], [(HOST, 4429)])


def test_garbage_is_answered_and_closes_only_its_sender() -> None:
    session = live()
    session.handle(ClientJoined(VIEWER), 0.0)
    effects = session.handle(ClientRejected(VIEWER, ProtocolError("not JSON")), 0.0)
    assert (errors(effects), drops(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])
    assert session.state is State.LIVE


def test_viewers_beyond_the_limit_are_turned_away() -> None:
    session = live()
    for client in (VIEWER, OTHER):
        session.handle(ClientJoined(client), 0.0)
    effects = session.handle(ClientJoined(9), 0.0)
    assert (errors(effects), drops(effects)) == ([("too_many", True)], [(9, 4429)])


def crowded(role: Role = Role.VIEW, first: Session | None = None) -> Session:
    """A live meeting at which many more clients of a role have come than it has seats."""
    session = first or live()
    for client in range(100, 100 + LIMITS.viewers + BENCH + 50):
        session.handle(ClientJoined(client, role), 0.0)
    return session


@pytest.mark.parametrize("away", [True, False])
def test_readers_take_no_seat_of_those_who_may_speak(away: bool) -> None:
    session = live()
    if away:
        session.handle(ClientLeft(HOST), 0.0)
    crowded(first=session)
    assert session.viewers == LIMITS.viewers
    assert not drops(session.handle(ClientJoined(7, Role.HOST), 0.0))
    assert not drops(session.handle(ClientJoined(8, Role.SERVER), 0.0))
    assert drops(session.handle(ClientJoined(6, Role.VIEW), 0.0)) == [(6, 4429)]
    assert not drops(session.handle(ClientJoined(9, Role.SPEAK), 0.0))
    # Its older connection may not have been noticed to be dead.
    assert drops(session.handle(resumed(9), 0.0)) == ([] if away else [(HOST, 4409)])
    assert only(session.handle(FrameReceived(9, frame(0)), 0.0), AppendFrame)


def test_a_thousand_who_may_speak_lock_out_neither_the_returning_source_nor_the_host() -> None:
    session = live()
    session.handle(ClientLeft(HOST), 0.0)
    for client in range(100, 1100):
        session.handle(ClientJoined(client, Role.SPEAK), 0.0)
        assert session.viewers <= LIMITS.viewers + BENCH
    assert not [drop for drop in drops(session.handle(ClientJoined(7, Role.HOST), 0.0)) if drop[0] == 7]
    for client in range(2000, 3000):
        assert (7, 4429) not in drops(session.handle(ClientJoined(client, Role.SPEAK), 0.0))
    session.handle(ClientJoined(9, Role.SPEAK), 0.0)
    assert not drops(session.handle(resumed(9), 0.0))
    for client in range(3000, 4000):
        session.handle(ClientJoined(client, Role.SPEAK), 0.0)
    assert session.speaks(9)
    assert only(session.handle(FrameReceived(9, frame(0)), 0.0), AppendFrame)


def test_the_longest_on_the_bench_gives_way_and_who_came_before_it_was_full_stays() -> None:
    session = crowded(Role.SPEAK)
    there = list(session._clients)
    effects = session.handle(ClientJoined(7, Role.SPEAK), 0.0)
    gone = there[1 + LIMITS.viewers]
    assert (errors(effects), drops(effects)) == ([("too_many", True)], [(gone, 4429)])
    assert there[1 : 1 + LIMITS.viewers] == [100 + i for i in range(LIMITS.viewers)]
    assert session.handle(ClientLeft(gone), 0.0) == []


def test_nobody_gives_way_to_somebody_who_may_do_less() -> None:
    session = crowded(Role.HOST)
    assert drops(session.handle(ClientJoined(7, Role.SPEAK), 0.0)) == [(7, 4429)]


def test_a_source_that_is_just_starting_does_not_give_way() -> None:
    session = new(
        *(ClientJoined(client) for client in range(100, 100 + LIMITS.viewers)),
        ClientJoined(HOST, Role.SPEAK),
        started(),
    )
    for client in range(200, 400):
        session.handle(ClientJoined(client, Role.HOST), 0.0)
    assert session.speaks(HOST)
    assert only(session.handle(OPENED, 0.0), Send)[0].client == HOST


@pytest.mark.parametrize("role", [Role.HOST, Role.SERVER])
def test_a_host_ends_a_meeting_whose_source_is_away(role: Role) -> None:
    session = live()
    session.handle(ClientJoined(VIEWER, role), 0.0)
    session.handle(ClientLeft(HOST), 1.0)
    effects = session.handle(StopReceived(VIEWER), 2.0)
    assert only(effects, FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING
    assert not drops(effects)
    effects = session.handle(SourceFinished("src1", 1600), 3.0)
    assert session.state is State.ENDED
    assert drops(effects) == [(VIEWER, 1000)]


def test_a_host_ends_a_meeting_whose_source_is_there_and_what_it_still_sends_is_no_mistake() -> None:
    session = live()
    session.handle(ClientJoined(VIEWER, Role.HOST), 0.0)
    assert FinishSource("src1") in session.handle(StopReceived(VIEWER), 2.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 2.0) == []
    assert session.handle(StopReceived(HOST), 2.0) == []
    assert session.handle(StopReceived(VIEWER), 2.0) == []
    assert drops(session.handle(SourceFinished("src1", 1600), 3.0)) == [(HOST, 1000), (VIEWER, 1000)]


@pytest.mark.parametrize("role", [Role.VIEW, Role.SPEAK])
def test_readers_and_speakers_cannot_end_a_meeting_that_is_not_theirs(role: Role) -> None:
    session = live()
    session.handle(ClientJoined(VIEWER, role), 0.0)
    effects = session.handle(StopReceived(VIEWER), 2.0)
    assert (errors(effects), drops(effects)) == ([("bad_message", True)], [(VIEWER, 4400)])
    assert session.state is State.LIVE


def test_there_is_nothing_to_end_before_a_meeting_has_begun() -> None:
    session = new(ClientJoined(VIEWER, Role.HOST))
    assert drops(session.handle(StopReceived(VIEWER), 0.0)) == [(VIEWER, 4400)]
    assert new().handle(EndRequested(1), 0.0) == [Answer(1, ())]


def test_a_meeting_that_is_ended_while_its_source_is_made_ready_ends_once_it_is() -> None:
    session = new(ClientJoined(HOST), started())
    assert session.handle(EndRequested(1), 0.0) == [Answer(1, ())]
    assert only(session.handle(OPENED, 0.0), FinishSource) == [FinishSource("src1")]
    assert session.state is State.ENDING


def test_a_resumed_source_closes_its_older_connection() -> None:
    session = live()
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(resumed(OTHER), 0.0)
    assert drops(effects) == [(HOST, 4409)]
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []
    assert only(session.handle(FrameReceived(OTHER, frame(0)), 0.0), AppendFrame)
    assert session.handle(ClientLeft(HOST), 1.0) == []
    assert session.wake_at == 3600.0


@pytest.mark.parametrize(("token", "source_id"), [("guess", "src1"), ("secret", "src9"), ("ünï", "src1")])
def test_resuming_needs_the_right_source_and_token(token: str, source_id: str) -> None:
    session = live()
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(resumed(OTHER, token, source_id), 0.0)
    assert (errors(effects), drops(effects)) == ([("unauthorized", True)], [(OTHER, 4401)])


def test_a_source_that_was_cut_off_before_it_knew_its_token_may_start_again() -> None:
    session = live()
    session.handle(ClientLeft(HOST), 1.0)
    session.handle(ClientJoined(OTHER), 2.0)
    effects = session.handle(StartReceived(OTHER, START, "src2", "another"), 2.0)
    assert effects == [
        SaveResume(Resume("src1", digest("another")), False),
        Send(OTHER, SessionMessage("m1", "src1", "another", 0, MODELS)),
    ]
    assert session.handle(FrameReceived(OTHER, frame(0)), 3.0) == [AppendFrame("src1", frame(0))]
    session.handle(ClientLeft(OTHER), 4.0)
    session.handle(ClientJoined(HOST), 5.0)
    (refusal, _) = session.handle(resumed(HOST), 5.0)  # with the first token, which nobody can have
    assert isinstance(refusal, Send)
    assert isinstance(refusal.message, ErrorMessage)
    assert refusal.message.code == "unauthorized"


@pytest.mark.parametrize("start", [START, replace(START, audio=AudioInfo("pcm_s16le", 48_000, 1))])
def test_the_place_of_a_source_that_has_spoken_or_speaks_otherwise_is_not_given_away(start: Start) -> None:
    session = live()
    if start == START:
        session.handle(FrameReceived(HOST, frame(0)), 1.0)
    session.handle(ClientLeft(HOST), 1.0)
    session.handle(ClientJoined(OTHER), 2.0)
    (refusal, _) = session.handle(StartReceived(OTHER, start, "src2", "another"), 2.0)
    assert isinstance(refusal, Send)
    assert isinstance(refusal.message, ErrorMessage)
    assert refusal.message.code == "busy"


def test_resuming_with_another_audio_format_is_refused() -> None:
    session = live()
    session.handle(ClientJoined(OTHER), 0.0)
    start = Start(1, AudioInfo("wav"), resume=ResumeInfo("src1", "secret"))
    assert drops(session.handle(StartReceived(OTHER, start, "x", "y"), 0.0)) == [(OTHER, 4400)]


def test_a_lost_source_is_waited_for_and_then_the_meeting_ends_complete() -> None:
    session = live()
    assert session.handle(ClientLeft(HOST), 10.0) == [SaveResume(Resume("src1", digest("secret")), True)]
    assert session.wake_at == 70.0
    assert session.handle(Tick(), 69.9) == []
    effects = session.handle(Tick(), 70.0)
    assert FinishSource("src1") in effects
    assert session.state is State.ENDING


def test_a_lost_source_that_resumes_stops_the_clock() -> None:
    session = live()
    session.handle(ClientLeft(HOST), 10.0)
    session.handle(ClientJoined(OTHER), 20.0)
    session.handle(resumed(OTHER), 20.0)
    assert session.handle(Tick(), 70.0) == []
    assert session.state is State.LIVE


def test_a_source_lost_before_it_was_heard_is_let_go() -> None:
    session = new(ClientJoined(HOST), started())
    assert session.handle(ClientLeft(HOST), 0.0) == [AbandonSource("src1")]
    assert session.closed


def test_a_source_lost_while_loading_keeps_the_audio_it_sent() -> None:
    session = new(ClientJoined(HOST), started(), FrameReceived(HOST, frame(0)))
    assert session.handle(ClientLeft(HOST), 3.0) == []
    session.handle(OPENED, 5.0)
    assert session.state is State.LIVE
    assert session.wake_at == 63.0


def test_stop_finishes_the_source_and_then_everyone_is_told() -> None:
    session = live()
    session.handle(ClientJoined(VIEWER), 0.0)
    assert session.handle(StopReceived(HOST), 0.0) == [
        SaveState(State.ENDING, 0, MODELS),
        Broadcast(StateMessage("ending", "Monday")),
        FinishSource("src1"),
    ]
    session.handle(OutputReceived(segment()), 0.0)
    effects = session.handle(SourceFinished("src1", 1600), 0.0)
    saved = effects.index(SaveState(State.ENDED, 1600, MODELS))
    assert saved < effects.index(Broadcast(Ended(1)))
    assert drops(effects) == [(HOST, 1000), (VIEWER, 1000)]
    assert session.closed


def test_the_length_of_the_source_is_stored_at_the_end() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    (saved,) = only(session.handle(SourceFinished("src1", 1600), 0.0), SaveSource)
    assert saved.source.samples == 1600


def test_stop_before_the_source_is_ready_is_not_forgotten() -> None:
    session = new(ClientJoined(HOST), started())
    assert session.handle(StopReceived(HOST), 0.0) == []
    assert FinishSource("src1") in session.handle(OPENED, 0.0)


def test_stop_twice_finishes_once() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(StopReceived(HOST), 0.0) == []


def test_a_viewer_cannot_stop_the_meeting() -> None:
    session = live()
    session.handle(ClientJoined(VIEWER), 0.0)
    assert drops(session.handle(StopReceived(VIEWER), 0.0)) == [(VIEWER, 4400)]
    assert session.state is State.LIVE


def test_audio_after_stop_is_ignored() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []


def test_acks_still_come_after_stop() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    assert session.handle(FrameAppended("src1", 0, 1600), 0.0) == [Send(HOST, Ack(0, 0.1))]


def test_the_source_may_resume_to_see_the_end() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(ClientLeft(HOST), 0.0)
    session.handle(ClientJoined(OTHER), 0.0)
    assert only(session.handle(resumed(OTHER), 0.0), Send)
    assert drops(session.handle(SourceFinished("src1", 0), 0.0)) == [(OTHER, 1000)]


def test_nobody_starts_in_a_meeting_that_is_ending() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(ClientJoined(OTHER), 0.0)
    assert drops(session.handle(started(OTHER), 0.0)) == [(OTHER, 4400)]


def test_who_joins_an_ended_meeting_gets_it_all_and_goodbye() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 0), 0.0)
    effects = session.handle(ClientJoined(VIEWER), 0.0)
    assert [type(e.message) for e in effects if isinstance(e, (SendSnapshot, Send))] == [SnapshotMessage, Ended]
    assert drops(effects) == [(VIEWER, 1000)]


def test_a_refused_source_leaves_the_meeting_open_for_another_try() -> None:
    session = new(ClientJoined(HOST), started())
    effects = session.handle(SourceFailed("src1", "bad_audio", "no such encoding"), 0.0)
    assert (errors(effects), drops(effects)) == ([("bad_audio", True)], [(HOST, 4400)])
    assert only(effects, AbandonSource)
    assert session.state is State.OPEN
    session.handle(ClientJoined(OTHER), 0.0)
    assert only(session.handle(started(OTHER), 0.0), OpenSource)


def test_bad_audio_ends_the_source_but_keeps_what_was_heard() -> None:
    session = live()
    session.handle(ClientJoined(VIEWER), 0.0)
    effects = session.handle(SourceFailed("src1", "bad_audio", "not audio"), 0.0)
    assert (errors(effects), drops(effects)) == ([("bad_audio", True)], [(HOST, 4400)])
    assert FinishSource("src1") in effects
    assert drops(session.handle(SourceFinished("src1", 5), 0.0)) == [(VIEWER, 1000)]


def test_a_bad_tail_is_told_and_the_end_goes_on() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    effects = session.handle(SourceFailed("src1", "bad_audio", "half a sample"), 0.0)
    assert (errors(effects), drops(effects)) == ([("bad_audio", False)], [])


def test_a_meeting_longer_than_allowed_is_ended_by_the_clock() -> None:
    session = live()
    assert session.wake_at == 3600.0
    effects = session.handle(Tick(), 3600.0)
    assert errors(effects) == [("too_long", False)]
    assert FinishSource("src1") in effects


def test_a_meeting_longer_than_allowed_is_ended_by_its_audio() -> None:
    session = live()
    effects = session.handle(FrameAppended("src1", 0, 3600 * SAMPLE_RATE), 1.0)
    assert errors(effects) == [("too_long", False)]
    assert session.state is State.ENDING


def test_a_final_line_is_saved_before_it_is_told() -> None:
    assert live().handle(OutputReceived(segment()), 0.0) == [
        SaveSegment(segment()),
        Broadcast(SegmentMessage.of(segment())),
    ]


def test_a_failure_to_save_is_told_and_the_meeting_goes_on() -> None:
    session = live()
    assert errors(session.handle(StorageFailing("text", "the disk is full"), 0.0)) == [("storage", False)]
    assert session.state is State.LIVE
    assert ("storage", False) in errors(session.handle(ClientJoined(VIEWER), 0.0))


def test_relief_is_told_when_the_last_trouble_is_over() -> None:
    session = live()
    session.handle(StorageFailing("text", "no room"), 0.0)
    session.handle(StorageFailing("audio", "no room"), 0.0)
    assert session.handle(StorageWorking("text"), 0.0) == []
    assert errors(session.handle(StorageWorking("audio"), 0.0)) == [("storage_ok", False)]
    assert errors(session.handle(ClientJoined(VIEWER), 0.0)) == []


def test_audio_that_never_arrived_is_kept_told_once_and_shown_to_late_joiners() -> None:
    session, gap = live(), Gap("src1", Span(16_000, 40_000), "lost")
    told = GapMessage(1.0, 2.5, "lost")
    assert session.handle(GapFound(gap), 0.0) == [SaveGap(gap), Broadcast(told)]
    assert session.handle(GapFound(gap), 0.0) == []
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert effect.message.gaps == (told,)


def test_a_gap_that_grows_takes_its_own_place_and_never_shrinks() -> None:
    session, gap = live(), Gap("src1", Span(16_000, 40_000), "lost")
    grown = replace(gap, span=Span(16_000, 80_000), reason="more lost")
    session.handle(GapFound(gap), 0.0)
    assert SaveGap(grown) in session.handle(GapFound(grown), 0.0)
    assert session.handle(GapFound(gap), 0.0) == []
    assert session.gaps == (grown,)
    session.handle(GapFound(replace(gap, source_id="src2")), 0.0)
    assert len(session.gaps) == 2


def test_a_new_title_reaches_everyone_and_later_joiners() -> None:
    session = live()
    assert session.handle(TitleChanged("Tuesday"), 0.0) == [Broadcast(StateMessage("live", "Tuesday"))]
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert effect.message.title == "Tuesday"


def test_a_stopping_server_finishes_what_is_live() -> None:
    session = live()
    effects = session.handle(CloseRequested(1001, "the server stops"), 0.0)
    assert FinishSource("src1", shutdown_fast=True) in effects
    assert not drops(effects)


def test_a_stopping_server_lets_open_meetings_go() -> None:
    session = new(ClientJoined(HOST), ClientJoined(VIEWER), started())
    effects = session.handle(CloseRequested(1001, "the server stops"), 0.0)
    assert AbandonSource("src1") in effects
    assert drops(effects) == [(HOST, 1001), (VIEWER, 1001)]
    assert session.closed


def test_an_open_meeting_is_closed_when_the_last_client_leaves() -> None:
    session = new()
    assert not session.closed
    session.handle(ClientJoined(VIEWER), 0.0)
    assert not session.closed
    session.handle(ClientLeft(VIEWER), 0.0)
    assert session.closed


def test_a_live_meeting_stays_when_everyone_has_left() -> None:
    session = live()
    session.handle(ClientLeft(HOST), 0.0)
    assert not session.closed
    assert session.busy


def test_news_of_a_source_of_long_ago_is_ignored() -> None:
    session = live()
    assert session.handle(FrameAppended("src0", 9, 9), 0.0) == []
    assert session.handle(SourceFinished("src0", 9), 0.0) == []


def test_nothing_is_told_after_the_end() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 0), 0.0)
    assert session.handle(OutputReceived(segment()), 0.0) == []


def test_failed_blocks_are_noted_without_what_they_read() -> None:
    from pipelines.types import BlockFailed

    (note,) = live().handle(OutputReceived(BlockFailed("asr", "secret words", Span(0, SAMPLE_RATE))), 0.0)
    assert isinstance(note, Log)
    assert "secret" not in note.text


def saves_and_tells(effects: list[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def test_a_name_is_stored_before_it_is_told_and_before_it_is_answered() -> None:
    session = live()
    session.handle(OutputReceived(Speaker("spk1")), 0.0)
    effects = session.handle(EditRequested(5, SpeakerChange("spk1", True, "Ann")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveSpeaker", "Broadcast", "Answer"]
    assert only(effects, Broadcast) == [Broadcast(SpeakerMessage("spk1", "Ann", 0, None))]
    assert effects[-1] == Answer(5, (SpeakerMessage("spk1", "Ann", 0, None),))
    assert session.handle(OutputReceived(Speaker("spk1")), 0.0) == []


def test_a_labelled_line_is_told_once_and_withstands_the_pipeline() -> None:
    session = live()
    session.handle(OutputReceived(Speaker("spk1")), 0.0)
    session.handle(OutputReceived(segment()), 0.0)
    effects = session.handle(EditRequested(6, SegmentChange("s1", 1, True, "spk1")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveLabels", "Broadcast", "Answer"]
    change = LabelChange("s1", 2, None, "spk1")
    assert only(effects, Broadcast) == [Broadcast(SpeakerRevisionMessage.of((change,), "edit"))]
    assert session.handle(OutputReceived(segment(9, words=("Other",))), 0.0) == []
    assert [s.speaker for s in session.transcript.segments] == ["spk1"]


def test_a_written_line_is_stored_and_told_as_a_segment() -> None:
    session = live()
    session.handle(OutputReceived(segment()), 0.0)
    effects = session.handle(EditRequested(7, SegmentChange("s1", 1, text="Hallo")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveSegment", "Broadcast", "Answer"]


def test_a_change_that_cannot_be_is_answered_with_why_and_nothing_else() -> None:
    session = live()
    (refused,) = session.handle(EditRequested(8, SpeakerChange("spk1", True, "Ann")), 0.0)
    assert isinstance(refused, Answer)
    assert isinstance(refused.outcome, NotFound)


def test_a_change_in_a_meeting_that_is_over_is_for_others_to_make() -> None:
    session = live()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 9), 0.0)
    assert session.handle(EditRequested(9, SpeakerChange("spk1", True, "Ann")), 0.0) == [Answer(9, None)]


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
    st.builds(OutputReceived, st.builds(segment, st.integers(0, 3), st.booleans())),
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
        connected -= {client for client, _ in drops(effects)}
        kept += [effect.frame.seq for effect in only(effects, AppendFrame)]
        if session.state is not before:
            assert SaveState(session.state.value, session.samples, MODELS) in effects
        if session.state is State.OPEN and not session.busy:
            kept = []
    assert kept == list(range(len(kept)))


def test_a_start_of_a_client_that_has_gone_meanwhile_takes_nothing() -> None:
    session = new(ClientJoined(HOST), ClientLeft(HOST), ClientJoined(VIEWER))
    assert session.handle(started(HOST), 0.0) == []
    assert not session.busy
    assert any(isinstance(effect, OpenSource) for effect in session.handle(started(VIEWER), 0.0))


def test_viewers_are_all_but_the_source() -> None:
    session = new(ClientJoined(HOST), ClientJoined(VIEWER))
    assert session.viewers == 2
    session.handle(started(HOST), 0.0)
    assert session.viewers == 1
    session.handle(ClientLeft(HOST), 0.0)
    assert session.viewers == 1


def silent(*events: Event) -> Session:
    """A meeting whose source was told its token, and is away before it has said anything."""
    return new(ClientJoined(HOST), started(), OPENED, ClientLeft(HOST), ClientJoined(OTHER), *events)


def test_the_place_of_a_source_that_never_spoke_goes_to_a_new_one_but_not_to_a_forged_token() -> None:
    session = silent()
    (told,) = [effect for effect in session.handle(started(OTHER), 1.0) if isinstance(effect, Send)]
    assert isinstance(told.message, SessionMessage)
    forged = silent().handle(resumed(OTHER, token="guess"), 1.0)
    assert [effect.message.code for effect in forged if isinstance(effect, Send)] == ["unauthorized"]  # type: ignore[union-attr]


def test_the_place_of_a_source_that_never_spoke_is_gone_once_the_meeting_ends() -> None:
    session = silent(EndRequested(1))
    assert session.state is State.ENDING
    told = [effect.message for effect in session.handle(started(OTHER), 1.0) if isinstance(effect, Send)]
    assert [message.code for message in told if isinstance(message, ErrorMessage)] == ["bad_message"]
    assert not any(isinstance(message, SessionMessage) for message in told)


def test_who_comes_while_a_meeting_is_deleted_is_told_so_and_nothing_of_it() -> None:
    session = new(ClientJoined(HOST), started(), OPENED, CloseRequested(4404, "deleted", discard=True))
    assert session.handle(ClientJoined(VIEWER), 1.0) == [Disconnect(VIEWER, 4404, "deleted")]


def test_a_meeting_that_begins_late_on_the_clock_has_all_its_hours() -> None:
    session = new(ClientJoined(HOST))
    session.handle(started(), 50_000.0)
    session.handle(OPENED, 50_000.0)
    assert session.wake_at == 50_000.0 + LIMITS.meeting_hours * 3600
    assert not any(isinstance(effect, FinishSource) for effect in session.handle(Tick(), 50_001.0))
