"""The layout as a test: who may import whom, which libraries load where, and the rules that every file keeps."""

from __future__ import annotations

import ast
import builtins
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "meeting")
LONGEST_FILE = 600
LONGEST_FUNCTION = 50


def names(text: str) -> frozenset[str]:
    """Names separated by spaces."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Row:
    """One line of the layout table: its modules, and the rows that they may import."""

    modules: frozenset[str]
    may_import: frozenset[str]


def row(package: str, modules: str, may_import: str) -> Row:
    """A row from a package, names of its modules and names of rows, both separated by spaces."""
    return Row(frozenset(f"{package}.{name}" for name in modules.split()), names(may_import))


PIPELINES = "values parts blocks asr models engine loading stream"
LAYOUT = {
    "values": row("pipelines", "types errors formats", "values"),
    "parts": row(
        "pipelines",
        "voice ort_attention cluster grid heard pieces pauses lane load calibration whisper_batch "
        "resample containers decoder decoder_process",
        "values parts",
    ),
    "blocks": row("pipelines", "audio recording cut diarize speakers asr merge refine", "values parts"),
    "asr": row("pipelines", "asr_whisper asr_moonshine growing", "values parts blocks"),
    "models": row(
        "pipelines", "models weights choice sizes hub checkpoints ge2e embed", "values parts blocks asr models"
    ),
    "engine": row("pipelines", "engine", "values parts blocks asr models"),
    "loading": row("pipelines", "loading lean fleet", "values parts blocks asr models engine loading"),
    "stream": row("pipelines", "stream progress", "values parts blocks asr models engine stream"),
    "core": row(
        "meeting",
        "access align config messages records transcript edits history session course live gaps events outputs "
        "terminal wording timekeeping salvage",
        "values core",
    ),
    "storage": row(
        "meeting",
        "store database tables journal framing export search links rescue corrections outline",
        "values core storage",
    ),
    "live": row(
        "meeting",
        "ingest room rooms archive sharing worker machinery memory outbox doorman forwarding entry retention gate "
        "keeper recovery leftovers sound connections earlier hearings",
        f"{PIPELINES} core storage live",
    ),
    "edge": row(
        "meeting",
        "app api figures guard keepalive server replay rehear cli doctor repeats "
        "acceptor http_connection uvicorn_parts descriptors __main__ "
        "evaluate evaluate_run scores der plots tune tune_bench",
        f"{PIPELINES} core storage live edge",
    ),
}
"""The table of the design, from the bottom up.

What was split off from a block stands in `parts`, what was split off from another module in its row.
"""

LIBRARIES = {
    "rx": "pipelines.stream",
    "diart": "pipelines.diarize pipelines.speakers",
    "pyannote": "pipelines.diarize pipelines.speakers pipelines.refine pipelines.models pipelines.checkpoints "
    "meeting.scores",
    "faster_whisper": "pipelines.asr_whisper pipelines.whisper_batch pipelines.hub",
    "ctranslate2": "pipelines.asr_whisper pipelines.whisper_batch pipelines.models pipelines.hub",
    "moonshine_voice": "pipelines.asr_moonshine",
    "silero_vad": "pipelines.voice",
    "huggingface_hub": "pipelines.hub pipelines.models",
    "meeteval": "meeting.scores",
    "whisper_normalizer": "meeting.scores",
    "matplotlib": "meeting.plots",
    "av": "pipelines.containers pipelines.decoder pipelines.recording",
    "soxr": "pipelines.resample",
    "sqlalchemy": "meeting.store meeting.database meeting.tables meeting.search meeting.links meeting.rescue "
    "meeting.corrections meeting.outline",
    "alembic": "meeting.database meeting.tables",
    "yaml": "meeting.config",
}
"""Libraries with one home: the modules that may import each, lazily or not"""

HEAVY = names(
    "torch torchaudio torchvision diart pyannote faster_whisper ctranslate2 moonshine_voice silero_vad onnxruntime "
    "lightning pytorch_lightning transformers speechbrain scipy sklearn matplotlib pandas"
)
"""Libraries that load only when a pipeline is built"""

PURE = {
    "pipelines.types": "numpy",
    "pipelines.errors": "",
    "pipelines.formats": "",
    "pipelines.merge": "numpy",
    "meeting.access": "",
    "meeting.messages": "",
    "meeting.records": "",
    "meeting.transcript": "",
    "meeting.align": "",
    "meeting.edits": "",
    "meeting.history": "",
    "meeting.session": "",
    "meeting.course": "",
    "meeting.live": "",
    "meeting.gaps": "",
    "meeting.events": "",
    "meeting.outputs": "",
    "meeting.salvage": "",
    "meeting.wording": "",
    "meeting.timekeeping": "",
    "meeting.export": "",
    "meeting.terminal": "",
}
"""Modules of values and rules: the only third-party libraries that each may import"""

IMPURE = names("asyncio socket sqlite3 subprocess threading time")
"""Standard modules that the state machine may not touch: time is an argument, effects are values"""

DOORS = names("pipelines.stream pipelines.lane meeting.cli meeting.__main__") | LAYOUT["live"].modules
"""Where an unforeseen exception may be caught: the socket handler, the pipeline guard, the command line"""


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


def row_of(module: str) -> str | None:
    """The name of a module's row in the layout."""
    return next((name for name, row in LAYOUT.items() if module in row.modules), None)


