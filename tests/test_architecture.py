"""The layout as a test: who may import whom, which libraries load where, and the rules that every file keeps."""

from __future__ import annotations

import ast
import builtins
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.checks import for_each

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "meeting")
SOURCES = ("pipelines", "meeting", "benchmarks", "tests")
LONGEST_FUNCTION = 50
LONGEST_CLASS = 250
MOST_FILES = 15


def names(text: str) -> frozenset[str]:
    """Names separated by spaces."""
    return frozenset(text.split())


ROOT_MODULES = names(
    "pipelines.types pipelines.turns pipelines.errors pipelines.options pipelines.formats pipelines.timing "
    "pipelines.spacing"
)
"""Values, errors and helpers that every folder may import: `root` in the table"""

LAYOUT = {
    "pipelines/audio": "root",
    "pipelines/asr": "decoding root",
    "pipelines/asr/decoding": "",
    "pipelines/diarization": "root",
    "pipelines/models": "asr diarization root",
    "pipelines/engine": "models asr diarization audio root",
    "pipelines/stream": "engine asr diarization audio root",
    "meeting/config": "root",
    "meeting/core/documents": "",
    "meeting/core": "documents root",
    "meeting/core/continuity": "core root",
    "meeting/core/editing": "core root",
    "meeting/voices": "root",
    "meeting/joining": "voices core root",
    "meeting/session": "joining continuity editing voices core config root",
    "meeting/storage/files": "core root",
    "meeting/storage/search": "root",
    "meeting/storage/databases": "search config root",
    "meeting/storage/objects": "files core config root",
    "meeting/storage": "objects databases search files editing voices core config root",
    "meeting/storage/profiles": "storage voices core root",
    "meeting/storage/queue": "storage databases core root",
    "meeting/storage/transfer": "storage databases files config root",
    "meeting/storage/ownership": "storage databases continuity core config root",
    "meeting/cluster": "ownership storage files continuity core config root",
    "meeting/statistics": "storage core root",
    "meeting/webhooks": "storage core config root",
    "meeting/delivery": "storage core root",
    "meeting/cluster/shared_models": "config engine models asr diarization audio root",
    "meeting/sources": "shared_models session continuity cluster storage objects files core config stream engine audio "
    "root",
    "meeting/live": "sources delivery session continuity cluster storage files editing core config root",
    "meeting/live/recognition": "live sources profiles cluster storage session voices core engine root",
    "meeting/transport": "core config",
    "meeting/notes": "transport cluster storage config core root",
    "meeting/server/security": "transport cluster storage core config root",
    "meeting/server/api": "running security notes statistics live delivery session cluster storage files search "
    "editing core root",
    "meeting/server/api/running": "api live session core",
    "meeting/client": "core root",
    "meeting/recordings": "client recognition live sources session cluster storage files core config audio root",
    "meeting/jobs": "recordings live sources queue cluster storage files editing core config audio root",
    "meeting/server/api/uploads": "api jobs recordings core root",
    "meeting/server/speakers": "api recognition voices core",
    "meeting/compat": "security transport live delivery session continuity core root",
    "meeting/compat/deepgram": "compat security live core root",
    "meeting/compat/openai": "compat live core root",
    "meeting/compat/openai/realtime": "openai compat security live core root",
    "meeting/agents": "security client statistics storage search core config root",
    "meeting/server": "agents realtime openai deepgram compat uploads speakers api security notes jobs transport "
    "recognition live sources delivery webhooks session cluster storage objects files core config root",
    "meeting/listen": "recordings client core root",
    "meeting/evaluation": "recordings sources storage files core config stream engine diarization audio root",
    "meeting": "transfer evaluation listen jobs recordings sources server agents client notes transport webhooks "
    "statistics profiles storage databases objects search files shared_models core config models engine root",
}
"""Which folder may import which, from the bottom up; inside a folder anything may import anything without a circle.

The same table stands in docs/architecture.md.
"""

