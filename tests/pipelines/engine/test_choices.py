"""Which models a meeting can be heard with in another process: what there is on this machine, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.engine.choices import choices, find_choices, with_models
from pipelines.models import probe
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION
from pipelines.models.plugins import GROUPS
from pipelines.models.selection import CACHED, ON_HUB, Availability
from pipelines.options import LANGUAGES, EngineOptions
from tests.fakes.models.packages import install
from tests.pipelines.models.test_hub import put_into_cache
from tests.pipelines.models.test_selection import EMB, SEG

OFFERED = {
    "speech": ("moonshine", "parrot", "whisper"),
    "segmentation": ("pyannote",),
    "embedding": ("ge2e", "pyannote"),
}
NAMES = ("embedded", "whisper:small", "whisper:tiny.en", "parrot")
WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    """Settings of a machine that has the embedded models."""
    for pinned in (SEGMENTATION, EMBEDDING):
        (tmp_path / pinned.file).write_text("weights")
    return EngineOptions(cache_dir=tmp_path)


def names(options: EngineOptions, **weights: str) -> list[str]:
    """Those that can be chosen where there are these weights beside those of the speakers."""
    there = Availability(0, {SEG: CACHED, EMB: CACHED, **weights}, OFFERED)
    return [one.name for one in choices(options, there, NAMES)]


def test_what_would_have_to_be_fetched_is_not_offered(options: EngineOptions, tmp_path: Path) -> None:
    assert names(options) == ["embedded", "parrot"]
    assert names(options, small=ON_HUB) == ["embedded", "parrot"]
    assert names(options, small=CACHED) == ["embedded", "whisper:small", "parrot"]
    (tmp_path / SEGMENTATION.file).unlink()
    assert names(options, small=CACHED) == ["whisper:small", "parrot"]
    assert names(options, small=CACHED, **{EMB: ON_HUB}) == []


def test_what_the_settings_do_not_allow_is_not_offered(options: EngineOptions) -> None:
    assert names(replace(options, set="whisper"), small=CACHED, **{EMB: ON_HUB}) == ["embedded"]
    assert names(replace(options, embedding="nobody")) == []


def test_each_is_told_by_its_recogniser_and_the_languages_that_it_reads(options: EngineOptions) -> None:
    there = Availability(0, {SEG: CACHED, EMB: CACHED, "small": CACHED, "tiny.en": CACHED}, OFFERED)
    told = {one.speech: one.languages for one in choices(options, there, NAMES)}
    assert told == {
        "moonshine-tiny-en": ("en",),
        "small": tuple(sorted(LANGUAGES)),
        "tiny.en": ("en",),
        "parrot": None,
    }
    assert len(choices(options, there, (*NAMES, *NAMES))) == 4


def test_other_models_leave_the_gpu_to_live_meetings() -> None:
    settings = EngineOptions(set="auto", recognizer="whisper:large", device="cuda")
    assert with_models(settings, "embedded") == EngineOptions(set="embedded", device="cpu")
    assert with_models(settings, "parrot") == EngineOptions(recognizer="parrot", device="cpu")


def test_it_is_looked_for_in_the_caches_and_nobody_is_asked(
    options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr(probe, "ask", lambda *_: pytest.fail("a hub was asked"))
    put_into_cache(hub, "Systran/faster-whisper-small", *WHISPER_FILES)
    put_into_cache(hub, "Systran/faster-whisper-base", "config.json")
    install(tmp_path, monkeypatch, "acme-parrot", {GROUPS["speech"]: {"parrot": "acme_parrot:load"}}, acme_parrot="")
    assert [one.name for one in find_choices(options)] == ["embedded", "whisper:small", "parrot"]
    weights = tmp_path / "own"
    weights.mkdir()
    named = replace(options, whisper=str(weights), recognizer=f"whisper:{weights}")
    assert [one.speech for one in find_choices(named)] == ["moonshine-tiny-en", "small", "own", "parrot"]
