"""What each error is to clients, as the table in docs/architecture.md says."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from meeting.core.errors import CloseCode, Conflict, ErrorCode, ProtocolError, TooManyGuesses
from meeting.server.error_responses import ANSWERS, HTTP_CODES, answer_to, error_response
from pipelines.errors import DatabaseTooNew, MeetingError, NotFound, StoreError
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2]
ROWS = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[:3] == "| `"]
TABLE = {row[0]: row for row in ROWS if len(row) == 5}


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


def test_an_error_response_is_an_object_with_a_code_and_a_sentence() -> None:
    answer = error_response(422, ErrorCode.INVALID, "title: too long")
    assert answer.status_code == 422
    assert json.loads(bytes(answer.body)) == {"error": {"code": "invalid", "message": "title: too long"}}


def test_what_the_framework_refuses_has_a_code() -> None:
    assert HTTP_CODES[404] == "not_found"
