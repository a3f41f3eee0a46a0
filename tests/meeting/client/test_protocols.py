"""What a source and a viewer do, as values."""

from __future__ import annotations

from typing import Any

import pytest

from meeting.client.errors import (
    AudioRefused,
    ClientError,
    NoSuchMeeting,
    RequestRefused,
    ServerUnreachable,
    SourceLost,
    TokenRefused,
)
from meeting.client.protocols import Loss, SourceProtocol, ViewerProtocol, bytes_per_second
from meeting.core.errors import ErrorCode
from meeting.core.messages import (
    Ack,
    AudioFrame,
    AudioInfo,
    Ended,
    ErrorMessage,
    ResumeInfo,
    SessionMessage,
    SnapshotMessage,
    Start,
    Stop,
)

START = Start(1, AudioInfo())
SECOND = bytes(32_000)


def source(start: Start = START) -> SourceProtocol:
    """A source that has connected and was heard."""
    made = SourceProtocol(start, 1 << 20)
    made.opened()
    made.take(session())
    return made


def session(next_seq: int = 0) -> SessionMessage:
    return SessionMessage("m", "s", "secret", next_seq, {})


def snapshot(audio: float = 0.0) -> SnapshotMessage:
    return SnapshotMessage((), (), "live", "", audio, {})


def sent(protocol: SourceProtocol) -> list[Any]:
    items = []
    while (item := protocol.next_to_send()) is not None:
        items.append(item.seq if isinstance(item, AudioFrame) else item)
    return items


def refuse(protocol: SourceProtocol | ViewerProtocol, code: str, close: int) -> ClientError | None:
    protocol.take(ErrorMessage(ErrorCode(code), "because", True))
    return protocol.lost(Loss(close))


def test_nothing_is_sent_before_the_server_has_answered() -> None:
    made = SourceProtocol(START, 1 << 20)
    assert made.opened() == [START]
    made.append(SECOND)
    assert made.next_to_send() is None
    made.take(session())
    assert sent(made) == [0]


def test_frames_carry_when_they_were_spoken() -> None:
    made = source()
    made.append(SECOND)
    made.append(SECOND)
    assert [frame.capture_us for _ in range(2) if isinstance(frame := made.next_to_send(), AudioFrame)] == [
        0,
        1_000_000,
    ]


def test_stop_comes_behind_the_last_frame_and_once() -> None:
    made = source()
    made.append(SECOND)
    made.stop()
    assert sent(made) == [0, Stop()]
    assert sent(made) == []


def test_a_new_connection_resumes_and_sends_what_the_server_lacks_and_stop_again() -> None:
    made = source()
    for _ in range(3):
        made.append(SECOND)
    made.stop()
    sent(made)
    made.take(Ack(0, 1.0))
    assert made.lost(Loss(1006)) is None
    (again,) = made.opened()
    assert again.resume == ResumeInfo("s", "secret")
    assert again.audio == START.audio
    assert made.next_to_send() is None
    made.take(session(2))
    assert sent(made) == [2, Stop()]


def test_an_answer_is_owed_while_sent_frames_wait() -> None:
    made = source()
    assert not made.expects_answer
    made.append(SECOND)
    assert not made.expects_answer
    sent(made)
    assert made.expects_answer
    made.take(Ack(0, 1.0))
    assert not made.expects_answer


@pytest.mark.parametrize("close", [1001, 1006, 1011, 1012, 1013, 4429, 1000])
def test_a_source_that_was_heard_comes_back_after_what_passes(close: int) -> None:
    assert source().lost(Loss(close)) is None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_proxy_without_its_server_is_no_reason_to_give_up(status: int) -> None:
    assert source().lost(Loss(status=status)) is None
    assert SourceProtocol(START, 1).lost(Loss(status=status)) is not None


@pytest.mark.parametrize(
    ("code", "close", "kind"),
    [
        ("bad_audio", 4400, AudioRefused),
        ("bad_message", 4400, ClientError),
        ("unauthorized", 4401, SourceLost),
        ("forbidden", 4401, TokenRefused),
        ("not_found", 4404, NoSuchMeeting),
        ("busy", 4409, SourceLost),
        ("too_large", 4413, AudioRefused),
    ],
)
def test_a_source_that_was_heard_ends_with_what_does_not_pass(code: str, close: int, kind: type) -> None:
    assert type(refuse(source(), code, close)) is kind


def test_too_many_wrong_tokens_of_others_pass_for_a_source_that_was_heard() -> None:
    assert refuse(source(), "too_many", 4401) is None


@pytest.mark.parametrize(
    ("code", "close", "kind"),
    [
        ("unauthorized", 4401, TokenRefused),
        ("not_found", 4404, NoSuchMeeting),
        ("busy", 4409, RequestRefused),
        ("too_many", 4429, RequestRefused),
        ("storage", 1011, ClientError),
    ],
)
def test_a_source_that_was_never_heard_is_told_at_once(code: str, close: int, kind: type) -> None:
    made = SourceProtocol(START, 1)
    made.opened()
    made.take(snapshot())
    error = refuse(made, code, close)
    assert type(error) is kind
    assert str(error) == "because"


