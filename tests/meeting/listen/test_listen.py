"""The command `listen` against the real server with fake models, in this process and as a program."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meeting.cli import EXIT_ERROR, main
from meeting.client import AudioInfo, AudioRefused, ServerUnreachable, TokenRefused
from meeting.listen.listen import ListenOptions, PlainView, listen, open_view
from pipelines.errors import SettingsError
from tests.conftest import ROOT
from tests.fakes.access_fakes import TOKEN, locked
from tests.fakes.server_fakes import Serving, config, serving, tone
from tests.meeting.listen.test_microphone import Library
from tests.meeting.recordings.test_replay import recording

LINES = "00:00 Speaker 1: one\n00:01 Speaker 1: one\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all tests here."""
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


def meetings(served: Serving) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.http.get("/api/meetings").json()["meetings"]
    return found


def program(served: Serving, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    server = f"http://127.0.0.1:{served.port}"
    asked = [sys.executable, "-m", "meeting", "listen", *arguments, "--server", server]
    return subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.PIPE, **options)


def test_a_file_is_printed_as_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, served: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    listen(ListenOptions(str(recording(tmp_path, 2.0)), f"127.0.0.1:{served.port}"))
    out, err = capsys.readouterr()
    assert out == LINES
    (newest, *_) = meetings(served)
    assert err == f"meeting {newest['id']}: http://127.0.0.1:{served.port}/m/{newest['id']}\n"
    assert (newest["title"], newest["state"], newest["duration"]) == ("talk", "ended", 2.0)


def test_the_standard_input_may_be_raw_samples_and_the_meeting_has_its_title(
    served: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    listen(ListenOptions("-", f"127.0.0.1:{served.port}", title="Monday"), io.BytesIO(tone(2.0)))
    assert capsys.readouterr().out == LINES
    assert meetings(served)[0]["title"] == "Monday"


def test_a_link_to_speak_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = str(recording(tmp_path, 2.0))
    with locked(tmp_path / "data") as running:
        given, server = running.create(), f"http://127.0.0.1:{running.serving.port}"
        listen(ListenOptions(talk, server + given.path("speak")))
        out, err = capsys.readouterr()
        assert out == LINES
        assert given.speak not in err
        with pytest.raises(TokenRefused):
            listen(ListenOptions(talk, server))
        with pytest.raises(SettingsError, match="for a new meeting"):
            listen(ListenOptions(talk, server + given.path("speak"), title="x"))
        listen(ListenOptions(talk, server, TOKEN))


def test_what_goes_wrong_is_raised(tmp_path: Path, served: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServerUnreachable):
        listen(ListenOptions(str(recording(tmp_path)), "127.0.0.1:1"))
    slow = AudioInfo("pcm_s16le", 1, 1)
    with pytest.raises(AudioRefused, match="sample_rate must be"):
        listen(ListenOptions("-", f"127.0.0.1:{served.port}", raw=slow), io.BytesIO(bytes(100)))
    assert "meeting" in capsys.readouterr().err


def test_a_terminal_gets_a_picture_and_a_pipe_lines() -> None:
    assert isinstance(open_view(io.StringIO(), io.StringIO(), "x"), PlainView)
    parent, child = pty.openpty()
    with open(child, "w") as terminal:
        assert type(open_view(terminal, io.StringIO(), "x")).__name__ == "Screen"
    os.close(parent)


@pytest.mark.parametrize(("step", "made"), [("__init__", 0), ("start", 1)])
def test_a_microphone_that_is_missing_or_busy_is_one_sentence_and_mostly_no_meeting(
    step: str, made: int, served: Serving, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Library(0, problem=step))
    before = len(meetings(served))
    assert main(["listen", "mic", "--server", f"http://127.0.0.1:{served.port}"]) == EXIT_ERROR
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("error: there is no microphone that can be used: Invalid number")
    assert len(meetings(served)) == before + made


@pytest.mark.slow
def test_ctrl_c_ends_the_audio_and_the_rest_is_still_heard(served: Serving) -> None:
    before = len(meetings(served))
    with program(served, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(tone(2.5))
        process.stdin.flush()
        assert process.stdout.readline() == b"00:00 Speaker 1: one\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(20) == 0
        assert rest == b"00:01 Speaker 1: one\n00:02 Speaker 1: one\n"
        assert b"stopping" in process.stderr.read()
    found = meetings(served)
    assert len(found) == before + 1
    assert (found[0]["state"], found[0]["duration"]) == ("ended", 2.5)


@pytest.mark.slow
def test_on_a_terminal_speakers_have_colours(tmp_path: Path, served: Serving) -> None:
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with program(served, str(recording(tmp_path, 2.0)), "--speed", "4", stdout=child, env=environment) as process:
        os.close(child)
        shown, end = b"", time.monotonic() + 30
        while time.monotonic() < end:
            try:
                shown += os.read(parent, 65_536)
            except OSError:  # the program has ended
                break
        assert process.wait(20) == 0
    os.close(parent)
    text = shown.decode()
    assert "\x1b[1;36mSpeaker 1: " in text
    assert len(re.findall(r"0[0-9]:0[0-9] ", text.rpartition("Ctrl-C stops")[2])) == 2
