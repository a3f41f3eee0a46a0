"""Which deliveries are due, in which order, and what is kept of those that did or did not succeed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from meeting.core.records import Meeting, State
from meeting.storage import webhook_store
from meeting.storage.store import DATABASE, Store
from meeting.storage.tables import WebhookDeliveryRow
from meeting.storage.webhook_store import EndpointCounts, StoredDelivery, WebhookStore
from tests.fakes.stored import NOON

pytestmark = pytest.mark.usefixtures("every_database")

SOON, LATER = NOON + timedelta(minutes=1), NOON + timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        opened.create_meeting(Meeting("m1", "Plans", State.LIVE, NOON)).result()
        yield opened


@pytest.fixture
def webhooks(store: Store) -> WebhookStore:
    return WebhookStore(store)


def queue(store: Store, *rows: tuple[str, str, str]) -> None:
    """Put deliveries there: endpoint, meeting, message id."""

    def work(session: Session) -> None:
        for endpoint, meeting_id, id_ in rows:
            body = f"words of {id_}"
            values = {"event": "e", "body": body, "created_at": NOON, "next_try_at": NOON, "tries": 0}
            session.add(WebhookDeliveryRow(endpoint=endpoint, meeting_id=meeting_id, message_id=id_, **values))
            session.flush()

    store.write(work).result()


def due(webhooks: WebhookStore, endpoint: str = "crm", most: int = 9) -> list[StoredDelivery]:
    return webhooks.due(endpoint, SOON, most)


def ids(found: list[StoredDelivery]) -> list[str]:
    return [delivery.message_id for delivery in found]


def test_the_first_of_each_meeting_is_due_and_what_stands_behind_it_waits(store: Store, webhooks: WebhookStore) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m1", "b"), ("crm", "m2", "c"), ("bot", "m1", "d"), ("crm", "m1", "e"))
    assert ids(due(webhooks)) == ["a", "c"]
    assert ids(due(webhooks, "bot")) == ["d"]
    assert ids(due(webhooks, most=1)) == ["a"]
    webhooks.delivered(due(webhooks)[0]).result()
    assert ids(due(webhooks)) == ["b", "c"]


def test_what_is_under_way_is_not_due_again_nor_is_what_stands_behind_it(store: Store, webhooks: WebhookStore) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m1", "b"), ("crm", "m2", "c"))
    (first, _) = due(webhooks)
    assert ids(webhooks.due("crm", SOON, 9, [first.number])) == ["c"]


def test_one_that_did_not_succeed_is_due_again_at_its_time_and_holds_up_its_own_meeting_only(
    store: Store, webhooks: WebhookStore
) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m1", "b"), ("crm", "m2", "c"))
    webhooks.try_again(due(webhooks)[0], LATER, "answered 500").result()
    assert ids(due(webhooks)) == ["c"]
    assert webhooks.next_due(["crm"], SOON) == LATER
    assert webhooks.next_due(["bot"], SOON) is None
    (again, _) = sorted(webhooks.due("crm", LATER, 9), key=lambda delivery: delivery.number)
    assert (again.message_id, again.tries, again.problem, again.body) == ("a", 1, "answered 500", "words of a")


def test_what_a_clock_that_was_far_ahead_put_off_is_due_and_what_a_receiver_asked_for_is_not(
    store: Store, webhooks: WebhookStore
) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m2", "b"))
    for delivery, later in zip(due(webhooks), (timedelta(days=300), timedelta(days=1)), strict=True):
        webhooks.try_again(delivery, SOON + later, "answered 503").result()
    assert ids(due(webhooks)) == ["a"]


def test_one_that_was_given_up_lets_the_next_pass_and_is_kept_without_its_words(
    store: Store, webhooks: WebhookStore
) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m1", "b"))
    webhooks.give_up(due(webhooks)[0], "answered 500").result()
    assert ids(due(webhooks)) == ["b"]
    ((failed, again_at),) = webhooks.troubled(9)
    assert (failed.message_id, failed.body, failed.tries, again_at) == ("a", "", 1, None)
    assert webhooks.counts() == {"crm": EndpointCounts(waiting=1, failed=1)}


def test_all_of_an_endpoint_or_of_those_that_are_gone_is_given_up_at_once(store: Store, webhooks: WebhookStore) -> None:
    queue(store, ("crm", "m1", "a"), ("crm", "m2", "b"), ("bot", "m1", "c"), ("old", "m1", "d"))
    assert webhooks.give_up_all("crm", "410").result() == 2
    webhooks.give_up_others(["crm", "bot"], "unknown").result()
    assert {name: (each.waiting, each.failed) for name, each in webhooks.counts().items()} == {
        "crm": (0, 2),
        "bot": (1, 0),
        "old": (0, 1),
    }
    assert {delivery.body for delivery, _ in webhooks.troubled(9)} == {""}
    assert len(webhooks.troubled(2)) == 2


def test_of_what_was_given_up_the_newest_are_kept(
    store: Store, webhooks: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_store, "MOST_FAILED", 2)
    queue(store, *(("crm", f"m{number}", str(number)) for number in range(5)), ("bot", "m1", "x"))
    webhooks.give_up_all("crm", "410").result()
    webhooks.give_up(due(webhooks, "bot")[0], "no").result()
    assert ids([delivery for delivery, _ in webhooks.troubled(9)]) == ["x", "4", "3"]


@pytest.mark.usefixtures("sqlite_file")
def test_a_delivery_whose_meeting_was_deleted_under_way_does_not_touch_what_came_into_its_place(
    store: Store, webhooks: WebhookStore
) -> None:
    queue(store, ("crm", "m1", "a"))
    (under_way,) = due(webhooks)
    store.delete_meeting("m1").result()
    queue(store, ("crm", "m2", "b"))
    assert due(webhooks)[0].number == under_way.number
    webhooks.delivered(under_way).result()
    webhooks.give_up(under_way, "no").result()
    webhooks.try_again(under_way, LATER, "no").result()
    assert ids(due(webhooks)) == ["b"]


def files_with(store: Store, words: str) -> list[str]:
    """The database's files that hold some words."""
    files = [path for path in store.data_dir.iterdir() if path.name.startswith(DATABASE)]
    return [path.name for path in files if words.encode() in path.read_bytes()]


@pytest.mark.usefixtures("sqlite_file")
def test_of_a_meeting_that_has_gone_nothing_is_left_on_disk_once_it_was_told(
    store: Store, webhooks: WebhookStore
) -> None:
    queue(store, ("crm", "gone", "a"))
    (delivery,) = due(webhooks)
    webhooks.delivered(delivery).result()
    assert files_with(store, "words of a") == []
    queue(store, ("crm", "m1", "b"))
    webhooks.delivered(due(webhooks)[0]).result()
    assert (store.data_dir / f"{DATABASE}-wal").stat().st_size > 0, "the log is emptied where nothing has gone"


@pytest.mark.usefixtures("sqlite_file")
@pytest.mark.parametrize("taken", [True, False])
def test_nor_of_a_meeting_that_went_while_its_delivery_was_under_way(
    store: Store, webhooks: WebhookStore, taken: bool
) -> None:
    queue(store, ("crm", "m1", "a"))
    (under_way,) = due(webhooks)
    store.delete_meeting("m1", deliver=True).result()
    assert files_with(store, "words of a") == [DATABASE]
    (webhooks.delivered(under_way) if taken else webhooks.give_up(under_way, "no")).result()
    assert files_with(store, "words of a") == []
