"""`POST /v1/audio/transcriptions` on a real server with pipelines that say "one" each second."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from meeting.compat import uploads
from meeting.compat.openai import transcriptions
from meeting.core.errors import ErrorCode, ProtocolError
from pipelines.errors import ModelError
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.children import children
from tests.fakes.containers import ENCODERS, encoded, wav
from tests.fakes.server_fakes import FakeBackend, LeanPipeline, Serving, config, left, serving, tone, wait_ready
from tests.meeting.compat.openai.spoken import data_url, line
from tests.meeting.compat.test_mp4 import recorded

PATH, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


KNOWN = {
    "response_format": "diarized_json",
    "known_speaker_names[]": "Ann",
    "known_speaker_references[]": data_url(wav(tone(3.0))),
}


def post(running: Serving, content: bytes = b"", **fields: Any) -> httpx.Response:
    file = ("meeting.wav", content or wav(tone(2.5)), "audio/wav")
    return running.http.post(PATH, files={"file": file}, data={"model": "whisper-1", **fields})


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(part.removeprefix("data: ")) for part in answer.text.split("\n\n") if part]


def test_a_recording_gives_its_text_and_nothing_stays(open_server: Serving) -> None:
    answer = post(open_server)
    assert answer.json() == {"text": "one one one", "usage": {"type": "duration", "seconds": 2.5}}
    assert "x-meeting-id" not in answer.headers
    assert left(open_server) == []


@pytest.mark.parametrize(
    ("format_", "kind", "begins"),
    [
        ("text", "text/plain", "one one one\n"),
        ("srt", "text/plain", "1\n00:00:00,000 --> 00:00:01,000\none\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\none\n"),
    ],
)
def test_texts_are_sent_as_texts(open_server: Serving, format_: str, kind: str, begins: str) -> None:
    answer = post(open_server, response_format=format_)
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.text.startswith(begins)


def test_words_segments_and_speakers_come_where_they_are_asked_for(open_server: Serving) -> None:
    both = {"timestamp_granularities[]": ["word", "segment"]}
    body = post(open_server, response_format="verbose_json", language="en", **both).json()
    assert [(word["word"], word["start"]) for word in body["words"]] == [("one", 0.0), ("one", 1.0), ("one", 2.0)]
    assert (len(body["segments"]), body["duration"], body["language"]) == (3, 2.5, "en")
    body = post(open_server, response_format="diarized_json").json()
    assert [(one["speaker"], one["text"]) for one in body["segments"]] == [("A", "one")] * 3


def test_who_speaks_in_a_sample_is_called_by_name_and_nothing_of_the_sample_is_told(open_server: Serving) -> None:
    body = post(open_server, **KNOWN).json()
    assert (body["text"], body["duration"]) == ("one one one", 2.5)
    assert [(one["speaker"], one["start"]) for one in body["segments"]] == [("Ann", 0.0), ("Ann", 1.0), ("Ann", 2.0)]
    told = events(post(open_server, stream="true", **KNOWN))
    assert [one["speaker"] for one in told if one["type"] == "transcript.text.segment"] == ["Ann"] * 3
    assert left(open_server) == []


@pytest.mark.parametrize("container", sorted(ENCODERS))
def test_every_container_is_taken_whatever_the_file_is_called(open_server: Serving, container: str) -> None:
    answer = post(open_server, encoded(container, 2.0))
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].startswith("one one")


@pytest.mark.slow
def test_text_is_told_as_events(open_server: Serving) -> None:
    answer = post(open_server, stream="true")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    told = events(answer)
    assert [one["type"] for one in told] == ["transcript.text.delta"] * 3 + ["transcript.text.done"]
    assert "".join(one["delta"] for one in told[:-1]) == told[-1]["text"] == "one one one"
    assert left(open_server) == []


def test_speakers_are_told_as_events(open_server: Serving) -> None:
    told = events(post(open_server, stream="true", response_format="diarized_json"))
    found = [one for one in told if one["type"] == "transcript.text.segment"]
    assert [(one["speaker"], one["start"], one["text"]) for one in found] == [
        ("A", float(at), "one") for at in range(3)
    ]
    assert told[-1]["segments"] == found


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize(
    ("content", "fields", "told", "param"),
    [
        (b"this is no audio at all", {}, "no container", None),
        (b"RIFF", {}, "no audio", "file"),
        (wav(b""), {}, "held no audio", None),
        (b"fLaC" + b"\1" * 100, {}, "not flac audio", None),
        (b"", {"response_format": "docx"}, "response_format", "response_format"),
        (b"", {"known_speaker_names[]": "Ann"}, "as many as", "known_speaker_references"),
        (b"", {**KNOWN, "known_speaker_references[]": data_url(b"none")}, "no audio", "known_speaker_references"),
        (b"fLaC" + b"\1" * 100, KNOWN, "not flac audio", None),
        (b"", {"include[]": "logprobs"}, "cannot be had", "include"),
        (b"", {"temperature": "hot"}, "temperature", "temperature"),
        (b"", {"language": "xx"}, "language", "language"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    open_server: Serving, content: bytes, fields: dict[str, str], told: str, param: str | None, stream: str
) -> None:
    answer = post(open_server, content, stream=stream, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert told in error["message"]
    assert left(open_server) == []


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("application/json", b"{}", "file is missing"),
        ("multipart/form-data", b"", "cannot be read"),
        ("multipart/form-data; boundary=x", b"no form", "cannot be read"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n',
            "missing",
        ),
    ],
)
def test_a_body_that_is_no_form_with_a_file_is_refused(
    open_server: Serving, content_type: str, body: bytes, told: str
) -> None:
    answer = open_server.http.post(PATH, content=body, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


def test_two_files_are_one_too_many(open_server: Serving) -> None:
    answer = open_server.http.post(PATH, files=[("file", ("a.wav", b"a")), ("file", ("b.wav", b"b"))])
    assert (answer.status_code, "Too many files" in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.slow
def test_one_that_is_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    with serving(config(tmp_path, recording=1)) as running:
        answer = post(running, wav(bytes(1_000_001)))
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "invalid_request_error")
        assert post(running, wav(bytes(900_000))).status_code == 200
        assert left(running) == []


def test_one_meeting_too_many_is_told_before_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(config(tmp_path, meetings=0)) as running:
        answer = post(running)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")
        assert left(running) == []


@pytest.mark.slow
def test_files_on_their_way_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.Uploads.__init__, "__defaults__", (1,))
    with serving(config(tmp_path), FakeBackend(pipeline=LeanPipeline)) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as raw:
            raw.sendall(head(running, 10**6))
            time.sleep(0.3)
            assert post(running).status_code == 429
        for _ in range(100):
            if (answer := post(running)).status_code == 200:
                break
            time.sleep(0.05)
        assert answer.status_code == 200


def head(running: Serving, length: int) -> bytes:
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{running.port}",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_client_that_goes_in_the_middle_leaves_nothing(open_server: Serving) -> None:
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    stream = b'--x\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    named = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in KNOWN.items()
    )
    before = set(children())
    for fields in (b"", stream, named):
        body = fields + start + wav(tone(60.0)) + b"\r\n--x--\r\n"
        for length in (len(body), len(body) + 10**6):  # before the answer, and before the end of its file
            with socket.create_connection(("127.0.0.1", open_server.port)) as raw:
                raw.sendall(head(open_server, length) + body)
                time.sleep(0.2)
    assert left(open_server) == []
    for _ in range(200):
        if set(children()) <= before:
            break
        time.sleep(0.05)
    assert set(children()) <= before, "a decoder is still there"


@pytest.mark.slow
def test_many_at_once_are_each_answered(open_server: Serving) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: post(open_server), range(12)))
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert any(answer.status_code == 200 for answer in answers)
    assert all(answer.json()["text"] == "one one one" for answer in answers if answer.status_code == 200)
    assert left(open_server) == []


@pytest.mark.slow
def test_a_recording_is_translated_where_the_models_can_and_what_is_kept_says_so(tmp_path: Path) -> None:
    backend = FakeBackend(translates=True)
    files = {"file": ("meeting.wav", wav(tone(2.5)), "audio/wav")}
    with serving(config(tmp_path), backend) as running:
        wait_ready(running)
        fields = {"model": "whisper-1", "response_format": "verbose_json", "keep": "true"}
        answer = running.http.post(TRANSLATIONS, files=files, data=fields)
        body = answer.json()
        assert (body["task"], body["language"], body["text"]) == ("translate", "english", "one one one")
        kept = running.http.get(f"/api/meetings/{answer.headers['x-meeting-id']}").json()
        assert [source["translate"] for source in kept["sources"]] == [True]
        assert post(running).json()["text"] == "one one one"
    assert [pipeline.translate for pipeline in backend.pipelines] == [True, False]


@pytest.mark.parametrize(("error", "code"), [(None, "loading"), (ModelError("no such model"), "models")])
def test_a_translation_is_not_promised_before_the_models_are_known(
    tmp_path: Path, error: Exception | None, code: str
) -> None:
    gate = threading.Event()
    with serving(config(tmp_path), FakeBackend(gate=None if error else gate, error=error)) as running:
        files = {"file": ("meeting.wav", wav(tone(2.5)), "audio/wav")}
        for _ in range(100):  # a failure is known a moment later
            answer = running.http.post(TRANSLATIONS, files=files)
            if answer.json()["error"]["code"] == code:
                break
            time.sleep(0.05)
        gate.set()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_meeting_that_is_kept_says_where_it_is(tmp_path: Path, stream: str) -> None:
    with serving(config(tmp_path)) as running:
        answer = post(running, keep="true", title="Monday", stream=stream)
        kept = running.http.get(f"/api/meetings/{answer.headers['x-meeting-id']}").json()
        assert (kept["state"], kept["title"]) == ("ended", "Monday")


@pytest.mark.slow
def test_a_token_is_needed_where_one_is_asked_for(server: Locked) -> None:
    server.forget_guesses()
    files = {"file": ("a.wav", wav(tone(1.0)))}
    assert server.call("POST", PATH, None, files=files).status_code == 401
    assert server.call("POST", PATH, server.create().host, files=files).status_code == 403
    assert server.call("POST", PATH, TOKEN, files=files).status_code == 200


def test_an_m4a_file_with_its_index_at_the_end_is_taken(open_server: Serving) -> None:
    assert post(open_server, recorded(3.0)).json()["text"].startswith("one one one")


def test_a_folder_for_temporary_files_that_is_gone_is_told_and_nothing_stays(
    open_server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    answer = post(open_server, wav(tone(60.0)))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (503, "server_error", "storage")
    assert "(TMPDIR): there is none" in error["message"]
    assert left(open_server) == []


def test_an_error_in_the_middle_is_one_more_event(open_server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(request: Any, stream: Any, feeding: Any, tell: Any, **_: Any) -> None:
        feeding.close()
        await tell(line("1", "one"))
        raise ProtocolError("it broke", ErrorCode.INTERNAL)

    monkeypatch.setattr(transcriptions, "transcribe", failing)
    answer = post(open_server, stream="true")
    delta, error = events(answer)
    assert (answer.status_code, delta["delta"]) == (200, "one")
    assert error == {"error": {"message": "it broke", "type": "server_error", "param": None, "code": "internal"}}
    assert left(open_server) == []
