"""Models are loaded through the package that offers them, and must be what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.models.factory import load_embedding, load_recogniser, load_segmentation
from pipelines.models.plugins import GROUPS
from pipelines.models.selection import ModelRef
from tests.fakes.models.packages import install

LOADERS = {"speech": load_recogniser, "segmentation": load_segmentation, "embedding": load_embedding}

MODULE = """
from pipelines.asr.recogniser import RecognitionResult, RecogniserInfo
from pipelines.diarization.clustering import PRESETS

asked = []

class Speech:
    info = RecogniserInfo("acme")
    def measure_rtf(self): return 0.1
    def recognise(self, request): return RecognitionResult()
    def recognise_batch(self, requests): return [RecognitionResult()]

class Segmentation:
    def to(self, device): return self
    def eval(self): return self
    def __call__(self, audio): return audio

class Embedding:
    thresholds = PRESETS["ge2e"]
    def __call__(self, audio, alone): return audio

class Wrong:
    info = thresholds = "wrong"
    measure_rtf = recognise = recognise_batch = to = __call__ = lambda *_: None

def load(ref):
    asked.append(ref)
    return {"speech": Speech, "segmentation": Segmentation, "embedding": Embedding}[ref.role]()

def load_wrong(ref):
    return Wrong()

def load_none(ref):
    return None
"""


@pytest.fixture(autouse=True)
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = {"acme": "acme:load", "wrong": "acme:load_wrong", "none": "acme:load_none"}
    install(tmp_path, monkeypatch, "acme", dict.fromkeys(GROUPS.values(), offers), acme=MODULE)


def ref(role: str, kind: str) -> ModelRef:
    return ModelRef(role, kind, "large", None, "cpu", "float32")


@pytest.mark.parametrize("role", GROUPS)
def test_what_a_package_gives_is_what_is_used(role: str) -> None:
    assert type(LOADERS[role](ref(role, "acme"))).__name__.lower() == role


def test_a_package_is_told_which_model_where_and_with_how_many_threads() -> None:
    load_recogniser(ref("speech", "acme"), 3, "hf_secret")
    import acme  # type: ignore[import-not-found]

    (asked,) = acme.asked
    assert (asked.name, asked.device, asked.threads, asked.token) == ("large", "cpu", 3, "hf_secret")
    assert "hf_secret" not in repr(asked)


@pytest.mark.parametrize("kind", ["wrong", "none"])
@pytest.mark.parametrize(
    ("role", "wanted"),
    [("speech", "Recogniser"), ("segmentation", "Segmentation"), ("embedding", "VoiceEmbedding")],
)
def test_what_is_something_else_is_refused_with_the_package_and_what_was_expected(
    role: str, wanted: str, kind: str
) -> None:
    made = {"wrong": "Wrong", "none": "NoneType"}[kind]
    with pytest.raises(ModelError, match=rf"package acme 1\.0 loads {kind} as a {made}, which is no \S*{wanted}: "):
        LOADERS[role](ref(role, kind))
