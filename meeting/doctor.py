"""What this machine lacks to run a meeting, and what to do about each problem; loads models only to measure them."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from meeting.config.settings import Config, Limits, Models, Storage
from meeting.core.terminal_text import printable
from meeting.transport import descriptors
from pipelines.errors import MeetingError, ModelError
from pipelines.models.gpus import Gpu, choose_gpus
from pipelines.models.pinned_files import file_statuses, resolve_cache_dir
from pipelines.models.plugins import GROUPS, OWN_PACKAGE, installed_plugins, plugin_problems
from pipelines.models.probe import ask_gpu, count_cuda, probe_and_select
from pipelines.models.selection import ModelSelection

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine, Engines

OLDEST, NEWEST = (3, 10), (3, 12)
"""Versions of Python that the tested packages exist for"""
DISTRIBUTION = "meeting-transcriber"
PACKAGES = (
    ("torch", "torch"),
    ("diart", "diart"),
    ("pyannote.audio", "pyannote.audio"),
    ("faster-whisper", "faster-whisper"),
    ("ctranslate2", "ctranslate2"),
    ("moonshine-voice", "moonshine-voice"),
    ("silero-vad", "silero-vad"),
    ("onnxruntime", "onnxruntime"),
    ("numpy", "numpy"),
    ("rx", "Rx"),
    ("soxr", "soxr"),
    ("av", "av"),
    ("soundfile", "soundfile"),
    ("fastapi", "fastapi"),
    ("uvicorn", "uvicorn"),
    ("websockets", "websockets"),
    ("httpcore", "httpcore"),
    ("sqlalchemy", "SQLAlchemy"),
    ("alembic", "alembic"),
    ("mcp", "mcp"),
)
"""Name to show and name of the distribution"""
MIN_FREE_BYTES = 1 << 30
"""Bytes below which the disk is called full: audio takes about 60 MB an hour"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    """What was found"""
    advice: str = ""
    """What to do; empty when all is well"""


def examine(config: Config) -> list[Finding]:
    """Look at everything in turn; takes as long as the hub's time limit at most, and a second.

    An object store that does not answer takes a minute more.
    """
    checks: list[Callable[[], Finding]] = [
        check_python,
        check_packages,
        lambda: check_device(config.models),
        lambda: check_embedded(config.models),
        check_installed_models,
        lambda: check_choice(config.models),
        lambda: check_port(config.server.host, config.server.port),
        lambda: check_data_folder(config.storage.data_dir),
        lambda: check_database(config.storage),
        lambda: check_object_store(config.storage),
        lambda: check_disk(config.storage.data_dir),
        lambda: check_files(config.limits),
    ]
    return [check() for check in checks]


def run_doctor(config: Config, measure: bool = False, load: Callable[[Models], Engines] | None = None) -> int:
    """Print the findings as a table; 0 when all is well, else 1.

    `measure` loads the models, by `load` if given, and prints their pace as well.
    """
    findings = examine(config)
    print(printable(table(findings), lines=True))
    well = all(finding.ok for finding in findings)
    if measure:
        try:
            engine = (load or _load)(config.models)
        except MeetingError as error:
            print(f"\nThe models cannot be measured: {printable(error)}")
            return 1
        print(f"\n{throughput_table(engine)}")
        engine.close()
    return 0 if well else 1


def throughput_table(loaded: Engines) -> str:
    """What the models of each engine were measured to take."""
    engines, lines = loaded.engines, []
    for number, each in enumerate(engines, 1):
        lines.append(f"Pace of {each.models['speech']} on {each.models['device']}" + f", {number}" * (len(engines) > 1))
        lines += [f"  {name:<14}{text}" for name, text in _throughput(each)]
    lines.append(f"This machine carries about {loaded.capacity} live meetings, if nothing else takes it.")
    return "\n".join(lines)


def _throughput(engine: Engine) -> list[tuple[str, str]]:
    measured, trials = engine.throughput, engine.thread_trials
    assert measured is not None, "an engine is measured when it is loaded"
    times = ", ".join(f"{threads}: {1000 * found:.1f} ms" for threads, found in trials.items())
    return [
        (
            "speech",
            f"{1000 * measured.speech:.1f} ms for a second of it; utterances at once: {measured.speech_workers}",
        ),
        ("window", f"{1000 * measured.window:.1f} ms alone, {1000 * measured.batched_window:.1f} ms each in company"),
        (
            "threads",
            f"{measured.threads} for each model; {f'a window with {times}' if trials else 'no others were tried'}",
        ),
        ("cores", f"{measured.cores}"),
    ]


def _load(settings: Models) -> Engines:
    from pipelines.engine.loader import load_engines

    return load_engines(settings)


def table(findings: Iterable[Finding]) -> str:
    """The findings as aligned lines, each problem followed by what to do."""
    findings = list(findings)
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<{width}}  {finding.detail}")
        if finding.advice:
            lines.append(f"      {'':<{width}}  -> {finding.advice}")
    bad = sum(not finding.ok for finding in findings)
    lines.append("")
    lines.append("All is well." if not bad else f"{bad} problem{'s' if bad > 1 else ''} found.")
    return "\n".join(lines)


def check_python(found: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is one that the packages exist for."""
    detail = f"{'.'.join(map(str, found))} on {platform.system()} {platform.machine()}"
    if OLDEST <= found[:2] <= NEWEST:
        return Finding("Python", True, detail)
    wanted = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    return Finding(
        "Python", False, detail, f"use Python {wanted}: make PYTHON=python{'.'.join(map(str, NEWEST))} setup"
    )


