"""Pages that record, on real sockets: text comes back, wrong ones are told why, nothing stays."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from meeting.server.security import handshake
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.containers import wav
from tests.fakes.server_fakes import Serving, config, kill, left, rest, serving, tone
from tests.patient_clients import connect

PIECE = wav(tone(0.5))


@contextmanager
def page(running: Serving, path: str = "/transcribe", **options: Any) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{running.port}{path}", compression=None, **options) as client:
        yield client


@pytest.mark.parametrize("path", ["/transcribe", "/transcription?language=en"])
@pytest.mark.parametrize("how", ["binary", "base64", "data"])
def test_text_comes_while_pieces_are_sent_and_nothing_stays(open_server: Serving, path: str, how: str) -> None:
    coded = base64.b64encode(PIECE).decode()
    piece = {"binary": PIECE, "base64": coded, "data": f"data:audio/wav;base64,{coded}"}[how]
    with page(open_server, path) as client:
        for _ in range(2):
            client.send(piece)
        assert str(client.recv(timeout=30)).endswith("one")  # while it goes on
        for _ in range(3):
            client.send(piece)
        client.send('{"type":"stop"}')
        texts, code = rest(client)
    assert (texts[-1], code) == ("Speaker 1: one one one", 1000)
    assert left(open_server) == []
    assert open_server.http.get("/api/meetings").json()["meetings"] == []


def test_a_page_that_goes_leaves_nothing(open_server: Serving) -> None:
    with page(open_server) as client:
        client.send(PIECE)
        time.sleep(0.2)
        kill(client)
    assert left(open_server) == []


@pytest.mark.slow
def test_a_meeting_that_is_kept_looks_like_any_other(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as running:
        with page(running, "/transcribe?keep=true&title=From%20a%20page") as client:
            for _ in range(3):
                client.send(PIECE)
            client.send('{"type":"stop"}')
            assert rest(client)[1] == 1000
        (meeting,) = running.http.get("/api/meetings").json()["meetings"]
        assert (meeting["title"], meeting["state"], meeting["duration"]) == ("From a page", "ended", 1.5)
        assert running.http.get(f"/api/meetings/{meeting['id']}/transcript").json()["segments"][0]["text"] == "one"


@pytest.mark.parametrize("first", ['{"type":"auth","token":"x"}', "some-bare-token"])
def test_a_token_where_nobody_asks_for_one_does_no_harm(open_server: Serving, first: str) -> None:
    with page(open_server) as client:
        client.send(first)
        for _ in range(2):
            client.send(PIECE)
        assert "one" in str(client.recv(timeout=30))


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([b"rubbish"], "whole WAV file"),
        ([PIECE, b"rubbish"], "whole WAV file"),
        ([PIECE, wav(tone(0.5), 48000)], "first one was"),
        ([wav(tone(0.5), 1)], "audio.sample_rate must be from 4000"),
        ([wav(b"", channels=0)], "audio.channels must be from 1"),
        (["hello", "hello"], "base64"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(open_server: Serving, sent: list[Any], told: str) -> None:
    with page(open_server) as client:
        for message in sent:
            client.send(message)
        texts, code = rest(client)
    assert told in texts[-1]
    assert code == 4400
    assert left(open_server) == []


@pytest.mark.parametrize("query", ["keep=perhaps", "language=klingon"])
def test_wrong_parameters_are_told(open_server: Serving, query: str) -> None:
    with page(open_server, f"/transcribe?{query}") as client:
        texts, code = rest(client)
    assert query.partition("=")[0] in texts[0]
    assert code == 4400


@pytest.mark.parametrize("first", [f'{{"type":"auth","token":"{TOKEN}"}}', TOKEN])
def test_a_token_comes_in_the_first_message(server: Locked, first: str) -> None:
    with page(server.serving) as client:
        client.send(first)
        for _ in range(2):
            client.send(PIECE)
        assert "one" in str(client.recv(timeout=30))


def test_a_token_may_come_in_the_header(server: Locked) -> None:
    with page(server.serving, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for _ in range(2):
            client.send(PIECE)
        assert "one" in str(client.recv(timeout=30))


@pytest.mark.parametrize("first", [PIECE, "wrong", '{"type":"auth","token":"wrong"}', '{"type":"stop"}', "x" * 600, ""])
def test_without_the_right_token_nobody_is_let_in(server: Locked, first: str | bytes) -> None:
    server.forget_guesses()
    with page(server.serving) as client:
        client.send(first)
        texts, code = rest(client)
    assert len(texts) == 1
    assert "token" in texts[0]
    assert code == 4401
    assert left(server.serving) == []


def test_a_link_into_one_meeting_does_not_make_another(server: Locked) -> None:
    with page(server.serving) as client:
        client.send(server.create().host)
        texts, code = rest(client)
    assert "server's token" in texts[0]
    assert code == 4401


def test_too_many_wrong_tokens_are_refused_for_a_while(server: Locked) -> None:
    server.forget_guesses()
    told = []
    for _ in range(21):
        with page(server.serving) as client:
            client.send("wrong")
            told += rest(client)[0]
    assert "wait" in told[-1]
    server.forget_guesses()


def test_whoever_says_nothing_is_sent_away(server: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "FIRST_MESSAGE_SECONDS", 0.05)
    with page(server.serving) as client:
        assert rest(client)[1] == 4401


@pytest.mark.slow
def test_pages_of_other_sites_need_a_token_or_to_be_named(server: Locked, open_server: Serving, tmp_path: Path) -> None:
    elsewhere: Any = "http://elsewhere.example"
    with page(server.serving, origin=elsewhere) as client:
        client.send(TOKEN)
    with pytest.raises(InvalidStatus), page(open_server, origin=elsewhere):
        pass
    settings = config(tmp_path)
    settings = replace(settings, server=replace(settings.server, allowed_origins=(elsewhere,)))
    with serving(settings) as running:
        with page(running, origin=elsewhere) as client:
            client.send(PIECE)
        other: Any = "http://other.example"
        with pytest.raises(InvalidStatus), page(running, origin=other):
            pass
        with pytest.raises(InvalidStatus), page(running, f"/ws/meetings/{running.create()}", origin=elsewhere):
            pass


def test_a_full_server_says_so(tmp_path: Path) -> None:
    with serving(config(tmp_path, meetings=1)) as running, page(running) as one:
        one.send(PIECE)
        one.send(PIECE)
        one.recv(timeout=30)
        with page(running) as other:
            other.send(PIECE)
            texts, code = rest(other)
        assert "as many live meetings" in texts[0]
        assert code == 4429


@pytest.mark.slow
def test_fifty_pages_at_once_are_each_told_their_own_and_leave_nothing(tmp_path: Path) -> None:
    results: list[tuple[list[str], int]] = []

    def record(number: int) -> None:
        with page(running) as client:
            for _ in range(4):
                client.send(PIECE)
            if number % 5 == 0:
                kill(client)
                return
            client.send('{"type":"stop"}')
            results.append(rest(client))

    with serving(config(tmp_path, meetings=50)) as running:
        threads = [threading.Thread(target=record, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [(texts[-1], code) for texts, code in results] == [("Speaker 1: one one", 1000)] * 40
        assert left(running) == []
