"""How the program logs: where an error came from and of which kind it is, never what it quotes."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from meeting.server.logs import JsonFormatter, RedactingFormatter, set_up_logs
from meeting.sources.log_context import logged_meeting
from tests.conftest import ROOT
from tests.fakes.server_fakes import NO_AUDIO, config, serving


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


def lines(said: str) -> list[dict[str, str]]:
    """What was logged, each line read by itself."""
    return [json.loads(line) for line in said.splitlines()]


def test_json_lines_say_when_how_bad_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", as_json=True)
    logging.getLogger("meeting.x").info("%d things\nhappened", 3)
    (line,) = lines(capsys.readouterr().err)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {"level": "info", "logger": "meeting.x", "message": "3 things\nhappened"}


def test_a_json_line_names_its_meeting_whoever_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", as_json=True)

    def work() -> None:
        logged_meeting.set("a" * 16)
        logging.getLogger("somebody").warning("look")
        logging.getLogger("meeting").info("meeting %s: opened", "b" * 16)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    logging.getLogger("meeting").info("nothing of a meeting here")
    assert [line.get("meeting") for line in lines(capsys.readouterr().err)] == ["a" * 16, "b" * 16, None]


def test_an_error_in_a_json_line_has_no_message_either(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", as_json=True)
    said = "the secret word"
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("meeting").exception("failed")
    written = capsys.readouterr().err
    (line,) = lines(written)
    assert line["error"].endswith("ValueError")
    assert said not in written


def test_repeated_json_lines_are_counted_and_stay_json(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", as_json=True)
    for _ in range(30):
        logging.getLogger("meeting").info("again")
    assert len(lines(capsys.readouterr().err)) == 10


@pytest.mark.slow
def test_serve_logs_json_where_it_is_asked_to(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "meeting", "serve", "--port", "0", "--log-json", "--models", "whisper"]
    environment = {**os.environ, "MEETING_MODELS_WHISPER": "/none", "MEETING_DATA_DIR": str(tmp_path)}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    *logged, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert {"time", "level", "logger", "message"} <= set(json.loads(logged[0]))


def test_what_the_thread_of_a_source_logs_names_its_meeting(tmp_path: Path) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    with serving(config(tmp_path)) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host:
            host.start()
            host.frame(0, NO_AUDIO)
            host.close_code()
    (line,) = [line for line in lines(written.getvalue()) if "this is not audio" in line["message"]]
    assert line["logger"].startswith("meeting.sources.")
    assert line["meeting"] == meeting_id
