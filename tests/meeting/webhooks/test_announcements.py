"""What is told of a meeting: to whom it is to be told, no text where none was asked for, the same id for the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from meeting.core.records import Meeting, State
from meeting.storage.webhook_queue import Delivery
from meeting.webhooks.announcements import LONGEST_TEXT, Announcements, ping
from meeting.webhooks.endpoints import Endpoint
from pipelines.types import Segment, Span, Word
from tests.fakes.stored import line

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
LIVE = Meeting("m1", "Plans", State.LIVE, NOON, NOON, samples=8000)
ENDED = replace(LIVE, state=State.ENDED, ended_at=NOON + timedelta(hours=1), samples=16000 * 3600, segments=7)
QUIET = Endpoint("quiet", "https://a.example", "a.example", ("meeting.started", "meeting.ended"), (b"k",))
OPEN = Endpoint("open", "https://b.example", "b.example", ("segment.final",), (b"k",))


def told(meeting: Meeting, spoken: Segment | None = None, unkept_text: bool = False) -> list[Delivery]:
    return Announcements([QUIET, OPEN], unkept_text, lambda: NOON + timedelta(minutes=1))(meeting, spoken)


def body(delivery: Delivery) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(delivery.body)
    assert found["type"] == delivery.event
    return found


def test_a_meeting_that_began_is_told_to_those_who_asked_for_it() -> None:
    (delivery,) = told(LIVE)
    assert (delivery.endpoint, delivery.created_at) == ("quiet", NOON + timedelta(minutes=1))
    assert body(delivery) == {
        "type": "meeting.started",
        "timestamp": "2026-05-04T12:00:00.000Z",
        "data": {"meeting_id": "m1", "title": "Plans", "kept": True, "started_at": "2026-05-04T12:00:00.000Z"},
    }


def test_what_was_recorded_long_ago_is_no_old_news() -> None:
    (delivery,) = told(replace(LIVE, recorded=True, started_at=NOON - timedelta(days=900)))
    assert body(delivery)["timestamp"] == "2026-05-04T12:01:00.000Z"
    assert body(delivery)["data"]["started_at"] == "2023-11-16T12:00:00.000Z"


def test_a_meeting_that_is_over_is_told_with_its_length_and_without_its_text() -> None:
    (delivery,) = told(ENDED)
    found = body(delivery)
    assert (found["type"], found["timestamp"]) == ("meeting.ended", "2026-05-04T13:00:00.000Z")
    assert found["data"]["ended_at"] == "2026-05-04T13:00:00.000Z"
    assert (found["data"]["duration"], found["data"]["segments"]) == (3600.0, 7)


def test_a_final_line_is_told_to_those_alone_who_asked_for_lines() -> None:
    (delivery,) = told(LIVE, line("s1", 8000, rev=3, speaker="spk1", text="Grüße, Ann."))
    assert delivery.endpoint == "open"
    assert body(delivery)["data"] == {
        "meeting_id": "m1",
        "segment": {
            "id": "s1",
            "rev": 3,
            "source_id": "a",
            "start": 0.5,
            "end": 1.5,
            "speaker": "spk1",
            "text": "Grüße, Ann.",
            "cut_short": False,
            "overlap": False,
        },
    }
    assert "Grüße" in delivery.body
    assert "Grüße" not in repr(delivery)


def test_lines_are_told_where_somebody_asked_for_them() -> None:
    assert Announcements([QUIET, OPEN]).lines
    assert not Announcements([QUIET]).lines


def test_of_a_meeting_that_is_not_kept_neither_title_nor_text_is_told_unless_that_was_asked_for() -> None:
    unkept = replace(ENDED, kept=False)
    assert told(unkept, line("s1")) == []
    assert body(told(unkept)[0])["data"]["title"] is None
    assert body(told(unkept)[0])["data"]["kept"] is False
    assert len(told(unkept, line("s1"), unkept_text=True)) == 1
    assert body(told(unkept, unkept_text=True)[0])["data"]["title"] == "Plans"


def test_a_line_of_any_length_makes_a_small_message() -> None:
    words = tuple(Word("ä" * 100, Span(0, 1)) for _ in range(2000))
    (delivery,) = told(LIVE, Segment("s1", 1, True, "a", Span(0, 1), None, words))
    assert body(delivery)["data"]["segment"]["cut_short"] is True
    assert len(body(delivery)["data"]["segment"]["text"]) == LONGEST_TEXT
    assert len(delivery.body.encode()) < 40_000


def test_the_same_news_has_the_same_id_and_other_news_another() -> None:
    ids = [told(LIVE)[0].message_id, told(ENDED)[0].message_id, told(replace(ENDED, samples=1))[0].message_id]
    ids += [told(LIVE, line("s1"))[0].message_id, told(LIVE, line("s1", text="No."))[0].message_id]
    assert len(set(ids)) == len(ids)
    again = Announcements([QUIET, OPEN], clock=lambda: NOON + timedelta(days=1))
    assert again(LIVE, None)[0].message_id == ids[0]
    assert again(LIVE, line("s1"))[0].message_id == ids[3]
    assert all(id_.startswith("msg_") and "." not in id_ for id_ in ids)


def test_a_ping_tells_nothing_and_is_new_each_time() -> None:
    (id_, text), (other, _) = ping(), ping()
    assert id_ != other
    assert json.loads(text)["type"] == "ping"
    assert list(json.loads(text)["data"]) == ["ping_id"]
