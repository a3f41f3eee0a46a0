"""The commands: `serve`, `replay`, `listen`, `mcp`, `recover`, `retranscribe`, `list`, `search`, `show`, `export`,
`statistics`, `notes`, `evaluate`, `tune`, `models`, `voices`, `webhooks`, `doctor`, `migrate` and `token`.

Libraries are imported by the command that needs them, so that `--help` is there at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import meeting
from meeting.core.terminal_text import clock, never_refuse, printable
from pipelines.errors import MeetingError, SettingsError, StoreError

if TYPE_CHECKING:
    from meeting.config.settings import Config
    from meeting.core.records import Record
    from meeting.storage.store import Store
    from pipelines.types import SpeakerCount

EXIT_ERROR = 2
"""Exit code of everything that we can explain in one sentence"""
EXIT_INTERRUPTED = 130

FORMATS = ("srt", "vtt", "json", "txt", "md", "docx", "html", "csv", "rttm", "seglst")

FLAGS = {
    "data_dir": ("storage", "data_dir"),
    "log_level": ("server", "log_level"),
    "log_json": ("server", "log_json"),
    "host": ("server", "host"),
    "port": ("server", "port"),
    "root_path": ("server", "root_path"),
    "token_file": ("server", "token_file"),
    "insecure_no_auth": ("server", "insecure_no_auth"),
    "tls_cert": ("server", "tls_cert"),
    "tls_key": ("server", "tls_key"),
    "models": ("models", "set"),
    "language": ("speech", "language"),
    "embedding": ("models", "embedding"),
}
"""Flag -> the setting that it overrides"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never lets a traceback out."""
    never_refuse(sys.stdout)
    options = parser().parse_args(arguments)
    from meeting.config.sources import load_config

    try:
        code = _run(options, load_config(options.config, flags=_flags(options)))
        sys.stdout.flush()
        return code
    except MeetingError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever reads our output has seen enough; without this the interpreter complains while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.log_level == "debug":
            raise
        name = type(error).__name__
        print(f"error: something unforeseen happened ({name}); --log-level debug shows where", file=sys.stderr)
        return 1


def _flags(options: argparse.Namespace) -> dict[tuple[str, str], object]:
    """What flags say of settings; None where they say nothing."""
    from pipelines.options import MODEL_SETS

    flags: dict[tuple[str, str], object] = {setting: vars(options).get(flag) for flag, setting in FLAGS.items()}
    if options.command == "retranscribe" and options.models not in (None, *MODEL_SETS):
        flags |= {("models", "set"): None, ("models", "recognizer"): options.models}
    return flags


class Parser(argparse.ArgumentParser):
    """Shows what was wrong with the arguments: these may be names of files that somebody else has chosen."""

    def error(self, message: str) -> NoReturn:
        """Print it and end the program."""
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser(
        prog="python -m meeting", description="A meeting transcriber for your own machine: who said what, live."
    )
    top.add_argument("--version", action="version", version=f"meeting transcriber {meeting.__version__}")
    common = Parser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of ./config.yaml")
    common.add_argument("--data-dir", metavar="DIR", help="folder for the database and the audio")
    common.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> Parser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    _add_serve(command("serve", "run the server with the page"))
    _add_replay(command("replay", "transcribe a recorded meeting through the live path"))
    _add_listen(command("listen", "send audio to a running server, and read the transcript here"))
    mcp = command(
        "mcp", "let an agent search and read meetings: a server of the Model Context Protocol on stdin and stdout"
    )
    _add_server(mcp, "read the meetings of this running server instead of this machine's, or of a link's meeting")
    _add_retranscribe(command("retranscribe", "transcribe a meeting again, with other models or in another language"))
    recover = command("recover", "hear again what was set aside of a meeting because servers died over it")
    recover.add_argument("meeting", metavar="MEETING", help="id, the start of one, or last")
    _add_models(recover)
    listing = command("list", "list the meetings that are kept, newest first")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many at most (default 50)")
    listing.add_argument("--title", default="", metavar="TEXT", help="only those whose title holds it")
    _add_search(command("search", "find what was said in the meetings that are kept, last said first"))
    command("show", "print a meeting's transcript").add_argument("meeting", help="id, the start of one, or last")
    _add_export(command("export", "write a meeting's transcript in a format"))
    statistics = command("statistics", "print who spoke how much in a meeting")
    statistics.add_argument("meeting", metavar="MEETING", help="id, the start of one, or last")
    statistics.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    notes = command("notes", "have the language model of the settings write notes of a meeting, which are kept")
    notes.add_argument("meeting", metavar="MEETING", help="id, the start of one, or last")
    _add_evaluate(command("evaluate", "measure accuracy and latency on recordings with references"))
    _add_tune(command("tune", "fit the thresholds that tell voices apart to recordings with references"))
    _add_model_actions(command("models", "show the models, fetch those that are missing, or share them with Ray"))
    _add_voices(command("voices", "list the voices that people asked to be remembered, or forget one"))
    _add_webhooks(command("webhooks", "list webhooks with what waits or failed, or test one with a signed ping"))
    doctor = command("doctor", "check this machine and say what to do about each problem")
    _add_models(doctor)
    doctor.add_argument("--measure", action="store_true", help="also load the models and measure their pace")
    migrate = command("migrate", "bring the database to this version's schema")
    text = "bring over all that is kept in the SQLite file of this data folder, to an empty storage.database"
    migrate.add_argument("--from", dest="origin", type=Path, metavar="DIR", help=text)
    command("token", "print a new server token, hard to guess; it is kept nowhere")
    return top


