"""The documentation as a test: complete, its links whole, its commands real, its example runs."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import wave
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from meeting.cli import parser
from meeting.config.settings import SECTIONS
from meeting.config.sources import SHORT
from meeting.core import messages
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.export import FORMATS
from tests.conftest import ROOT
from tests.fakes.server_fakes import config, serving, tone

MOST_COMMAND = 40
"""Lines within which the README must have shown what this is, a picture and the two commands"""
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MACHINE = re.compile(r"(?<![\w./])/(?:home|root|work|Users|mnt|tmp)/\w")


@cache
def page(name: str) -> str:
    """A page's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def everything() -> str:
    """All pages."""
    return "\n".join(page(name) for name in PAGES)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command's own parser."""
    (choice,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(choice.choices)


def settings() -> list[tuple[str, str]]:
    """Every setting as (section, key)."""
    return [(section, spec.name) for section, kind in SECTIONS.items() for spec in fields(kind)]


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its rank."""
    level, _, name = title.partition(" ")
    found = re.search(rf"^{re.escape(level)} {re.escape(name)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S)
    assert found, f"there is no heading {title!r}"
    return found[1]


def anchors(text: str) -> set[str]:
    """Targets that a page's headings make."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_command_is_explained() -> None:
    missing = [name for name in commands() if f"`{name}" not in everything() and f"meeting {name}" not in everything()]
    assert missing == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_flag_of_a_command_is_explained(name: str) -> None:
    shown = [action for action in commands()[name]._actions if action.help is not argparse.SUPPRESS]
    flags = {option for action in shown for option in action.option_strings if option.startswith("--")}
    assert {flag for flag in flags - {"--help"} if flag not in everything()} == set()


@pytest.mark.parametrize(("where", "key"), settings())
def test_every_setting_stands_in_its_section_with_its_default(where: str, key: str) -> None:
    rows = section(page("docs/settings.md"), f"### {where}")
    text = page("config.yaml")
    default = re.search(rf"^{where}:\n(?:[ #].*\n)*?  {key}: (.*?)(?:\s+#.*)?$", text, re.MULTILINE)
    assert default
    assert f"| `{key}` | `{default[1]}` |" in rows, f"docs/settings.md: {where}.{key} is {default[1]} in config.yaml"


def test_settings_that_are_gone_are_not_documented() -> None:
    for where, keys in yaml.safe_load(page("config.yaml")).items():
        rows = section(page("docs/settings.md"), f"### {where}")
        assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(keys)


def test_every_short_variable_is_documented() -> None:
    assert [name for name in (*SHORT, "MEETING_CONFIG") if name not in page("docs/settings.md")] == []


@pytest.mark.parametrize("kind", [*get_args(messages.ClientMessage), *get_args(messages.ServerMessage)])
def test_every_message_and_field_is_documented(kind: Any) -> None:
    text = section(page("docs/protocol.md"), "## The socket: `/ws/meetings/{id}`")
    assert f"**`{kind.type}`**" in text
    names = {spec.name for spec in fields(kind)}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize(
    "part", [messages.AudioInfo, messages.SourceInfo, messages.ResumeInfo, messages.WordMessage, messages.AudioFrame]
)
def test_every_field_of_the_parts_of_messages_is_documented(part: Any) -> None:
    text = page("docs/protocol.md")
    assert {spec.name for spec in fields(part) if spec.name not in text} == set()


def test_every_close_code_is_documented() -> None:
    text = section(page("docs/protocol.md"), "### Error codes and close codes")
    assert {code for code in CloseCode if f"| {int(code)} |" not in text} == set()


def test_every_error_code_is_documented() -> None:
    headings = ("### Error codes and close codes", "### Errors of the HTTP API")
    text = "\n".join(section(page("docs/protocol.md"), heading) for heading in headings)
    assert {code.value for code in ErrorCode if f"`{code}`" not in text} == set()


def test_every_route_is_documented(tmp_path: Path) -> None:
    from meeting.server.app import create_app

    paths = create_app(config(tmp_path)).openapi()["paths"]
    text = page("docs/protocol.md")
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {route for route in routes if f"`{route}`" not in text and f"`{route}?" not in text} == set()


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_format_is_documented(name: str) -> None:
    assert f"`{name}`" in page("README.md")
    assert f"| `{name}` | `{FORMATS[name].suffix}` |" in page("docs/protocol.md")


def test_the_readme_says_within_its_first_screen_what_this_is_and_how_to_run_it() -> None:
    head = "\n".join(page("README.md").splitlines()[:MOST_COMMAND])
    assert re.search(r"!\[.+\]\(docs/images/", head)
    assert "\nmake serve" in head
    assert "\nmake test" in head
    assert "## What it does not do" in page("README.md")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in LINK.findall(re.sub(r"^```.*?^```", "", page(name), flags=re.MULTILINE | re.DOTALL)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / name).parent / path if path else ROOT / name
        assert found.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(found.read_text()), f"{name} links to {target}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_knows_the_machine_it_was_written_on(name: str) -> None:
    assert MACHINE.findall(page(name)) == []


def test_pictures_are_small_and_used() -> None:
    pictures = [path for path in (ROOT / "docs" / "images").iterdir() if path.suffix in (".png", ".svg")]
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []
    assert [path.name for path in pictures if path.name not in everything()] == []


def test_the_licences_of_all_embedded_models_are_named() -> None:
    from pipelines.models.pinned_files import EMBEDDED

    text = section(page("README.md"), "## Licences")
    assert {file.requirement for file in EMBEDDED if file.requirement.partition("==")[0] not in text} == set()


def test_the_credits_of_the_sample_are_given(sample: Any) -> None:
    (owner,) = re.findall(r"Copyright \(c\) ([^;]*?), all rights", sample.about["credits"])
    assert owner in " ".join(page("README.md").split())


def test_the_example_client_transcribes_a_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", page("docs/protocol.md"), re.MULTILINE | re.DOTALL)
    (tmp_path / "client.py").write_text(example)
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone(2.5))
    with serving(config(tmp_path / "data")) as served:
        asked = [sys.executable, "client.py", "talk.wav", f"http://127.0.0.1:{served.port}"]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        kept = served.http.get("/api/meetings").json()["meetings"]
    assert done.returncode == 0, done.stderr
    assert [line.split(None, 1)[1] for line in done.stdout.splitlines()] == ["spk1: one"] * 3
    assert [(one["title"], one["state"], one["duration"]) for one in kept] == [("From a file", "ended", 2.5)]


