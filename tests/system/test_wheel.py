"""What is published: a source distribution, and a wheel that runs where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PARTS = (
    *("meeting", "pipelines", "web", "migrations", "tests", "benchmarks", "docs", "deploy", ".ci"),
    *("pyproject.toml", "setup.py", "MANIFEST.in", "constraints.txt", "config.yaml", "Makefile", "LICENSE"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".gitignore", ".dockerignore"),
)
"""What a clone has; in a checkout there may be more"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's files, so that nothing is built in the checkout."""
    folder = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `python -m build` makes: the source distribution, and from that the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation nothing is fetched: setuptools is the environment's.
    asked = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(clone)]
    done = subprocess.run(asked, cwd=folder, env=outside(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment: the wheel, and its dependencies from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], env=outside(), check=True)
    python = folder / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, *install], env=outside(), check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Files with paths (.pth) in there, such as the one that leads to the checkout, are not followed.
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    return python.parent


def outside() -> dict[str, str]:
    """The environment of somebody who has no checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def server(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server of the installed wheel: its address and its folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    asked = [str(commands / "meeting"), "serve", "--port", "0", "--models", "embedded"]
    environment = {**outside(), "MEETING_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(asked, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert ": open http" in line, line
            yield line.split("open ")[1].split("/ ")[0], folder
        finally:
            process.kill()


def test_the_source_distribution_holds_all_that_a_clone_has(built: Path, clone: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert set(contents(clone)) - packed == set()


def test_the_wheel_holds_pages_migrations_settings_and_marks_of_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    for folder in ("web", "migrations"):
        for name, content in contents(ROOT / folder).items():
            if "__pycache__" not in name:
                assert packed[f"meeting/package_files/{folder}/{name}"] == content
    assert packed["meeting/package_files/config.yaml"] == (ROOT / "config.yaml").read_bytes()
    assert {"meeting/py.typed", "pipelines/py.typed"} <= set(packed)
    assert {name.partition("/")[0] for name in packed if ".dist-info" not in name} == {"meeting", "pipelines"}


def test_the_wheel_is_what_runs_there(commands: Path) -> None:
    program = "import meeting, pipelines; print(meeting.__file__, pipelines.__file__)"
    asked = [str(commands / "python"), "-c", program]
    told = subprocess.run(asked, cwd=commands, env=outside(), capture_output=True, text=True, check=True).stdout.split()
    assert all(Path(path).is_relative_to(commands.parent) for path in told)


def test_the_wheel_serves_its_pages_and_keeps_meetings(server: tuple[str, Path]) -> None:
    address, folder = server
    with httpx.Client(base_url=address, timeout=60.0) as http:
        assert "static/app.js" in http.get("/").text
        for name, content in contents(ROOT / "web").items():
            assert http.get(f"/static/{name}").content == content, name
        made = http.post("/api/meetings", json={"title": "From a wheel"})
        assert made.status_code == 201
        assert [one["title"] for one in http.get("/api/meetings").json()["meetings"]] == ["From a wheel"]
    assert (folder / "data" / "meetings.sqlite3").is_file()


@pytest.mark.model
def test_the_wheel_finds_its_models(commands: Path) -> None:
    asked = [str(commands / "meeting"), "models", "list"]
    listed = subprocess.run(asked, cwd=commands, env=outside(), capture_output=True, text=True, check=True).stdout
    states = [line.split()[2] for line in listed.splitlines() if line.startswith("embedded ")]
    assert set(states) == {"verified"}