def _add_retranscribe(command: argparse.ArgumentParser) -> None:
    command.add_argument("meeting", metavar="MEETING", help="id, the start of one, or last")
    command.add_argument("--language", metavar="CODE", help="language that is spoken; by default it is found out")
    command.add_argument("--speakers", metavar="N", help="how many people speak: 4, or from-to such as 2-5")
    text = "auto, whisper or embedded, or a recogniser such as whisper:small"
    command.add_argument("--models", metavar="NAME", help=text)


def _add_model_actions(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("list", "pull", "serve"))
    _add_models(command)
    shared = command.add_argument_group("serve: the shared models, for servers with models.engine ray")
    shared.add_argument("--cluster", metavar="ADDRESS", help="join this Ray cluster, auto for that of this machine")
    shared.add_argument("--grpc-port", type=int, default=9000, metavar="N", help="port for servers (default 9000)")
    shared.add_argument("--replicas", type=int, metavar="N", help="of each kind; by the load where it is not given")
    shared.add_argument("--cpus", type=float, default=1.0, metavar="N", help="processors of each replica (default 1)")
    shared.add_argument("--gpus", type=float, default=0.0, metavar="N", help="of each replica, such as 0.3 (default 0)")


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models", metavar="SET", help="auto, whisper or embedded")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="address to listen on")
    command.add_argument("--port", type=int, help="port to listen on")
    command.add_argument("--token-file", metavar="FILE", help="file with the server token, or set MEETING_SERVER_TOKEN")
    command.add_argument(
        "--insecure-no-auth", action="store_const", const=True, help="let everyone in who can reach this server"
    )
    command.add_argument("--tls-cert", metavar="FILE", help="certificate (PEM) to serve https with")
    command.add_argument("--tls-key", metavar="FILE", help="its key (PEM), unless the certificate's file holds both")
    command.add_argument("--root-path", metavar="PATH", help="path below which a proxy shows the server, such as /meet")
    command.add_argument("--log-json", action="store_const", const=True, help="log one JSON object a line")
    command.add_argument("--open", action="store_true", help="open the page in a browser")
    _add_models(command)


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("recording", type=Path, metavar="RECORDING", help="any file with audio")
    command.add_argument("--speed", default="max", metavar="1|4|max", help="times real time (default max)")
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for the transcript in several formats")
    command.add_argument("--events", type=Path, metavar="FILE", help="file for all that a client would have received")
    command.add_argument("--title", metavar="T", help="title of the meeting (default: the file's name)")
    command.add_argument("--language", metavar="CODE", help="language that is spoken")
    command.add_argument("--speakers", metavar="N", help="how many people speak: 4, or from-to such as 2-5")
    _add_server(command, "play it to this running server instead, such as http://127.0.0.1:8765, or a link to speak")
    command.add_argument("--chunk", type=float, metavar="SECONDS", help=argparse.SUPPRESS)
    _add_models(command)


