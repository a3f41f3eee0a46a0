"""The embedded model files: pinned by checksum, fetched with pip, kept in a cache folder; loads no model."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from pipelines.errors import ModelCorrupt, ModelError, ModelMissing

PULL_ADVICE = "run `python -m meeting models pull`"
"""What to do about a missing file, as a clause"""

POLL_SECONDS = 0.1
"""How often the progress of a download is looked at"""

Progress = Callable[[str, int, int], None]
"""Told the name of a model, its bytes so far and its bytes in all."""


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of the embedded set, known by its checksum."""

    role: str
    """"speech", "segmentation" or "embedding" """
    name: str
    """As shown to people"""
    file: str
    """File name in the cache folder, or below the installed package"""
    size: int
    """Bytes"""
    sha256: str
    requirement: str
    """Exact requirement of the distribution that carries the file"""
    member: str = ""
    """Path inside that distribution's wheel; empty when the file is used where it is installed"""
    download: int = 0
    """Bytes of the wheel"""
    package: str = ""
    """Import name of the installed package that holds the file; empty when it is kept in the cache"""


SEGMENTATION = PinnedFile(
    role="segmentation",
    name="pyannote segmentation",
    file="pyannote-segmentation.bin",
    size=17_719_103,
    sha256="0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea",
    requirement="whisperx==3.8.6",
    member="whisperx/assets/pytorch_model.bin",
    download=16_486_941,
)
EMBEDDING = PinnedFile(
    role="embedding",
    name="GE2E voice encoder",
    file="ge2e-encoder.pt",
    size=17_090_379,
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    requirement="Resemblyzer==0.1.4",
    member="resemblyzer/pretrained.pt",
    download=15_747_704,
)


def _moonshine(file: str, size: int, sha256: str) -> PinnedFile:
    requirement = "moonshine-voice==0.0.73"
    return PinnedFile(
        "speech", "Moonshine tiny-en", f"assets/tiny-en/{file}", size, sha256, requirement, package="moonshine_voice"
    )


SPEECH = (
    _moonshine("encoder_model.ort", 13_281_600, "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"),
    _moonshine(
        "decoder_model_merged.ort", 30_412_256, "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0"
    ),
    _moonshine("tokenizer.bin", 249_974, "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d"),
)
EMBEDDED: tuple[PinnedFile, ...] = (*SPEECH, SEGMENTATION, EMBEDDING)
"""Every file of the embedded set"""


@dataclass(frozen=True, slots=True)
class FileStatus:
    """Whether one embedded file is here."""

    set: str
    role: str
    name: str
    path: Path | None
    """Where it is or would be; None when the package that holds it is not installed"""
    size: int
    """Bytes that it has or will have"""
    state: str
    """"verified", "missing" or "damaged" """


