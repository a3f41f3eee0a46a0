"""Deepgram's live protocol, without a socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from meeting.compat.client_audio import FLUSH_SECONDS
from meeting.compat.deepgram.translator import FINALIZE_SECONDS, IDLE_SECONDS, SETTLE_SECONDS, Translator
from meeting.compat.exchange import Action, Close, Feed, Finish, Tell
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage
from tests.meeting.compat.deepgram.streams import heading, line, query

SECOND = bytes(32_000)


def translator(text: str = "", raw: str | None = None) -> Translator:
    return Translator(query(text) if raw is None else query(text, raw), heading(), 0.0)


def told(actions: list[Action]) -> list[dict[str, Any]]:
    return [json.loads(action.text) for action in actions if isinstance(action, Tell)]


def kinds(actions: list[Action]) -> list[str]:
    return [str(one["type"]) for one in told(actions)]


def test_audio_goes_to_the_meeting_and_its_end_ends_it() -> None:
    one = translator()
    assert one.from_client(SECOND, 0.0) == [Feed(SECOND)]
    assert one.from_client('{"type":"KeepAlive"}', 0.0) == []
    assert one.from_client('{"type":"CloseStream"}', 0.0) == [Finish()]
    assert one.from_client(SECOND, 0.0) == []
    assert one.from_client('{"type":"Finalize"}', 0.0) == []
    assert translator().from_client(b"", 0.0) == [Finish()]


def test_the_metadata_come_last() -> None:
    one = translator()
    one.from_client(b"\1\2", 0.0)
    one.from_meeting(line("s1", 1, "Good."), 0.0)
    one.from_meeting(Ack(0, 2.5), 0.0)
    (metadata,) = told(one.from_meeting(Ended(1), 0.0))
    assert metadata["type"] == "Metadata"
    assert metadata["duration"] == 2.5
    assert metadata["sha256"] == hashlib.sha256(b"\1\2").hexdigest()


def test_what_still_waits_in_the_end_is_told_before() -> None:
    one = translator("diarize=true")
    one.from_meeting(line("s1", 1, "Good."), 0.0)
    assert kinds(one.from_meeting(Ended(1), 0.1)) == ["Results", "Metadata"]


@pytest.mark.parametrize("text", ["rubbish", "[]", '{"type":"Configure"}', '{"a":1}', "[" * 100_000, '{"type":null}'])
def test_other_text_is_told_to_be_wrong_and_the_stream_goes_on(text: str) -> None:
    one = translator()
    (error,) = told(one.from_client(text, 0.0))
    assert (error["type"], error["variant"]) == ("Error", "SchemaError")
    assert "CloseStream" in error["description"]
    assert one.from_client(SECOND, 0.0) == [Feed(SECOND)]


def test_an_utterance_that_is_to_end_gets_silence_and_its_result_says_why() -> None:
    one = translator("interim_results=true")
    one.from_client(SECOND, 0.0)
    one.from_meeting(line("s1", 1, "Good", final=False), 0.0)
    (feed,) = one.from_client('{"type":"Finalize"}', 1.0)
    assert isinstance(feed, Feed)
    assert feed.data == bytes(round(FLUSH_SECONDS * 32_000))
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    (result,) = told(one.from_meeting(line("s1", 2, "Good morning."), 1.2))
    assert (result["from_finalize"], result["is_final"], result["speech_final"]) == (True, True, True)
    assert one.tick(100.0)[-1] == Close(1011, "NET-0001")  # and nothing more of it
    assert not told(one.from_meeting(line("s2", 1, "Yes.", 3.0), 200.0))[0]["from_finalize"]


def test_a_longer_silence_where_the_settings_ask_for_it_is_waited_for_and_no_part_of_the_clients_time() -> None:
    one = Translator(query(""), heading(), 0.0, 3.6)
    one.opened(lambda: 3.7)
    one.from_client(SECOND, 0.0)
    assert one.from_client('{"type":"Finalize"}', 1.0) == [Feed(bytes(115_200))]
    one.from_meeting(Ack(0, 4.6), 1.1)
    assert one.tick(1.1 + SETTLE_SECONDS) == [], "the models are behind what was said"
    one.opened(lambda: 3.5)
    assert told(one.tick(1.1 + 2 * SETTLE_SECONDS))[0]["from_finalize"]
    assert told(one.from_meeting(line("s1", 1, "Yes.", 5.0), 9.0))[0]["start"] == 1.4


def test_half_a_sample_waits_for_its_other_half_behind_the_silence() -> None:
    one = translator()
    assert one.from_client(b"\1\2\3", 0.0) == [Feed(b"\1\2")]
    assert one.from_client('{"type":"Finalize"}', 1.0) == [Feed(bytes(round(FLUSH_SECONDS * 32_000)))]
    assert one.from_client(b"\4\5\6", 2.0) == [Feed(b"\3\4\5\6")]


def test_times_go_on_as_if_the_silence_were_not_there() -> None:
    one = translator()
    one.from_client(SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    (result,) = told(one.from_meeting(line("s1", 1, "Yes.", 3.0), 1.2))
    assert result["start"] == 3.0 - FLUSH_SECONDS
    one.from_meeting(Ack(0, 5.0), 2.0)
    assert told(one.from_meeting(Ended(1), 2.0))[-1]["duration"] == 5.0 - FLUSH_SECONDS


def test_where_nothing_was_being_said_an_empty_result_says_that_it_is_done() -> None:
    one = translator()
    one.from_client(SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    assert one.wake_at == 1.1 + SETTLE_SECONDS
    (result,) = told(one.tick(1.1 + SETTLE_SECONDS))
    assert (result["from_finalize"], result["channel"]["alternatives"][0]["transcript"]) == (True, "")
    assert one.tick(1.2 + SETTLE_SECONDS) == []


@pytest.mark.parametrize("said", ["Good.", ""])
def test_where_the_models_are_behind_nothing_is_told_before_they_have_heard_it(said: str) -> None:
    one, behind = translator(), [2.0]
    one.opened(lambda: behind[0])
    one.from_client(SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    assert one.tick(1.1 + SETTLE_SECONDS) == []
    assert one.wake_at == 1.1 + 2 * SETTLE_SECONDS
    behind[0] = 0.5
    (result,) = told(one.from_meeting(line("s1", 1, said), 3.0) if said else one.tick(1.1 + 2 * SETTLE_SECONDS))
    assert (result["from_finalize"], result["channel"]["alternatives"][0]["transcript"]) == (True, said.lower()[:-1])
    assert one.tick(9.0) == []


@pytest.mark.parametrize("later", ["Yes.", ""])
def test_of_several_utterances_that_wait_the_last_says_that_it_is_done(later: str) -> None:
    one, behind = translator(), [2.5]
    one.opened(lambda: behind[0])
    one.from_client(2 * SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 2.0 + FLUSH_SECONDS), 1.1)
    assert one.from_meeting(line("s1", 1, "Good morning."), 1.2) == []  # it is not known yet whether it is the last
    assert one.tick(1.1 + SETTLE_SECONDS) == []
    behind[0] = 0.0
    results = told(one.from_meeting(line("s2", 1, later, 1.5), 2.5) if later else one.tick(1.1 + 2 * SETTLE_SECONDS))
    assert [one["from_finalize"] for one in results] == ([False, True] if later else [True])
    assert results[0]["channel"]["alternatives"][0]["transcript"] == "good morning"
    assert one.tick(9.0) == []


@pytest.mark.parametrize(
    ("end", "finalized"),
    [
        (lambda one: one.from_meeting(line("s2", 1, "Ye", 1.5, final=False), 1.5), False),
        (lambda one: one.from_meeting(Ended(1), 1.5), True),
        (lambda one: one.from_meeting(ErrorMessage(ErrorCode.STORAGE, "the disk is full", True), 1.5), False),
        (lambda one: one.failed(ProtocolError("this is no audio"), 1.5), False),
        (lambda one: one.tick(1.0 + FINALIZE_SECONDS), True),
    ],
)
def test_a_result_that_waits_to_be_the_last_is_never_lost(end: Callable[..., list[Action]], finalized: bool) -> None:
    one = translator("interim_results=true")
    one.opened(lambda: 2.5)
    one.from_client(2 * SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 2.0 + FLUSH_SECONDS), 1.1)
    assert one.from_meeting(line("s1", 1, "Good morning."), 1.2) == []
    first = told(end(one))[0]
    assert (first["type"], first["is_final"], first["from_finalize"]) == ("Results", True, finalized)


def test_where_the_models_stay_behind_it_is_told_in_any_case() -> None:
    one = translator()
    one.opened(lambda: 5.0)
    one.from_client(SECOND, 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    one.fed(1.0 + FINALIZE_SECONDS)
    assert one.tick(FINALIZE_SECONDS) == []
    (result,) = told(one.tick(1.0 + FINALIZE_SECONDS))
    assert result["from_finalize"]
    assert one.tick(1.1 + FINALIZE_SECONDS) == []


def test_one_that_does_not_end_is_told_to_have_ended_in_any_case() -> None:
    one = translator(raw="")  # a container: no silence can be put in
    one.from_meeting(line("s1", 1, "Good", final=False), 0.0)
    assert one.from_client('{"type":"Finalize"}', 1.0) == []
    assert one.tick(1.0 + SETTLE_SECONDS) == []
    one.fed(1.0 + FINALIZE_SECONDS)
    (result,) = told(one.tick(1.0 + FINALIZE_SECONDS))
    assert result["from_finalize"]
    assert one.tick(1.1 + FINALIZE_SECONDS) == []


def test_a_pause_is_told_once_after_words() -> None:
    one = translator("utterance_end_ms=1000")
    assert one.from_meeting(Ack(0, 5.0), 0.0) == []
    one.from_meeting(line("s1", 1, "Good morning.", 5.0), 0.0)
    assert one.from_meeting(Ack(0, 6.9), 0.0) == []
    assert told(one.from_meeting(Ack(0, 7.0), 0.0)) == [
        {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 6.0}
    ]
    assert one.from_meeting(Ack(0, 9.0), 0.0) == []
    one.from_meeting(line("s2", 1, "Yes", 9.0, final=False), 0.0)
    one.from_meeting(line("s2", 2, "Yes.", 9.0), 0.0)
    assert kinds(one.from_meeting(Ack(0, 11.0), 0.0)) == ["UtteranceEnd"]


def test_speech_is_told_to_have_started_with_the_first_words() -> None:
    one = translator("vad_events=true")
    assert told(one.from_meeting(line("s1", 1, "Good", 2.0, final=False), 0.0)) == [
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 2.0}
    ]
    assert one.from_meeting(line("s1", 2, "Good morning", 2.0, final=False), 0.0) == []
    assert kinds(one.from_meeting(line("s1", 3, "Good morning.", 2.0), 0.0)) == ["Results"]
    assert kinds(one.from_meeting(line("s2", 1, "Yes.", 5.0), 0.0)) == ["SpeechStarted", "Results"]
    assert one.from_meeting(line("s1.2", 1, "morning.", 2.5), 0.0) == []


def test_speech_starts_once_however_many_of_its_sentences_become_final() -> None:
    one = translator("vad_events=true")
    told_all = one.from_meeting(line("s1", 1, "Good morning.", 2.0, pause=False), 0.0)
    told_all += one.from_meeting(line("s1-2", 1, "Shall we", 3.0, final=False), 0.0)
    told_all += one.from_meeting(line("s1-2", 2, "Shall we?", 3.0), 0.0)
    told_all += one.from_meeting(line("s2", 1, "uh", 5.0, final=False), 0.0)
    told_all += one.from_meeting(line("s2", 2, "", 5.0), 0.0)
    told_all += one.from_meeting(line("s3", 1, "Yes.", 7.0), 0.0)
    starts = [one["timestamp"] for one in told(told_all) if one["type"] == "SpeechStarted"]
    assert starts == [2.0, 5.0, 7.0]


def test_a_sentence_that_becomes_final_late_in_the_midst_of_speech_is_no_end_of_an_utterance() -> None:
    one = translator("utterance_end_ms=1000")
    one.from_meeting(Ack(0, 4.0), 0.0)
    assert kinds(one.from_meeting(line("s1", 1, "Good morning.", 1.0, pause=False), 0.0)) == ["Results"]
    assert one.from_meeting(Ack(0, 4.5), 0.0) == []
    assert kinds(one.from_meeting(Ack(0, 5.0), 0.0)) == ["UtteranceEnd"], "a second without another word"
    (pause,) = told(one.from_meeting(line("s1", 2, "Good morning.", 1.0), 0.0))
    assert (pause["type"], pause["speech_final"]) == ("Results", True)
    assert one.from_meeting(Ack(0, 9.0), 0.0) == []


def test_what_is_finalized_in_a_container_while_somebody_speaks_ends_no_speech() -> None:
    one = translator(raw="")
    one.from_meeting(line("s1", 1, "Good.", pause=False), 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.fed(1.0 + FINALIZE_SECONDS)
    (result,) = told(one.tick(1.0 + FINALIZE_SECONDS))
    assert (result["from_finalize"], result["speech_final"]) == (True, False)


def test_the_end_of_speech_is_told_once_where_finalize_tells_it() -> None:
    one = translator()
    one.from_client(SECOND, 0.0)
    one.from_meeting(line("s1", 1, "Good.", pause=False), 0.0)
    one.from_client('{"type":"Finalize"}', 1.0)
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    (result,) = told(one.tick(1.1 + SETTLE_SECONDS))
    assert (result["from_finalize"], result["speech_final"]) == (True, True)
    assert one.from_meeting(line("s1", 2, "Good."), 3.0) == []


def test_a_client_that_sends_nothing_is_sent_away() -> None:
    one = translator()
    one.from_client('{"type":"KeepAlive"}', 5.0)
    one.fed(8.0)
    assert one.wake_at == 8.0 + IDLE_SECONDS
    assert one.tick(7.0 + IDLE_SECONDS) == []
    actions = one.tick(8.0 + IDLE_SECONDS)
    assert kinds(actions) == ["Error"]
    assert actions[-1] == Close(1011, "NET-0001")


def test_errors_are_told_and_close() -> None:
    one = translator()
    assert one.from_meeting(ErrorMessage(ErrorCode.LOADING, "wait", False), 0.0) == []
    assert kinds(one.from_meeting(ErrorMessage(ErrorCode.BAD_AUDIO, "no audio", False), 0.0)) == ["Error"]
    actions = one.from_meeting(ErrorMessage(ErrorCode.BAD_AUDIO, "no audio", True), 0.0)
    assert (kinds(actions), actions[-1]) == (["Error"], Close(1008, "DATA-0000"))
    actions = one.from_meeting(ErrorMessage(ErrorCode.STORAGE, "no disk", True), 0.0)
    assert actions[-1] == Close(1011, "storage")
    assert one.failed(ProtocolError("no", ErrorCode.BAD_AUDIO), 0.0)[-1] == Close(1008, "bad_audio")


def test_a_stream_without_audio_ends_with_its_metadata() -> None:
    actions = translator(raw="").nothing()
    assert (kinds(actions), actions[-1]) == (["Metadata"], Close())
