"""The codes that clients are told, the errors that carry them, and what docs/architecture.md says of each error."""

from __future__ import annotations

import json
import pickle
from importlib import import_module

import pytest

from meeting.core.errors import (
    ANSWERS,
    AccessDenied,
    CloseCode,
    Conflict,
    ErrorCode,
    Forbidden,
    ProtocolError,
    TooManyGuesses,
    Unauthorized,
    answer_to,
    error_body,
)
from pipelines.errors import DatabaseTooNew, MeetingError, NotFound, StoreError
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2]
ROWS = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[:3] == "| `"]
TABLE = {row[0]: row for row in ROWS if len(row) == 5}
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


@pytest.mark.parametrize("name", TABLE)
def test_each_error_is_answered_as_the_table_says(name: str) -> None:
    module = import_module(TABLE[name][2].removesuffix(".py").replace("/", "."))
    kind: type[MeetingError] = getattr(module, name)
    answer = answer_to(kind("block", "no") if name == "BlockError" else kind("no"))
    status, _, code = TABLE[name][3].replace("`", "").partition(" ")
    own = kind in (ProtocolError, Conflict)
    assert answer.status == int(status)
    assert code == ("its own" if own else answer.code)
    assert TABLE[name][4] == ("its own" if kind is ProtocolError else str(int(answer.close)))


def test_errors_of_the_tree_keep_their_sentence() -> None:
    answer = answer_to(DatabaseTooNew("later"))
    assert (answer.status, answer.code) == (503, "storage")


def test_some_errors_say_themselves_what_clients_are_told() -> None:
    assert answer_to(Conflict("no", ErrorCode.OUTDATED)).code == ErrorCode.OUTDATED
    broken = answer_to(ProtocolError("no", ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE))
    assert (broken.code, broken.close) == (ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE)


def test_the_most_special_kind_counts() -> None:
    assert issubclass(NotFound, StoreError)
    assert answer_to(NotFound("no")).status == 404
    assert answer_to(TooManyGuesses("no", 3.0)).status == 429
    assert MeetingError in ANSWERS


def test_the_body_of_an_error_is_an_object_with_a_code_and_a_sentence() -> None:
    body = json.dumps(error_body(ErrorCode.INVALID, "title: too long"))
    assert json.loads(body) == {"error": {"code": "invalid", "message": "title: too long"}}