def _add_listen(command: argparse.ArgumentParser) -> None:
    what = "file with audio, - for the standard input, or mic for the microphone"
    command.add_argument("audio", metavar="FILE|-|mic", help=what)
    _add_server(
        command, "the server, such as http://127.0.0.1:8765, or a link to speak", default="http://127.0.0.1:8765"
    )
    command.add_argument("--title", metavar="T", help="title of the new meeting (default: the file's name)")
    command.add_argument("--language", metavar="CODE", help="language that is spoken")
    command.add_argument(
        "--speed", default="max", metavar="1|4|max", help="pace of a file, times real time (default max)"
    )
    command.add_argument(
        "--encoding", default="pcm_s16le", choices=("pcm_s16le", "pcm_f32le"), help="of raw standard input"
    )
    command.add_argument("--sample-rate", type=int, default=16_000, metavar="HZ", help="of raw standard input")
    command.add_argument("--channels", type=int, default=1, metavar="N", help="of raw standard input")


def _add_server(command: argparse.ArgumentParser, text: str, default: str | None = None) -> None:
    command.add_argument("--server", metavar="URL", default=default, help=text)
    command.add_argument("--token", metavar="TOKEN", help="that server's token, where it asks for one")
    command.add_argument(
        "--server-token-file", type=Path, metavar="FILE", help="file that holds it: others here see what --token says"
    )


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    text = "folder with NAME.flac (or .wav, ...), NAME.rttm and NAME.seglst.json for each recording"
    command.add_argument("folder", type=Path, metavar="DIR", help=text)
    command.add_argument(
        "--speed",
        default="max",
        choices=("1", "max"),
        help="1, the pace of speech, also measures latency (default max)",
    )
    command.add_argument("--out", type=Path, metavar="FOLDER", help="folder for transcripts, event logs and plots")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    _add_models(command)


def _add_tune(command: argparse.ArgumentParser) -> None:
    text = "folder with NAME.flac (or .wav, ...) and NAME.rttm for each recording"
    command.add_argument(
        "folders",
        type=Path,
        nargs="*",
        metavar="DIR",
        help=f"{text}; without any, rooms are made (in a checkout, from the voices in ../shared/eval/voices)",
    )
    command.add_argument("--embedding", metavar="NAME", help="embedding model instead of the one of the settings")
    command.add_argument(
        "--speakers", action="store_true", help="fit nothing: tell what it is worth to say how many people speak"
    )
    _add_models(command)


def _add_search(command: argparse.ArgumentParser) -> None:
    text = 'words that were said, all in one line; "a phrase" in quotes, the start of a word with * behind it'
    command.add_argument("words", nargs="+", metavar="WORDS", help=text)
    command.add_argument("--speaker", metavar="NAME", help="only what a speaker said: a name, or such as 'Speaker 2'")
    command.add_argument("--since", metavar="DAY", help="only meetings of this day, such as 2026-05-04, or later ones")
    command.add_argument("--until", metavar="DAY", help="only meetings of this day or earlier ones")
    command.add_argument("--meeting", metavar="MEETING", help="only this one: id, the start of one, or last")
    command.add_argument("--limit", type=int, default=20, metavar="N", help="how many at most (default 20)")


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("meeting", metavar="MEETING", help="id, the start of one, or last")
    command.add_argument("--format", required=True, choices=FORMATS)
    command.add_argument("--out", type=Path, metavar="FILE", help="file instead of the terminal")


