"""Repeated log messages: a few come through, the rest as a count, and nothing of another kind is lost."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Iterator

import pytest

from meeting.server import log_throttle
from meeting.server.log_throttle import (
    MAX_PLACES,
    MAX_REPEATS,
    MAX_WORDINGS,
    WINDOW_SECONDS,
    RepeatFilter,
    limit_repeats,
)


class Listening(logging.Handler):
    """A handler that keeps what reaches it, and its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.now = 1000.0
        self.filter_ = limit_repeats(self, lambda: self.now)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@pytest.fixture
def heard() -> Iterator[Listening]:
    handler, root = Listening(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)


log = logging.getLogger("tests.repeats")
log.setLevel(logging.DEBUG)


def fail(error: type[Exception], text: str = "no") -> None:
    try:
        raise error(text)
    except error:
        log.exception("it failed")


@pytest.mark.slow
def test_ten_thousand_connections_are_a_few_lines_and_a_count(heard: Listening) -> None:
    for number in range(10_000):
        log.info("connection %d: opened", number)
    assert heard.lines == [f"INFO connection {number}: opened" for number in range(MAX_REPEATS)]
    heard.now += WINDOW_SECONDS
    log.info("another")
    assert heard.lines[MAX_REPEATS:] == [
        f"INFO {10_000 - MAX_REPEATS} more like this were left out: connection 0: opened",
        "INFO another",
    ]


def test_after_its_window_a_message_comes_through_again(heard: Listening) -> None:
    for _ in range(3):
        for _ in range(MAX_REPEATS + 1):
            log.warning("again")
        heard.now += WINDOW_SECONDS
    assert heard.lines.count("WARNING again") == 3 * MAX_REPEATS
    assert heard.lines.count("WARNING 1 more like this were left out: again") == 2


def test_what_was_left_out_is_told_even_if_nothing_more_is_logged(heard: Listening) -> None:
    for _ in range(MAX_REPEATS + 5):
        log.warning("again")
    log_throttle.flush_repeats()
    assert len(heard.lines) == MAX_REPEATS
    heard.now += WINDOW_SECONDS
    log_throttle.flush_repeats()
    assert heard.lines[MAX_REPEATS:] == ["WARNING 5 more like this were left out: again"]
    for _ in range(MAX_REPEATS + 1):
        log.warning("again")
    heard.filter_.flush(everything=True)
    heard.filter_.flush(everything=True)
    assert heard.lines[-1] == "WARNING 1 more like this were left out: again"


def test_tracebacks_are_limited_by_the_error_and_its_place(heard: Listening) -> None:
    for _ in range(1000):
        fail(ValueError)
    fail(KeyError)
    assert len(heard.lines) == MAX_REPEATS + 1


def test_errors_of_different_kinds_never_hide_each_other(heard: Listening) -> None:
    kinds = [type(f"Error{number}", (Exception,), {}) for number in range(5 * MAX_WORDINGS)]
    for kind in kinds:
        for _ in range(2 * MAX_REPEATS):
            fail(kind)
    assert len(heard.lines) == MAX_REPEATS * len(kinds)


@pytest.mark.slow
def test_reasons_of_one_place_are_told_apart_as_far_as_they_are_few(heard: Listening) -> None:
    for _ in range(100):
        log.error("meeting %s: %s", "a1b2c3", "the disk is full")
    log.error("meeting %s: %s", "a1b2c3", "the database is locked")
    assert heard.lines[-1].endswith("the database is locked")
    for number in range(10_000):
        log.error("%s", "".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(heard.lines) < 2 * MAX_REPEATS * (MAX_WORDINGS + 1)


def test_levels_and_loggers_are_told_apart(heard: Listening) -> None:
    for level in (logging.INFO, logging.ERROR):
        for logger in (log, logging.getLogger("tests.repeats.other")):
            for _ in range(2 * MAX_REPEATS):
                logger.log(level, "same")
    assert len(heard.lines) == 4 * MAX_REPEATS


def test_asyncio_s_own_messages_are_limited_although_each_names_another_socket(heard: Listening) -> None:
    def out_of_files() -> OSError:
        try:
            raise OSError(24, "Too many open files")
        except OSError as error:
            return error

    loop = asyncio.new_event_loop()
    for number in range(1000):
        loop.call_exception_handler(
            {"message": "socket.accept() out of system resource", "exception": out_of_files(), "socket": number}
        )
        loop.call_exception_handler({"message": "Task exception was never retrieved", "future": object()})
    loop.close()
    assert len(heard.lines) == 2 * MAX_REPEATS


def test_memory_is_bounded_however_many_kinds_there_are(heard: Listening) -> None:
    for number in range(10 * MAX_PLACES):
        record = logging.LogRecord("tests", logging.ERROR, f"file{number}.py", 1, "text", (), None)
        assert heard.filter_.filter(record)
    assert len(heard.filter_) == MAX_PLACES


def test_a_message_whose_arguments_do_not_fit_is_still_a_message() -> None:
    made = RepeatFilter(lambda record: None, lambda: 0.0)
    record = logging.LogRecord("tests", logging.ERROR, "file.py", 1, "%d of %d", ("x",), None)
    assert [made.filter(record) for _ in range(MAX_REPEATS + 1)] == [True] * MAX_REPEATS + [False]


def test_it_may_be_called_from_any_thread() -> None:
    told: list[logging.LogRecord] = []
    made = RepeatFilter(told.append, lambda: 0.0)
    passed: list[bool] = []

    def work() -> None:
        for _ in range(1000):
            record = logging.LogRecord("tests", logging.INFO, "file.py", 1, "same", (), None)
            passed.append(made.filter(record))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.flush(everything=True)
    assert sum(passed) == MAX_REPEATS
    assert [record.getMessage() for record in told] == [f"{4000 - MAX_REPEATS} more like this were left out: same"]


def test_the_command_line_limits_what_it_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from meeting.server.logs import set_up_logs

    before = (logging.getLogger().handlers[:], logging.getLogger().level)
    try:
        set_up_logs("info")
        (handler,) = logging.getLogger().handlers
        assert any(isinstance(one, log_throttle.RepeatFilter) for one in handler.filters)
    finally:
        logging.getLogger().handlers[:], _ = before
        logging.getLogger().setLevel(before[1])


def test_what_was_left_out_is_not_told_to_a_stream_that_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    made = limit_repeats(handler)
    for _ in range(MAX_REPEATS + 1):
        made.filter(logging.LogRecord("tests", logging.INFO, "file.py", 1, "same", (), None))
    stream.close()
    made.flush(everything=True)
    assert "Logging error" not in capsys.readouterr().err
