"""Two servers on one PostgreSQL that change the same meeting at once, or of which one begins to have it meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from meeting.config.settings import Cluster, Config, Notes
from meeting.core.errors import CloseCode
from meeting.core.records import State
from meeting.live.rooms import Rooms
from meeting.server.security.routing import RoutingMiddleware
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import Speaker
from tests.databases.postgres_server import PostgresServer
from tests.fakes.access_fakes import TOKEN
from tests.fakes.server_fakes import Serving, serving, wait_ready
from tests.fakes.stored import kept, line
from tests.meeting.cluster.shared_servers import SERVER, on_postgres, server_with
from tests.meeting.server.test_routes import TABLE

A, B = "https://example.org/servers/a", "https://example.org/servers/b"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
ROUNDS = 12
MOST_WAYS = 200
"""To and fro between two servers"""


class Two:
    """Two servers on one database, by their addresses."""

    def __init__(self, a: Serving, b: Serving, store: Store) -> None:
        self.by_address = {A: a, B: b}
        self.a, self.b, self.store = a, b, store

    def call(self, method: str, path: str, json: object = None, at: str = A) -> httpx.Response:
        """The answer of whichever server gives one: as the page does it goes where it is sent, and comes back."""
        for _ in range(MOST_WAYS):
            http = self.by_address[at].http
            answer = http.request(method, path, json=json, headers=HEADERS)
            if answer.status_code == 307:
                at = answer.headers["location"].removesuffix(path)
            elif answer.status_code == 503 and answer.json()["error"]["code"] == "moving":
                time.sleep(0.05)
            else:
                return answer
        raise AssertionError("no server answers")

    def at_once(self, *calls: tuple[str, str, object, str]) -> list[httpx.Response]:
        """The answers to several calls that begin at the same time."""
        together = threading.Barrier(len(calls))

        def one(call: tuple[str, str, object, str]) -> httpx.Response:
            together.wait(20)
            return self.call(*call)

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(one, calls))


@contextmanager
def server(settings: Config, address: str) -> Iterator[Serving]:
    with serving(replace(settings, cluster=Cluster(address=address, lease=30.0))) as running:
        wait_ready(running)
        yield running


@pytest.fixture
def settings(postgres: PostgresServer, tmp_path: Path) -> Config:
    made = on_postgres(tmp_path, postgres)
    asked = replace(made.server, token=TOKEN)
    return replace(made, server=asked, notes=Notes(url="http://127.0.0.1:9/v1", model="none"))


@pytest.fixture
def two(settings: Config) -> Iterator[Two]:
    with ExitStack() as running:
        store = running.enter_context(Store.configured(settings.storage))
        a, b = (running.enter_context(server(settings, address)) for address in (A, B))
        yield Two(a, b, store)


def over(store: Store, lines: int = 3) -> None:
    """A meeting that is over."""
    kept(store)
    TranscriptStore(store).save_segments("m1", [line(f"s{n}", n * 16_000) for n in range(lines)]).result()
    TranscriptStore(store).save_speakers("m1", [Speaker("spk1", None, 0)]).result()
    store.set_state("m1", State.ENDED).result()


@pytest.mark.slow
def test_of_two_who_change_the_same_line_at_two_servers_one_is_told_that_it_changed(two: Two) -> None:
    over(two.store, lines=ROUNDS)
    for number in range(ROUNDS):
        path = f"/api/meetings/m1/segments/s{number}"
        texts = {A: f"Written at the first, {number}.", B: f"Written at the second, {number}."}
        answers = two.at_once(*(("PATCH", path, {"rev": 1, "text": text}, at) for at, text in texts.items()))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (taken,) = [text for answer, text in zip(answers, texts.values(), strict=True) if answer.status_code == 200]
        assert TranscriptStore(two.store).record("m1").segments[number].text == taken


def test_links_that_two_servers_made_at_once_are_all_there_and_no_more_than_a_meeting_may_have(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(two.store)
    monkeypatch.setattr("meeting.storage.link_store.MAX_LINKS", 9)
    answers = two.at_once(*(("POST", "/api/meetings/m1/links", {"role": "view"}, at) for at in (A, B) * 6))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [409] * 3
    assert {link["id"] for link in two.call("GET", "/api/meetings/m1/links").json()["links"]} == made


@pytest.mark.slow
def test_different_changes_at_two_servers_at_once_all_stay(two: Two) -> None:
    over(two.store)
    for number in range(ROUNDS):
        answers = two.at_once(
            ("PATCH", "/api/meetings/m1", {"title": f"Title {number}"}, A),
            ("PUT", "/api/meetings/m1/hotwords", {"hotwords": [f"Term {number}"]}, B),
            ("PATCH", "/api/meetings/m1/speakers/spk1", {"name": f"Ann {number}"}, A),
            ("POST", "/api/meetings/m1/links", {"role": "speak"}, B),
        )
        assert [answer.status_code for answer in answers] == [200, 200, 200, 201]
        record = TranscriptStore(two.store).record("m1")
        assert (record.meeting.title, record.meeting.hotwords) == (f"Title {number}", (f"Term {number}",))
        assert [speaker.name for speaker in record.speakers] == [f"Ann {number}"]


@pytest.mark.slow
def test_what_is_changed_at_one_server_while_another_begins_to_have_the_meeting_is_known_there(two: Two) -> None:
    for number in range(ROUNDS):
        meeting_id = two.call("POST", "/api/meetings", {"title": "Before"}).json()["id"]
        title, path = f"After {number}", f"/api/meetings/{meeting_id}"
        together = threading.Barrier(3)
        with ExitStack() as sockets, ThreadPoolExecutor(3) as threads:

            def come(meeting_id: str = meeting_id, together: threading.Barrier = together) -> str:
                together.wait(20)
                return entered(two, meeting_id, sockets)

            def change(method: str, path: str, json: object, together: threading.Barrier = together) -> int:
                together.wait(20)
                return two.call(method, path, json).status_code

            coming = threads.submit(come)
            renamed = threads.submit(change, "PATCH", path, {"title": title})
            expecting = threads.submit(change, "PUT", f"{path}/hotwords", {"hotwords": [title]})
            assert (renamed.result(60), expecting.result(60)) == (200, 200)
            content = room_content(two, coming.result(60), meeting_id)
            until(lambda: (content.title, content.hotwords) == (title, (title,)))  # noqa: B023
        stored = two.store.meeting(meeting_id)
        assert (stored.title, stored.hotwords) == (title, (title,))


def entered(two: Two, meeting_id: str, sockets: ExitStack, at: str = B) -> str:
    """Come in at a server, or where it sends; at which that was."""
    for _ in range(MOST_WAYS):
        client = sockets.enter_context(two.by_address[at].connect(meeting_id, additional_headers=HEADERS))
        told = client.receive()
        if told["type"] != "moved":
            return at
        at = told["address"] or at
        time.sleep(0.05)
    raise AssertionError("no server lets anybody in")


def room_content(two: Two, at: str, meeting_id: str) -> Any:
    """What the server of this address knows of a meeting that is not over."""
    room = two.by_address[at].app.state.rooms.get(meeting_id)
    assert room is not None
    return room.session._content


def until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_meeting_that_one_server_deletes_while_another_changes_it_is_gone(two: Two) -> None:
    for _ in range(ROUNDS):
        over(two.store)
        deleted, *others = two.at_once(
            ("DELETE", "/api/meetings/m1", None, A),
            ("PATCH", "/api/meetings/m1", {"title": "Other"}, B),
            ("PATCH", "/api/meetings/m1/segments/s0", {"rev": 1, "text": "Other."}, B),
            ("POST", "/api/meetings/m1/links", {"role": "view"}, B),
        )
        assert deleted.status_code == 204
        assert {answer.status_code for answer in others} <= {200, 201, 404}
        assert two.call("GET", "/api/meetings/m1", at=B).status_code == 404


@pytest.mark.slow
def test_whoever_comes_in_at_one_server_while_another_revokes_the_link_is_sent_out(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = two.call("POST", "/api/meetings", {"title": "t"}).json()
    token = made["links"]["view"].partition("#t=")[2]
    listed = two.call("GET", f"/api/meetings/{made['id']}/links").json()["links"]
    (view,) = [link["id"] for link in listed if link["role"] == "view"]
    enter, coming, revoked = Rooms.enter, threading.Event(), threading.Event()

    async def late(rooms: Rooms, meeting_id: str) -> Any:
        """Once its token was found to be good, and is worth nothing any more."""
        coming.set()
        await asyncio.to_thread(revoked.wait, 20)
        return await enter(rooms, meeting_id)

    monkeypatch.setattr(Rooms, "enter", late)
    shown = {"Authorization": f"Bearer {token}"}
    with two.b.connect(made["id"], additional_headers=shown) as client:
        assert coming.wait(20)
        assert two.call("DELETE", f"/api/meetings/{made['id']}/links/{view}", at=A).status_code == 204
        revoked.set()
        assert client.close_code() == CloseCode.UNAUTHORIZED


ANSWERED_BY_ANY = {
    "POST /api/meetings/{meeting_id}/links/qr": 200,
    "POST /api/meetings/{meeting_id}/end": 200,
    "POST /api/meetings/{meeting_id}/changes/{change_id}/undo": 404,
}
"""Those that change nothing of a meeting that is over, or here know no change to undo"""


def test_every_change_of_a_meeting_that_another_server_took_a_moment_ago_is_sent_there(
    settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_yet(routing: RoutingMiddleware, subject: str, safe: bool) -> None:
        """Nobody had it when the request came in."""

    monkeypatch.setattr(RoutingMiddleware, "_refusal", not_yet)
    with Store.configured(settings.storage) as store:
        over(store)
        with server(settings, B) as here, server_with(settings, "m1"):
            answers = {route: status(here, route) for route in TABLE if changes_a_meeting(route)}
            assert store.meeting("m1").title == "Plans"
    assert answers == {route: ANSWERED_BY_ANY.get(route, 307) for route in answers}
    assert list(answers.values()).count(307) >= 14


def changes_a_meeting(route: str) -> bool:
    method, path = route.split()
    asks_for_a_job = path.endswith("/transcription")
    return method != "GET" and path.startswith("/api/meetings/{meeting_id}") and not asks_for_a_job


def status(here: Serving, route: str) -> int:
    method, path = route.split()
    names = {"meeting_id": "m1", "speaker_id": "spk1", "segment_id": "s0"}
    for name, value in names.items():
        path = path.replace("{" + name + "}", value)
    options = dict(TABLE[route].options)
    if path.endswith("/qr"):
        options = {"json": {"link": "http://x.example/m/m1#t=x"}}
    answer = here.http.request(method, path, **options, headers=HEADERS)
    if answer.status_code == 307:
        assert answer.headers["location"] == f"{SERVER}{path}"
    return answer.status_code
