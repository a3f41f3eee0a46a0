"""The codes that clients are told, and the errors that carry them."""

from __future__ import annotations

import json
import pickle

import pytest

from meeting.core.errors import (
    AccessDenied,
    CloseCode,
    Conflict,
    ErrorCode,
    Forbidden,
    ProtocolError,
    TooManyGuesses,
    Unauthorized,
)
from pipelines.errors import MeetingError

KINDS = [ProtocolError, AccessDenied, Unauthorized, Forbidden, TooManyGuesses, Conflict]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_code_is_the_text_that_is_sent(code: ErrorCode) -> None:
    assert code == code.name.lower()
    assert (str(code), f"{code}", f"{code:s}", json.dumps([code])) == (
        code.value,
        code.value,
        code.value,
        f'["{code}"]',
    )
    assert {code} == {code.value}


def test_a_close_code_is_a_number() -> None:
    assert (CloseCode.NORMAL, CloseCode.TOO_MANY) == (1000, 4429)
    assert f"{int(CloseCode.TRY_AGAIN_LATER)} {CloseCode.TRY_AGAIN_LATER:d}" == "1013 1013"


def test_a_protocol_error_carries_what_the_client_is_told() -> None:
    error = ProtocolError("audio before start")
    assert (error.code, error.close) == ("bad_message", 4400)
    error = ProtocolError("too large", ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE)
    assert (error.code, error.close) == ("too_large", 4413)


@pytest.mark.parametrize(
    ("kind", "code"), [(Unauthorized, "unauthorized"), (Forbidden, "forbidden"), (TooManyGuesses, "too_many")]
)
def test_a_denial_has_a_code(kind: type[AccessDenied], code: str) -> None:
    assert kind("no").code == code


@every_kind
def test_an_error_reads_as_the_sentence_it_was_given(kind: type[MeetingError]) -> None:
    assert str(kind("what was wrong")) == "what was wrong"


@every_kind
def test_errors_survive_the_way_between_processes(kind: type[MeetingError]) -> None:
    assert str(pickle.loads(pickle.dumps(kind("a sentence")))) == "a sentence"