def default_cache_dir() -> Path:
    """The user's cache folder for models; `XDG_CACHE_HOME` moves it."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "meeting-transcriber" / "models"


def resolve_cache_dir(cache_dir: str | Path | None) -> Path:
    """The folder that the setting means; None and "" mean the default."""
    return Path(cache_dir).expanduser() if cache_dir else default_cache_dir()


def locate(pinned: PinnedFile, cache_dir: str | Path | None = None) -> Path | None:
    """Where a file is or would be, present or not; None when its package is not installed."""
    if not pinned.package:
        return resolve_cache_dir(cache_dir) / pinned.file
    spec = importlib.util.find_spec(pinned.package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0]) / pinned.file if folders else None


def verify(pinned: PinnedFile, path: Path | None) -> str:
    """Compare a file with what was pinned: "verified", "missing" or "damaged"."""
    try:
        if path is None or not path.is_file():
            return "missing"
        if path.stat().st_size != pinned.size or sha256(path) != pinned.sha256:
            return "damaged"
    except OSError:
        return "damaged"
    return "verified"


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def require(pinned: PinnedFile, cache_dir: str | Path | None = None) -> Path:
    """The path of a verified file; raises ModelMissing or ModelCorrupt saying how to mend it."""
    path = locate(pinned, cache_dir)
    state = verify(pinned, path)
    if path is None or state == "missing":
        if pinned.package:
            raise ModelMissing(
                f"the model {pinned.name} comes with {pinned.requirement}, which lacks it: run `make setup`"
            )
        raise ModelMissing(f"the model {pinned.name} is not on this machine: {PULL_ADVICE}")
    if state == "damaged":
        mend = "run `make setup` in a fresh environment" if pinned.package else PULL_ADVICE
        raise ModelCorrupt(f"the model file {path} is damaged (its checksum is not the pinned one): {mend}")
    return path


def file_statuses(cache_dir: str | Path | None = None) -> list[FileStatus]:
    """Every embedded file with its place and state; reads and hashes each, about 80 MB in all."""
    found = []
    for pinned in EMBEDDED:
        path = locate(pinned, cache_dir)
        name = f"{pinned.name} ({Path(pinned.file).name})" if pinned.package else pinned.name
        found.append(FileStatus("embedded", pinned.role, name, path, pinned.size, verify(pinned, path)))
    return found


def pull_embedded(cache_dir: str | Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Fetch what the embedded set lacks and give the paths of all its files.

    Without `progress` bars are drawn on stderr. Raises ModelError with what to do when a file cannot be had.
    """
    if progress is None:
        with terminal_progress() as bars:
            return pull_embedded(cache_dir, bars)
    paths = []
    for pinned in EMBEDDED:
        path = locate(pinned, cache_dir)
        if not pinned.package and path is not None and verify(pinned, path) != "verified":
            _fetch(pinned, path, progress)
        paths.append(require(pinned, cache_dir))
    return paths


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """One bar on stderr for each model that is being fetched."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}
    # a log keeps every line, so that it gets few
    often = 0.1 if sys.stderr.isatty() else 5.0

    def show(name: str, done: int, total: int) -> None:
        if name not in bars:
            for earlier in bars.values():
                earlier.close()
            bars[name] = tqdm(total=total, desc=name, unit="B", unit_scale=True, file=sys.stderr, mininterval=often)
        bars[name].update(done - bars[name].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def _fetch(pinned: PinnedFile, target: Path, progress: Progress) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as folder:
            wheel = _download(pinned, Path(folder), progress)
            taken = _extract(pinned, wheel, Path(folder) / pinned.file)
            os.replace(taken, target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(
            f"cannot write models to {target.parent} ({reason}): free some space there or set models.cache_dir"
        ) from error
    progress(pinned.name, pinned.download, pinned.download)


def _download(pinned: PinnedFile, folder: Path, progress: Progress) -> Path:
    """The wheel, fetched by pip from the index it is set to; its requirements are not ours and stay out."""
    command = [sys.executable, "-m", "pip", "download", pinned.requirement, "--dest", str(folder), "--no-deps"]
    command += ["--only-binary=:all:", "--ignore-requires-python", "--progress-bar=off", "--retries=2"]
    command += ["--disable-pip-version-check", "--no-input"]
    # pip keeps the growing file in its temporary folder: with that inside ours, its size is the progress.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    progress(pinned.name, 0, pinned.download)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        lines: list[str] = []
        reader = Thread(target=lambda: lines.extend(pip.stdout or ()), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(POLL_SECONDS)
                progress(pinned.name, min(_largest_wheel(folder), pinned.download), pinned.download)
        except BaseException:
            pip.terminate()
            raise
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        raise ModelError(_pip_failure(pinned, lines))
    return wheels[0]


def _largest_wheel(folder: Path) -> int:
    largest = 0
    # passes over folders that pip removes meanwhile, where `rglob` raises
    for parent, _, files in os.walk(folder):
        for name in files:
            if ".whl" in name:
                with suppress(OSError):
                    largest = max(largest, os.stat(os.path.join(parent, name)).st_size)
    return largest


def _extract(pinned: PinnedFile, wheel: Path, target: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(pinned.member) as source, target.open("wb") as sink:
            # One byte more than pinned is enough to know that it is another file.
            sink.write(source.read(pinned.size + 1))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelCorrupt(
            f"the package {pinned.requirement} that pip fetched does not hold {pinned.member}"
        ) from error
    if verify(pinned, target) != "verified":
        raise ModelCorrupt(
            f"the {pinned.name} that pip fetched is not the pinned file (its checksum differs): "
            "nothing was kept; check which package index pip is set to"
        )
    return target


def _pip_failure(pinned: PinnedFile, lines: list[str]) -> str:
    text = "".join(lines)
    if "No module named pip" in text:
        return f"cannot fetch {pinned.name}: this Python has no pip; run `{sys.executable} -m ensurepip` and try again"
    errors = [line.strip() for line in lines if line.lstrip().startswith("ERROR:")]
    said = f" ({errors[-1].removeprefix('ERROR: ')})" if errors else ""
    return (
        f"cannot fetch {pinned.name}: pip could not download {pinned.requirement}{said}; check the network and pip's "
        "index, or put the wheel into a folder and set PIP_FIND_LINKS to it, then " + PULL_ADVICE
    )
