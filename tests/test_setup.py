"""Set-up: make's targets, the pinned set and what must hold in a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest brings the same module under its older name
    import tomli as tomllib

PYTHONS = ("3.10", "3.11", "3.12")
TARGETS = {
    "help",
    "setup",
    "serve",
    "test",
    "lint",
    "types",
    "types-web",
    "test-slow",
    "test-gpu",
    "test-cluster",
    "torture",
    "mutants",
    "settings",
    "clean",
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pins() -> list[Requirement]:
    """constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned(pins: list[Requirement], name: str, python: str) -> list[Requirement]:
    """The lines that hold for a package on a Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    same = (pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(name))
    return [pin for pin in same if pin.marker is None or pin.marker.evaluate(environment)]


def declared(project: dict[str, Any]) -> list[Requirement]:
    """Every dependency, those of the extras included."""
    extras = project["project"]["optional-dependencies"].values()
    return [Requirement(text) for group in (project["project"]["dependencies"], *extras) for text in group]


def setup_in(folder: Path, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up script in a copy of the project that has nothing but its files and the commands on `path`."""
    (folder / ".ci").mkdir()
    for name in (".ci/setup", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(
        ["/bin/sh", ".ci/setup"],
        cwd=folder,
        env={"PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def python_that_says(folder: Path, version: str, status: int) -> str:
    """A fake interpreter: tells its version and ends with a status; gives the folder to put on the path."""
    fake = folder / "fakes" / "python3"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo Python {version} && exit 0\nexit {status}\n')
    fake.chmod(0o755)
    for command in ("dirname", "cat", "cksum", "rm", "grep", "df", "awk"):
        (fake.parent / command).symlink_to(str(shutil.which(command)))
    return str(fake.parent)


def test_make_offers_every_target_and_lists_it() -> None:
    text = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)) == TARGETS
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    assert set(phony.split()[1:]) == TARGETS


def test_plain_make_shows_help() -> None:
    if not shutil.which("make"):
        pytest.skip("make is not here")
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"  {target} " in shown.stdout for target in TARGETS)


def test_make_test_checks_style_then_types_then_runs_the_tests() -> None:
    text = (ROOT / "Makefile").read_text()
    rule = re.search(r"^test: lint types .*\n\t(.*)", text, re.MULTILINE)
    assert rule
    assert "-m pytest" in rule[1]


@pytest.mark.parametrize("marker", ["slow", "cluster"])
def test_what_make_test_leaves_out_has_a_target_which_a_build_calls(marker: str) -> None:
    text = (ROOT / "Makefile").read_text()
    expressions = dict(re.findall(r"^(test[a-z-]*):.*\n\t.* -m \"?([^\"$]*\w)\"? \$\(ARGS\)$", text, re.MULTILINE))
    assert f"not {marker}" in expressions["test"]
    assert expressions[f"test-{marker}"].split(" and ")[0] == marker
    assert {"make test", f"make test-{marker}"} <= set((ROOT / ".ci" / "run").read_text().splitlines())


@pytest.mark.parametrize("script", [".ci/run", ".ci/setup"])
def test_scripts_can_be_run(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!")


def test_setup_without_a_fitting_python_says_which_are(tmp_path: Path) -> None:
    done = setup_in(tmp_path, python_that_says(tmp_path, "3.9.1", 1))
    assert done.returncode == 1
    assert "this needs 3.10, 3.11 or 3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_setup_names_the_python_that_was_asked_for(tmp_path: Path) -> None:
    path = python_that_says(tmp_path, "3.13.0", 1)
    done = setup_in(tmp_path, path, PYTHON="python3.13")
    assert done.returncode == 1
    assert "python3.13 is none of them" in done.stderr


def test_setup_that_cannot_make_an_environment_says_what_to_install(tmp_path: Path) -> None:
    path = python_that_says(tmp_path, "3.11.0", 0)
    fake = Path(path) / "python3"
    fake.write_text(fake.read_text().replace("exit 0\nexit 0", 'exit 0\n[ "$1" = -c ]'))
    done = setup_in(tmp_path, path)
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert not (tmp_path / ".venv" / ".ready").exists()


def test_constraints_are_exact_versions_without_any_host_or_path(pins: list[Requirement]) -> None:
    assert not re.search(
        r"://|@|--|/", re.sub(r"^#.*$", "", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    )
    for pin in pins:
        (only,) = pin.specifier
        assert only.operator == "=="
        assert "*" not in only.version


@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_has_one_version_on_each_python(pins: list[Requirement], python: str) -> None:
    names = [canonicalize_name(pin.name) for pin in pins if pin.marker is None or pinned([pin], pin.name, python)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_within_its_range(
    project: dict[str, Any], pins: list[Requirement], python: str
) -> None:
    for dependency in declared(project):
        (pin,) = pinned(pins, dependency.name, python)
        (exact,) = pin.specifier
        assert dependency.specifier.contains(exact.version), f"{pin} is outside {dependency}"


def test_what_needs_a_compiler_stays_out_of_setup(project: dict[str, Any]) -> None:
    installed = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["test"]
    assert "meeteval" not in {canonicalize_name(Requirement(text).name) for text in installed}


def test_the_environments_versions_are_the_pinned_ones(project: dict[str, Any], pins: list[Requirement]) -> None:
    for text in project["project"]["dependencies"]:
        (pin,) = pinned(pins, Requirement(text).name, ".".join(str(part) for part in sys.version_info[:2]))
        assert pin.specifier.contains(version(pin.name).partition("+")[0], prereleases=True)


def test_the_changelog_opens_with_its_policy_and_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert text.index("Policy") < text.index("## Unreleased") < text.index("### Added")
