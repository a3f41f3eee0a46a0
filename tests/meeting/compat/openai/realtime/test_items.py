"""Which line belongs to which item, and what is told of each when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meeting.compat.client_audio import FLUSH_SECONDS, ClientAudio
from meeting.compat.openai.realtime.items import (
    FINISH_SECONDS,
    LABEL_SECONDS,
    LOOK_SECONDS,
    PAUSE_SECONDS,
    SETTLE_SECONDS,
    Items,
)
from meeting.compat.openai.realtime.settings import TURN_DETECTION, Settings
from meeting.core.messages import JsonObject
from tests.meeting.compat.openai.spoken import line, relabel

SPEECH = "conversation.item.input_audio_transcription."


def made(silence: float | None = 0.5, diarize: bool = False, older: bool = False) -> Items:
    turns = None if silence is None else {**TURN_DETECTION, "silence_duration_ms": 1000 * silence}
    settings = Settings(turn_detection=turns, diarize=diarize, older=older)
    return Items("x", ClientAudio(settings.audio, settings.decoded), settings)


def kinds(events: list[JsonObject]) -> list[str]:
    return [event["type"].removeprefix(SPEECH).removeprefix("input_audio_buffer.") for event in events]


ANNOUNCED = ["committed", "conversation.item.added", "conversation.item.done"]


def test_speech_between_two_pauses_is_an_item() -> None:
    items = made()
    told = items.apply(line("s1", "Good morning", 1.0, final=False, stable="Good"), 0.0)
    assert told == [
        {"type": "input_audio_buffer.speech_started", "item_id": "item_x_1", "audio_start_ms": 1000},
        {"type": f"{SPEECH}delta", "item_id": "item_x_1", "content_index": 0, "delta": "Good"},
    ]
    assert [one["delta"] for one in items.apply(line("s1", "Good morning.", 1.0, rev=2), 1.0)] == [" morning."]
    assert items.wake_at(1.0) == 1.0 + PAUSE_SECONDS
    assert items.tick(1.1, 9.0, 9.0) == []
    assert items.tick(1.0 + PAUSE_SECONDS, 2.4, 2.4) == [], "half a second of silence is to be heard"
    told = items.tick(2.0, 2.5, 2.5)
    assert kinds(told) == ["speech_stopped", *ANNOUNCED, "completed"]
    assert (told[0]["audio_end_ms"], told[1]["previous_item_id"]) == (2000, None)
    assert (told[4]["transcript"], told[4]["usage"]) == ("Good morning.", {"type": "duration", "seconds": 2.0})
    assert items.wake_at(2.0) is None
    items.apply(line("s2", "Yes.", 5.0), 3.0)
    told = items.tick(4.0, 9.0, 9.0)
    assert [(one["item_id"], one["previous_item_id"]) for one in told[1:2]] == [("item_x_2", "item_x_1")]
    assert told[2]["item"]["id"] == "item_x_2"


def test_sentences_of_one_speech_stay_one_item() -> None:
    items = made()
    told = items.apply(line("s1", "Good morning.", pause=False), 0.0)
    told += items.tick(0.1, 9.0, 9.0)
    told += items.apply(line("s1-2", "Shall we", 1.0, final=False), 0.1)
    told += items.tick(0.1 + PAUSE_SECONDS, 9.0, 9.0)
    told += items.apply(line("s1-2", "Shall we start?", 1.0, rev=2), 1.0)
    told += items.tick(2.0, 9.0, 9.0)
    assert "".join(one.get("delta", "") for one in told) == "Good morning. Shall we start?"
    assert kinds(told).count("completed") == 1
    assert told[-1]["transcript"] == "Good morning. Shall we start?"


@pytest.mark.parametrize(
    ("told_of", "later", "between", "count"),
    [
        (True, 0.5, 0.4, 2),  # words end and begin a little earlier and later than they are told to
        (True, 0.5, 0.0, 1),  # words that touch
        (False, 0.5, 0.6, 1),
        (True, 0.3, 0.4, 2),
        (True, 1.0, 0.8, 1),  # the meeting tells of shorter pauses than are asked for by now
        (True, 1.0, 1.0, 2),
        (False, 1.0, 1.2, 1),
    ],
)
def test_where_the_models_are_behind_a_pause_divides_items_as_well(
    told_of: bool, later: float, between: float, count: int
) -> None:
    items = made()
    turns = {**TURN_DETECTION, "silence_duration_ms": 1000 * later}
    items.settings = replace(items.settings, turn_detection=turns)
    told = items.apply(line("s1", "Good morning.", pause=told_of), 0.0)
    told += items.apply(line("s2", "Hello.", 1.0 + between), 0.1)  # before anybody could look whether it was quiet
    told += items.tick(5.0, 9.0, 9.0)
    assert kinds(told).count("speech_started") == kinds(told).count("completed") == count
    assert " ".join(one["transcript"] for one in told if "transcript" in one) == "Good morning. Hello."


def test_the_form_before_todays_has_one_event_for_an_item() -> None:
    items = made(older=True)
    items.apply(line("s1", "Good."), 0.0)
    assert kinds(items.tick(1.0, 9.0, 9.0)) == ["speech_stopped", "committed", "conversation.item.created", "completed"]


def test_lines_are_told_as_segments_once_their_speakers_are_known() -> None:
    items = made(diarize=True)
    items.apply(line("s1", "Good morning.", pause=False), 0.0)
    items.apply(line("s1-2", "Hello.", 1.0, "spk1"), 0.0)
    told = items.tick(1.0, 9.0, 9.0)
    assert kinds(told) == ["speech_stopped", *ANNOUNCED], "later lines and the item wait with it"
    items.apply(relabel("s1", 2, "spk2"), 1.5)
    told = items.tick(1.5, 9.0, 9.0)
    assert [(one["speaker"], one["text"], one["start"], one["end"]) for one in told[:2]] == [
        ("A", "Good morning.", 0.0, 1.0),
        ("B", "Hello.", 1.0, 1.5),
    ]
    assert kinds(told[2:]) == ["completed"]


def test_a_speaker_who_stays_unknown_is_told_as_such_after_a_while() -> None:
    items = made(diarize=True)
    items.apply(line("s1", "Good morning."), 0.0)
    assert items.wake_at(1.0) == LABEL_SECONDS
    told = items.tick(LABEL_SECONDS, 9.0, 9.0)
    assert (told[0]["speaker"], kinds(told)[-1]) == ("?", "completed")


def test_what_is_cut_or_labelled_otherwise_later_is_not_told_again() -> None:
    items = made(diarize=True)
    items.apply(line("s1", "Good morning hello you.", 0.0, "spk1"), 0.0)
    assert kinds(items.tick(0.0, 0.0, 0.0)) == ["segment"]
    items.apply(line("s1", "Good morning", 0.0, "spk1", rev=2), 0.1)
    assert items.apply(line("s1.2", "hello you.", 1.0, "spk2"), 0.1) == []
    told = items.tick(3.0, 9.0, 9.0)
    assert (kinds(told)[-1], told[-1]["transcript"]) == ("completed", "Good morning hello you.")
    assert "segment" not in kinds(told)
    assert items.apply(line("s1", "Something else.", 0.0, "spk1", rev=3), 4.0) == []
    assert items.apply(relabel("s1.2", 2, "spk1"), 4.0) + items.tick(5.0, 9.0, 9.0) == []


def test_an_item_that_a_client_ends_is_complete_once_the_models_are_past_it() -> None:
    items = made(silence=None)
    assert kinds(items.apply(line("s1", "Good mor", final=False, stable="Good"), 0.0)) == ["delta"]
    assert kinds(items.commit(2.0, 1.0)) == ANNOUNCED
    assert items.begin == 2.0 + FLUSH_SECONDS
    assert items.tick(1.0, 3.0, 1.9) == []
    assert items.wake_at(1.0) == 1.0 + LOOK_SECONDS
    assert items.tick(2.0, 3.0, 2.0) == []
    assert items.wake_at(2.0) == 2.0 + SETTLE_SECONDS
    assert items.tick(3.0, 3.0, 3.0) == [], "a line of it still grows"
    assert kinds(items.apply(line("s1", "Good morning.", rev=2), 3.5)) == ["delta"]
    told = items.tick(3.5, 3.0, 3.0)
    assert (kinds(told), told[0]["transcript"], told[0]["usage"]["seconds"]) == (["completed"], "Good morning.", 2.0)


def test_words_go_to_the_item_in_whose_audio_they_were_said() -> None:
    items = made(silence=None)
    items.commit(2.0, 0.0)
    items.commit(5.0, 0.0)
    items.apply(line("s2", "Second.", 3.5), 0.1)
    items.apply(line("s1", "First.", 1.0), 0.2)
    items.apply(line("s3", "Third.", 7.0), 0.3)
    items.tick(0.3, 9.0, 9.0)
    told = items.tick(0.3 + SETTLE_SECONDS, 9.0, 9.0)
    assert [one["transcript"] for one in told] == ["First.", "Second."]
    items.commit(8.0, 2.0)
    assert [one["transcript"] for one in items.finish()] == ["Third."]


def test_one_in_which_nothing_was_said_is_complete_and_empty() -> None:
    items = made(silence=None)
    items.commit(2.0, 0.0)
    items.tick(0.0, 3.0, 3.0)
    told = items.tick(SETTLE_SECONDS, 3.0, 3.0)
    assert (kinds(told), told[0]["transcript"]) == (["completed"], "")


def test_one_that_does_not_end_is_over_in_any_case_and_its_open_words_come_in_the_next() -> None:
    items = made(silence=None)
    items.apply(line("s1", "Good mor", final=False), 0.0)
    items.commit(2.0, 0.0)
    items.tick(0.0, 3.0, 3.0)
    late = SETTLE_SECONDS + FINISH_SECONDS
    assert items.wake_at(5.0) == late
    assert [one["transcript"] for one in items.tick(late, 3.0, 3.0)] == [""]
    (delta,) = items.apply(line("s1", "Good morning.", rev=2), late)
    assert (delta["item_id"], delta["delta"]) == ("item_x_2", "Good morning.")


def test_of_what_was_cleared_nothing_is_told() -> None:
    items = made(diarize=True)
    items.clear(2.0, 0.0)
    assert items.apply(line("s1", "Secret.", 1.0), 0.1) == []
    assert kinds(items.apply(line("s2", "Open.", 4.0, "spk1"), 0.2)) == ["speech_started", "delta"]
    told = items.tick(0.2, 4.0, 4.0) + items.tick(5.0, 9.0, 9.0)
    assert [one["transcript"] for one in told if "transcript" in one] == ["Open."]
    assert items.finish() == []


def test_an_item_that_is_cleared_while_somebody_speaks_ends_without_a_word() -> None:
    items = made()
    items.apply(line("s1", "Good mor", final=False, stable="Good"), 0.0)
    items.clear(2.0, 0.1)
    assert items.apply(line("s1", "Good morning.", rev=2), 0.2) == []
    items.tick(0.2, 9.0, 9.0)
    assert items.tick(5.0, 9.0, 9.0) == []
    assert items.wake_at(5.0) is None


def test_in_the_end_everything_is_told() -> None:
    items = made(diarize=True)
    items.apply(line("s1", "Good morning."), 0.0)
    assert kinds(items.finish()) == ["segment", *ANNOUNCED, "completed"]


def test_items_of_which_nothing_more_will_come_have_failed() -> None:
    items = made(silence=None)
    items.clear(1.0, 0.0)
    items.commit(3.0, 0.0)
    items.apply(line("s5", "Good.", 9.0), 0.0)
    (failed,) = items.fail({"code": "storage"})
    assert (failed["type"], failed["item_id"]) == (f"{SPEECH}failed", "item_x_2")
    assert failed["error"] == {"code": "storage"}
    assert items.finish() == []


def test_a_line_that_is_withdrawn_before_anything_is_known_of_it_makes_no_item() -> None:
    assert made().apply(line("s1", ""), 0.0) == []


def test_an_item_goes_on_until_a_pause_is_known_however_long_its_next_words_take() -> None:
    items = made()
    items.apply(line("s1", "Good morning.", pause=False), 0.0)  # cut in the midst of speech: it had become too long
    assert items.tick(5.0, 9.0, 9.0) == []
    items.apply(line("s2", "Shall we?", 1.5, pause=False), 6.0)
    items.apply(line("s2", "Shall we?", 1.5, rev=2), 7.0)
    told = items.tick(8.0, 9.0, 9.0)
    assert (kinds(told)[0], told[-1]["transcript"]) == ("speech_stopped", "Good morning. Shall we?")