def test_the_benchmark_says_what_each_column_is_and_how_to_run_it() -> None:
    text = page("docs/benchmarks.md")
    assert "benchmarks/replay.py" in text
    assert {name for name in ("WER", "cpWER", "DER", "miss", "fa", "confusion", "RTF") if name not in text} == set()


def test_the_python_client_in_the_pages_transcribes_a_file(tmp_path: Path) -> None:
    example = re.findall(r"^```python\n(.*?)^```", page("docs/client.md"), re.MULTILINE | re.DOTALL)[0]
    with wave.open(str(tmp_path / "talk.flac"), "wb") as file:  # told by its first bytes, not by its name
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(tone(2.0))
    with serving(config(tmp_path / "data")) as served:
        (tmp_path / "example.py").write_text(example.replace("127.0.0.1:8765", f"127.0.0.1:{served.port}"))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        asked = [sys.executable, "example.py"]
        done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "    0.00  Speaker 1: one\n    1.00  Speaker 1: one\n"


def test_every_event_and_error_of_the_client_is_explained() -> None:
    from meeting import client
    from meeting.client import errors

    text = page("docs/client.md")
    kinds = {kind for kind in vars(client).values() if isinstance(kind, type) and hasattr(kind, "type")}
    kinds |= {kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__}
    assert len(kinds) > 15
    assert {kind.__name__ for kind in kinds if f"`{kind.__name__}`" not in text} == set()
