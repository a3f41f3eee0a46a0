"""`POST /v1/listen`: a recording in, its transcript out, nothing left."""

from __future__ import annotations

import hashlib
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.containers import wav
from tests.fakes.server_fakes import Serving, config, left, serving, tone
from tests.meeting.compat.deepgram.streams import RAW
from tests.meeting.compat.deepgram.test_listen import flac
from tests.meeting.compat.test_mp4 import recorded


def post(running: Serving, content: Any, query: str = "", **headers: str) -> httpx.Response:
    return running.http.post(f"/v1/listen?{query}", content=content, headers=headers)


@pytest.mark.parametrize("content", [wav(tone(2.5)), flac(2.5)])
def test_a_recording_gives_words_with_times_and_speakers(open_server: Serving, content: bytes) -> None:
    answer = post(open_server, content, "diarize=true&punctuate=true&utterances=true&paragraphs=true&model=nova-3")
    body = answer.json()
    assert answer.status_code == 200, body
    found = body["results"]["channels"][0]["alternatives"][0]
    assert found["transcript"] == "one one one"
    assert [(word["start"], word["speaker"]) for word in found["words"]] == [(0.0, 0), (1.0, 0), (2.0, 0)]
    assert [one["transcript"] for one in body["results"]["utterances"]] == ["one"] * 3
    assert len(found["paragraphs"]["paragraphs"]) == 1
    metadata = body["metadata"]
    assert (metadata["duration"], metadata["request_id"]) == (2.5, answer.headers["dg-request-id"])
    assert metadata["sha256"] == hashlib.sha256(content).hexdigest()
    assert left(open_server) == []


@pytest.mark.slow
def test_a_recording_larger_than_other_requests_is_taken_as_it_comes(open_server: Serving) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(90):
            yield tone(1.0)

    answer = post(open_server, pieces(), RAW)
    assert answer.json()["metadata"]["duration"] == 90.0
    assert len(answer.json()["results"]["channels"][0]["alternatives"][0]["words"]) == 90


def test_an_m4a_file_with_its_index_at_the_end_is_taken(open_server: Serving) -> None:
    content = recorded(3.0)
    body = post(open_server, content).json()
    assert body["results"]["channels"][0]["alternatives"][0]["transcript"].startswith("one one one")
    assert body["metadata"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert left(open_server) == []


def test_a_folder_for_temporary_files_that_is_gone_is_told_and_nothing_stays(
    open_server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    answer = post(open_server, recorded(1.0) + bytes(2_000_000))
    assert (answer.status_code, answer.json()["err_code"]) == (503, "STORAGE")
    assert "(TMPDIR): there is none" in answer.json()["err_msg"]
    assert left(open_server) == []


@pytest.mark.slow
def test_a_client_that_goes_while_its_file_is_put_aside_leaves_nothing(open_server: Serving) -> None:
    start = f"POST /v1/listen HTTP/1.1\r\nHost: 127.0.0.1:{open_server.port}\r\nContent-Length: 9999999\r\n\r\n"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", open_server.port)) as raw:
            raw.sendall(start.encode() + recorded(3.0))
            time.sleep(0.1)
    assert left(open_server) == []
    assert post(open_server, recorded(1.0)).status_code == 200


@pytest.mark.slow
def test_one_that_is_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    with serving(config(tmp_path, recording=1)) as running:
        answer = post(running, bytes(1_000_001), RAW)
        assert (answer.status_code, answer.json()["err_code"]) == (413, "TOO_LARGE")
        assert post(running, bytes(900_000), RAW).status_code == 200
        assert left(running) == []


@pytest.mark.parametrize(
    ("content", "query", "headers", "told"),
    [
        (b"", "", {}, "no audio"),
        (b"RIFF", "", {}, "no audio"),
        (b"this is no audio at all", "", {}, "no container"),
        (b"fLaC" + b"\1" * 100, "", {}, "not flac audio"),
        (b'{"url":"http://example.org/a.wav"}', "", {"content-type": "application/json"}, "fetched"),
        (wav(tone(1.0)), "redact=pci", {}, "redact"),
        (tone(1.0), "encoding=linear16", {}, "sample_rate"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    open_server: Serving, content: bytes, query: str, headers: dict[str, str], told: str
) -> None:
    answer = post(open_server, content, query, **headers)
    assert answer.status_code == 400
    assert told in answer.json()["err_msg"]
    assert answer.json()["request_id"]
    assert left(open_server) == []


@pytest.mark.slow
def test_a_meeting_that_is_kept_says_where_it_is(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as running:
        metadata = post(running, wav(tone(1.0)), "keep=true").json()["metadata"]
        assert running.http.get(f"/api/meetings/{metadata['meeting_id']}").json()["state"] == "ended"


def test_a_client_that_goes_in_the_middle_leaves_nothing(open_server: Serving) -> None:
    for length in (len(tone(2.0)), 10**6):  # before the answer, and before the end of its audio
        with socket.create_connection(("127.0.0.1", open_server.port)) as raw:
            lines = [
                f"POST /v1/listen?{RAW} HTTP/1.1",
                f"Host: 127.0.0.1:{open_server.port}",
                f"Content-Length: {length}",
            ]
            raw.sendall("\r\n".join([*lines, "", ""]).encode() + tone(2.0))
            time.sleep(0.2)
    assert left(open_server) == []


@pytest.mark.slow
def test_a_token_is_needed_where_one_is_asked_for(server: Locked) -> None:
    server.forget_guesses()
    content = wav(tone(1.0))
    assert server.call("POST", "/v1/listen", None, content=content).status_code == 401
    assert server.call("POST", "/v1/listen", server.create().host, content=content).status_code == 403
    shown = {"Authorization": f"Token {TOKEN}"}
    assert server.call("POST", "/v1/listen", None, content=content, headers=shown).status_code == 200
