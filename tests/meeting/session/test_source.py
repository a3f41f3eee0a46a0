"""A source while it is received."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.access import digest
from meeting.core.messages import Ack, AudioFrame, AudioInfo, SessionMessage, SourceInfo, SourceMessage, Start
from meeting.core.records import RestoredSource, Resume, Source, State
from meeting.session.events import (
    AppendFrame,
    ClientJoined,
    ClientLeft,
    FrameAppended,
    FrameReceived,
    SaveResume,
    SaveSource,
    Send,
    StartReceived,
    StopReceived,
    Tick,
)
from meeting.session.source import REMINDER_INTERVAL, LiveSource, known_source, new_source
from tests.meeting.session.sessions import (
    HOST,
    LIMITS,
    OTHER,
    disconnects,
    errors,
    frame,
    live_session,
    new_session,
    only,
    resumed,
    started,
)


def test_frames_go_to_disk_in_order() -> None:
    session = live_session()
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == [AppendFrame("src1", frame(0))]
    assert session.handle(FrameReceived(HOST, frame(1)), 0.0) == [AppendFrame("src1", frame(1))]


def test_frames_that_follow_start_at_once_are_taken() -> None:
    session = new_session(ClientJoined(HOST), started())
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == [AppendFrame("src1", frame(0))]


def test_a_frame_is_acknowledged_only_once_it_is_on_disk() -> None:
    session = live_session()
    assert not only(session.handle(FrameReceived(HOST, frame(0)), 0.0), Send)
    assert session.handle(FrameAppended("src1", 0, 1600), 0.0) == [Send(HOST, Ack(0, 0.1))]


def test_a_source_whose_frames_wait_is_told_its_last_ack_again() -> None:
    session = live_session()
    for seq in range(3):
        session.handle(FrameReceived(HOST, frame(seq)), 1.0)
    assert session.wake_at == 3600.0  # there is no ack yet to be told again
    session.handle(FrameAppended("src1", 0, 1600), 2.0)
    assert session.wake_at == 2.0 + REMINDER_INTERVAL
    assert session.handle(Tick(), 2.0 + REMINDER_INTERVAL) == [Send(HOST, Ack(0, 0.1))]
    assert session.handle(Tick(), 2.0 + REMINDER_INTERVAL) == []
    assert session.wake_at == 2.0 + 2 * REMINDER_INTERVAL
    session.handle(StopReceived(HOST), 3.0)
    assert session.handle(Tick(), 2.0 + 2 * REMINDER_INTERVAL) == [Send(HOST, Ack(0, 0.1))]
    session.handle(FrameAppended("src1", 2, 4800), 15.0)
    assert session.wake_at is None


def test_a_source_that_waits_is_not_reminded_from_before_it_waited_or_while_it_is_away() -> None:
    session = live_session()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    session.handle(FrameAppended("src1", 0, 1600), 1.0)
    assert session.wake_at == 3600.0
    session.handle(FrameReceived(HOST, frame(1)), 50.0)
    assert session.wake_at == 50.0 + REMINDER_INTERVAL
    session.handle(ClientLeft(HOST), 51.0)
    assert session.wake_at == 51.0 + LIMITS.resume_window


def test_a_frame_that_came_before_is_dropped_silently() -> None:
    session = live_session()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    assert session.handle(FrameReceived(HOST, frame(0)), 0.0) == []


def test_a_hole_in_the_numbers_closes_the_connection_and_loses_nothing() -> None:
    session = live_session()
    session.handle(FrameReceived(HOST, frame(0)), 0.0)
    effects = session.handle(FrameReceived(HOST, frame(2)), 0.0)
    assert errors(effects) == [("bad_message", True)]
    assert disconnects(effects) == [(HOST, 4400)]
    session.handle(ClientJoined(OTHER), 1.0)
    session.handle(FrameAppended("src1", 0, 2), 1.0)
    (answer,) = only(session.handle(resumed(OTHER), 1.0), Send)
    assert isinstance(answer.message, SessionMessage)
    assert answer.message.next_seq == 1
    assert session.state is State.LIVE


def test_a_client_that_resumes_keeps_what_is_not_on_disk_yet() -> None:
    session = live_session()
    for seq in range(3):
        session.handle(FrameReceived(HOST, frame(seq)), 0.0)
    session.handle(FrameAppended("src1", 0, 2), 0.0)
    session.handle(ClientJoined(OTHER), 1.0)
    (answer,) = only(session.handle(resumed(OTHER), 1.0), Send)
    assert isinstance(answer.message, SessionMessage)
    assert answer.message.next_seq == 1
    sent_again = [session.handle(FrameReceived(OTHER, frame(seq)), 1.0) for seq in (1, 2, 3)]
    assert sent_again == [[], [], [AppendFrame("src1", frame(3))]]


DECLARED = Start(1, AudioInfo("pcm_f32le", 48000, 2), SourceInfo("Ann", "solo"), "de", ("Ypsilon",), translate=True)


def made(resumable: bool = True) -> LiveSource:
    return new_source(StartReceived(3, DECLARED, "src", "secret"), 60.0, resumable)


def known(live: LiveSource, remaining: float = 20.0, now: float = 100.0) -> LiveSource:
    """The same source as a later process finds it."""
    return known_source(RestoredSource(live.source, live.resume, remaining), 60.0, True, now)


def test_what_is_kept_of_a_source_makes_the_same_one_again() -> None:
    live = made()
    back = known(live)
    assert (back.source, back.start, back.resume) == (live.source, DECLARED, live.resume)
    assert live.source == Source("src", "Ann", "solo", "pcm_f32le", 48000, 2, "de", translate=True)
    assert back.open_effect(()).translate


def test_a_source_of_an_earlier_process_is_waited_for_during_the_rest_of_the_window() -> None:
    assert made().resumption.deadline is None
    assert known(made(), remaining=20.0, now=100.0).resumption.deadline == 120.0


def test_the_token_is_kept_as_a_digest_only_and_never_printed() -> None:
    assert made().resume == Resume("src", digest("secret"), ("Ypsilon",))
    assert "secret" not in repr(made())
    assert digest("secret") not in repr(made())


def test_a_source_that_is_not_to_be_resumed_leaves_no_digest() -> None:
    assert made(resumable=False).resume.digest is None


def test_a_client_that_is_away_is_told_nothing() -> None:
    live = known(made())
    live.mark_reopened(4, stopped=False, ending=False)
    assert (live.ack(), live.reminder_at) == ([], None)
    live.attach(3, "secret")
    live.samples = 1600
    assert live.ack() == [Send(3, Ack(3, 0.1))]


def test_when_a_frame_came_is_known_once_it_is_on_disk() -> None:
    live = made()
    for seq in range(3):
        live.take(AudioFrame(seq, 0, bytes(2)), 10.0 + seq)
    assert live.mark_appended(0, 1600, 20.0) == 10.0
    assert live.mark_appended(2, 4800, 20.0) == 12.0
    assert live.mark_appended(2, 6400, 21.0) is None
    assert (live.samples, len(live.arrivals)) == (6400, 0)


def test_a_source_is_live_away_or_ended() -> None:
    live = made()
    assert live.message() == SourceMessage("src", "Ann", "solo", 1, "live")
    live.detach(5.0)
    assert live.state == "away"
    live.mark_finishing()
    assert live.state == "ending"
    live.mark_ended(1600)
    assert (live.source.samples, live.ended, live.state) == (1600, True, "ended")


def test_the_length_of_a_source_and_its_file_are_stored_with_what_lets_it_go_on() -> None:
    live = made()
    assert live.save("a.flac") == [SaveSource(replace(made().source, audio="a.flac")), SaveResume(live.resume, False)]
    live.detach(5.0)
    assert live.save("a.flac")[1] == SaveResume(live.resume, True)
