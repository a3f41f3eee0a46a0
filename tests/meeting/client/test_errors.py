"""How a client is told what a server says no with."""

from __future__ import annotations

import errno
import ssl

import pytest

from meeting.client.errors import (
    AudioRefused,
    ClientError,
    NoSuchMeeting,
    RequestRefused,
    ServerUnreachable,
    TokenRefused,
    error_for_answer,
    error_for_close,
    error_for_status,
    explained,
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", TokenRefused),
        (403, "forbidden", TokenRefused),
        (403, "wrong_origin", RequestRefused),
        (404, "not_found", NoSuchMeeting),
        (409, "not_live", RequestRefused),
        (422, "invalid", RequestRefused),
        (503, "loading", RequestRefused),
    ],
)
def test_an_answer_has_its_error_with_the_servers_own_sentence(status: int, code: str, kind: type) -> None:
    error = error_for_status(status, code, "because")
    assert (type(error), str(error), error.code) == (kind, "because", code)


def test_an_answer_is_read_as_it_came() -> None:
    error = error_for_answer(403, b'{"error": {"code": "forbidden", "message": "because"}}')
    assert (type(error), str(error), error.code) == (TokenRefused, "because", "forbidden")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', b"\xff"])
def test_an_answer_that_is_none_of_ours_comes_from_another_server(body: bytes) -> None:
    with pytest.raises(ServerUnreachable, match="no meeting server answers there: HTTP status 502"):
        raise error_for_answer(502, body)


@pytest.mark.parametrize(
    ("close", "code", "kind"),
    [
        (4401, "unauthorized", TokenRefused),
        (4401, "too_many", RequestRefused),
        (4404, "not_found", NoSuchMeeting),
        (4409, "busy", RequestRefused),
        (4400, "bad_audio", AudioRefused),
        (4400, "bad_message", ClientError),
        (4413, "too_large", AudioRefused),
        (4429, "too_many", RequestRefused),
        (1011, "storage", ClientError),
    ],
)
def test_a_closed_connection_has_its_error(close: int, code: str, kind: type) -> None:
    error = error_for_close(close, code, "because")
    assert (type(error), str(error), error.code) == (kind, "because", code)


def test_where_the_server_says_nothing_there_is_a_sentence_all_the_same() -> None:
    assert "4404" in str(error_for_close(4404, "", ""))
    assert "418" in str(error_for_status(418, "", ""))


def test_what_the_system_says_is_told_in_its_words() -> None:
    assert explained(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")) == (
        "Connection refused"
    )
    assert explained(OSError("odd")) == "odd"
    assert "TLS" in explained(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"))
    assert explained(TimeoutError()) == "TimeoutError"