def test_a_server_that_nobody_can_reach_is_told_at_once_and_later_waited_for() -> None:
    assert isinstance(SourceProtocol(START, 1).lost(Loss(reason="refused")), ServerUnreachable)
    assert source().lost(Loss(reason="refused")) is None


def test_a_meeting_that_is_not_ready_yet_is_waited_for_from_the_beginning() -> None:
    assert SourceProtocol(START, 1).lost(Loss(1013)) is None


def test_a_server_that_dies_before_it_answers_may_be_asked_again_once_it_let_the_client_in() -> None:
    made = SourceProtocol(START, 1)
    made.opened()
    assert isinstance(made.lost(Loss(1006)), ServerUnreachable)
    made.opened()
    made.take(snapshot())
    assert made.lost(Loss(1006)) is None
    assert made.opened() == [START]


def test_a_meeting_that_is_over_has_no_source() -> None:
    made = SourceProtocol(START, 1)
    made.opened()
    with pytest.raises(RequestRefused, match="is over"):
        made.take(Ended(3))


def test_the_end_is_the_end() -> None:
    made = source()
    made.append(SECOND)
    made.stop()
    sent(made)
    made.take(Ack(0, 1.0))
    made.take(Ended(1))
    assert made.over
    assert not made.ended_early


def test_somebody_else_may_end_the_meeting() -> None:
    made = source()
    made.append(SECOND)
    sent(made)
    made.take(Ended(1))
    assert made.over
    assert made.ended_early


@pytest.mark.parametrize("frames_sent", [0, 1, 2])
def test_who_has_given_all_is_told_of_an_end_before_all_of_it_had_arrived(frames_sent: int) -> None:
    made = source()
    for _ in range(2):
        made.append(SECOND)
    made.stop()
    for _ in range(frames_sent):
        made.next_to_send()
    if frames_sent:
        made.take(Ack(0, 1.0))
    made.take(Ended(1))
    assert made.over
    assert made.ended_early


@pytest.mark.parametrize(
    ("code", "kind"), [("bad_audio", AudioRefused), ("models", ClientError), ("lost", ClientError)]
)
def test_an_end_because_the_source_could_not_be_heard_is_an_error(code: str, kind: type) -> None:
    made = source()
    made.take(ErrorMessage(ErrorCode.STORAGE, "for a moment", False))
    made.take(ErrorMessage(ErrorCode(code), "because", False))
    with pytest.raises(kind, match="because"):
        made.take(Ended(1))


def away(received: float, audio: AudioInfo = START.audio) -> SourceProtocol:
    """A source of two seconds, with a frame that was not confirmed, whose meeting ended while it was away."""
    made = source(Start(1, audio))
    made.append(SECOND)
    made.append(SECOND)
    made.stop()
    sent(made)
    made.take(Ack(0, 1.0))
    made.lost(Loss(1006))
    made.opened()
    made.take(snapshot(received))
    return made


def test_an_end_while_it_was_away_is_fine_where_all_had_arrived() -> None:
    made = away(2.0)
    made.take(Ended(1))
    assert made.over


@pytest.mark.parametrize(("received", "audio"), [(1.0, AudioInfo()), (2.0, AudioInfo("wav", 0, 0))])
def test_an_end_while_it_was_away_is_an_error_where_audio_may_be_missing(received: float, audio: AudioInfo) -> None:
    made = away(received, audio)
    with pytest.raises(SourceLost, match="1 frames"):
        made.take(Ended(1))


def test_a_viewer_sends_nothing_and_comes_back_unless_it_may_not() -> None:
    viewer = ViewerProtocol()
    assert viewer.opened() == []
    assert viewer.next_to_send() is None
    assert isinstance(viewer.lost(Loss(reason="refused")), ServerUnreachable)
    viewer.take(snapshot())
    assert viewer.lost(Loss(1006)) is None
    assert viewer.lost(Loss(reason="refused")) is None
    assert isinstance(refuse(viewer, "unauthorized", 4401), TokenRefused)
    viewer.take(Ended(1))
    assert viewer.over


def test_a_refusal_of_an_earlier_connection_is_forgotten() -> None:
    viewer = ViewerProtocol()
    viewer.take(snapshot())
    viewer.take(ErrorMessage(ErrorCode.TOO_MANY, "full", True))
    viewer.opened()
    error = viewer.lost(Loss(4404))
    assert "full" not in str(error)


def test_seconds_follow_from_the_bytes_of_raw_audio() -> None:
    assert bytes_per_second(AudioInfo("pcm_f32le", 48_000, 2)) == 384_000
    assert bytes_per_second(AudioInfo("ogg", 0, 0)) is None
    made = source()
    made.append(SECOND)
    assert made.seconds == 1.0
    assert SourceProtocol(Start(1, AudioInfo("ogg", 0, 0)), 1).seconds is None
