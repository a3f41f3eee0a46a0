"""Live results: each word told once, with its speaker where that is known in time."""

from __future__ import annotations

from meeting.compat.client_audio import Clock
from meeting.compat.deepgram.results import LABEL_SECONDS, Results
from meeting.core.messages import JsonObject, SpeakerMessage
from tests.meeting.compat.deepgram.streams import heading, line, query, relabel


def results(text: str = "diarize=true&punctuate=true&interim_results=true") -> Results:
    return Results(query(text), heading(), Clock())


def said(told: list[JsonObject]) -> list[tuple[str, bool, list[int | None]]]:
    found = [(one["is_final"], one["channel"]["alternatives"][0]) for one in told]
    return [(a["transcript"], final, [word.get("speaker") for word in a["words"]]) for final, a in found]


def test_a_final_line_with_its_speaker_is_told_at_once() -> None:
    assert said(results().apply(line("s1", 1, "Good morning.", speaker="spk1"), 0.0)) == [
        ("Good morning.", True, [0, 0])
    ]


def test_one_without_waits_for_it_a_little_and_those_behind_it_wait_too() -> None:
    told = results()
    assert told.apply(line("s1", 1, "Good morning."), 10.0) == []
    assert told.apply(line("s2", 1, "Yes.", 2.0, "spk2"), 10.5) == []
    assert told.release_at == 10.0 + LABEL_SECONDS
    assert said(told.apply(relabel("s1", 2, "spk1"), 11.0)) == [("Good morning.", True, [0, 0]), ("Yes.", True, [1])]
    assert told.release_at is None


def test_what_is_due_is_the_first_in_order_of_time_so_that_looking_then_tells_something() -> None:
    told = results()
    told.apply(line("s2", 1, "Yes.", 2.0), 10.0)
    told.apply(line("s1", 1, "Good."), 11.0)
    assert told.release_at == 11.0 + LABEL_SECONDS
    assert len(told.release(11.0 + LABEL_SECONDS)) == 2


def test_one_whose_speaker_stays_unknown_is_told_without() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning."), 10.0)
    assert told.release(10.0 + LABEL_SECONDS - 0.1) == []
    assert said(told.release(10.0 + LABEL_SECONDS)) == [("Good morning.", True, [None, None])]


def test_where_nobody_asks_for_speakers_nothing_waits() -> None:
    told = results("")
    assert said(told.apply(line("s1", 1, "Good morning."), 0.0)) == [("good morning", True, [None, None])]


def test_partial_lines_are_told_where_that_is_asked_for_with_what_waits() -> None:
    told = results()
    assert said(told.apply(line("s1", 1, "Good", final=False), 0.0)) == [("Good", False, [None])]
    told.apply(line("s1", 2, "Good morning."), 1.0)
    assert said(told.apply(line("s2", 1, "Yes", 2.0, final=False), 1.5)) == [
        ("Good morning. Yes", False, [None, None, None])
    ]
    assert results("").apply(line("s1", 1, "Good", final=False), 0.0) == []


def test_a_line_that_is_cut_between_speakers_is_not_told_again() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning. Yes please.", speaker="spk1"), 0.0)
    assert told.apply(line("s1", 2, "Good morning.", speaker="spk1"), 1.0) == []
    assert told.apply(line("s1.2", 1, "yes please.", 1.0, "spk2"), 1.0) == []
    (last,) = told.last()
    (correction,) = last["corrections"]
    assert (correction["transcript"], correction["speaker"], correction["start"]) == ("yes please.", 1, 1.0)
    assert last["channel"]["alternatives"][0] == {"transcript": "", "confidence": 0.0, "words": []}


def test_speakers_that_turn_out_to_be_one_are_put_right_in_the_end() -> None:
    told = results()
    told.apply(line("s1", 1, "Good.", speaker="spk1"), 0.0)
    told.apply(line("s2", 1, "Yes.", 1.0, "spk2"), 0.0)
    assert told.last() == []
    told.apply(SpeakerMessage("spk2", None, 1, "spk1"), 1.0)
    (last,) = told.last()
    assert [(one["transcript"], one["speaker"]) for one in last["corrections"]] == [("Yes.", 0)]


