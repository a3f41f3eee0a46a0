"""Who may go on with a source, and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meeting.core.access import digest
from meeting.core.continuity.resumption import GRACE, Resumption
from meeting.core.messages import AudioInfo, ErrorMessage, ResumeInfo, SessionMessage, SourceInfo, SourceMessage, Start
from meeting.core.records import Resume, State
from meeting.session.events import (
    AbandonSource,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    ConfirmStored,
    EndRequested,
    Event,
    ExpectHotwords,
    FinishSource,
    FrameReceived,
    HotwordsChanged,
    OpenSource,
    SaveResume,
    Send,
    SourceFinished,
    SourceStored,
    StartReceived,
    StopReceived,
    Tick,
)
from meeting.session.session import Session
from tests.meeting.session.sessions import (
    HOST,
    MODELS,
    OPENED,
    OTHER,
    START,
    disconnects,
    errors,
    frame,
    live_session,
    new_session,
    only,
    resumed,
    started,
)

AUDIO = AudioInfo("pcm_f32le", 48000, 2)


def made(resumable: bool = True) -> Resumption:
    """Who may go on with a source that was started with the token `secret`."""
    resumption = Resumption("src", AUDIO, 60.0, resumable)
    resumption.issue("secret")
    return resumption


def again(source_id: str = "src", token: str = "secret", audio: AudioInfo = AUDIO) -> Start:
    return Start(1, audio, resume=ResumeInfo(source_id, token))


def test_whoever_has_the_token_may_go_on_also_in_a_later_process() -> None:
    assert made().refusal(again()) is None
    assert Resumption("src", AUDIO, 60.0, True, made().digest, 0.0).refusal(again()) is None


@pytest.mark.parametrize(
    "start", [Start(1, AUDIO), again("other"), again(token="wrong"), again(token=digest("secret"))]
)
def test_others_may_not(start: Start) -> None:
    refusal = made().refusal(start)
    assert refusal is not None
    assert (refusal.code, refusal.close) == ("unauthorized", 4401)


def test_a_source_that_is_not_to_be_resumed_has_nothing_to_guess() -> None:
    assert made(resumable=False).digest is None
    assert made(resumable=False).refusal(again()) is not None


def test_another_audio_format_is_refused() -> None:
    refusal = made().refusal(again(audio=AudioInfo()))
    assert refusal is not None
    assert refusal.code == "bad_message"


def test_a_new_token_takes_the_place_of_the_old_one() -> None:
    resumption = made()
    resumption.issue("other")
    assert resumption.refusal(again()) is not None
    assert resumption.refusal(again(token="other")) is None


def test_nobody_is_waited_for_while_the_client_is_there() -> None:
    resumption = made()
    assert resumption.deadline is None
    resumption.client_left(10.0)
    assert resumption.deadline == 70.0
    resumption.client_returned("secret")
    assert (resumption.deadline, resumption.token) == (None, "secret")


@pytest.mark.parametrize(
    ("window", "away_since", "rebuilt_at", "deadline"),
    [(600.0, 900.0, 1000.0, 1500.0), (600.0, 400.0, 1000.0, 1000.0 + GRACE), (20.0, 0.0, 1000.0, 1020.0)],
    ids=["the rest of the window", "a little longer than that", "never more than the window"],
)
def test_a_meeting_that_was_rebuilt_gives_its_source_some_time_to_come_back(
    window: float, away_since: float, rebuilt_at: float, deadline: float
) -> None:
    resumption = Resumption("src", AUDIO, window, True, "digest", away_since)
    resumption.meeting_rebuilt(rebuilt_at)
    assert resumption.deadline == deadline
    resumption.client_returned("secret")
    resumption.meeting_rebuilt(rebuilt_at)
    assert resumption.deadline is None


def test_whoever_takes_the_place_of_a_source_waits_until_his_own_token_is_stored() -> None:
    session = new_session(ClientJoined(HOST), started(), OPENED, ClientLeft(HOST), ClientJoined(OTHER), kind=Session)
    session.handle(SourceStored("src1"), 0.0)
    effects = session.handle(StartReceived(OTHER, START, "src2", "other"), 0.0)
    assert [type(effect) for effect in effects] == [SaveResume, ConfirmStored, Broadcast]
    (answer,) = session.handle(SourceStored("src1"), 0.0)
    assert isinstance(answer, Send)
    assert isinstance(answer.message, SessionMessage)
    assert (answer.client, answer.message.resume_token) == (OTHER, "other")


def test_starting_twice_closes_that_connection_and_the_source_can_resume() -> None:
    session = live_session()
    effects = session.handle(started(), 7.0)
    assert (errors(effects), disconnects(effects)) == ([("bad_message", True)], [(HOST, 4400)])
    assert session.state is State.LIVE
    assert session.wake_at == 67.0
    session.handle(ClientJoined(OTHER), 8.0)
    assert only(session.handle(resumed(OTHER), 8.0), Send)
    assert session.wake_at == 3600.0


def test_a_resumed_source_closes_its_older_connection() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(resumed(OTHER), 0.0)
    assert disconnects(effects) == [(HOST, 4409)]
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []
    assert only(session.handle(FrameReceived(OTHER, frame(0)), 0.0), AppendFrame)
    assert session.handle(ClientLeft(HOST), 1.0) == []
    assert session.wake_at == 3600.0


@pytest.mark.parametrize(("token", "source_id"), [("guess", "src1"), ("secret", "src9"), ("ünï", "src1")])
def test_resuming_needs_the_right_source_and_token(token: str, source_id: str) -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER), 0.0)
    effects = session.handle(resumed(OTHER, token, source_id), 0.0)
    assert (errors(effects), disconnects(effects)) == ([("unauthorized", True)], [(OTHER, 4401)])


def test_a_source_that_was_cut_off_before_it_knew_its_token_may_start_again() -> None:
    session = live_session()
    session.handle(ClientLeft(HOST), 1.0)
    session.handle(ClientJoined(OTHER), 2.0)
    effects = session.handle(StartReceived(OTHER, START, "src2", "another"), 2.0)
    assert effects == [
        SaveResume(Resume("src1", digest("another")), False),
        Send(OTHER, SessionMessage("m1", "src1", "another", 0, MODELS)),
        Broadcast(SourceMessage("src1", "Ann", "room", 1, "live")),
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
    """Whoever comes then is a further source."""
    session = live_session()
    if start == START:
        session.handle(FrameReceived(HOST, frame(0)), 1.0)
    session.handle(ClientLeft(HOST), 1.0)
    session.handle(ClientJoined(OTHER), 2.0)
    (opened,) = session.handle(StartReceived(OTHER, start, "src2", "another"), 2.0)
    assert isinstance(opened, OpenSource)
    assert opened.source_id == "src2"


def test_resuming_with_another_audio_format_is_refused() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER), 0.0)
    start = Start(1, AudioInfo("wav"), resume=ResumeInfo("src1", "secret"))
    assert disconnects(session.handle(StartReceived(OTHER, start, "x", "y"), 0.0)) == [(OTHER, 4400)]


def test_a_lost_source_is_waited_for_and_then_the_meeting_ends_complete() -> None:
    session = live_session()
    assert session.handle(ClientLeft(HOST), 10.0) == [
        SaveResume(Resume("src1", digest("secret")), True),
        Broadcast(SourceMessage("src1", "Ann", "room", 1, "away")),
    ]
    assert session.wake_at == 70.0
    assert session.handle(Tick(), 69.9) == []
    effects = session.handle(Tick(), 70.0)
    assert FinishSource("src1") in effects
    assert session.state is State.ENDING


def test_a_lost_source_that_resumes_stops_the_clock() -> None:
    session = live_session()
    session.handle(ClientLeft(HOST), 10.0)
    session.handle(ClientJoined(OTHER), 20.0)
    session.handle(resumed(OTHER), 20.0)
    assert session.handle(Tick(), 70.0) == []
    assert session.state is State.LIVE


def test_a_source_lost_before_it_was_heard_is_let_go() -> None:
    session = new_session(ClientJoined(HOST), started())
    assert session.handle(ClientLeft(HOST), 0.0) == [AbandonSource("src1")]
    assert session.closed


def test_a_source_lost_while_loading_keeps_the_audio_it_sent() -> None:
    session = new_session(ClientJoined(HOST), started(), FrameReceived(HOST, frame(0)))
    assert session.handle(ClientLeft(HOST), 3.0) == []
    session.handle(OPENED, 5.0)
    assert session.state is State.LIVE
    assert session.wake_at == 63.0


def test_the_source_may_resume_to_see_the_end() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(ClientLeft(HOST), 0.0)
    session.handle(ClientJoined(OTHER), 0.0)
    assert only(session.handle(resumed(OTHER), 0.0), Send)
    assert disconnects(session.handle(SourceFinished("src1", 0), 0.0)) == [(OTHER, 1000)]


def silent(*events: Event) -> Session:
    """A meeting whose source was told its token, and is away before it has said anything."""
    return new_session(ClientJoined(HOST), started(), OPENED, ClientLeft(HOST), ClientJoined(OTHER), *events)


def test_the_place_of_a_source_that_never_spoke_goes_to_a_new_one_but_not_to_a_forged_token() -> None:
    session = silent()
    (told,) = [effect for effect in session.handle(started(OTHER), 1.0) if isinstance(effect, Send)]
    assert isinstance(told.message, SessionMessage)
    forged = silent().handle(resumed(OTHER, token="guess"), 1.0)
    assert [effect.message.code for effect in forged if isinstance(effect, Send)] == ["unauthorized"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "differs",
    [
        {"source": SourceInfo("", "room")},
        {"source": SourceInfo("Bob", "room")},
        {"source": SourceInfo("Ann", "solo")},
        {"language": "de"},
        {"translate": True},
        {"audio": AudioInfo(sample_rate=48_000)},
    ],
)
def test_the_place_of_a_source_that_never_spoke_is_not_anothers(differs: dict[str, Any]) -> None:
    session, start = silent(), replace(START, **differs)
    (opened,) = session.handle(StartReceived(OTHER, start, "src2", "other"), 1.0)
    assert isinstance(opened, OpenSource)
    live = session.sources.of_client(OTHER)
    assert live is not None
    assert (live.source.id, live.source.name, live.source.kind) == ("src2", start.source.name, start.source.kind)


def test_who_gets_its_source_back_before_it_has_spoken_is_heard_with_the_terms_that_it_brings_now() -> None:
    session = silent(HotwordsChanged(("Ada",)))
    effects = session.handle(started(OTHER, replace(START, hotwords=("Grace",))), 1.0)
    assert only(effects, ExpectHotwords) == [ExpectHotwords("src1", ("Grace", "Ada"))]
    assert [saved.resume.hotwords for saved in only(effects, SaveResume)] == [("Grace",)]


def test_the_place_of_a_source_that_never_spoke_is_gone_once_the_meeting_ends() -> None:
    session = silent(EndRequested(1))
    assert session.state is State.ENDING
    told = [effect.message for effect in session.handle(started(OTHER), 1.0) if isinstance(effect, Send)]
    assert [message.code for message in told if isinstance(message, ErrorMessage)] == ["bad_message"]
    assert not any(isinstance(message, SessionMessage) for message in told)