EVERY = [name for name in modules() if name not in PACKAGES]
every_module = pytest.mark.parametrize("module", EVERY)
every_file = pytest.mark.parametrize("module", list(modules()))


@every_module
def test_each_module_has_a_row_in_the_layout(module: str) -> None:
    assert row_of(module), f"{module} is in no row of LAYOUT: add it to the row whose imports it may have"


@every_module
def test_imports_follow_the_arrows_of_the_layout(module: str) -> None:
    mine = row_of(module) or ""
    allowed = LAYOUT[mine].may_import if mine else frozenset()
    wrong = [f"line {item.line}: {item.name}" for item in own(module) if row_of(item.name) not in allowed]
    assert not wrong, f"{module} ({mine}) may import {sorted(allowed)} only: {wrong}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: {item.name for item in own(module)} - {module} for module in modules()}
    assert set(TopologicalSorter(graph).static_order()) == set(modules())


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_themselves_import_nothing(package: str) -> None:
    # `os`: what keeps libraries from telling their makers about us must be set before any module can load one
    allowed = {"__future__", "os"} if package == "pipelines" else {"__future__"}
    assert not [item for item in imports(package) if item.name not in allowed]


@every_module
def test_libraries_stay_where_they_belong(module: str) -> None:
    wrong = [
        f"line {item.line}: {item.name}"
        for item in third_party(module)
        if module not in LIBRARIES.get(item.name.split(".")[0], module).split()
    ]
    assert not wrong, f"{module} may not import these: {wrong}; see LIBRARIES"


@pytest.mark.parametrize("module", [name for name in PURE if name in modules()])
def test_modules_of_values_and_rules_need_no_libraries(module: str) -> None:
    assert {item.name.split(".")[0] for item in third_party(module)} <= set(PURE[module].split())


@pytest.mark.parametrize(
    "module",
    [
        f"meeting.{name}"
        for name in ("session", "course", "live", "gaps", "transcript", "edits", "outputs", "events", "access")
    ],
)
def test_the_state_machine_touches_no_clock_thread_or_socket(module: str) -> None:
    loaded = {item.name.split(".")[0] for item in imports(module)}
    assert not loaded & IMPURE


@pytest.mark.parametrize("module", [name for name in EVERY if name.startswith("meeting.")])
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
    name = module.rpartition(".")[2]
    assert name == "__main__" or (ROOT / "tests" / f"test_{name}.py").is_file(), f"tests/test_{name}.py is missing"


@every_file
def test_files_stay_short(module: str) -> None:
    lines = len(modules()[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{module} has {lines} lines"


@every_file
def test_functions_stay_short(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= LONGEST_FUNCTION]
    assert not long, f"{module}: {', '.join(long)} take(s) more than {LONGEST_FUNCTION} lines"


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


def test_every_error_descends_from_the_one_root() -> None:
    classes = {
        node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases]
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ClassDef)
    }

    def ancestors(name: str) -> set[str]:
        return {name}.union(*(ancestors(base) for base in classes.get(name, ())))

    errors = {name for name in classes if any(_is_exception(ancestor) for ancestor in ancestors(name))}
    assert "MeetingError" in errors
    assert not {name for name in errors if "MeetingError" not in ancestors(name)}


def _is_exception(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


@every_file
def test_unforeseen_exceptions_are_swallowed_at_the_doors_only(module: str) -> None:
    broad = [] if module in DOORS else [f"line {line}" for line in _swallowed(tree(module))]
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
