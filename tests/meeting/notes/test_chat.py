"""One question to a language model over HTTP: a server that behaves, and many that do not."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import Any

import pytest

from meeting.notes.chat import MOST_BYTES, TRIES, Answer, Chat
from meeting.notes.endpoint import endpoint_of
from meeting.notes.errors import NotesError
from meeting.notes.prompts import Question
from tests.meeting.notes.model_server import ModelServer, Reply

QUESTION = Question("be brief", "what was said about the wombat?")


def ask(model: ModelServer, waited: list[float] | None = None, **settings: Any) -> Answer:
    """The answer to one question; a wait takes no time, and is remembered."""
    notes = model.settings(**settings)
    endpoint = endpoint_of(notes)
    assert endpoint is not None

    async def wait(seconds: float) -> None:
        if waited is not None:
            waited.append(seconds)

    async def asking() -> Answer:
        async with Chat(endpoint, notes.timeout, 500, wait) as chat:
            return await chat.ask(QUESTION)

    return asyncio.run(asking())


def test_a_question_goes_to_the_model_with_the_form_of_an_answer_and_its_bound(model: ModelServer) -> None:
    model.replies.append(Reply("fine"))
    assert ask(model, key="quokka-key") == Answer("fine", False)
    (body,), (headers,), (path,) = model.asked, model.headers, model.paths
    assert path == "/v1/chat/completions"
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", QUESTION.system),
        ("user", QUESTION.user),
    ]
    assert (body["model"], body["max_tokens"], body["stream"]) == ("tiny", 500, False)
    assert body["response_format"]["type"] == "json_schema"
    assert headers["authorization"] == "Bearer quokka-key"


def test_without_a_key_none_is_sent(model: ModelServer) -> None:
    model.replies.append(Reply("fine"))
    ask(model)
    assert "authorization" not in model.headers[0]


def test_no_proxy_of_the_environment_is_asked(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    model.replies.append(Reply("fine"))
    assert ask(model).text == "fine"


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_knows_no_schemas_is_asked_without(model: ModelServer, status: int) -> None:
    model.replies += [Reply("response_format is not supported", status), Reply("fine")]
    assert ask(model).text == "fine"
    assert set(model.asked[1]) == {"model", "messages", "stream"}


def test_an_answer_that_grew_too_long_says_so(model: ModelServer) -> None:
    model.replies.append(Reply("half", finish="length"))
    assert ask(model) == Answer("half", True)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_names(model: ModelServer, status: int) -> None:
    waited: list[float] = []
    model.replies += [Reply("", status, {"Retry-After": "7"}), Reply("", status), Reply("fine")]
    assert ask(model, waited).text == "fine"
    assert waited == [7.0, 10.0]


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("999999999", 60.0),
        ("-5", 10.0),
        ("tomorrow", 10.0),
        ("²", 10.0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 60.0),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0),
    ],
)
def test_no_server_makes_us_wait_as_long_as_it_likes(model: ModelServer, asked: str, waited: float) -> None:
    seen: list[float] = []
    headers = {"Retry-After": asked.encode().decode("latin-1")}
    model.replies += [Reply("", 429, headers), Reply("fine")]
    ask(model, seen)
    assert seen == [waited]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply("slow down", 429), r"asked too often \(429\): try again later; it says: slow down"),
        (Reply("bad key", 401), r"does not take the key: look at notes\.key; it says: bad key"),
        (Reply("", 403), r"does not take the key"),
        (Reply("no model 'tiny'", 404), r"look at notes\.url and notes\.model; it says: no model 'tiny'"),
        (Reply("boom", 500), r"refuses \(500\); it says: boom"),
        (Reply("too long a prompt", 400), r"refuses \(400\); it says: too long a prompt"),
        (Reply(raw=b"<html>", status=502), r"refuses \(502\)$"),
        (Reply(raw=b'{"error": "model not found"}', status=404), r"it says: model not found"),
        (Reply("", 302, {"Location": "http://127.0.0.1:9/"}), r"leads elsewhere \(302\), where nothing is sent"),
        (Reply(raw=b"<html>hello</html>"), r"does not speak the OpenAI API"),
        (Reply(raw=b"[]"), r"does not speak the OpenAI API"),
        (Reply(raw=b'{"choices": []}'), r"does not speak the OpenAI API"),
        (Reply(raw=b'{"choices": [null]}'), r"does not speak the OpenAI API"),
        (Reply(raw=b'{"choices": [{"message": {"content": null}}]}'), r"does not speak the OpenAI API"),
        (Reply(raw=b"[" * 100_000), r"does not speak the OpenAI API"),
        (Reply(raw=b"\xff\xfe"), r"does not speak the OpenAI API"),
        (Reply(raw=b"{}", headers={"Content-Encoding": "gzip"}), r"does not speak the OpenAI API"),
        (Reply("x" * (MOST_BYTES + 1)), rf"sends more than {MOST_BYTES} bytes"),
        (Reply(hang_up=True), r"cannot be reached \(RemoteProtocolError\)"),
        (Reply("fine", headers={"Content-Length": "99999"}), r"cannot be reached \(RemoteProtocolError\)"),
    ],
)
def test_each_way_to_misbehave_is_one_sentence_that_says_what_to_do(
    model: ModelServer, reply: Reply, said: str
) -> None:
    model.replies += [reply] * TRIES
    with pytest.raises(NotesError, match=said) as caught:
        ask(model)
    assert f"127.0.0.1:{model.port}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_a_server_says_of_a_refusal_is_shortened_and_commands_no_terminal(model: ModelServer) -> None:
    model.replies += [Reply("\x1b[2J\n" + "y" * 1000, 500)]
    with pytest.raises(NotesError) as caught:
        ask(model)
    assert "\x1b" not in str(caught.value)
    assert str(caught.value).count("y") < 250


def test_an_endpoint_that_is_down_says_so_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        down = ModelServer(nobody.getsockname()[1])
        with pytest.raises(NotesError, match=r"cannot be reached \(ConnectError\)"):
            ask(down)


def test_one_that_does_not_answer_is_given_up(model: ModelServer) -> None:
    model.replies.append(Reply("late", delay=3.0))
    began = time.monotonic()
    with pytest.raises(NotesError, match=r"did not answer within 0\.2 s"):
        ask(model, timeout=0.2)
    assert time.monotonic() - began < 2.0


def test_one_that_drips_is_given_up_although_something_always_comes(model: ModelServer) -> None:
    model.replies.append(Reply("x" * 1000, drip=0.05))
    began = time.monotonic()
    with pytest.raises(NotesError, match="did not answer within"):
        ask(model, timeout=0.3)
    assert time.monotonic() - began < 2.0


def test_neither_the_question_nor_the_answer_nor_the_key_is_logged(
    model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model.replies += [Reply("numbat unsupported", 400), Reply("numbat")]
    ask(model, key="quokka-key")
    assert caplog.records
    assert not [word for word in ("wombat", "numbat", "quokka-key") if word in caplog.text]
