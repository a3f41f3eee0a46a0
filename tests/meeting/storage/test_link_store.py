"""Links in a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.core.access import LINK_ROLES, Link, Role, digest, new_token
from meeting.core.records import Meeting, State
from meeting.storage.link_store import LinkStore
from meeting.storage.store import Store
from pipelines.errors import NotFound

pytestmark = pytest.mark.usefixtures("every_database")

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        for id_ in ("m1", "m2"):
            opened.create_meeting(Meeting(id_, id_, State.OPEN, NOW)).result()
        yield opened


@pytest.mark.parametrize("role", LINK_ROLES.values())
@pytest.mark.parametrize("expires", [None, NOW + timedelta(days=1)])
def test_a_link_comes_back_as_it_was(store: Store, role: Role, expires: datetime | None) -> None:
    links, token = LinkStore(store), new_token()
    link = Link("l1", "m1", role, NOW, expires)
    links.add({digest(token): link}).result()
    assert links.find(digest(token)) == link
    assert links.of("m1") == [link]
    assert links.of("m2") == []


@pytest.mark.usefixtures("sqlite_file")
def test_only_the_digest_of_a_token_is_on_disk(store: Store) -> None:
    token = new_token()
    LinkStore(store).add({digest(token): Link("l1", "m1", Role.VIEW, NOW)}).result()
    written = b"".join(path.read_bytes() for path in store.data_dir.iterdir() if path.is_file())
    assert digest(token).encode() in written
    assert token.encode() not in written


def test_a_link_that_is_removed_opens_nothing(store: Store) -> None:
    links = LinkStore(store)
    links.add({"d1": Link("l1", "m1", Role.VIEW, NOW), "d2": Link("l2", "m1", Role.HOST, NOW)}).result()
    links.remove("m1", "l1").result()
    assert links.find("d1") is None
    assert [link.id for link in links.of("m1")] == ["l2"]


@pytest.mark.parametrize(("meeting_id", "link_id"), [("m1", "l2"), ("m2", "l1"), ("m3", "l1")])
def test_a_link_that_is_not_there_cannot_be_removed(store: Store, meeting_id: str, link_id: str) -> None:
    links = LinkStore(store)
    links.add({"d1": Link("l1", "m1", Role.VIEW, NOW)}).result()
    with pytest.raises(NotFound):
        links.remove(meeting_id, link_id).result()
    assert links.find("d1") is not None


def test_links_go_with_their_meeting(store: Store) -> None:
    links = LinkStore(store)
    links.add({"d1": Link("l1", "m1", Role.VIEW, NOW), "d2": Link("l2", "m2", Role.VIEW, NOW)}).result()
    store.delete_meeting("m1").result()
    assert links.find("d1") is None
    assert links.find("d2") is not None


def test_a_link_needs_a_meeting(store: Store) -> None:
    with pytest.raises(NotFound):
        LinkStore(store).add({"d1": Link("l1", "none", Role.VIEW, NOW)}).result()
