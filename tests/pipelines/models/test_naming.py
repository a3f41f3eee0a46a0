"""What the settings may say of models, and what is said of names that nobody offers."""

from __future__ import annotations

import pytest

from pipelines.errors import SettingsError
from pipelines.models.naming import NamedModel, is_path, resolve_names
from pipelines.options import ENGINE, EngineOptions

OFFERED = {"speech": ("acme", "whisper"), "segmentation": ("acme", "pyannote"), "embedding": ("ge2e", "pyannote")}
SEG = "pyannote/segmentation-3.0"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (EngineOptions(), {}),
        (EngineOptions(recognizer="acme"), {"speech": NamedModel("acme", None)}),
        (EngineOptions(recognizer="acme:a:b"), {"speech": NamedModel("acme", "a:b")}),
        (EngineOptions(recognizer="acme:"), {"speech": NamedModel("acme", None)}),
        (EngineOptions(segmentation="acme:/a/b"), {"segmentation": NamedModel("acme", "/a/b")}),
        (EngineOptions(segmentation="pyannote"), {"segmentation": NamedModel("pyannote", None)}),
        (EngineOptions(segmentation="./seg.bin", embedding="C:\\emb.bin"), {}),
        (EngineOptions(embedding="ge2e"), {"embedding": NamedModel("ge2e", None)}),
    ],
)
def test_a_name_is_told_from_the_model_behind_it(options: EngineOptions, named: dict[str, NamedModel]) -> None:
    assert resolve_names(options, OFFERED)[1] == named


@pytest.mark.parametrize(
    ("named", "weights"),
    [
        (NamedModel("whispercpp", "small.en"), "small.en"),
        (NamedModel("whispercpp", None), "base"),
        (NamedModel("acme", "large"), "large"),
        (NamedModel("acme", None), "acme"),
    ],
)
def test_what_is_to_be_read_is_what_is_named_or_the_default_of_its_kind(named: NamedModel, weights: str) -> None:
    assert named.weights == weights


def test_weights_that_stand_behind_a_name_take_the_place_of_their_own_setting() -> None:
    options = EngineOptions(recognizer="whisper:small", segmentation=f"pyannote:{SEG}", embedding="pyannote")
    resolved, named = resolve_names(options, OFFERED)
    assert (resolved.whisper, resolved.segmentation, resolved.embedding) == ("small", SEG, ENGINE.embedding)
    assert list(named) == ["speech"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (EngineOptions(recognizer="acne"), r"models\.recognizer is 'acne', .* there are acme, whisper, .* else auto"),
        (EngineOptions(recognizer="whispr:base"), r"'whispr:base', which is not installed"),
        (EngineOptions(recognizer=""), r"models\.recognizer is ''"),
        (EngineOptions(segmentation="nobody"), r"models\.segmentation is 'nobody', .* acme, pyannote, .* else a path"),
        (EngineOptions(embedding="auto"), r"models\.embedding is 'auto'"),
    ],
)
def test_a_name_that_nobody_offers_is_refused_with_those_that_are(options: EngineOptions, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        resolve_names(options, OFFERED)


def test_where_nothing_is_installed_that_is_said() -> None:
    with pytest.raises(SettingsError, match="there are none"):
        resolve_names(EngineOptions(recognizer="moonshine"), {})


@pytest.mark.parametrize("name", ["/a/b", "./model", "~/model", "model.bin", "C:\\model", "folder/model.onnx"])
def test_paths_are_told_from_names(name: str) -> None:
    assert is_path(name)


@pytest.mark.parametrize("name", ["auto", "tiny", "large-v3", SEG, "distil-large-v3.5", "Systran/faster-whisper-tiny"])
def test_names_are_told_from_paths(name: str) -> None:
    assert not is_path(name)
