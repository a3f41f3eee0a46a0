"""The protocol of a recording page, without a socket."""

from __future__ import annotations

import base64

import pytest

from meeting.compat import captions
from meeting.compat.captions import Captions, piece_of
from meeting.compat.exchange import Close, Feed, Finish, Tell
from meeting.compat.wav import WavPiece
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import (
    Ack,
    AudioInfo,
    Auth,
    ChangeMessage,
    Ended,
    ErrorMessage,
    SegmentMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    Stop,
)
from tests.fakes.containers import wav

RAW = b"\1\0\2\0"
PIECE = wav(RAW)
BASE64 = base64.b64encode(PIECE).decode()
AUDIO = AudioInfo("pcm_s16le", 16000, 1)


def line(id_: str, rev: int, text: str, start: float = 0.0, speaker: str | None = None) -> SegmentMessage:
    return SegmentMessage(id_, rev, False, "a", start, start + 1, speaker, text, 0, ())


@pytest.mark.parametrize("data", [PIECE, BASE64, f"  {BASE64}\n", f"data:audio/wav;base64,{BASE64}"])
def test_a_piece_comes_as_binary_or_as_base64(data: str | bytes) -> None:
    assert piece_of(data) == WavPiece(AUDIO, RAW)
    assert Captions(AUDIO, 0.0).from_client(data, 0.0) == [Feed(RAW)]


def test_a_page_may_say_auth_and_stop() -> None:
    assert piece_of('{"type":"auth","token":"x"}') == Auth("x")
    assert piece_of('{"type":"stop"}') == Stop()
    assert Captions(AUDIO, 0.0).from_client('{"type":"stop"}', 0.0) == [Finish()]
    assert Captions(AUDIO, 0.0).from_client('{"type":"auth","token":"x"}', 0.0) == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("no base64!", "base64"),
        ("größe", "base64"),
        (base64.b64encode(b"rubbish").decode(), "whole WAV file"),
        (b"\0\1", "whole WAV file"),
        ('{"type":"start","version":1,"audio":{}}', "auth or stop"),
        ("{", "JSON"),
        (wav(RAW, 48000), "48000 Hz and 1 channel.* first one was .*16000"),
        (wav(RAW, channels=2), "2 channel"),
    ],
)
def test_anything_else_ends_it_with_a_sentence(data: str | bytes, why: str) -> None:
    page = Captions(AUDIO, 0.0)
    with pytest.raises(ProtocolError, match=why) as refused:
        page.from_client(data, 0.0)
    told = page.failed(refused.value, 0.0)
    assert told == [Tell(str(refused.value)), Close(refused.value.close, refused.value.code)]


def test_the_text_grows_and_the_speaker_stands_in_front_where_it_changes() -> None:
    page = Captions(AUDIO, 0.0)
    assert page.from_meeting(line("s1", 1, "Good"), 0.0) == [Tell("Good")]
    assert page.from_meeting(line("s1", 2, "Good morning."), 0.0) == [Tell("Good morning.")]
    labelled = SpeakerRevisionMessage((ChangeMessage("s1", 3, None, "spk1"),), "live")
    assert page.from_meeting(labelled, 0.0) == [Tell("Speaker 1: Good morning.")]
    page.from_meeting(line("s2", 1, "Shall we?", 1.0, "spk1"), 0.0)
    assert page.from_meeting(line("s3", 1, "Yes.", 2.0, "spk2"), 0.0) == [
        Tell("Speaker 1: Good morning. Shall we?\nSpeaker 2: Yes.")
    ]
    assert page.from_meeting(line("s4", 1, "And", 3.0), 0.0) == [
        Tell("Speaker 1: Good morning. Shall we?\nSpeaker 2: Yes.\nAnd")
    ]
    assert page.from_meeting(SpeakerMessage("spk2", None, 1, "spk1"), 0.0) == [
        Tell("Speaker 1: Good morning. Shall we? Yes.\nAnd")
    ]


def test_what_changes_nothing_is_not_told() -> None:
    page = Captions(AUDIO, 0.0)
    page.from_meeting(line("s1", 2, "Good"), 0.0)
    for message in (
        Ack(1, 1.0),
        line("s1", 1, "G"),
        line("s1", 3, "Good"),
        Ended(1),
        SpeakerMessage("x", None, 0, None),
    ):
        assert page.from_meeting(message, 0.0) == []
    assert page.tick(0.0) == []


def test_a_page_that_sends_nothing_for_long_is_sent_away_unless_it_has_said_that_this_was_all() -> None:
    page = Captions(AUDIO, 0.0)
    assert page.wake_at == captions.IDLE_SECONDS
    page.from_client(PIECE, 10.0)
    page.fed(20.0)
    assert page.tick(captions.IDLE_SECONDS + 19.9) == []
    assert page.tick(captions.IDLE_SECONDS + 20.0)[-1] == Close(CloseCode.BAD_MESSAGE, "silent")
    stopped = Captions(AUDIO, 0.0)
    stopped.from_client('{"type":"stop"}', 0.0)
    assert stopped.wake_at is None
    assert stopped.tick(1e9) == []


def test_of_errors_those_that_end_it_are_told() -> None:
    page = Captions(AUDIO, 0.0)
    assert page.from_meeting(ErrorMessage(ErrorCode.LOADING, "wait", False), 0.0) == []
    assert page.from_meeting(ErrorMessage(ErrorCode.BAD_AUDIO, "no", True), 0.0) == [Tell("no")]
    assert page.failed(ProtocolError("too much", ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE), 0.0) == [
        Tell("too much"),
        Close(4413, "too_large"),
    ]


def test_of_a_long_meeting_the_newest_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MOST_TEXT", 10)
    page = Captions(AUDIO, 0.0)
    for number in range(5):
        page.from_meeting(line(f"s{number}", 1, f"line{number}", float(number), "spk1"), 0.0)
    assert page.text() == "Speaker 1: line3 line4"
