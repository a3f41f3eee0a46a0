"""The commands: what they print, their exit codes, and that no traceback leaves them."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meeting.cli import EXIT_ERROR, FORMATS, main
from meeting.core.export import FORMATS as EXPORTS
from meeting.core.records import Meeting, State
from meeting.server.logs import set_up_logs
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from meeting.voices.matching import VoiceProfile
from pipelines.errors import ModelMissing
from pipelines.types import Segment, Span, Speaker, Word
from tests.databases.postgres_server import PostgresServer
from tests.fakes.access_fakes import TOKEN, locked
from tests.fakes.models.packages import install
from tests.fakes.server_fakes import FakeBackend
from tests.fakes.stored import keep_two_sources, kept
from tests.meeting.notes.model_server import model_server
from tests.meeting.recordings.test_replay import recording

ROOT = Path(__file__).resolve().parents[2]
ID = "abc" + "0" * 13


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one meeting."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("MEETING_DATA_DIR", str(folder))
    span = Span(0, 16_000)
    with Store(folder) as store:
        meeting = Meeting(ID, "Monday", State.ENDED, datetime.now(timezone.utc), samples=3_725 * 16_000)
        store.create_meeting(meeting).result()
        TranscriptStore(store).save_speakers(ID, [Speaker("spk1", "Ann")]).result()
        TranscriptStore(store).save_segments(
            ID, [Segment("s1", 1, True, "a", span, "spk1", (Word("Grüße", span),))]
        ).result()
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def one_sentence(err: str) -> bool:
    return err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err


def test_list_shows_each_meeting_on_a_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert out.startswith(ID)
    assert "1:02:05  Monday  (Ann)" in out


def test_an_empty_list_says_so_beside_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list", "--data-dir", str(tmp_path / "new")) == (0, "", "no meetings yet\n")


def test_the_list_is_narrowed_by_title(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ID in run(capsys, "list", "--title", " MON ")[1]
    assert run(capsys, "list", "--title", "Tuesday") == (0, "", "no meeting is called so\n")


@pytest.mark.parametrize(
    "words", [["grüße"], ["GRU*"], ["grüße)"], ['"grüße"', "--speaker", "ann"], ["grüße", "--meeting", "last"]]
)
def test_search_shows_each_line_that_was_found(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, err = run(capsys, "search", *words)
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{ID}  \d{{4}}-\d\d-\d\d \d\d:\d\d  Monday  0:00:00  Ann: Grüße\n", out)


@pytest.mark.parametrize(
    "words", [["nobody"], ["grüße", "--speaker", "Ben"], ["grüße", "--until", "2020-01-01"], ["OR"]]
)
def test_search_says_that_nothing_was_found(data: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run(capsys, "search", *words) == (0, "", "nothing was found\n")


def test_search_says_that_there_is_more(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span = Span(16_000, 32_000)
    with Store(data) as store:
        again = Segment("s2", 1, True, "a", span, None, (Word("Grüße", span),))
        TranscriptStore(store).save_segments(ID, [again]).result()
    code, out, err = run(capsys, "search", "grüße", "--limit", "1")
    assert (code, out.split("Monday  ")[1], err) == (
        0,
        "0:00:01  Speaker ?: Grüße\n",
        "there are more: use --limit\n",
    )


@pytest.mark.parametrize("words", [["*"], ["x" * 501], ["a", "--since", "today"], ["a", "--meeting", "zzz"]])
def test_a_search_that_makes_no_sense_is_one_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, err = run(capsys, "search", *words)
    assert (code, out) == (EXIT_ERROR, "")
    assert one_sentence(err)


@pytest.mark.parametrize("name", ["last", "abc", ID])
def test_show_prints_the_transcript(data: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = run(capsys, "show", name)
    assert code == 0
    assert "Ann: Grüße" in out


def test_statistics_are_a_table_or_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "statistics", "last")
    assert code == 0
    assert re.search(r"^Ann +0:00:01 +100% +1 +1 +60$", out, re.MULTILINE)
    code, out, _ = run(capsys, "statistics", ID, "--json")
    assert json.loads(out)["speakers"][0]["name"] == "Ann"


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-5"])
@pytest.mark.parametrize(
    "arguments", [["list", "--title", "Größe"], ["show", "last"], ["search", "Grüße"], ["statistics", "last", "--json"]]
)
def test_output_that_is_not_utf_8_shows_what_it_cannot_hold_as_numbers(
    data: Path, arguments: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(data) as store:
        store.rename_meeting(ID, "Größe 👋").result()
        TranscriptStore(store).save_speakers(ID, [Speaker("spk1", "Jürgen")]).result()
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert main(arguments) == 0
    shown = written.getvalue().decode(encoding)
    assert "J\\u00fcrgen" in shown
    if "--json" in arguments:
        assert json.loads(shown)["speakers"][0]["name"] == "Jürgen"
    assert ("Gr\\u00f6\\u00dfe \\ud83d\\udc4b" in shown) == ("--json" not in arguments)


def test_neither_locale_nor_variable_makes_the_program_refuse_to_print(data: Path) -> None:
    for settings in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        done = program("show", "last", env={**os.environ, "MEETING_DATA_DIR": str(data), **settings})
        assert (done.returncode, done.stderr) == (0, "")
        assert "Ann: Gr" in done.stdout


def test_an_unknown_meeting_is_one_sentence(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "zzz")
    assert (code, out) == (EXIT_ERROR, "")
    assert one_sentence(err)


def test_the_formats_of_export_are_those_there_are() -> None:
    assert set(FORMATS) == set(EXPORTS)


def test_notes_are_printed_and_where_text_goes_is_said_beside_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server() as model:
        monkeypatch.setenv("MEETING_NOTES_URL", f"http://127.0.0.1:{model.port}/v1")
        monkeypatch.setenv("MEETING_NOTES_MODEL", "tiny")
        code, out, err = run(capsys, "notes", "last")
    assert code == 0
    assert "- It was said: Grüße (00:00:00)" in out
    assert err.startswith(f"the transcript is sent to tiny at 127.0.0.1:{model.port}, this machine\n")
    assert "It was said: Grüße" in run(capsys, "export", "last", "--format", "md")[1]


@pytest.mark.parametrize("name", FORMATS)
def test_export_writes_each_format(
    data: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    assert main(["export", "last", "--format", name]) == 0
    printed = capsysbinary.readouterr().out
    assert main(["export", "last", "--format", name, "--out", str(tmp_path / "file")]) == 0
    assert (tmp_path / "file").read_bytes() == printed
    assert printed or name == "rttm"  # which tells of turns, and nobody kept any


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A meeting of two sources, the only one that is kept."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("MEETING_DATA_DIR", str(folder))
    with Store(folder) as store:
        return keep_two_sources(store, "two" + "0" * 13).id


def test_a_meeting_of_several_sources_is_listed_shown_and_added_up_as_any_other(
    two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "0:00:08  Two microphones  (Ann, Ben)" in run(capsys, "list")[1]
    code, shown, err = run(capsys, "show", two)
    assert (code, err) == (0, "")
    assert shown.endswith("[00:00:00] Ann: One two three four.\n[00:00:03] Ben: Five six seven eight.\n")
    told = json.loads(run(capsys, "statistics", two, "--json")[1])
    assert (told["overlap"], told["silence"], told["talk_time"]) == (0.0, 2.0, 4.0)


@pytest.mark.parametrize("name", EXPORTS)
def test_a_meeting_of_several_sources_is_exported_in_each_format(
    two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "file"
    assert run(capsys, "export", two, "--format", name, "--out", str(path))[0] == 0
    assert path.stat().st_size
    if name == "rttm":
        assert [line.split()[3:5] + line.split()[7:8] for line in path.read_text().splitlines()] == [
            ["0.000", "3.000", "spk1"],
            ["3.000", "3.000", "spk2"],
        ]
    if name == "json":
        sources = json.loads(path.read_text())["meeting"]["sources"]
        assert [(one["id"], one["number"]) for one in sources] == [("a", 1), ("b", 2)]
    if name == "seglst":
        told = [(one["speaker"], one["start_time"], one["end_time"]) for one in json.loads(path.read_text())]
        assert told == [("spk1", 0.0, 2.0), ("spk2", 3.0, 5.0)]


def test_what_is_no_text_is_not_printed_to_a_terminal(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = run(capsys, "export", "last", "--format", "docx")
    assert (code, out) == (EXIT_ERROR, "")
    assert "docx is no text: it can only be written to a file" in err
    assert run(capsys, "export", "last", "--format", "csv")[0] == 0


def test_an_export_that_cannot_be_written_is_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "export", "last", "--format", "srt", "--out", str(tmp_path / "no" / "file"))
    assert code == EXIT_ERROR
    assert one_sentence(err)


@pytest.mark.usefixtures("new_databases_are_migrated")
def test_migrate_makes_the_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "migrate", "--data-dir", str(tmp_path / "new"))[0] == 0
    assert list((tmp_path / "new").glob("*.sqlite3"))


def test_migrate_brings_over_what_a_single_server_has_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store:
        kept(store, title="Plans")
    monkeypatch.setenv("MEETING_STORAGE_DATABASE", postgres.new_database(empty=True))
    code, out, _ = run(capsys, "migrate", "--from", str(tmp_path), "--data-dir", str(tmp_path / "shared"))
    assert (code, out.partition(" with")[0]) == (0, "1 meeting(s)")
    assert "Plans" in run(capsys, "list", "--data-dir", str(tmp_path / "shared"))[1]
    code, _, err = run(capsys, "migrate", "--from", str(tmp_path / "none"))
    assert code == EXIT_ERROR
    assert one_sentence(err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--port", "99999"],
        ["list", "--config", "none.yaml"],
        ["replay", "none.wav"],
        ["replay", "none.wav", "--speed", "fast"],
        ["replay", "none.wav", "--speed", "0"],
        ["replay", "none.wav", "--models", "huge"],
        ["replay", "none.wav", "--speakers", "many"],
        ["replay", "none.wav", "--speakers", "0"],
        ["list", "--log-level", "loud"],
        ["notes", "last"],
    ],
)
def test_wrong_arguments_are_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (EXIT_ERROR, "")
    assert one_sentence(err)


def test_an_unknown_variable_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEETING_SERVER_PROT", "1")
    code, _, err = run(capsys, "list")
    assert code == EXIT_ERROR
    assert one_sentence(err)


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code, _, err = run(capsys, "serve", "--port", str(other.getsockname()[1]))
    assert code == EXIT_ERROR
    assert "in use" in err
    assert one_sentence(err)


def test_a_data_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    code, _, err = run(capsys, "serve", "--port", "0", "--data-dir", str(tmp_path / "file"))
    assert code == EXIT_ERROR
    assert one_sentence(err)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """Fake models for `replay` and `serve`."""
    backend = FakeBackend()
    monkeypatch.setattr("meeting.recordings.replay.LocalBackend", lambda config: backend)
    monkeypatch.setattr("meeting.server.app.LocalBackend", lambda config: backend)
    return backend


def test_replay_prints_one_json_object_last(
    tmp_path: Path, fakes: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "replay", str(recording(tmp_path)), "--speed", "max", "--out", str(tmp_path / "out"))
    summary: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert (code, summary["segments"]) == (0, 3)
    assert "talk.wav" in err  # the progress bar


@pytest.mark.parametrize("given", ["4", "2-5"])
def test_replay_tells_the_pipeline_how_many_people_speak(
    given: str, tmp_path: Path, fakes: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "replay", str(recording(tmp_path)), "--speakers", given)[0] == 0
    assert [str(pipeline.speakers) for pipeline in fakes.pipelines] == [given]


def test_models_that_cannot_be_loaded_end_the_server_in_one_sentence(
    fakes: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes.error = ModelMissing("run models pull")
    code, _, err = run(capsys, "serve", "--port", "0", "--log-level", "error")
    assert code == EXIT_ERROR
    assert err.splitlines()[-1] == "error: run models pull"
    assert "Traceback" not in err


def test_what_nobody_foresaw_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("secret")

    monkeypatch.setattr("meeting.cli._list", broken)
    code, _, err = run(capsys, "list")
    assert code == 1
    assert one_sentence(err)
    assert "secret" not in err


def test_interrupting_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("meeting.cli._list", interrupted)
    assert run(capsys, "list") == (130, "", "interrupted\n")


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meeting", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, **options
    )


def test_help_names_every_command() -> None:
    done = program("--help")
    assert done.returncode == 0
    for name in (
        "serve",
        "replay",
        "listen",
        "list",
        "show",
        "export",
        "evaluate",
        "tune",
        "models",
        "doctor",
        "migrate",
    ):
        assert name in done.stdout


def test_help_loads_next_to_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "meeting", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "fastapi", "sqlalchemy", "numpy", "yaml", "tqdm"}


@pytest.mark.parametrize("kind", ["ge2e", "wespeaker"])
def test_thresholds_that_fit_nothing_yet_are_offered_to_be_fitted_when_models_are_fetched(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = SimpleNamespace(embedding=SimpleNamespace(kind=kind, name=f"hub/{kind}"))
    monkeypatch.setattr("pipelines.models.pinned_files.pull_embedded", lambda folder: [Path("ge2e.pt")])
    monkeypatch.setattr("pipelines.models.probe.probe_and_select", lambda options: chosen)
    code, out, err = run(capsys, "models", "pull")
    assert (code, out) == (0, "ge2e.pt\n")
    assert ("hub/wespeaker are not fitted" in err) == (kind == "wespeaker")
    assert ("meeting tune" in err) == (kind == "wespeaker")


def test_the_models_that_may_be_named_are_listed_with_their_package(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "acme-asr", {"meeting.recognizers": {"acme": "acme:load"}})
    monkeypatch.setenv("MEETING_MODELS_RECOGNIZER", "acme:large")
    monkeypatch.setenv("MEETING_MODELS_SET", "embedded")
    code, out, _ = run(capsys, "models", "list")
    assert code == 0
    assert re.search(r"^installed speech +acme +acme-asr 1\.0$", out, re.M)
    assert re.search(r"^installed embedding +ge2e +meeting-transcriber", out, re.M)
    assert "The recogniser acme with large serves, because models.recognizer names it" in out.splitlines()[-1]


def test_a_reader_that_has_seen_enough_is_no_error(data: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m meeting list | true",
        shell=True,
        cwd=ROOT,
        env={**os.environ, "MEETING_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31mMonday\u202e"


def commands(text: str) -> list[str]:
    """What a terminal would obey."""
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.fixture
def hostile(data: Path) -> Path:
    """The data folder, with a title, a name and words that hold commands for terminals."""
    span = Span(0, 16_000)
    with Store(data) as store:
        store.rename_meeting(ID, EVIL).result()
        TranscriptStore(store).save_speakers(ID, [Speaker("spk1", EVIL)]).result()
        TranscriptStore(store).save_segments(
            ID, [Segment("s1", 2, True, "a", span, "spk1", (Word(EVIL, span),))]
        ).result()
    return data


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "last"],
        ["statistics", "last"],
        *(["export", "last", "--format", name] for name in FORMATS if name != "docx"),
    ],
)
def test_a_title_or_a_name_gives_a_terminal_no_commands(
    hostile: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 0
    assert commands(out + err) == []
    assert "Monday" in out or arguments[-1] in ("rttm", "json", "seglst")
    if arguments[-1] == "json":
        assert json.loads(out)["meeting"]["title"] == EVIL


@pytest.mark.parametrize(
    "arguments", [["replay", EVIL], ["show", EVIL], ["export", "last", "--format", "txt", "--out", f"none/{EVIL}"]]
)
def test_what_is_wrong_with_a_file_gives_a_terminal_no_commands(
    hostile: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == EXIT_ERROR
    assert one_sentence(err)
    assert commands(out + err) == []


def test_neither_do_arguments_nor_logs(
    hostile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        main(["list", f"--{EVIL}"])
    set_up_logs("info")
    logging.getLogger("meeting").warning("of %s", EVIL)
    said = capsys.readouterr().err
    assert "Monday" in said
    assert commands(said) == []


def test_a_server_elsewhere_hears_a_replay_with_the_token_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = str(recording(tmp_path))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with locked(tmp_path / "server") as running:
        server = f"http://127.0.0.1:{running.serving.port}"
        code, out, _ = run(capsys, "replay", talk, "--server", server, "--server-token-file", str(tmp_path / "token"))
        assert (code, json.loads(out.splitlines()[-1])["segments"]) == (0, 3)
        code, out, _ = run(capsys, "listen", talk, "--server", server, "--token", TOKEN)
        assert (code, out.splitlines()[0]) == (0, "00:00 Speaker 1: one")
        code, _, err = run(capsys, "listen", talk, "--server", server)
        assert (code, one_sentence(err)) == (EXIT_ERROR, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "{talk}", "--server", "127.0.0.1:1"],
        ["replay", "{talk}", "--server", "ftp://x"],
        ["replay", "{talk}", "--server", "x", "--models", "embedded"],
        ["listen", "{talk}", "--server", "127.0.0.1:1"],
        ["listen", "none.wav"],
        ["listen", "{talk}", "--speed", "0"],
        ["listen", "{talk}", "--token", "a", "--server-token-file", "b"],
        ["listen", "{talk}", "--server-token-file", "none"],
    ],
)
def test_what_a_client_is_asked_wrongly_is_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = str(recording(tmp_path))
    code, out, err = run(capsys, *(argument.format(talk=talk) for argument in arguments))
    assert (code, out) == (EXIT_ERROR, "")
    assert one_sentence(err.splitlines()[-1] + "\n")


def test_voices_that_are_kept_are_listed_and_forgotten(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "voices") == (0, "no voice is kept\n", "")
    with Store(data) as store:
        ann = VoiceProfile("v1", "Ann\x1b[2J", "ge2e", np.ones(2, np.float32), 20.0)
        VoiceStore(store).keep(ann, ID, "spk1").result()
    code, out, _ = run(capsys, "voices", "list")
    assert (code, out.startswith("v1  "), "\x1b" in out) == (0, True, False)
    assert "(model ge2e, heard in 1 meeting)" in out
    code, _, err = run(capsys, "voices", "delete")
    assert (code, one_sentence(err)) == (EXIT_ERROR, True)
    code, _, err = run(capsys, "voices", "delete", "Ben")
    assert (code, err) == (EXIT_ERROR, "error: no voice is kept that is called 'Ben'\n")
    assert run(capsys, "voices", "delete", "v1")[0] == 0
    assert run(capsys, "voices") == (0, "no voice is kept\n", "")


@pytest.mark.parametrize(
    ("said", "models"), [([], ("auto", "auto")), (["whisper"], ("whisper", "auto")), (["parrot"], ("auto", "parrot"))]
)
def test_retranscribe_takes_a_set_of_models_or_a_recogniser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: list[str], models: tuple[str, str]
) -> None:
    taken = []

    def retranscribe(config: Any, *_: object) -> dict[str, str]:
        taken.append((config.models.set, config.models.recognizer))
        return {}

    monkeypatch.setattr("meeting.jobs.command.retranscribe", retranscribe)
    flags = [word for name in said for word in ("--models", name)]
    assert main(["retranscribe", "last", "--data-dir", str(tmp_path), *flags]) == 0
    assert taken == [models]
