"""What the pages tell people to type or to write into a file: each command line and snippet is one that works."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from meeting.cli import main, parser
from meeting.config.settings import SECTIONS
from meeting.config.sources import load_config
from tests.conftest import ROOT
from tests.test_docs import PAGES, page
from tests.test_setup import tomllib

FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    \S.*\n)+", re.MULTILINE)
LANGUAGES = {"sh", "python", "yaml", "json", "toml", "html", "nginx", "text"}
"""What a fenced block may be; in `sh` each line is a command"""

PYTHONS = {"python", "python3", ".venv/bin/python"}
MEETING = {"meeting", ".venv/bin/meeting"}
PIPS = {"pip", ".venv/bin/pip"}
OTHERS = {
    "apt", "apt-get", "cd", "chmod", "cp", "createdb", "createuser", "docker", "git", "install", "journalctl",
    "openssl", "printf", "sed", "systemctl", "useradd", ".venv/bin/mypy", ".venv/bin/ruff",
}  # fmt: skip
"""Programs of others: only what of this repository they name is looked at"""
DONE = r"^0?$"
"""How a program ends that was asked well: without a word, or with 0 where it was asked for help"""
QUICK = (["list"], ["models", "list"], ["token"])
"""Commands that are run as they stand: they only read, and are done at once"""


def command_lines(name: str) -> Iterator[str]:
    """The command lines of a page: of blocks, and of spans that begin as one does."""
    text = page(name)
    for language, block in FENCE.findall(text):
        if language == "sh":
            yield from block.splitlines()
    rest = FENCE.sub("", text)
    for block in INDENTED.findall(rest):
        yield from block.splitlines()
    for span in re.findall(r"`([^`\n]+)`", INDENTED.sub("", rest)):
        words = span.split()
        program = next((word for word in words if not is_assignment(word)), "")
        if len(words) > 1 and program in {"make", *PYTHONS, *MEETING, *PIPS, *OTHERS}:
            named_only = program != "make" and all(re.fullmatch(r"[a-z.]+|-m", word) for word in words[1:])
            yield f"{span} --help" if named_only else span


def is_assignment(word: str) -> bool:
    return re.match(r"[A-Z_]+=", word) is not None


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, as words: what pipes and `&&` join apart, without redirections and comments."""
    lexer = shlex.shlex(re.sub(r"(?:^|\s)#.*", "", line), posix=True, punctuation_chars="|&<>;")
    lexer.whitespace_split = True
    words: list[str] = []
    tokens = list(lexer)
    for at, token in enumerate(tokens):
        if token in ("|", "&&", ";"):
            yield words
            words = []
        elif token not in (">", "<") and tokens[at - 1 : at] not in ([">"], ["<"]):
            words.append(token)
    if words:
        yield words


def filled(words: list[str]) -> list[str]:
    """A command as somebody would type it: what may be left out is there once, names stand for what they stand for."""
    optional = [word.strip("[]") if word[0] == "[" or "[" not in word else word for word in words]
    bare = [word.removesuffix("...") for word in optional]
    return [{"N": "1"}.get(word, word) for word in bare if word]


class Parsed(Exception):
    """The arguments were taken: nothing is to be done with them."""


@pytest.fixture
def parsing_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs end once they have understood their arguments."""
    understand = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *given: Any, **named: Any) -> NoReturn:
        understand(self, *given, **named)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)


def check_program(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Python is asked to run: one of our programs takes these arguments, another is there."""
    module, arguments = (words[1], words[2:]) if words[0] == "-m" else (words[0], words[1:])
    if module == "meeting":
        if "COMMAND" not in arguments:
            with pytest.raises((Parsed, SystemExit), match=DONE):
                parser().parse_args(arguments)
    elif module.startswith("benchmarks"):
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        monkeypatch.delitem(sys.modules, module, raising=False)  # other tests may have imported it
        if words[0] != "-m":
            assert (ROOT / module).is_file()
        if module == "benchmarks/make_sample.py":
            return  # takes no arguments
        run = runpy.run_module if words[0] == "-m" else runpy.run_path
        with pytest.raises((Parsed, SystemExit), match=DONE):
            run(module if words[0] == "-m" else str(ROOT / module), run_name="__main__")
    elif module == "pytest":
        check_pytest(arguments)
    else:
        assert words[0] == "-m"
        assert importlib.util.find_spec(module), f"there is no module {module}"


def check_pytest(arguments: list[str]) -> None:
    asked = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--markers", *arguments]
    assert subprocess.run(asked, cwd=ROOT, capture_output=True).returncode == 0, arguments
    assert all((ROOT / word).exists() for word in arguments if "/" in word)


