"""How the program logs: where an error came from and of which kind it is, never what it quotes."""

from __future__ import annotations

import logging
import sys

import pytest

from meeting.server.logs import RedactingFormatter, set_up_logs


def record_of(error: BaseException, message: str = "failed") -> logging.LogRecord:
    """A record of an error that was raised."""
    try:
        raise error
    except type(error):
        return logging.LogRecord("meeting", logging.ERROR, "", 0, message, (), sys.exc_info())


def test_an_error_is_told_by_its_kind_and_place_without_its_message() -> None:
    written = RedactingFormatter("%(message)s").format(record_of(ValueError("the secret word")))
    assert "secret" not in written
    assert written.splitlines()[0] == "failed"
    assert "in record_of" in written
    assert written.endswith("ValueError")


def test_what_led_to_an_error_is_told_before_it() -> None:
    said = "a secret"
    try:
        try:
            raise KeyError(said)
        except KeyError as cause:
            raise RuntimeError(said) from cause
    except RuntimeError as error:
        written = RedactingFormatter().format(record_of(error))
    assert written.index("\nKeyError\n") < written.index("which led to") < written.index("\nRuntimeError")
    assert said not in written


def test_another_handler_s_text_of_the_same_error_is_not_used() -> None:
    record = record_of(ValueError("the secret word"))
    logging.Formatter().format(record)
    assert "secret" in (record.exc_text or "")
    assert "secret" not in RedactingFormatter().format(record)


def test_bad_text_of_a_client_has_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info")
    try:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    except UnicodeDecodeError:
        logging.getLogger("uvicorn.error").exception("Invalid UTF-8 sequence received from client.")
    said = capsys.readouterr().err
    assert "Invalid UTF-8 sequence" in said
    assert "Traceback" not in said