LIBRARIES = {
    "rx": "pipelines.stream.stream pipelines.stream.operators",
    "diart": "pipelines.diarization.local_speakers",
    "pyannote": "pipelines.models.checkpoints meeting.evaluation.scores",
    "faster_whisper": "pipelines.asr.whisper pipelines.asr.whisper_batch",
    "ctranslate2": "pipelines.asr.whisper_batch pipelines.models.probe",
    "pywhispercpp": "pipelines.asr.whispercpp",
    "_pywhispercpp": "pipelines.asr.whispercpp",
    "transformers": "pipelines.asr.whisper_transformers",
    "moonshine_voice": "",
    "silero_vad": "",
    "huggingface_hub": "pipelines.models.hub",
    "meeteval": "meeting.evaluation.scores",
    "whisper_normalizer": "meeting.evaluation.scores",
    "matplotlib": "meeting.evaluation.plots",
    "av": "pipelines.audio.containers pipelines.audio.decoder_worker pipelines.audio.recording",
    "soxr": "pipelines.audio.resampling",
    "sqlalchemy": "meeting.storage",
    "fsspec": "meeting.storage.objects.fsspec_store",
    "s3fs": "",
    "psycopg": "meeting.storage.databases.postgres meeting.storage.databases.postgres_writing",
    "alembic": "meeting.storage.databases.migrations",
    "yaml": "meeting.config.sources",
    "websockets": "meeting.client.driver",
    "httpx": "meeting.notes.chat",
    "mcp": "meeting.agents",
    "mcp_types": "meeting.agents",
    "httpx2": "meeting.agents",
    "rich": "meeting.listen.screen meeting.listen.listen",
    "sounddevice": "meeting.listen.microphone",
    "httpcore": "meeting.webhooks.http_sender",
    "certifi": "meeting.webhooks.http_sender",
    "docx": "meeting.core.documents.word",
    "segno": "meeting.server.api.links",
    "ray": "meeting.cluster.shared_models.deployments meeting.cluster.shared_models.serving",
    "grpc": "meeting.cluster.shared_models.calls meeting.cluster.shared_models.servicers",
}
"""Libraries with one home: the modules or folders that may import each, lazily or not"""

HEAVY = names(
    "torch torchaudio torchvision diart pyannote faster_whisper ctranslate2 moonshine_voice silero_vad onnxruntime "
    "onnx lightning pytorch_lightning transformers speechbrain scipy sklearn matplotlib pandas docx lxml "
    "ray grpc"
)
"""Libraries that load only when they are needed"""

ON_REPLICAS = names("meeting.cluster.shared_models.deployments meeting.cluster.shared_models.servicers")
"""Modules that only Ray loads"""

PURE = {
    "pipelines.types": "numpy",
    "pipelines.turns": "",
    "pipelines.errors": "",
    "pipelines.formats": "",
    "pipelines.options": "",
    "pipelines.timing": "",
    "pipelines.spacing": "",
    "pipelines.models.gpus": "",
    "pipelines.audio.tracks": "numpy",
    "pipelines.stream.merge": "numpy",
    "pipelines.stream.split": "numpy",
    "meeting.config": "yaml",
    "meeting.core": "docx",
    "meeting.session": "",
    "meeting.storage.search.query": "",
    "meeting.voices": "numpy",
    "meeting.joining": "numpy",
    "meeting.storage.objects.chain": "",
    "meeting.delivery.history": "",
    "meeting.statistics.statistics": "",
    "meeting.notes.planning": "",
    "meeting.notes.prompts": "",
    "meeting.notes.drafts": "",
    "meeting.notes.checking": "",
    "meeting.jobs.rules": "",
    "meeting.cluster.rules": "",
    "meeting.webhooks.signature": "",
    "meeting.webhooks.schedule": "",
    "meeting.webhooks.addresses": "",
    "meeting.client.protocols": "",
    "meeting.client.frame_buffer": "",
    "meeting.client.transcript": "",
    "meeting.client.events": "",
    "meeting.cluster.shared_models.wire": "numpy",
    "meeting.cluster.shared_models.stalls": "",
    "meeting.cluster.shared_models.descriptions": "",
}
"""Modules and folders of values and rules: the only third-party libraries that each may import"""

LIBRARY_PACKAGES = names("meeting.client")
"""Packages for other programs, which find all public names in one place"""

IMPURE = names("asyncio socket sqlite3 subprocess threading time")
"""Standard modules that the state machine may not touch: time is an argument, effects are values"""

