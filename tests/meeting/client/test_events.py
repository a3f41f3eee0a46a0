"""Messages of a server, read."""

from __future__ import annotations

import contextlib
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.client.errors import ClientError
from meeting.client.events import parse_event
from meeting.core.errors import ErrorCode
from meeting.core.messages import (
    Ack,
    AliveMessage,
    ChangeMessage,
    EarlierMessage,
    Ended,
    ErrorMessage,
    GapMessage,
    MovedMessage,
    SegmentMessage,
    ServerMessage,
    SessionMessage,
    SnapshotMessage,
    SourceMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    StateMessage,
    StatsMessage,
    WordMessage,
    encode,
)
from tests.meeting.client.sockets import segment

WORD = WordMessage("one", 0.0, 1.0, None)
LINE = SegmentMessage("s0", 2, True, "a", 0.5, 1.0, None, "one", 3, (WORD,), True)
VOICE, GAP = SpeakerMessage("spk1", None, 0, "spk2"), GapMessage(1.0, 2.0, "lost")
SOURCE = SourceMessage("a", "Ann", "solo", 1, "live", True)
MESSAGES: list[ServerMessage] = [
    SessionMessage("m", "s", "t", 3, {"speech": "x"}),
    Ack(3, 1.5),
    LINE,
    SpeakerRevisionMessage((ChangeMessage("s0", 3, None, "spk1"),), "live"),
    VOICE,
    StatsMessage(0.1, 0.2, 0.3, 4, 0.5, "none"),
    SnapshotMessage((LINE,), (VOICE,), "live", "Monday", 2.0, {}, (GAP,), 7, (SOURCE,)),
    EarlierMessage((LINE,), 2),
    StateMessage("ended", "Monday"),
    GAP,
    SOURCE,
    ErrorMessage(ErrorCode.STORAGE, "full", False),
    MovedMessage(None, 1.5),
    AliveMessage(15.0),
    Ended(3),
]


def test_here_is_one_of_each_kind() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(ServerMessage))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_what_a_server_writes_is_what_a_client_reads(message: ServerMessage) -> None:
    assert parse_event(encode(message)) == message


def test_what_later_versions_add_is_passed_over() -> None:
    assert parse_event('{"type": "applause", "loud": true}') is None
    assert parse_event('{"type": "ack", "seq": 1, "audio": 2, "mood": "good"}') == Ack(1, 2)
    told = parse_event('{"type": "error", "code": "invented", "message": "so it is", "fatal": true}')
    assert told == ErrorMessage(ErrorCode.REFUSED, "so it is", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"type": 1}',
        "[" * 100_000,
        '{"type": "ack"}',
        '{"type": "ack", "seq": "1", "audio": 1}',
        '{"type": "ack", "seq": true, "audio": 1}',
        '{"type": "speaker_revision", "changes": {}, "reason": "live"}',
        '{"type": "speaker_revision", "changes": [1], "reason": "live"}',
        json.dumps(segment(words=[{"text": "one"}])),
        json.dumps(segment(words=[1])),
        json.dumps(segment(text=None)),
    ],
)
def test_what_is_no_message_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(ClientError, match="does not speak this protocol"):
        parse_event(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from([kind.type for kind in get_args(ServerMessage)]),
)
def test_no_answer_whatever_raises_anything_else(value: Any, kind: str) -> None:
    body = {**(value if isinstance(value, dict) else {"segments": value, "changes": value, "seq": value}), "type": kind}
    with contextlib.suppress(ClientError):
        parse_event(json.dumps(body))