def test_a_speaker_that_comes_too_late_stands_in_the_last_result() -> None:
    told = results()
    told.apply(line("s1", 1, "Good."), 0.0)
    told.release(LABEL_SECONDS)
    told.apply(relabel("s1", 2, "spk1"), 9.0)
    assert told.last()[0]["corrections"][0]["speaker"] == 0


def test_what_was_withdrawn_while_it_waited_is_not_told() -> None:
    told = results()
    told.apply(line("s1", 1, "Good."), 0.0)
    told.apply(line("s1", 2, ""), 0.1)
    assert told.release(9.0) == []
    assert told.release_at is None


def test_where_no_ends_of_speech_are_asked_for_none_is_told() -> None:
    (told,) = results().apply(line("s2", 1, "Yes.", 2.0, "spk1"), 0.0)
    assert told["speech_final"]
    assert (told["start"], told["duration"]) == (2.0, 0.5)
    assert not results("endpointing=false").apply(line("s1", 1, "Good.", speaker="spk1"), 0.0)[0]["speech_final"]


def ends(told: list[JsonObject]) -> list[tuple[str, bool, bool]]:
    return [
        (one["channel"]["alternatives"][0]["transcript"], one["is_final"], one["speech_final"])
        for one in told
        if one["is_final"]
    ]


def test_what_becomes_final_while_its_speaker_goes_on_ends_no_speech() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning. Shall", final=False), 0.0)
    first = told.apply(line("s1", 2, "Good morning.", speaker="spk1", pause=False), 0.0)
    assert ends(first) == [("Good morning.", True, False)]
    assert ends(told.apply(line("s1-2", 1, "Shall we", 1.0, final=False), 0.0)) == []
    assert ends(told.apply(line("s1-2", 2, "Shall we start?", 1.0, "spk1"), 0.0)) == [("Shall we start?", True, True)]


def test_a_pause_without_new_words_is_told_once_by_a_result_without_words() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning.", speaker="spk1", pause=False), 0.0)
    told.apply(line("s1-2", 1, "uh", 1.0, final=False), 0.0)
    assert ends(told.apply(line("s1-2", 2, "", 1.0), 0.0)) == []
    (pause,) = told.apply(line("s1", 2, "Good morning.", speaker="spk1"), 0.0)
    assert (ends([pause]), pause["start"], pause["duration"]) == ([("", True, True)], 1.0, 0.0)
    assert told.apply(line("s1", 3, "Good morning.", speaker="spk1"), 0.0) == []
    never = results("endpointing=false")
    never.apply(line("s1", 1, "Good morning.", pause=False), 0.0)
    assert never.apply(line("s1", 2, "Good morning."), 0.0) == []


def test_a_pause_that_comes_while_a_line_waits_for_its_speaker_is_told_with_it() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning.", pause=False), 10.0)
    assert told.apply(line("s1", 2, "Good morning."), 10.5) == []
    told.apply(line("s2", 1, "Yes", 3.0, final=False), 11.0)
    assert ends(told.apply(relabel("s1", 3, "spk1"), 11.0)) == [("Good morning.", True, True)]


def test_of_a_line_of_two_speakers_the_last_part_ends_the_speech() -> None:
    told = results()
    first = told.apply(line("s1", 1, "Good morning.", speaker="spk1", pause=False), 0.0)
    assert ends(first + told.apply(line("s1.2", 1, "Yes.", 1.0, "spk2"), 0.0)) == [
        ("Good morning.", True, False),
        ("Yes.", True, True),
    ]


def test_an_earlier_line_that_is_cut_anew_ends_no_speech_that_has_begun_since() -> None:
    told = results()
    told.apply(line("s1", 1, "Good morning. Yes please.", speaker="spk1"), 0.0)
    told.apply(line("s2", 1, "So then.", 4.0, "spk1", pause=False), 0.0)
    assert told.apply(line("s1", 2, "Good morning.", speaker="spk1", pause=False), 0.0) == []
    assert told.apply(line("s1.2", 1, "Yes please.", 1.0, "spk2"), 0.0) == []