STATE_MACHINE = names(
    "meeting.session meeting.joining meeting.core.transcript meeting.core.editing meeting.core.access "
    "meeting.client.protocols meeting.client.frame_buffer meeting.client.transcript meeting.client.events "
    "meeting.client.backoff meeting.server.security.permissions meeting.server.security.tokens "
    "meeting.server.security.guess_limiter meeting.jobs.rules meeting.notes.planning meeting.notes.prompts "
    "meeting.notes.drafts meeting.notes.checking meeting.webhooks.signature meeting.webhooks.schedule "
    "meeting.webhooks.addresses meeting.webhooks.announcements meeting.cluster.rules "
    "meeting.cluster.shared_models.wire "
    "meeting.cluster.shared_models.stalls meeting.cluster.shared_models.descriptions"
)
"""Modules and folders that touch none of IMPURE"""

DOORS = names(
    "pipelines.stream.stream pipelines.stream.operators pipelines.engine.job_queue meeting.cli meeting.__main__ "
    "meeting.hearing_worker meeting.sources meeting.live meeting.delivery meeting.webhooks.dispatcher "
    "meeting.server.security.handshake meeting.cluster.shared_models.answering meeting.storage.objects.fsspec_store"
)
"""Where an unforeseen exception may be caught: the socket handler, the pipeline guard, the command line and its like"""


@dataclass(frozen=True)
class Import:
    """One import of a module: `lazy` inside a function, `typing` under TYPE_CHECKING."""

    name: str
    line: int
    lazy: bool
    typing: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the two packages by its dotted name, the packages themselves included."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> tuple[Import, ...]:
    """All that a module imports, by full name, wherever in the file."""
    return tuple(_imports(tree(module), module, lazy=False, typing=False))


def _imports(node: ast.AST, module: str, lazy: bool, typing: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, lazy, typing)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
            base = ".".join(filter(None, [*package.split(".")[: len(package.split(".")) - node.level + 1], base]))
        for alias in node.names:
            name = f"{base}.{alias.name}"
            yield Import(name if name in modules() else base, node.lineno, lazy, typing)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        for child in node.body:
            yield from _imports(child, module, lazy, True)
        for child in node.orelse:
            yield from _imports(child, module, lazy, typing)
    else:
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, module, lazy, typing)


def own(module: str) -> Iterator[Import]:
    """The imports of a module that stay inside the project; package names alone (`__version__`) aside."""
    return (item for item in imports(module) if item.name in modules() and item.name not in PACKAGES)


def third_party(module: str) -> Iterator[Import]:
    """The imports of a module from outside the project and the standard library."""
    for item in imports(module):
        if item.name.split(".")[0] not in {*PACKAGES, *sys.stdlib_module_names}:
            yield item


def folder_of(module: str) -> str:
    """The folder of a module as the layout names it; `root` for what every folder may import."""
    return "root" if module in ROOT_MODULES else module.rpartition(".")[0].replace(".", "/")


def short(folder: str) -> str:
    """The name of a folder in the rows of the layout: its last part."""
    return folder.rpartition("/")[2]


def within(module: str, places: str) -> bool:
    """Whether a module is one of some modules, or lies in one of some folders, separated by spaces."""
    return any(module == place or module.startswith(f"{place}.") for place in places.split())


PACKAGE_FILES = frozenset(name for name, path in modules().items() if path.name == "__init__.py")
EVERY = [name for name in modules() if name not in PACKAGE_FILES]
every_module = for_each(EVERY)
every_file = for_each(list(modules()))


@every_module
def test_each_module_lies_in_a_folder_of_the_layout(module: str) -> None:
    folder = folder_of(module)
    assert folder == "root" or folder in LAYOUT, f"{module} is in no folder of LAYOUT"


@pytest.mark.slow
@every_module
def test_imports_follow_the_arrows_of_the_layout(module: str) -> None:
    mine = folder_of(module)
    allowed = {short(mine), *LAYOUT.get(mine, "").split()}
    wrong = [f"line {item.line}: {item.name}" for item in own(module) if short(folder_of(item.name)) not in allowed]
    assert not wrong, f"{module} ({mine}) may import {sorted(allowed)} only: {wrong}"


