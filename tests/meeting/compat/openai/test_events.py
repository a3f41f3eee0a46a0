"""Events while a recording is heard."""

from __future__ import annotations

from meeting.compat.openai.events import LABEL_SECONDS, Events
from meeting.core.messages import Ack, JsonObject
from tests.meeting.compat.openai.spoken import line, relabel


def deltas(events: list[JsonObject]) -> str:
    return "".join(event["delta"] for event in events if event["type"].endswith("delta"))


def segments(events: list[JsonObject]) -> list[tuple[str, str]]:
    return [(event["speaker"], event["text"]) for event in events if event["type"].endswith("segment")]


def test_text_is_told_once_it_is_final_and_whole_at_the_end() -> None:
    events = Events(diarized=False)
    assert events.apply(line("1", "Good mor", final=False)) == []
    told = events.apply(line("1", "Good morning.", rev=2))
    assert told == [{"type": "transcript.text.delta", "delta": "Good morning."}]
    told += events.apply(line("2", "Hello.", 3.0))
    assert deltas(told) == "Good morning. Hello."
    assert events.last() == [{"type": "transcript.text.done", "text": "Good morning. Hello."}]


def test_no_word_is_told_twice_where_a_line_is_cut() -> None:
    events = Events(diarized=False)
    told = events.apply(line("1", "Good morning. Hello you."))
    told += events.apply(line("1", "Good morning.", rev=2))
    told += events.apply(line("2", "hello you.", 1.0))
    assert deltas(told) == "Good morning. Hello you."


def test_a_line_waits_for_its_speaker_and_later_ones_behind_it() -> None:
    events = Events(diarized=True)
    assert events.apply(line("1", "Good morning.")) == []
    assert events.apply(line("2", "Hello.", 3.0, "spk1")) == []
    told = events.apply(relabel("1", 2, "spk2"))
    assert segments(told) == [("A", "Good morning."), ("B", "Hello.")]
    assert [event.get("segment_id", event.get("id")) for event in told] == ["1", "1", "2", "2"]


def test_a_line_does_not_wait_for_ever() -> None:
    events = Events(diarized=True)
    events.apply(line("1", "Hm."))
    assert events.apply(line("2", "Hello.", LABEL_SECONDS - 1.0, "spk1")) == []
    told = events.apply(line("3", "And", LABEL_SECONDS, final=False))
    assert segments(told) == [("?", "Hm."), ("A", "Hello.")]


def test_the_end_tells_what_waits_and_who_it_was_after_all() -> None:
    events = Events(diarized=True)
    told = events.apply(line("1", "Good morning.", 0.0, "spk1"))
    events.apply(line("2", "Hello.", 3.0))
    events.apply(relabel("1", 2, "spk2"))
    *left, done = events.last()
    assert segments(told) == [("A", "Good morning.")]
    assert segments(left) == [("?", "Hello.")]
    assert done["text"] == "Good morning. Hello."
    assert [one["speaker"] for one in done["segments"]] == ["B", "?"]


def test_a_line_that_is_withdrawn_is_not_told() -> None:
    events = Events(diarized=True)
    events.apply(line("1", "Hm."))
    events.apply(line("1", "", rev=2))
    assert events.apply(Ack(1, 30.0)) == []
    assert events.last() == [{"type": "transcript.text.done", "text": "", "segments": []}]
