"""What is to be told is queued with what it tells, or not at all; once, in bounds, and gone with its meeting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from meeting.core.records import Meeting, State
from meeting.storage import webhook_queue
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.tables import WebhookDeliveryRow
from meeting.storage.transcript_store import TranscriptStore
from meeting.storage.webhook_queue import Delivery, WebhookQueue
from meeting.storage.webhook_store import WebhookStore
from pipelines.errors import StoreError
from pipelines.types import Segment
from tests.fakes.stored import NOON, SOURCE, kept, line, revised
from tests.meeting.storage.conftest import Databases

pytestmark = pytest.mark.usefixtures("every_database")

LATER = NOON + timedelta(days=9)


def announce(meeting: Meeting, spoken: Segment | None) -> list[Delivery]:
    """One endpoint that wants all of it."""
    what = f"{spoken.id}.{spoken.text}" if spoken else str(meeting.state)
    return [Delivery("crm", f"{meeting.id}.{what}", "line" if spoken else "state", what, NOON)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        opened.webhooks = WebhookQueue(announce, lines=True)
        kept(opened)
        yield opened


def queued(store: Store) -> list[str]:
    """What waits, first to last."""
    with store.read() as session:
        return list(session.scalars(select(WebhookDeliveryRow.body).order_by(WebhookDeliveryRow.number)))


def test_the_beginning_and_the_end_of_a_meeting_are_queued_once_each(store: Store) -> None:
    for state in (State.LIVE, State.LIVE, State.ENDING, State.LIVE, State.ENDING, State.ENDED, State.ENDED):
        store.set_state("m1", state, started_at=NOON).result()
    assert queued(store) == ["live", "ended"]


def test_a_meeting_that_a_later_process_finds_to_be_live_has_begun(store: Store) -> None:
    recovery_store = RecoveryStore(store)
    for meeting in (store.meeting("m1"), Meeting("m2", "New", State.LIVE, NOON)):
        for _ in range(2):
            recovery_store.adopt(meeting, SOURCE, NOON).result()
    assert queued(store) == ["live", "live"]


def test_final_lines_are_queued_and_partial_ones_are_not(store: Store) -> None:
    transcript = TranscriptStore(store)
    for spoken in (line("s1", text="Hello."), replace(line("s2"), final=False), line("s1", rev=2, text="Hallo.")):
        transcript.save_segments("m1", [spoken]).result()
    transcript.save_segments("m1", [Segment("s1", 3, True, "a", line("s1").span, None, ())]).result()
    assert queued(store) == ["s1.Hello.", "s1.Hallo.", "s1."]


def test_of_a_rebuilt_transcript_what_is_new_or_has_changed_is_queued(store: Store) -> None:
    TranscriptStore(store).save_segments("m1", [line("s1", text="Same."), line("s2", 9000, text="Old.")]).result()
    rebuilt = [line("s1", text="Same."), line("s2", 9000, text="New."), line("s3", 18000, text="More.")]
    RecoveryStore(store).replace_transcript("m1", rebuilt, [], []).result()
    assert queued(store) == ["s1.Same.", "s2.Old.", "s2.New.", "s3.More."]


def test_lines_are_not_even_looked_at_where_nobody_wants_them(store: Store) -> None:
    def refuse(meeting: Meeting, spoken: Segment | None) -> list[Delivery]:
        raise AssertionError

    store.webhooks = WebhookQueue(refuse)
    TranscriptStore(store).save_segments("m1", [line("s1")]).result()
    RecoveryStore(store).replace_transcript("m1", [line("s2")], [], []).result()
    assert queued(store) == []


def test_where_nobody_wants_lines_saving_one_asks_the_database_for_nothing_but_that(
    store: Store, every_database: Databases
) -> None:
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2].split()[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for webhooks in (WebhookQueue(), WebhookQueue(announce, lines=False)):
            store.webhooks = webhooks
            TranscriptStore(store).save_segments("m1", [line("s1"), line("s2")]).result()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    # PostgreSQL is asked for the number of the transaction, so that it can be asked later what became of it.
    each = ["BEGIN", "INSERT", "INSERT"] if every_database.name == "sqlite" else ["INSERT", "INSERT", "SELECT"]
    assert asked == each * 2


def test_neither_is_on_disk_where_the_transaction_fails(store: Store) -> None:
    def work(session: Session) -> None:
        store.webhooks.tell_lines(session, "m1", [line("s1")])
        raise StoreError("the disk is full")

    woken: list[int] = []
    store.webhooks = WebhookQueue(announce, True, lambda: woken.append(1))
    with pytest.raises(StoreError, match="full"):
        store.write(work).result()
    assert queued(store) == []
    assert woken == []


def test_the_sender_is_woken_once_it_can_be_read(store: Store) -> None:
    seen: list[list[str]] = []
    store.webhooks = WebhookQueue(announce, True, lambda: seen.append(queued(store)))
    TranscriptStore(store).save_segments("m1", [line("s1", text="A."), line("s2", 9000, text="B.")]).result()
    TranscriptStore(store).save_turns("m1", "src", revised(0, 8000)).result()
    assert seen == [["s1.A.", "s2.B."]]


def test_the_same_news_waits_once_however_often_its_transaction_is_repeated(store: Store) -> None:
    for _ in range(3):
        TranscriptStore(store).save_segments("m1", [line("s1", text="A.")]).result()
    assert queued(store) == ["s1.A."]


def test_no_more_waits_than_may_of_one_event_and_others_are_queued_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left_out: list[int] = []
    monkeypatch.setattr(webhook_queue, "MOST_WAITING", 2)
    store.webhooks = WebhookQueue(announce, True, on_left_out=lambda: left_out.append(1))
    for number in range(4):
        TranscriptStore(store).save_segments("m1", [line(f"s{number}", number * 9000)]).result()
    store.set_state("m1", State.LIVE).result()
    assert [body[:2] for body in queued(store)] == ["s0", "s1", "li"]
    assert len(left_out) == 2
    assert "webhook crm: too much waits for it, and line is not told" in caplog.text
    assert "Hello" not in caplog.text


@pytest.mark.parametrize("failed", [False, True])
def test_what_is_to_be_told_goes_with_its_meeting(store: Store, failed: bool) -> None:
    kept(store, "m2")
    for meeting_id in ("m1", "m2"):
        store.set_state(meeting_id, State.LIVE).result()
    if failed:
        for delivery in WebhookStore(store).due("crm", LATER, 9):
            WebhookStore(store).give_up(delivery, "refused").result()
    store.delete_meeting("m1").result()
    assert len(queued(store)) == 1


def leave(store: Store, state: State) -> Callable[[], None]:
    store.create_meeting(Meeting("m2", "New", State.OPEN, NOON, kept=False)).result()
    if state != State.OPEN:
        store.set_state("m2", State.LIVE).result()
        store.set_state("m2", state).result()
    return lambda: store.delete_meeting("m2", deliver=True).result()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.OPEN, []),
        (State.LIVE, ["live", "ended"]),
        (State.ENDING, ["live", "ended"]),
        (State.ENDED, ["live", "ended"]),
    ],
)
def test_of_a_meeting_that_is_not_kept_the_end_is_told_although_it_has_gone(
    store: Store, state: State, told: list[str]
) -> None:
    leave(store, state)()
    assert queued(store) == told