@pytest.mark.parametrize("folder", LAYOUT)
def test_a_row_of_the_layout_names_nothing_that_its_folder_does_not_use(folder: str) -> None:
    used = {short(folder_of(item.name)) for module in EVERY if folder_of(module) == folder for item in own(module)}
    assert set(LAYOUT[folder].split()) <= used, f"{folder} imports none of these: {set(LAYOUT[folder].split()) - used}"


def test_the_table_in_the_docs_is_the_layout() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `") and line.count("|") == 4]
    told = {row[0].strip(" `/"): row[2].strip() for row in rows if row[0].strip(" `").endswith("/")}
    assert told == {folder: ", ".join(allowed.split()) for folder, allowed in LAYOUT.items()}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: {item.name for item in own(module)} - {module} for module in modules()}
    assert set(TopologicalSorter(graph).static_order()) == set(modules())


def _source_folders() -> list[Path]:
    return sorted({path.parent for package in SOURCES for path in (ROOT / package).rglob("*.py")})


@for_each([str(path.relative_to(ROOT)) for path in _source_folders()])
def test_no_folder_holds_too_many_files(folder: str) -> None:
    files = [path.name for path in (ROOT / folder).iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES, f"{folder} holds {len(files)} files"


@pytest.mark.parametrize("package", sorted(LIBRARY_PACKAGES))
def test_a_package_for_other_programs_gives_names_only(package: str) -> None:
    body = tree(package).body
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in body)
    assert {folder_of(item.name) for item in own(package)} == {package.replace(".", "/"), "meeting/core"}


@pytest.mark.parametrize("package", sorted(PACKAGE_FILES - LIBRARY_PACKAGES))
def test_packages_themselves_import_nothing(package: str) -> None:
    # `os`: what keeps libraries from telling their makers about us must be set before any module can load one
    allowed = {"__future__", "os"} if package == "pipelines" else {"__future__"}
    assert not [item for item in imports(package) if item.name not in allowed]


@every_module
def test_libraries_stay_where_they_belong(module: str) -> None:
    wrong = [
        f"line {item.line}: {item.name}"
        for item in third_party(module)
        if not within(module, LIBRARIES.get(item.name.split(".")[0], module))
    ]
    assert not wrong, f"{module} may not import these: {wrong}; see LIBRARIES"


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_home_of_a_library_uses_it(library: str) -> None:
    users = {module for module in EVERY for item in third_party(module) if item.name.split(".")[0] == library}
    stale = [home for home in LIBRARIES[library].split() if not any(within(user, home) for user in users)]
    assert not stale, f"{library} is imported by none of {stale}"


@pytest.mark.parametrize("place", PURE)
def test_modules_of_values_and_rules_need_no_libraries(place: str) -> None:
    inside = [module for module in EVERY if within(module, place)]
    assert inside
    assert {item.name.split(".")[0] for one in inside for item in third_party(one)} <= set(PURE[place].split())


@for_each([name for name in EVERY if within(name, " ".join(STATE_MACHINE))])
def test_the_state_machine_touches_no_clock_thread_or_socket(module: str) -> None:
    loaded = {item.name.split(".")[0] for item in imports(module)}
    assert not loaded & IMPURE


@for_each([name for name in EVERY if name.startswith("meeting.") and name not in ON_REPLICAS])
def test_importing_a_module_of_the_server_loads_no_heavy_library(module: str) -> None:
    todo, seen = [module], {module}
    while todo:
        current = todo.pop()
        for item in imports(current):
            if item.lazy or item.typing:
                continue
            assert item.name.split(".")[0] not in HEAVY, f"{module} loads {item.name} by way of {current}"
            if item.name in modules() and item.name not in seen:
                seen.add(item.name)
                todo.append(item.name)


@pytest.mark.parametrize("command", [["--help"], ["list"]])
def test_light_commands_start_without_torch(command: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "MEETING_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "meeting", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "meeting" in loaded
    assert not loaded & HEAVY


@every_module
def test_each_module_has_its_test_file(module: str) -> None:
    package, _, name = module.rpartition(".")
    path = Path("tests", *package.split("."), f"test_{name}.py")
    assert name == "__main__" or (ROOT / path).is_file(), f"{path} is missing"


@every_file
def test_classes_stay_short(module: str) -> None:
    classes = [node for node in ast.walk(tree(module)) if isinstance(node, ast.ClassDef)]
    long = [one.name for one in classes if (one.end_lineno or 0) - one.lineno >= LONGEST_CLASS]
    assert not long, f"{module}: {', '.join(long)} take(s) more than {LONGEST_CLASS} lines"


@every_file
def test_functions_stay_short(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= LONGEST_FUNCTION]
    assert not long, f"{module}: {', '.join(long)} take(s) more than {LONGEST_FUNCTION} lines"


STARTS = names("start create_task ensure_future run_in_executor to_thread Popen")
"""What starts a thread, a task or a process"""


@every_file
def test_no_thread_task_or_process_starts_in_a_constructor(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)]
    calls = [
        call
        for constructor in functions
        if constructor.name in ("__init__", "__post_init__")
        for call in ast.walk(constructor)
        if isinstance(call, ast.Call)
    ]
    started = [f"line {call.lineno}" for call in calls if ast.unparse(call.func).rpartition(".")[2] in STARTS]
    assert not started, f"{module} starts something in a constructor: {started}; give it a `start`"


@every_file
def test_modules_and_public_names_have_a_docstring(module: str) -> None:
    lacking = [] if ast.get_docstring(tree(module)) else [module]
    lacking += _undocumented(tree(module), module)
    assert not lacking, f"without docstring: {lacking}"


def _undocumented(node: ast.Module | ast.ClassDef, where: str) -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        decorators = [ast.unparse(decorator) for decorator in child.decorator_list]
        excused = any(name.endswith((".setter", "overload", "override")) for name in decorators)
        if not excused and not ast.get_docstring(child):
            yield f"{where}.{child.name}"
        if isinstance(child, ast.ClassDef):
            yield from _undocumented(child, f"{where}.{child.name}")


@cache
def errors() -> dict[str, tuple[str, str]]:
    """Every class of errors in the two packages: the class that it descends from, and its file."""
    classes = {
        node.name: ([ast.unparse(base).rpartition(".")[2] for base in node.bases], module)
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ClassDef)
    }

    def is_error(name: str) -> bool:
        return _is_exception(name) or any(map(is_error, classes.get(name, ([], ""))[0]))

    return {
        name: (bases[0], str(modules()[module].relative_to(ROOT)))
        for name, (bases, module) in classes.items()
        if any(map(is_error, bases))
    }


def test_every_error_descends_from_the_one_root() -> None:
    def root(name: str) -> str:
        return root(errors()[name][0]) if errors()[name][0] in errors() else name

    assert {root(name) for name in errors()} == {"MeetingError"}


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn, path = {}, ["Exception"]
    for line in (ast.get_docstring(tree("pipelines.errors")) or "").splitlines()[2:]:
        found = re.fullmatch(r"((?:[│├└ ][ ─]{3})*)(\w+) .*?(?:\[(\S+)\])?", line)
        assert found is not None, line
        path[len(found[1]) // 4 + 1 :] = [found[2]]
        drawn[found[2]] = (path[-2], found[3] or "pipelines/errors.py")
    assert drawn == errors()


def test_the_table_of_errors_in_the_docs_is_the_tree() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"
    ]
    assert {row[0]: (row[1] or "Exception", row[2]) for row in rows if len(row) == 5} == errors()


def _is_exception(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


@every_file
def test_unforeseen_exceptions_are_swallowed_at_the_doors_only(module: str) -> None:
    broad = [] if within(module, " ".join(DOORS)) else [f"line {line}" for line in _swallowed(tree(module))]
    assert not broad, f"{module} catches everything at {broad}: name the exceptions, or raise at the end"


def _swallowed(node: ast.Module) -> Iterator[int]:
    """Lines that catch Exception or more and neither raise at the end nor hand it to whoever waits for a future."""
    for child in ast.walk(node):
        if isinstance(child, ast.ExceptHandler):
            caught = [child.type or ast.Name("BaseException")]
            ends = isinstance(child.body[-1], ast.Raise) or "set_exception" in ast.unparse(child.body[-1])
        elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith("suppress"):
            caught, ends = list(child.args), False
        else:
            continue
        kinds = {name.id for kind in caught for name in ast.walk(kind) if isinstance(name, ast.Name)}
        if kinds & {"Exception", "BaseException"} and not ends:
            yield child.lineno
