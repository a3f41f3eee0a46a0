"""The choice of models as a table: what is set and what there is, to what serves and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.asr.recogniser import RecogniserInfo
from pipelines.errors import ModelError, ModelMissing, SettingsError
from pipelines.models.selection import (
    CACHED,
    GATED,
    NOT_FOUND,
    NOT_INSTALLED,
    ON_HUB,
    UNREACHABLE,
    Availability,
    select_models,
)
from pipelines.options import EngineOptions

SEG = "pyannote/segmentation-3.0"
EMB = "pyannote/wespeaker-voxceleb-resnet34-LM"
TURBO = "large-v3-turbo"


NOTHING = Availability(False, {})
OFFLINE_GPU = Availability(True, {})
ONLINE = Availability(False, dict.fromkeys(("tiny", "base", "small", SEG, EMB), ON_HUB))
NO_TOKEN = Availability(False, {**ONLINE.weights, SEG: GATED})
GPU = Availability(True, dict.fromkeys((TURBO, "tiny", "base", "small", "medium", SEG, EMB), ON_HUB))
GPU_CACHED_SMALL = Availability(True, {"small": CACHED, SEG: CACHED, EMB: CACHED, TURBO: UNREACHABLE})
ONLY_TINY = Availability(False, {"tiny": CACHED})


@pytest.mark.parametrize(
    ("settings", "available", "kinds"),
    [
        (EngineOptions(), NOTHING, "moonshine pyannote-segmentation ge2e"),
        (EngineOptions(), OFFLINE_GPU, "moonshine pyannote-segmentation ge2e"),
        (EngineOptions(), ONLINE, "whisper pyannote/segmentation-3.0 pyannote"),
        (EngineOptions(), NO_TOKEN, "whisper pyannote-segmentation pyannote"),
        (EngineOptions(), ONLY_TINY, "whisper pyannote-segmentation ge2e"),
        (EngineOptions(set="embedded"), ONLINE, "moonshine pyannote-segmentation ge2e"),
        (EngineOptions(set="whisper"), ONLINE, "whisper pyannote/segmentation-3.0 pyannote"),
        (EngineOptions(set="whisper"), NO_TOKEN, "whisper pyannote-segmentation pyannote"),
    ],
)
def test_each_model_is_chosen_by_itself(settings: EngineOptions, available: Availability, kinds: str) -> None:
    choice = select_models(settings, available)
    speech, segmentation, embedding = kinds.split()
    assert choice.speech.kind == speech
    assert choice.segmentation.name == segmentation
    assert choice.embedding.kind == embedding


@pytest.mark.parametrize(
    ("settings", "available", "name", "candidates"),
    [
        (EngineOptions(), ONLINE, "auto", ("tiny", "base", "small")),
        (EngineOptions(), ONLY_TINY, "tiny", ("tiny",)),
        (EngineOptions(), GPU, TURBO, (TURBO,)),
        (EngineOptions(), GPU_CACHED_SMALL, "small", ("small",)),
        (EngineOptions(device="cpu"), GPU, "auto", ("tiny", "base", "small")),
        (EngineOptions(whisper="base"), ONLINE, "base", ("base",)),
        (EngineOptions(whisper="medium.en"), Availability(False, {"medium.en": CACHED}), "medium.en", ("medium.en",)),
    ],
)
def test_whisper_is_sized_for_the_device(
    settings: EngineOptions, available: Availability, name: str, candidates: tuple[str, ...]
) -> None:
    speech = select_models(settings, available).speech
    assert (speech.name, speech.candidates) == (name, candidates)


@pytest.mark.parametrize(
    ("settings", "available", "device", "compute"),
    [
        (EngineOptions(), ONLINE, "cpu", "int8"),
        (EngineOptions(), GPU, "cuda", "float16"),
        (EngineOptions(device="cuda"), GPU, "cuda", "float16"),
        (EngineOptions(device="cpu"), GPU, "cpu", "int8"),
    ],
)
def test_numbers_are_as_small_as_the_device_likes(
    settings: EngineOptions, available: Availability, device: str, compute: str
) -> None:
    choice = select_models(settings, available)
    assert (choice.speech.device, choice.speech.compute_type) == (device, compute)
    assert choice.segmentation.device == choice.embedding.device == choice.device == device


@pytest.mark.parametrize(
    ("budget", "available", "name", "compute", "at_once"),
    [
        (24.0, GPU, TURBO, "float16", 16),
        (8.0, GPU, TURBO, "float16", 8),
        (4.0, GPU, "small", "int8_float16", 4),
        (3.0, GPU, "tiny", "float16", 4),
        (24.0, GPU_CACHED_SMALL, "small", "float16", 16),
        (None, GPU, TURBO, "float16", None),
    ],
)
def test_on_a_gpu_the_largest_whisper_that_fits_the_budget_serves_and_says_so(
    budget: float | None, available: Availability, name: str, compute: str, at_once: int | None
) -> None:
    choice = select_models(EngineOptions(gpu_memory=budget), available)
    assert (choice.speech.name, choice.speech.compute_type, choice.speech.max_batch) == (name, compute, at_once)
    said = f"the largest here that fits {budget or 0:g} GB of the GPU's memory beside the other models ({compute}, "
    assert (said in choice.why) == (budget is not None)


def test_a_whisper_that_is_named_is_made_to_fit_the_budget() -> None:
    choice = select_models(EngineOptions(gpu_memory=9, whisper="medium"), GPU)
    assert (choice.speech.name, choice.speech.compute_type, choice.speech.max_batch) == ("medium", "float16", 8)
    assert "so that it fits 9 GB" in choice.why


@pytest.mark.parametrize(("whisper", "least"), [("medium", "2.9"), ("auto", "0.4")])
def test_a_whisper_that_cannot_fit_is_an_error_with_what_it_needs(whisper: str, least: str) -> None:
    with pytest.raises(ModelError, match=f"gpu_memory is 2.75 GB, of which 0.25 are left .* needs {least}"):
        select_models(EngineOptions(gpu_memory=2.75, whisper=whisper), GPU)


def test_a_model_of_unknown_size_is_taken_and_that_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "my-whisper")
    choice = select_models(EngineOptions(whisper=path, gpu_memory=4), Availability(True, {path: CACHED}))
    assert (choice.speech.max_batch, choice.speech.compute_type) == (None, "float16")
    assert "whether it fits 4 GB of the GPU's memory is not known" in choice.why


def test_a_budget_for_gpus_means_nothing_to_a_cpu() -> None:
    assert select_models(EngineOptions(gpu_memory=3, device="cpu"), GPU) == select_models(
        EngineOptions(device="cpu"), GPU
    )


def test_what_is_cached_is_loaded_without_asking_a_hub() -> None:
    choice = select_models(EngineOptions(), GPU_CACHED_SMALL)
    assert choice.speech.local_only
    assert choice.segmentation.local_only
    assert not select_models(EngineOptions(), ONLINE).speech.local_only


@pytest.mark.parametrize(
    ("settings", "available", "languages"),
    [
        (EngineOptions(), NOTHING, ("en",)),
        (EngineOptions(), ONLINE, None),
        (EngineOptions(whisper="tiny.en"), Availability(False, {"tiny.en": CACHED}), ("en",)),
    ],
)
def test_the_choice_says_which_languages_are_read(
    settings: EngineOptions, available: Availability, languages: tuple[str, ...] | None
) -> None:
    assert select_models(settings, available).languages == languages


@pytest.mark.parametrize(
    ("settings", "available", "words"),
    [
        (EngineOptions(), NOTHING, ["English only", "no model hub answered", "segmentation and embedding"]),
        (EngineOptions(set="embedded"), NOTHING, ["models.set is embedded", "English only"]),
        (EngineOptions(), NO_TOKEN, ["largest of tiny, base, small", "embedded segmentation", "token"]),
        (
            EngineOptions(),
            ONLY_TINY,
            ["Whisper tiny", "from this machine", "embedded segmentation", "embedded embedding"],
        ),
        (EngineOptions(), GPU, [f"Whisper {TURBO}", "from the model hub"]),
        (EngineOptions(whisper="nonsense"), Availability(False, {"nonsense": NOT_FOUND}), ["not known to the hub"]),
    ],
)
def test_the_reason_is_one_sentence_that_says_what_was_found(
    settings: EngineOptions, available: Availability, words: list[str]
) -> None:
    why = select_models(settings, available).why
    assert all(word in why for word in words), why
    assert why.endswith(".")
    assert "\n" not in why


@pytest.mark.parametrize(
    ("settings", "available", "message"),
    [
        (EngineOptions(set="whisper"), NOTHING, "any Whisper model is not on this machine and no model hub answered"),
        (EngineOptions(set="whisper", whisper="base"), NOTHING, "Whisper base is not on this machine"),
        (
            EngineOptions(set="whisper"),
            Availability(False, {"tiny": ON_HUB, SEG: ON_HUB}),
            f"{EMB} is not on this machine",
        ),
        (
            EngineOptions(set="whisper"),
            Availability(False, {"tiny": ON_HUB, EMB: ON_HUB}),
            f"{SEG} is not on this machine",
        ),
        (
            EngineOptions(set="whisper"),
            Availability(False, {"tiny": ON_HUB, SEG: ON_HUB, EMB: GATED}),
            "MEETING_MODELS_HUB_TOKEN",
        ),
        (
            EngineOptions(segmentation="/no/such.bin"),
            Availability(False, {"/no/such.bin": NOT_FOUND}),
            "nothing at that path",
        ),
    ],
)
def test_a_demanded_model_that_cannot_be_had_is_an_error(
    settings: EngineOptions, available: Availability, message: str
) -> None:
    with pytest.raises(ModelMissing, match=message):
        select_models(settings, available)


def test_a_gpu_that_is_demanded_must_be_there() -> None:
    with pytest.raises(ModelError, match="no CUDA device was found"):
        select_models(EngineOptions(device="cuda"), NOTHING)


TWO = Availability(2, GPU.weights)


@pytest.mark.parametrize(
    ("settings", "available", "devices"),
    [
        (EngineOptions(), GPU, ("cuda",)),
        (EngineOptions(), TWO, ("cuda:0", "cuda:1")),
        (EngineOptions(device="cuda"), TWO, ("cuda:0", "cuda:1")),
        (EngineOptions(device="cuda:1"), TWO, ("cuda:1",)),
        (EngineOptions(device="cuda:0"), GPU, ("cuda:0",)),
        (EngineOptions(device="cpu"), TWO, ("cpu",)),
        (EngineOptions(), ONLINE, ("cpu",)),
        (EngineOptions(set="embedded"), TWO, ("cuda:0",)),
        (EngineOptions(), Availability(2, {}), ("cuda:0",)),
    ],
)
def test_every_gpu_that_may_be_used_gets_a_copy_unless_the_recogniser_cannot_use_one(
    settings: EngineOptions, available: Availability, devices: tuple[str, ...]
) -> None:
    choice = select_models(settings, available)
    assert choice.devices == devices
    assert choice.segmentation.device == devices[0]


def test_a_choice_can_be_put_on_another_gpu() -> None:
    choice = select_models(EngineOptions(gpu_memory=8), TWO)
    other = choice.on_device("cuda:1")
    assert {ref.device for ref in (other.speech, other.segmentation, other.embedding)} == {"cuda:1"}
    assert (other.speech.compute_type, other.speech.max_batch) == ("float16", 8)
    assert other.on_device("cuda:0") == choice
    embedded = select_models(EngineOptions(set="embedded"), TWO).on_device("cuda:1")
    assert (embedded.speech.device, embedded.embedding.device) == ("cpu", "cuda:1")


def test_a_gpu_that_is_named_must_be_there() -> None:
    with pytest.raises(ModelError, match=r"device is cuda:2, but the last of the 2 CUDA devices is cuda:1"):
        select_models(EngineOptions(device="cuda:2"), TWO)
    with pytest.raises(ModelError, match=r"device is cuda:1, but no CUDA device was found"):
        select_models(EngineOptions(device="cuda:1"), ONLINE)


@pytest.mark.parametrize(
    "settings", [EngineOptions(set="best"), EngineOptions(device="tpu"), EngineOptions(device="cuda:N")]
)
def test_impossible_settings_are_refused(settings: EngineOptions) -> None:
    with pytest.raises(SettingsError, match="must be one of"):
        select_models(settings, NOTHING)


def test_a_path_is_loaded_from_there_and_shown_without_its_folders(tmp_path: Path) -> None:
    path = str(tmp_path / "my-whisper")
    choice = select_models(EngineOptions(whisper=path), Availability(False, {path: CACHED}))
    assert choice.speech.path == Path(path)
    assert "my-whisper" in choice.why
    assert str(tmp_path) not in choice.why
    assert str(tmp_path) not in str(choice.info)


def test_the_wire_form_names_all_three_and_the_reason() -> None:
    wire = select_models(EngineOptions(), NOTHING).info
    assert set(wire) == {"speech", "segmentation", "embedding", "why", "languages", "translates", "device"}
    assert wire["languages"] == ["en"]
    assert wire["speech"] == "moonshine-tiny-en"


def test_measuring_settles_the_name() -> None:
    settled = select_models(EngineOptions(), ONLINE).with_recogniser(RecogniserInfo("base"))
    assert settled.info["speech"] == "base"
    assert not settled.info["translates"]
    able = select_models(EngineOptions(), ONLINE).with_recogniser(RecogniserInfo("base", translates=True))
    assert able.info["translates"]
    assert "Whisper base serves" in settled.why


def test_a_token_is_never_shown() -> None:
    choice = select_models(EngineOptions(hub_token="hf_secret"), ONLINE)
    assert "hf_secret" not in repr(choice) + str(choice.info)


OFFERED = {
    "speech": ("acme", "moonshine", "transformers", "whisper", "whispercpp"),
    "segmentation": ("acme", "pyannote"),
    "embedding": ("acme", "ge2e", "pyannote"),
}


def with_plugins(cuda: int, **weights: str) -> Availability:
    return Availability(cuda, weights, OFFERED)


@pytest.mark.parametrize("models", ["auto", "whisper", "embedded"])
@pytest.mark.parametrize(
    ("recognizer", "weights", "kind", "name"),
    [
        ("moonshine", {}, "moonshine", "moonshine-tiny-en"),
        ("whisper:base", {"base": CACHED}, "whisper", "base"),
        ("whispercpp", {"base": ON_HUB}, "whispercpp", "base"),
        ("whispercpp:small.en", {"small.en": CACHED}, "whispercpp", "small.en"),
        ("transformers:me/mine", {"me/mine": CACHED}, "transformers", "me/mine"),
        ("acme", {}, "acme", "acme"),
        ("acme:/models/large.bin", {}, "acme", "/models/large.bin"),
    ],
)
def test_a_recogniser_that_is_named_serves_whatever_the_set_is(
    models: str, recognizer: str, weights: dict[str, str], kind: str, name: str
) -> None:
    there = with_plugins(0, **weights, **{SEG: CACHED, EMB: CACHED})
    choice = select_models(EngineOptions(set=models, recognizer=recognizer), there)
    assert (choice.speech.kind, choice.speech.name) == (kind, name)
    assert choice.embedding.kind == ("ge2e" if models == "embedded" else "pyannote")
    assert "models.recognizer names it" in choice.why or "Whisper base serves, from this machine" in choice.why


def test_other_models_that_are_named_serve_as_well_and_the_reason_says_all_of_it() -> None:
    options = EngineOptions(set="embedded", recognizer="acme:large", segmentation="acme", embedding="acme:loud")
    choice = select_models(options, with_plugins(1))
    assert [ref.kind for ref in (choice.speech, choice.segmentation, choice.embedding)] == ["acme"] * 3
    assert [ref.device for ref in (choice.speech, choice.segmentation, choice.embedding)] == ["cuda"] * 3
    assert choice.info["embedding"] == "loud"
    assert choice.why == (
        "The recogniser acme with large serves, because models.recognizer names it; the segmentation acme, because "
        "models.segmentation names it; the embedding acme, because models.embedding names it."
    )


def test_the_embedded_ones_can_be_named_too() -> None:
    options = EngineOptions(set="auto", recognizer="moonshine", segmentation="pyannote", embedding="ge2e")
    choice = select_models(options, Availability(0, ONLINE.weights, OFFERED))
    assert choice.info["segmentation"] == "pyannote-segmentation"
    assert (choice.segmentation.path, choice.embedding.kind) != (None, "pyannote")
    assert choice.embedding.name == "ge2e"


def test_a_colon_stands_before_a_model_of_pyannote_too() -> None:
    options = EngineOptions(segmentation=f"pyannote:{SEG}", embedding=f"pyannote:{EMB}")
    assert select_models(options, Availability(0, ONLINE.weights, OFFERED)) == select_models(
        EngineOptions(), Availability(0, ONLINE.weights, OFFERED)
    )


def test_whisper_cpp_computes_on_the_processor_and_transformers_in_half_precision_on_a_gpu() -> None:
    there = with_plugins(1, base=CACHED, **{"me/mine": CACHED})
    cpp = select_models(EngineOptions(recognizer="whispercpp"), there).speech
    assert (cpp.device, cpp.compute_type) == ("cpu", "float32")
    transformers = select_models(EngineOptions(recognizer="transformers:me/mine"), there).speech
    assert (transformers.device, transformers.compute_type) == ("cuda", "float16")


@pytest.mark.parametrize(
    ("recognizer", "state", "message"),
    [
        ("whisper:base", UNREACHABLE, "models.recognizer is whisper:base, but Whisper base is not on this machine"),
        ("whisper:base", UNREACHABLE, "or set models.recognizer to auto"),
        ("whispercpp:base", NOT_INSTALLED, "but base needs a package that is not installed: install it as"),
        ("transformers:me/mine", NOT_FOUND, "me/mine is not known to the hub"),
        ("whispercpp:/no/such.bin", NOT_FOUND, "there is nothing at that path"),
    ],
)
def test_a_recogniser_that_is_named_and_cannot_be_had_is_an_error(recognizer: str, state: str, message: str) -> None:
    name = recognizer.partition(":")[2]
    with pytest.raises(ModelMissing, match=message):
        select_models(EngineOptions(set="embedded", recognizer=recognizer), with_plugins(0, **{name: state}))


def test_what_the_recogniser_reads_is_known_once_it_is_loaded() -> None:
    choice = select_models(EngineOptions(recognizer="acme"), with_plugins(0))
    assert choice.languages is None
    loaded = choice.with_recogniser(RecogniserInfo("Acme large", languages=("de", "fr")))
    assert (loaded.info["languages"], loaded.info["speech"]) == (["de", "fr"], "Acme large")
    assert loaded.why == choice.why