def check_packages(installed: Callable[[str], str | None] | None = None) -> Finding:
    """Whether the libraries are here, in versions that go together."""
    look = installed or _installed
    found = {shown: look(distribution) for shown, distribution in PACKAGES}
    lacking = [name for name, number in found.items() if number is None]
    if lacking:
        return Finding("Packages", False, f"missing: {', '.join(lacking)}", "run `make setup`")
    wrong = _outside_ranges(look)
    if wrong:
        return Finding("Packages", False, f"other versions than were tested: {', '.join(wrong)}", "run `make setup`")
    shown = ", ".join(f"{name} {found[name]}" for name in ("torch", "diart", "faster-whisper", "ctranslate2"))
    return Finding("Packages", True, f"{len(found)} found ({shown})")


def check_device(
    settings: Models, cuda: Callable[[], int] = count_cuda, ask: Callable[[int], Gpu] = ask_gpu
) -> Finding:
    """Which device the models will run on."""
    there = 0 if settings.device == "cpu" else cuda()
    try:
        choice = choose_gpus(settings.device, there, {number: ask(number) for number in range(there)})
    except ModelError as error:
        advice = "check the driver with nvidia-smi, or set models.device to auto"
        return Finding("Device", False, str(error), advice)
    if choice.devices == ("cpu",):
        cores = os.cpu_count() or 1
        reason = choice.note or ("as set" if settings.device == "cpu" else "no CUDA device")
        return Finding("Device", True, f"CPU with {cores} core{'s' if cores > 1 else ''} ({reason})")
    count = len(choice.devices)
    whisper = choice.whisper_problem or f"Whisper in {choice.compute_types[0]}"
    notes = "; ".join(filter(None, [whisper, choice.note]))
    return Finding("Device", True, f"CUDA, {count} device{'s' if count > 1 else ''} ({notes})")


def check_embedded(settings: Models) -> Finding:
    """Whether the embedded models are here and are the pinned ones."""
    files = file_statuses(settings.cache_dir)
    bad = [f"{file.name} {file.state}" for file in files if file.state != "verified"]
    where = resolve_cache_dir(settings.cache_dir)
    if not bad:
        size = sum(file.size for file in files) / 1e6
        return Finding("Embedded models", True, f"{len(files)} files, {size:.0f} MB, checksums right, in {where}")
    # The whisper set may do without them, but then nothing works offline.
    return Finding("Embedded models", settings.set == "whisper", ", ".join(bad), "run `python -m meeting models pull`")


def check_installed_models() -> Finding:
    """Which models may be named in the settings, those of other packages with their package; imports the latter."""
    problems = plugin_problems()
    if problems:
        return Finding("Installed models", False, "; ".join(problems), "do what it says, or name another model")
    offered = {
        role: [plugin.name if plugin.package == OWN_PACKAGE else str(plugin) for plugin in installed_plugins(role)]
        for role in GROUPS
    }
    return Finding("Installed models", True, "; ".join(f"{role}: {', '.join(each)}" for role, each in offered.items()))


