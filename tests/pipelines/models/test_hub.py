"""Models in a hub's cache are found without the hub, and what cannot be had says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import ModelMissing
from pipelines.models.hub import fetch, fetch_whisper, whisper_repository
from tests.pipelines.models.test_selection import EMB, SEG


def put_into_cache(cache: Path, repository: str, *files: str) -> Path:
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    for file in files:
        (snapshot / file).write_text("weights")
    return snapshot


def test_short_names_of_whisper_are_mapped_as_faster_whisper_does() -> None:
    from faster_whisper.utils import _MODELS

    assert {name: whisper_repository(name) for name in _MODELS} == _MODELS
    assert whisper_repository("someone/her-whisper") == "someone/her-whisper"


def test_a_cached_file_is_found_without_a_hub(hub_cache: Path) -> None:
    snapshot = put_into_cache(hub_cache, EMB, "pytorch_model.bin")
    assert fetch(EMB, "pytorch_model.bin", None, local_only=True) == snapshot / "pytorch_model.bin"


def test_a_cached_whisper_is_found_without_a_hub(hub_cache: Path) -> None:
    snapshot = put_into_cache(hub_cache, "Systran/faster-whisper-tiny", "model.bin")
    assert fetch_whisper("tiny", None, local_only=True) == snapshot


def test_what_cannot_be_had_is_missing_with_a_word_on_what_to_do() -> None:
    with pytest.raises(ModelMissing, match=r"could not be had.*MEETING_MODELS_HUB_TOKEN"):
        fetch(SEG, "pytorch_model.bin", None, local_only=True)
    with pytest.raises(ModelMissing, match="model Systran/faster-whisper-tiny could not be had"):
        fetch_whisper("tiny", None, local_only=True)