def check_make(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets are there, variables are those of the Makefile, and programs take the arguments handed on to them."""
    makefile = page("Makefile")
    variables = dict(word.split("=", 1) for word in words if is_assignment(word))
    targets = [word for word in words if not is_assignment(word) and word != "TARGET"]
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    assert [name for name in variables if not re.search(rf"^{name} \?=", makefile, re.MULTILINE)] == []
    arguments = shlex.split(variables.get("ARGS", ""))
    if not arguments:
        return
    (target,) = targets
    recipe = re.search(rf"^{target}:.*\n(?:\t.*\n)*?\t.*\$\(BIN\)/python (.*) \$\(ARGS\)", makefile, re.MULTILINE)
    assert recipe
    program = shlex.split(recipe[1])
    check_program([*program[:2], *arguments], monkeypatch)


def check_pip(words: list[str]) -> None:
    """Extras and files are there."""
    extras = tomllib.loads(page("pyproject.toml"))["project"]["optional-dependencies"]
    for word in words:
        if found := re.fullmatch(r"\.\[([\w,]+)\]", word):
            assert set(found[1].split(",")) <= set(extras)
        assert not word.endswith(".txt") or (ROOT / word).is_file()


def check_line(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises where a command line would not work."""
    for words in simple_commands(line):
        check(filled(words), monkeypatch)


def check(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises where a command would not work."""
    while words and is_assignment(words[0]):
        name, _, value = words.pop(0).partition("=")
        if name.startswith("MEETING_") and value != "…":
            load_config(None, {name: value})
    if not words:
        return
    program, rest = words[0], words[1:]
    if program == "make":
        check_make(rest, monkeypatch)
    elif program in PYTHONS:
        check_program(rest, monkeypatch)
    elif program in MEETING:
        check_program(["-m", "meeting", *rest], monkeypatch)
    elif program in PIPS:
        check_pip(rest)
    else:
        assert program in OTHERS, f"what is {program}?"
        named = [word for word in rest if word.startswith("deploy/")]
        assert [word for word in named if not (ROOT / word).exists()] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("parsing_only")
def test_every_command_line_of_a_page_is_one_that_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in command_lines(name):
        try:
            check_line(line, monkeypatch)
        except (SystemExit, Exception) as problem:
            pytest.fail(f"{name}: `{line}`: {problem!r}")


@pytest.mark.parametrize(
    "line",
    [
        "python -m meeting serve --prot 80",
        "MEETING_SERVER_PROT=80 make serve",
        "make sevre",
        "make torture ARGS='soak --huors 8'",
        "python -m benchmarks.load FOLDER --meeting-s 3",
        "python -m benchmarks.nothing",
        ".venv/bin/pip install -e '.[evla]'",
        "docker build -f deploy/Dockerfil .",
        "echo yes | unheard-of",
        "make test ARGS='--unheard-of'",
    ],
)
@pytest.mark.usefixtures("parsing_only")
def test_a_command_line_that_does_not_work_would_be_found(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((SystemExit, Exception, pytest.fail.Exception)):
        check_line(line, monkeypatch)


def test_enough_command_lines_are_found_in_each_form() -> None:
    found = {name: list(command_lines(name)) for name in PAGES}
    assert "make serve      # sets everything up, then serves the page at http://127.0.0.1:8765" in found["README.md"]
    assert any("-m benchmarks.load" in line for line in found["docs/benchmarks.md"])
    assert "python -m meeting evaluate DIR --speed 1" in found["docs/accuracy.md"]
    assert sum(map(len, found.values())) > 100


@pytest.mark.parametrize("command", QUICK, ids=" ".join)
def test_what_only_reads_is_run_as_it_stands(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    written = f"python -m meeting {' '.join(command)}"
    assert any(written in line for name in PAGES for line in command_lines(name))
    assert main(command) == 0
    assert capsys.readouterr().out.strip() or command == ["list"]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_what_it_is_and_is_that(name: str, tmp_path: Path) -> None:
    for language, block in FENCE.findall(page(name)):
        assert language in LANGUAGES, f"{name}: say behind ``` what this is, `sh` for commands: {block[:60]}"
        if language == "python":
            compile(block, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # parts of programs may wait
        elif language == "json":
            [json.loads(part) for part in re.split(r"\n(?! |})", block.strip())]  # one value, or one on each line
        elif language == "toml":
            tomllib.loads(block)
        elif language == "yaml" and set(yaml.safe_load(block)) & set(SECTIONS):
            (tmp_path / "config.yaml").write_text(block)
            load_config(tmp_path / "config.yaml", {})


def test_the_figures_for_sizing_stand_in_the_benchmarks() -> None:
    rows = [row for row in page("docs/operating.md").splitlines() if "benchmarks.md#" in row and row.startswith("|")]
    assert len(rows) > 4
    tables = [row for row in page("docs/benchmarks.md").splitlines() if row.startswith("|")]
    for row in rows:
        meetings, words, finals, cores, memory = (cell.strip() for cell in row.split("|")[3:8])
        figures = [*words.split(", "), *finals.split(", "), cores]
        measured = [line for line in tables if re.search(rf"\| {meetings} \|", line)]
        first = [line for line in measured if all(f" {figure} " in line for figure in figures[:4])]
        assert first, row
        assert any(f" {cores} " in line for line in measured)
        assert not memory or any(f" {memory} " in line for line in measured), row