def check_choice(settings: Models, select: Callable[[Models], ModelSelection] = probe_and_select) -> Finding:
    """Which models would serve now, and why."""
    try:
        selection = select(settings)
    except MeetingError as error:
        return Finding("Models chosen", False, str(error), "change the section models of config.yaml as said")
    names = f"{selection.speech.name} + {selection.segmentation.name} + {selection.embedding.name}"
    return Finding("Models chosen", True, f"{names}: {selection.why}")


def check_port(host: str, port: int) -> Finding:
    """Whether the server could listen where it is told to."""
    where = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                # As the server does: a port that was just given up counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        advice = "stop what uses it, or choose another with --port or MEETING_PORT"
        if isinstance(error, socket.gaierror):
            advice = "set server.host to an address of this machine, such as 127.0.0.1"
        return Finding("Port", False, f"cannot listen on {where}: {error.strerror or error}", advice)
    return Finding("Port", True, f"{where} is free")


def check_data_folder(folder: Path) -> Finding:
    """Whether meetings can be written; leaves nothing behind."""
    existing = _nearest(folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(20, "it is not a folder")
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".doctor-"):
            pass
    except OSError as error:
        detail = f"cannot write to {folder}: {error.strerror or error}"
        return Finding("Data folder", False, detail, "give yourself the right to write there, or set MEETING_DATA_DIR")
    return Finding("Data folder", True, f"{folder}{'' if existing == folder else ' (will be made)'}")


def check_database(settings: Storage) -> Finding:
    """Whether the database that is set can be reached and used; changes nothing in it."""
    if not settings.database:
        return Finding("Database", True, "a file in the data folder")
    from meeting.storage.databases.configured import database_of

    try:
        database = database_of(settings)
        assert database is not None
        return Finding("Database", True, database.examine())
    except MeetingError as error:
        return Finding("Database", False, str(error), "see docs/cluster.md, or take storage.database away")


def check_object_store(settings: Storage) -> Finding:
    """Whether the object store that is set can be reached, written to, listed, read and deleted from."""
    if not settings.objects:
        return Finding("Object store", True, "none: the audio is in the data folder")
    from meeting.storage.objects.configured import store_of
    from meeting.storage.objects.examination import REACHED, examine

    try:
        refusal = examine(store_of(settings.objects))
    except MeetingError as error:
        return Finding("Object store", False, str(error), "see docs/cluster.md, or take storage.objects away")
    if refusal is None:
        return Finding("Object store", True, "can be written to, listed, read and deleted from")
    advice = "give its keys the right to list, read, write and delete below the prefix of storage.objects"
    if refusal.step == REACHED:
        advice = "see to the bucket in storage.objects, to the keys and to AWS_ENDPOINT_URL, as docs/cluster.md says"
    return Finding("Object store", False, f"cannot be {refusal.step}: {refusal.cause}", advice)


def check_disk(folder: Path, usage: Callable[[Path], int] | None = None) -> Finding:
    """Whether there is room for more than a few hours of audio."""
    try:
        free = (usage or _free)(_nearest(folder))
    except OSError as error:
        return Finding("Disk", False, f"cannot be asked: {error.strerror or error}", "set MEETING_DATA_DIR elsewhere")
    detail = f"{free / 1e9:.1f} GB free"
    if free < MIN_FREE_BYTES:
        return Finding("Disk", False, detail, "free at least 1 GB, or set MEETING_DATA_DIR to another disk")
    return Finding("Disk", True, detail)


def check_files(limits: Limits, files: int | None = None) -> Finding:
    """Whether enough files may be open for the meetings and readers that the settings allow."""
    there = descriptors.raise_limit() if files is None else files
    problem = descriptors.shortage(limits, there)
    if problem is not None:
        return Finding("Open files", False, problem, descriptors.ADVICE)
    return Finding("Open files", True, "no limit" if there is None else f"{there} may be open")


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _outside_ranges(installed: Callable[[str], str | None]) -> list[str]:
    """Packages in versions that our own requirements do not allow; none when we are not installed ourselves."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return []
    try:
        wanted = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    except (PackageNotFoundError, InvalidRequirement):
        return []
    wrong = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        number = installed(requirement.name)
        if number is None or not requirement.specifier.contains(number, prereleases=True):
            wrong.append(f"{requirement.name} {number or 'missing'} (needs {requirement.specifier or 'any'})")
    return wrong


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    folder = folder.expanduser().absolute()
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path(folder.anchor))


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