def _add_voices(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", nargs="?", choices=("list", "delete"), default="list")
    command.add_argument("voice", nargs="?", metavar="VOICE", help="what to forget: the name or the id of a voice")


def _add_webhooks(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", nargs="?", choices=("list", "test"), default="list")
    text = "what to test: a name of the settings, or a URL"
    command.add_argument("endpoint", nargs="?", metavar="URL|NAME", help=text)
    text = "how many troubled deliveries (default 20)"
    command.add_argument("--limit", type=int, default=20, metavar="N", help=text)


def _run(options: argparse.Namespace, config: Config) -> int:
    commands = {
        "serve": _serve,
        "replay": _replay,
        "listen": _listen,
        "mcp": _mcp,
        "recover": _recover,
        "retranscribe": _retranscribe,
        "list": _list,
        "search": _search,
        "show": _show,
        "export": _export,
        "statistics": _statistics,
        "notes": _notes,
        "evaluate": _evaluate,
        "tune": _tune,
        "models": _models,
        "voices": _voices,
        "webhooks": _webhooks,
        "doctor": _doctor,
        "migrate": _migrate,
        "token": _token,
    }
    return commands[options.command](options, config)


def _set_up_logs(level: str, as_json: bool = False) -> None:
    from meeting.server.logs import set_up_logs

    set_up_logs(level, as_json)


def _serve(options: argparse.Namespace, config: Config) -> int:
    from meeting.server.run import serve

    _set_up_logs(config.server.log_level, config.server.log_json)
    serve(config, options.open)
    return 0


def _replay(options: argparse.Namespace, config: Config) -> int:
    from meeting.recordings.replay import ReplayOptions, replay

    _set_up_logs(options.log_level or "warning")
    asked = ReplayOptions(
        options.recording,
        _speed(options.speed),
        options.out,
        options.events,
        options.title,
        options.chunk,
        _speakers(options.speakers),
    )
    if options.server is not None:
        from meeting.recordings.remote_replay import replay_to_server

        if options.models is not None:
            raise SettingsError("--models is for a replay on this machine: with --server that server's models hear it")
        summary = replay_to_server(asked, options.server, _token_of(options), options.language)
    else:
        summary = replay(config, asked)
    print(printable(json.dumps(summary, ensure_ascii=False)), flush=True)
    return 0


def _listen(options: argparse.Namespace, config: Config) -> int:
    from meeting.core.messages import AudioInfo
    from meeting.listen.listen import ListenOptions, listen

    _set_up_logs(options.log_level or "warning")
    raw = AudioInfo(options.encoding, options.sample_rate, options.channels)
    listen(
        ListenOptions(
            options.audio,
            options.server,
            _token_of(options),
            options.title,
            options.language,
            raw,
            _speed(options.speed),
        )
    )
    return 0


def _mcp(options: argparse.Namespace, config: Config) -> int:
    from meeting.agents.stdio import serve_local, serve_remote
    from meeting.client.addresses import ServerAddress

    _set_up_logs(options.log_level or "warning")
    token = _token_of(options)
    if options.server is None:
        if token is not None:
            raise SettingsError("a token is for a server: say which with --server")
        serve_local(config.storage)
    else:
        serve_remote(ServerAddress.parse(options.server, token))
    return 0


def _token_of(options: argparse.Namespace) -> str | None:
    from meeting.config.secret_files import read_secret

    path: Path | None = options.server_token_file
    token: str | None = options.token
    if path is None:
        return token
    if token is not None:
        raise SettingsError("both --token and --server-token-file are given: take one of them away")
    return read_secret(path, "--server-token-file")


def _retranscribe(options: argparse.Namespace, config: Config) -> int:
    from meeting.jobs.command import retranscribe

    _set_up_logs(options.log_level or "warning")
    done = retranscribe(config, options.meeting, options.language, _speakers(options.speakers))
    print(json.dumps(done, ensure_ascii=False), flush=True)
    return 0


def _recover(options: argparse.Namespace, config: Config) -> int:
    from meeting.recordings.recover import recover_set_aside

    _set_up_logs(options.log_level or "warning")
    print(json.dumps(recover_set_aside(config, options.meeting), ensure_ascii=False), flush=True)
    return 0


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if speed is not None and not 0 < speed <= 1000:
        raise SettingsError(f"--speed must be 1, 4, another number above 0, or max, not {text!r}")
    return speed


def _speakers(text: str | None) -> SpeakerCount | None:
    from pipelines.types import SpeakerCount

    try:
        return None if text is None else SpeakerCount.parse(text)
    except ValueError as error:
        raise SettingsError(f"--speakers: {error}, not {text!r}") from error


def _evaluate(options: argparse.Namespace, config: Config) -> int:
    from meeting.evaluation.evaluate import evaluate, table

    _set_up_logs(options.log_level or "warning")
    body = evaluate(config, options.folder, _speed(options.speed), options.out, report=_report).as_dict()
    text = json.dumps(body, ensure_ascii=False) if options.json else table(body)
    print(printable(text, lines=True), flush=True)
    return 0


def _tune(options: argparse.Namespace, config: Config) -> int:
    from meeting.evaluation.made_rooms import made_rooms
    from meeting.evaluation.tune import describe, tune

    _set_up_logs(options.log_level or "warning")
    folders, judged = options.folders, list[Path]()
    if not folders:
        folders, judged = made_rooms(config.storage.data_dir / "rooms", _report)
    if options.speakers:
        from meeting.evaluation.speaker_counts import compare_counts, describe_counts

        text = describe_counts(compare_counts(config, judged or folders, report=_report))
    else:
        text = describe(tune(config, folders, report=_report, judged=judged))
    print(printable(text, lines=True), flush=True)
    return 0


def _report(text: str) -> None:
    print(printable(text, lines=True), file=sys.stderr, flush=True)


def _list(options: argparse.Namespace, config: Config) -> int:
    from meeting.core.records import Meeting
    from meeting.storage.transcript_store import TranscriptStore
    from pipelines.types import seconds

    def line(meeting: Meeting, names: list[str]) -> str:
        when = f"{meeting.created_at.astimezone():%Y-%m-%d %H:%M}"
        length = clock(seconds(meeting.samples))
        return f"{meeting.id}  {when}  {meeting.state:6}  {length:>8}  {meeting.title}  ({', '.join(names) or '-'})"

    with _open_store(config) as store:
        found, more = store.meetings(max(1, min(options.limit, 1000)), title=options.title.strip())
        names = TranscriptStore(store).speaker_names([meeting.id for meeting in found])
    for one in found:
        print(printable(line(one, names.get(one.id, []))))
    if not found:
        print("no meeting is called so" if options.title.strip() else "no meetings yet", file=sys.stderr)
    elif more:
        print("there are more: use --limit", file=sys.stderr)
    return 0


def _search(options: argparse.Namespace, config: Config) -> int:
    from meeting.storage.search.query import Hit, parse_search
    from meeting.storage.search_store import SearchStore
    from pipelines.types import seconds

    def line(hit: Hit) -> str:
        when = f"{hit.began.astimezone():%Y-%m-%d %H:%M}"
        at = clock(seconds(hit.span.start))
        return f"{hit.meeting_id}  {when}  {hit.title}  {at}  {hit.speaker_name}: {hit.excerpt}"

    wanted = parse_search(" ".join(options.words), options.speaker, options.since, options.until)
    with _open_store(config) as store:
        if options.meeting:
            wanted = replace(wanted, meeting_id=store.find(options.meeting).id)
        limit = max(1, options.limit)
        hits = list(islice(SearchStore(store).all_hits(wanted), limit + 1))
    for hit in hits[:limit]:
        print(printable(line(hit)))
    if not hits:
        print("nothing was found", file=sys.stderr)
    elif len(hits) > limit:
        print("there are more: use --limit", file=sys.stderr)
    return 0


def _show(options: argparse.Namespace, config: Config) -> int:
    from meeting.core.export import export

    print(printable(export(_record(options.meeting, config), "txt"), lines=True), end="")
    return 0


def _export(options: argparse.Namespace, config: Config) -> int:
    from meeting.core.export import export, export_file

    record = _record(options.meeting, config)
    if options.out is None:
        if sys.stdout.isatty():
            print(printable(export(record, options.format), lines=True), end="")
        else:
            sys.stdout.buffer.write(export_file(record, options.format))
        sys.stdout.flush()
        return 0
    from meeting.storage.files.private_files import create

    data = export_file(record, options.format)
    try:
        with create(options.out) as file:
            file.buffer.write(data)
    except OSError as error:
        raise StoreError(f"{options.out} cannot be written: {error.strerror}") from error
    return 0


def _record(meeting: str, config: Config) -> Record:
    from meeting.storage.transcript_store import TranscriptStore

    with _open_store(config) as store:
        return TranscriptStore(store).record(store.find(meeting).id)


def _statistics(options: argparse.Namespace, config: Config) -> int:
    from meeting.statistics.report import read_statistics, table

    with _open_store(config) as store:
        told = read_statistics(store, store.find(options.meeting).id)
    print(printable(json.dumps(told, ensure_ascii=False) if options.json else table(told), lines=True), flush=True)
    return 0


def _notes(options: argparse.Namespace, config: Config) -> int:
    from meeting.notes.command import make_notes

    _set_up_logs(options.log_level or "warning")
    with _open_store(config) as store:
        text = make_notes(store, config, options.meeting, _report)
    print(printable(text, lines=True), end="", flush=True)
    return 0


def _serve_models(options: argparse.Namespace, config: Config) -> int:
    from meeting.cluster.shared_models.serving import ServingOptions, serve_models

    _set_up_logs(config.server.log_level)
    asked = ServingOptions(options.cluster, options.grpc_port, options.replicas, options.cpus, options.gpus)
    serve_models(config.models, asked, _report)
    return 0


def _models(options: argparse.Namespace, config: Config) -> int:
    from pipelines.models.pinned_files import file_statuses, pull_embedded
    from pipelines.models.plugins import GROUPS, installed_plugins
    from pipelines.models.probe import probe_and_select

    if options.action == "serve":
        return _serve_models(options, config)
    if options.action == "pull":
        for path in pull_embedded(config.models.cache_dir):
            print(printable(path))
        embedding = probe_and_select(config.models).embedding
        if embedding.kind != "ge2e":
            name = f"the thresholds that tell voices apart by {embedding.name}"
            _report(f"{name} are not fitted to anything: `python -m meeting tune` fits them")
        return 0
    for file in file_statuses(config.models.cache_dir):
        line = f"{file.set:9} {file.role:13} {file.state:9} {file.size / 1e6:6.1f} MB  {file.name}  {file.path or ''}"
        print(printable(line))
    for role in GROUPS:
        for plugin in installed_plugins(role):
            line = f"{'installed':9} {role:13} {plugin.name:22} {plugin.package} {plugin.version}"
            print(printable(line))
    print(f"models.set = {config.models.set}: {printable(probe_and_select(config.models).why)}")
    return 0


def _voices(options: argparse.Namespace, config: Config) -> int:
    from meeting.storage.profiles.voice_store import KeptVoice, VoiceStore

    def line(one: KeptVoice) -> str:
        since = f"{one.created_at.astimezone():%Y-%m-%d %H:%M}"
        meetings = "1 meeting" if one.meetings == 1 else f"{one.meetings} meetings"
        return f"{one.profile.id}  {since}  {one.profile.name}  (model {one.profile.model}, heard in {meetings})"

    with _open_store(config) as store:
        voices = VoiceStore(store)
        if options.action == "delete":
            if options.voice is None:
                raise SettingsError("say which voice to forget, by its name or id: voices delete VOICE")
            found = voices.find(options.voice)
            voices.forget(found.id).result()
            print(printable(f"forgotten: {found.name}"))
            return 0
        kept = voices.list()
    print(printable("\n".join(map(line, kept)) or "no voice is kept", lines=True))
    return 0


def _webhooks(options: argparse.Namespace, config: Config) -> int:
    from meeting.storage.webhook_store import WebhookStore
    from meeting.webhooks import command

    if options.action == "test":
        if options.endpoint is None:
            raise SettingsError("name the webhook to test, or give its URL: webhooks test URL")
        for line in command.send_ping(config.webhooks, options.endpoint):
            print(printable(line), flush=True)
        return 0
    with _open_store(config) as store:
        lines = command.overview(config.webhooks, WebhookStore(store), max(0, min(options.limit, 1000)))
    print(printable("\n".join(lines), lines=True))
    return 0


def _doctor(options: argparse.Namespace, config: Config) -> int:
    from meeting.doctor import run_doctor

    return run_doctor(config, options.measure)


def _migrate(options: argparse.Namespace, config: Config) -> int:
    if options.origin is not None:
        from meeting.storage.transfer.moving import move_to_database

        print(printable(move_to_database(options.origin, config.storage)))
        return 0
    with _open_store(config) as store:
        print(f"the database in {printable(store.data_dir)} has this version's schema")
    return 0


def _token(options: argparse.Namespace, config: Config) -> int:
    from meeting.core.access import new_token

    print(new_token())
    return 0


def _open_store(config: Config) -> Store:
    from meeting.storage.store import Store

    return Store.configured(config.storage)
