"""Imports without what is not needed: hidden here and now only, and never missed where it is wanted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipelines.models import lean_imports
from pipelines.models.lean_imports import hide_packages, import_diarization

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def needless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that is installed and not imported yet."""
    name = "needless_for_a_test"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "part.py").write_text("")
    (tmp_path / f"{name}-1.0.dist-info").mkdir()
    (tmp_path / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in (name, f"{name}.part"):
        sys.modules.pop(module, None)


def test_what_is_not_needed_looks_as_if_it_were_not_installed(needless: str) -> None:
    with hide_packages(needless):
        for module in (needless, f"{needless}.part"):
            with pytest.raises(ModuleNotFoundError) as caught:
                import_module(module)
            assert caught.value.name in (needless, f"{needless}.part")
        with pytest.raises(ModuleNotFoundError):
            find_spec(needless)
        with pytest.raises(PackageNotFoundError):
            version(needless)


def test_afterwards_it_is_there_again(needless: str) -> None:
    with pytest.raises(ZeroDivisionError), hide_packages(needless):
        raise ZeroDivisionError
    assert version(needless) == "1.0"
    assert import_module(f"{needless}.part").__name__ == f"{needless}.part"


def test_other_packages_and_other_threads_do_not_notice(needless: str) -> None:
    found: Future[str] = Future()
    with hide_packages(needless):
        assert version("numpy")
        assert find_spec("wave") is not None
        thread = threading.Thread(target=lambda: found.set_result(import_module(needless).__name__))
        thread.start()
        thread.join()
        assert found.result(0) == needless
        assert import_module(needless).__name__ == needless  # as it is there now


def test_libraries_that_cannot_do_without_are_left_to_a_plain_import(
    needless: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user_for_a_test.py").write_text(f"import {needless}\n")
    monkeypatch.setattr(lean_imports, "UNNEEDED", (("user_for_a_test", (needless,)), ("no_such_module_for_a_test", ())))
    import_diarization()
    assert "user_for_a_test" not in sys.modules
    assert import_module("user_for_a_test").__name__ == "user_for_a_test"
    del sys.modules["user_for_a_test"]


PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from pipelines.models.lean_imports import UNNEEDED, import_diarization
import_diarization()
imported = [module for module, _ in UNNEEDED]
missing = [module for module in imported if module not in sys.modules]
assert not missing, missing
heavy = ["torchvision", "scipy.signal", "speechbrain", "triton", "pyannote.audio.pipelines"]
loaded = [module for module in heavy if module in sys.modules]
assert not loaded, loaded
from diart.blocks import OverlappedSpeechPenalty, SpeakerSegmentation
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.models.segmentation import PyanNet
import scipy.signal, speechbrain.inference, torchvision
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.audio.pipelines.speaker_verification import PretrainedSpeakerEmbedding
"""


@pytest.mark.slow
def test_the_real_libraries_are_imported_lean_and_all_they_name_can_be_had_later() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
