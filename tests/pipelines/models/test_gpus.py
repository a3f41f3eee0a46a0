"""Where models compute, as a table of what was found of each GPU; and what is found, with libraries that are faked."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.errors import ModelError
from pipelines.models import probe
from pipelines.models.gpus import COMPUTE_TYPES, Gpu, best_first, choose_gpus
from pipelines.models.probe import CUBLAS, examine_gpu
from pipelines.models.selection import CACHED, Availability, select_models
from pipelines.options import EngineOptions
from tests.pipelines.models.test_selection import EMB, GPU, SEG

PASCAL = Gpu(frozenset({"int8_float32", "int8", "float32"}))
"""A GTX 1080: whole numbers, but no quick ones of 16 bits"""
MAXWELL = Gpu(frozenset({"float32"}))
TOO_OLD = Gpu(problem="no kernel image is available")
NO_CUBLAS = Gpu(frozenset(), whisper_problem="libcublas.so.12: cannot open shared object file")


@pytest.mark.parametrize(
    ("supported", "first"),
    [
        ({"float32", "float16", "int8", "int8_float16", "int8_float32", "bfloat16"}, "float16"),
        ({"float32", "int8", "int8_float16", "int8_float32"}, "int8_float16"),
        (PASCAL.compute_types, "int8_float32"),
        (MAXWELL.compute_types, "float32"),
        ((), "float32"),
    ],
)
def test_the_best_numbers_that_a_gpu_supports_are_taken(supported: frozenset[str], first: str) -> None:
    assert best_first(supported)[0] == first


@pytest.mark.parametrize(
    ("wanted", "count", "found", "devices"),
    [
        ("auto", 1, {0: TOO_OLD}, ("cpu",)),
        ("auto", 2, {0: TOO_OLD, 1: TOO_OLD}, ("cpu",)),
        ("auto", 2, {0: TOO_OLD}, ("cuda:1",)),
        ("cuda", 2, {1: TOO_OLD}, ("cuda:0",)),
        ("cuda:1", 2, {0: TOO_OLD}, ("cuda:1",)),
        ("cpu", 1, {0: TOO_OLD}, ("cpu",)),
        ("auto", 1, {0: PASCAL}, ("cuda",)),
        ("auto", 1, {0: NO_CUBLAS}, ("cuda",)),
    ],
)
def test_a_gpu_on_which_nothing_can_be_computed_is_left_out(
    wanted: str, count: int, found: Mapping[int, Gpu], devices: tuple[str, ...]
) -> None:
    assert choose_gpus(wanted, count, found).devices == devices


def test_gpus_of_different_age_compute_with_what_all_of_them_know() -> None:
    assert choose_gpus("auto", 2, {0: Gpu(), 1: PASCAL}).compute_types == ("int8_float32", "float32")
    assert choose_gpus("auto", 2, {0: Gpu(), 1: TOO_OLD}).compute_types == COMPUTE_TYPES


@pytest.mark.parametrize("wanted", ["cuda", "cuda:0"])
def test_a_demanded_gpu_that_cannot_be_used_is_an_error_that_says_why(wanted: str) -> None:
    with pytest.raises(ModelError, match=rf"device is {wanted}, but cuda:0 cannot be used \(no kernel.*auto or cpu"):
        select_models(EngineOptions(device=wanted), Availability(1, {}, gpus={0: TOO_OLD}))


def test_where_no_gpu_can_be_used_the_cpu_is_taken_and_the_reason_told() -> None:
    choice = select_models(EngineOptions(), Availability(1, GPU.weights, gpus={0: TOO_OLD}))
    assert {ref.device for ref in (choice.speech, choice.segmentation, choice.embedding)} == {"cpu"}
    assert (choice.speech.compute_type, choice.speech.candidates) == ("int8", ("tiny", "base", "small"))
    assert "the CPU computes, because cuda:0 cannot be used (no kernel image is available)." in choice.why


@pytest.mark.parametrize(("gpu", "compute"), [(PASCAL, "int8_float32"), (MAXWELL, "float32")])
def test_whisper_computes_with_what_an_old_gpu_supports_and_says_so(gpu: Gpu, compute: str) -> None:
    for wanted in ("auto", "cuda"):
        choice = select_models(EngineOptions(device=wanted), Availability(1, GPU.weights, gpus={0: gpu}))
        assert (choice.speech.device, choice.speech.compute_type) == ("cuda", compute)
        assert f"it computes in {compute}, because the GPU does not in float16." in choice.why


def test_of_an_old_gpus_memory_it_takes_what_these_numbers_need() -> None:
    old = Availability(1, GPU.weights, gpus={0: MAXWELL})
    new = select_models(EngineOptions(gpu_memory=8.0), GPU).speech
    fit = select_models(EngineOptions(gpu_memory=8.0), old).speech
    assert (fit.compute_type, new.compute_type) == ("float32", "float16")
    assert (fit.name, fit.max_batch) != (new.name, new.max_batch)
    with pytest.raises(ModelError, match=r"tiny needs 0\.\d: raise it"):
        select_models(EngineOptions(gpu_memory=2.6), old)


def test_without_cublas_whisper_computes_on_the_cpu_and_what_tells_voices_apart_on_the_gpu() -> None:
    there = Availability(1, GPU.weights, gpus={0: NO_CUBLAS})
    choice = select_models(EngineOptions(), there)
    assert (choice.speech.device, choice.speech.compute_type) == ("cpu", "int8")
    assert choice.segmentation.device == choice.embedding.device == "cuda"
    assert "Whisper computes on the CPU, because cuda:0 cannot be used by CTranslate2 (libcublas.so.12" in choice.why
    with pytest.raises(ModelError, match=r"device is cuda, but cuda:0 cannot be used by CTranslate2.*PyTorch for CUDA"):
        select_models(EngineOptions(device="cuda"), there)


@pytest.mark.parametrize(("gpu", "compute"), [(Gpu(), "float16"), (PASCAL, "float32"), (NO_CUBLAS, "float32")])
def test_transformers_needs_no_ctranslate2(gpu: Gpu, compute: str) -> None:
    weights = {"openai/whisper-base": CACHED, SEG: CACHED, EMB: CACHED}
    there = Availability(1, weights, {"speech": ("transformers",)}, {0: gpu})
    speech = select_models(EngineOptions(recognizer="transformers"), there).speech
    assert (speech.device, speech.compute_type) == ("cuda", compute)


@pytest.mark.parametrize(("device", "asked"), [("auto", [0, 1]), ("cuda", [0, 1]), ("cuda:1", [1]), ("cpu", [])])
def test_each_gpu_that_may_be_used_is_asked_and_no_other(
    device: str, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "count_cuda", lambda: 2)
    monkeypatch.setattr(probe, "ask_gpu", lambda number: TOO_OLD)
    found = probe.probe_models(EngineOptions(set="embedded", device=device)).gpus
    assert found == dict.fromkeys(asked, TOO_OLD)


class FakeSound:
    """A tensor of which only that it fails matters."""

    def __getitem__(self, part: object) -> FakeSound:
        return self

    def __matmul__(self, other: object) -> FakeSound:
        return self

    @property
    def mT(self) -> FakeSound:
        return self

    def cpu(self) -> FakeSound:
        return self


class FakeTorch:
    """torch on a machine with one GPU; `error` is raised when something is put on it, or computed there."""

    def __init__(self, error: Exception | None = None, cuda: str | None = "12.8", failing: str = "ones") -> None:
        self.version = SimpleNamespace(cuda=cuda)
        self.nn = SimpleNamespace(functional=SimpleNamespace(conv1d=self._conv1d))
        self._error, self._failing = error, failing
        self.devices: list[str] = []

    class inference_mode:
        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    def ones(self, *shape: int, device: str) -> FakeSound:
        self.devices.append(device)
        return self._found("ones")

    def _conv1d(self, sound: FakeSound, weights: FakeSound) -> FakeSound:
        return self._found("conv1d")

    def _found(self, step: str) -> FakeSound:
        if self._error is not None and step == self._failing:
            raise self._error
        return FakeSound()


class FakeCTranslate2:
    """ctranslate2 on a machine with a GPU that supports these numbers, or of which it cannot say."""

    def __init__(self, types: frozenset[str] | Exception) -> None:
        self._types = types

    def get_supported_compute_types(self, device: str, index: int) -> set[str]:
        if isinstance(self._types, Exception):
            raise self._types
        return set(self._types) if (device, index) == ("cuda", 1) else set()


def found(load: Any = lambda name: name, types: Any = PASCAL.compute_types, **torch: Any) -> Gpu:
    """What is found of the second GPU of a machine with these libraries."""
    return examine_gpu(1, FakeTorch(**torch), FakeCTranslate2(types), load)


def test_a_gpu_is_asked_what_it_supports_once_something_was_computed_on_it() -> None:
    torch, loaded = FakeTorch(), []
    assert examine_gpu(1, torch, FakeCTranslate2(PASCAL.compute_types), loaded.append) == PASCAL
    assert (torch.devices, loaded) == (["cuda:1"], [CUBLAS])


def test_what_torch_cannot_do_on_a_gpu_is_told_in_its_own_first_line() -> None:
    kernel = RuntimeError("CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors …")
    assert found(error=kernel).problem == "CUDA error: no kernel image is available for execution on the device"
    assert found(error=RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), failing="conv1d").problem
    assert found(error=AssertionError()).problem == "AssertionError"
    assert "without CUDA" in found(cuda=None).problem


def test_libraries_that_only_ctranslate2_lacks_keep_whisper_alone_from_the_gpu() -> None:
    def nothing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    assert found(nothing).problem == ""
    assert found(nothing).whisper_problem.startswith("libcublas.so.12: cannot open")
    assert found(types=RuntimeError("CUDA failed with error")).whisper_problem == "CUDA failed with error"
    assert found(types=ValueError("not compiled with CUDA support")).whisper_problem
