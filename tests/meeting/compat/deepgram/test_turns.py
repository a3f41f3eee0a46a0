"""Deepgram's live protocol, version 2, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meeting.compat.client_audio import FLUSH_SECONDS
from meeting.compat.deepgram.translator import IDLE_SECONDS
from meeting.compat.deepgram.turns import TurnTranslator
from meeting.compat.exchange import Action, Close, Feed, Finish, Tell
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage
from tests.meeting.compat.deepgram.streams import heading, line, query, relabel


def translator(text: str = "diarize=true", raw: str | None = None) -> TurnTranslator:
    return TurnTranslator(query(text) if raw is None else query(text, raw), heading(), 0.0)


def told(actions: list[Action]) -> list[dict[str, Any]]:
    return [json.loads(action.text) for action in actions if isinstance(action, Tell)]


def events(actions: list[Action]) -> list[tuple[str, int, str]]:
    return [(one["event"], one["turn_index"], one["transcript"]) for one in told(actions)]


def test_a_turn_begins_grows_and_ends_and_the_next_one_follows() -> None:
    one = translator()
    assert told(one.greeting()) == [{"type": "Connected", "request_id": "r1", "sequence_id": 0}]
    assert events(one.from_meeting(line("s1", 1, "Good", final=False), 0.0)) == [("StartOfTurn", 0, "Good")]
    assert events(one.from_meeting(line("s1", 2, "Good mor", final=False), 0.0)) == [("Update", 0, "Good mor")]
    (end,) = told(one.from_meeting(line("s1", 3, "Good morning.", speaker="spk1"), 0.0))
    assert (end["event"], end["trigger"], end["end_of_turn_confidence"]) == ("EndOfTurn", "model", 1.0)
    assert end["words"][1] == {"word": "morning.", "start": 0.5, "end": 1.0, "confidence": 0.9, "speaker": 0}
    assert (end["audio_window_start"], end["audio_window_end"], end["sequence_id"]) == (0.0, 1.0, 3)
    assert events(one.from_meeting(line("s2", 1, "Yes.", 2.0), 0.0)) == [
        ("StartOfTurn", 1, "Yes."),
        ("EndOfTurn", 1, "Yes."),
    ]
    assert one.from_meeting(Ended(2), 0.0) == one.from_meeting(Ack(0, 1.0), 0.0) == []


def test_what_is_corrected_after_its_turn_is_not_told_again() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "Good morning. Yes please."), 0.0)
    assert one.from_meeting(line("s1", 2, "Good morning.", speaker="spk1"), 0.0) == []
    assert one.from_meeting(line("s1.2", 1, "yes please.", 1.0, "spk2"), 0.0) == []
    assert one.from_meeting(relabel("s1", 3, "spk2"), 0.0) == []
    assert events(one.from_meeting(line("s2", 1, "Next", 3.0, final=False), 0.0)) == [("StartOfTurn", 1, "Next")]


def test_lines_of_two_speakers_without_a_pause_are_one_turn() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "Good", final=False), 0.0)
    assert events(one.from_meeting(line("s1.2", 1, "Yes", 1.0, final=False), 0.0)) == [("Update", 0, "Good Yes")]
    assert events(one.from_meeting(line("s1", 2, "Good.", pause=False), 0.0)) == [("Update", 0, "Good. Yes")]
    assert events(one.from_meeting(line("s1.2", 2, "Yes.", 1.0), 0.0)) == [("EndOfTurn", 0, "Good. Yes.")]


def test_a_turn_goes_on_while_sentences_of_it_become_final() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "Good morning. Shall", final=False), 0.0)
    assert events(one.from_meeting(line("s1", 2, "Good morning.", pause=False), 0.0)) == [
        ("Update", 0, "Good morning.")
    ]
    one.from_meeting(line("s1-2", 1, "Shall we", 1.0, final=False), 0.0)
    assert events(one.from_meeting(line("s1-2", 2, "Shall we start?", 1.0), 0.0)) == [
        ("EndOfTurn", 0, "Good morning. Shall we start?")
    ]


def test_a_turn_ends_with_its_pause_where_no_words_come_with_that() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "Good morning.", pause=False), 0.0)
    one.from_meeting(line("s1-2", 1, "uh", 1.0, final=False), 0.0)
    assert events(one.from_meeting(line("s1-2", 2, "", 1.0, final=False), 0.0)) == [("Update", 0, "Good morning.")]
    assert events(one.from_meeting(line("s1", 2, "Good morning."), 0.0)) == [("EndOfTurn", 0, "Good morning.")]
    assert one.from_meeting(line("s1", 3, "Good morning."), 0.0) == []


def test_a_turn_that_began_with_noise_ends_without_words_and_the_next_one_begins() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "uh", 2.0, final=False), 0.0)
    (end,) = told(one.from_meeting(line("s1", 2, "", 2.0), 0.0))
    assert (end["event"], end["turn_index"], end["transcript"], end["words"]) == ("EndOfTurn", 0, "", [])
    assert (end["audio_window_start"], end["audio_window_end"], end["trigger"]) == (2.0, 2.5, "model")
    assert events(one.from_meeting(line("s2", 1, "Yes", 5.0, final=False), 0.0)) == [("StartOfTurn", 1, "Yes")]


def test_noise_that_is_taken_back_while_the_audio_goes_on_ends_its_turn_once_silence_was_heard() -> None:
    one, behind = translator(), [0.5]
    one.opened(lambda: behind[0])
    one.from_meeting(line("s1", 1, "uh", 2.0, final=False), 0.0)
    assert one.from_meeting(line("s1", 2, "", 2.0, final=False), 0.0) == []
    assert one.from_meeting(Ack(0, 2.4 + FLUSH_SECONDS), 0.0) == []
    assert one.from_meeting(Ack(1, 2.9 + FLUSH_SECONDS), 0.0) == [], "the models are behind"
    behind[0] = 0.4
    assert events(one.from_meeting(Ack(2, 2.9 + FLUSH_SECONDS), 0.0)) == [("EndOfTurn", 0, "")]
    assert one.from_meeting(Ack(3, 9.0), 0.0) == []


def test_words_that_come_back_go_on_with_their_turn() -> None:
    one = translator()
    one.from_meeting(line("s1", 1, "uh", final=False), 0.0)
    one.from_meeting(line("s1", 2, "", final=False), 0.0)
    assert events(one.from_meeting(line("s1", 3, "Uh yes", final=False), 0.0)) == [("Update", 0, "Uh yes")]
    assert one.from_meeting(Ack(0, 9.0), 0.0) == []


def closing(**options: str) -> TurnTranslator:
    """One whose client has no more audio."""
    one = translator(**options)
    assert one.from_client('{"type":"CloseStream"}', 0.0) == [Finish()]
    return one


def test_the_end_of_the_audio_ends_no_turn_and_what_is_known_of_it_is_told() -> None:
    one = closing()
    assert events(one.from_meeting(line("s1", 1, "Good morning."), 0.0)) == [
        ("StartOfTurn", 0, "Good morning."),
        ("Update", 0, "Good morning."),
    ]
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS - 0.1), 0.0)
    one.from_meeting(relabel("s1", 2, "spk1"), 0.0)
    (last,) = told(one.from_meeting(Ended(1), 0.0))
    assert (last["event"], last["transcript"], last["words"][0]["speaker"]) == ("Update", "Good morning.", 0)


def test_the_end_of_the_audio_leaves_a_turn_without_words_open_too() -> None:
    one = closing()
    one.from_meeting(line("s1", 1, "uh", final=False), 0.0)
    assert events(one.from_meeting(line("s1", 2, ""), 0.0)) == [("Update", 0, "")]
    assert events(one.from_meeting(Ended(1), 0.0)) == [("Update", 0, "")]


def test_turns_that_are_heard_only_once_there_is_no_more_audio_end_with_their_pauses() -> None:
    one = closing()
    one.from_meeting(line("s1", 1, "Good morning. Yes please."), 0.0)
    assert events(one.from_meeting(line("s1", 2, "Good morning."), 0.0)) == [("Update", 0, "Good morning.")]
    assert events(one.from_meeting(line("s1.2", 1, "Yes please.", 1.0), 0.0)) == [
        ("Update", 0, "Good morning. Yes please.")
    ]
    assert events(one.from_meeting(line("s2", 1, "So", 4.0, final=False), 0.0)) == [
        ("EndOfTurn", 0, "Good morning. Yes please."),
        ("StartOfTurn", 1, "So"),
    ]
    one.from_meeting(line("s2", 2, "So.", 4.0), 0.0)
    assert events(one.from_meeting(Ack(0, 4.5 + FLUSH_SECONDS), 0.0)) == [("EndOfTurn", 1, "So.")]
    assert one.from_meeting(Ended(1), 0.0) == []


def test_a_turn_that_was_ended_by_hand_ends_though_there_is_no_more_audio() -> None:
    one = translator()
    one.from_client(bytes(32_000), 0.0)
    one.from_meeting(line("s1", 1, "Good", final=False), 0.0)
    one.from_client('{"type":"ForceEndTurn"}', 0.0)
    one.from_client('{"type":"CloseStream"}', 0.0)
    assert told(one.from_meeting(line("s1", 2, "Good.", pause=False), 0.0))[0]["event"] == "Update"
    assert told(one.from_meeting(Ended(1), 0.0))[0]["trigger"] == "manual"


def test_a_turn_that_is_heard_only_once_it_was_ended_by_hand_ends_too() -> None:
    one = translator()
    one.from_client(bytes(32_000), 0.0)
    one.from_client('{"type":"ForceEndTurn"}', 0.0)
    one.from_client('{"type":"CloseStream"}', 0.0)
    assert events(one.from_meeting(line("s1", 1, "Good."), 0.0)) == [
        ("StartOfTurn", 0, "Good."),
        ("EndOfTurn", 0, "Good."),
    ]


def test_a_turn_can_be_ended_by_hand() -> None:
    one = translator()
    one.from_client(bytes(32_000), 0.0)
    one.from_meeting(line("s1", 1, "Good", final=False), 0.0)
    assert isinstance(one.from_client('{"type":"ForceEndTurn"}', 0.0)[0], Feed)
    assert told(one.from_meeting(line("s1", 2, "Good."), 0.0))[0]["trigger"] == "manual"
    assert translator(raw="encoding=flac").from_client('{"type":"ForceEndTurn"}', 0.0) == []


def test_half_a_sample_waits_for_its_other_half_behind_a_turn_that_is_ended_by_hand() -> None:
    one = translator()
    one.from_client(b"\1\2\3", 0.0)
    one.from_client('{"type":"ForceEndTurn"}', 0.0)
    assert one.from_client(b"\4", 0.0) == [Feed(b"\3\4")]


def test_audio_goes_to_the_meeting_and_its_end_ends_it() -> None:
    one = translator()
    assert one.from_client(b"\1\2", 0.0) == [Feed(b"\1\2")]
    assert one.from_client('{"type":"KeepAlive"}', 0.0) == []
    assert one.from_client('{"type":"CloseStream"}', 0.0) == [Finish()]
    assert one.from_client(b"\1\2", 0.0) == one.from_client('{"type":"ForceEndTurn"}', 0.0) == []
    assert one.wake_at is None
    assert translator().from_client(b"", 0.0) == [Finish()]
    assert translator().nothing() == [Close()]


@pytest.mark.parametrize(("text", "kind"), [("rubbish", "Warning"), ('{"type":"Configure"}', "ConfigureFailure")])
def test_other_messages_are_answered_and_the_stream_goes_on(text: str, kind: str) -> None:
    one = translator()
    assert [body["type"] for body in told(one.from_client(text, 0.0))] == [kind]
    assert one.from_client(b"\1\2", 0.0) == [Feed(b"\1\2")]


def test_errors_are_told_and_close() -> None:
    one = translator()
    assert one.from_meeting(ErrorMessage(ErrorCode.LOADING, "wait", False), 0.0) == []
    assert told(one.from_meeting(ErrorMessage(ErrorCode.STORAGE, "no disk", False), 0.0))[0]["type"] == "Warning"
    assert one.from_meeting(ErrorMessage(ErrorCode.BAD_AUDIO, "no", True), 0.0)[-1] == Close(1008, "bad_audio")
    actions = one.failed(ProtocolError("no", ErrorCode.BAD_AUDIO), 0.0)
    assert (told(actions)[0]["code"], actions[-1]) == ("BAD_AUDIO", Close(1008, "bad_audio"))


def test_a_client_that_sends_nothing_is_sent_away() -> None:
    one = translator()
    one.fed(8.0)
    assert one.wake_at == 8.0 + IDLE_SECONDS
    assert one.tick(7.0 + IDLE_SECONDS) == []
    assert one.tick(8.0 + IDLE_SECONDS)[-1] == Close(1011, "NET-0001")
