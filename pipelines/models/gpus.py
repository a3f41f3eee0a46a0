"""Which GPUs the models may compute on, and with which numbers: pure, from what a probe has found of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipelines.errors import ModelError

COMPUTE_TYPES = ("float16", "int8_float16", "int8_float32", "float32")
"""Numbers with which a Whisper computes on a GPU, best first; all GPUs know the last, those before 2016 no others"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a probe has found of one GPU."""

    compute_types: frozenset[str] = frozenset(COMPUTE_TYPES)
    """Numbers with which CTranslate2 computes there"""
    problem: str = ""
    """Why nothing can be computed there, as a clause; empty where it can"""
    whisper_problem: str = ""
    """Why CTranslate2, and with it the recogniser whisper, cannot compute there; empty where it can"""


@dataclass(frozen=True, slots=True)
class GpuChoice:
    """Where the models compute."""

    devices: tuple[str, ...]
    """("cpu",), or each GPU as "cuda" or "cuda:N" """
    compute_types: tuple[str, ...] = COMPUTE_TYPES
    """Numbers that all of them know, best first"""
    whisper_problem: str = ""
    """A clause on why the recogniser whisper cannot use them; empty where it can"""
    note: str = ""
    """A clause on GPUs that are there and not used; empty where there are none"""


def choose_gpus(wanted: str, count: int, found: Mapping[int, Gpu]) -> GpuChoice:
    """Where the models compute, of `count` CUDA devices; `wanted` is models.device, `found` has what is known of each.

    "auto" leaves out those that cannot be used, and takes the CPU where none is left. Raises ModelError where one that
    is demanded is not there or cannot be used.
    """
    if wanted == "cpu" or (wanted == "auto" and not count):
        return GpuChoice(("cpu",))
    if not count:
        raise ModelError(
            f"models.device is {wanted}, but no CUDA device was found: check the driver, or set it to auto"
        )
    number = wanted.partition(":")[2]
    if number and int(number) >= count:
        raise ModelError(f"models.device is {wanted}, but the last of the {count} CUDA devices is cuda:{count - 1}")
    gpus = {each: found.get(each, Gpu()) for each in ([int(number)] if number else range(count))}
    usable = {each: gpu for each, gpu in gpus.items() if not gpu.problem}
    problems = _say({each: gpu.problem for each, gpu in gpus.items()}, "cannot be used")
    if not usable and wanted != "auto":
        raise ModelError(f"models.device is {wanted}, but {problems}; mend that, or set models.device to auto or cpu")
    if not usable:
        return GpuChoice(("cpu",), note=f"the CPU computes, because {problems}")
    named = bool(number) or count > 1
    devices = tuple(f"cuda:{each}" if named else "cuda" for each in usable)
    types = best_first(frozenset.intersection(*(gpu.compute_types for gpu in usable.values())))
    whisper = _say({each: gpu.whisper_problem for each, gpu in usable.items()}, "cannot be used by CTranslate2")
    return GpuChoice(devices, types, whisper, problems)


def best_first(supported: Collection[str]) -> tuple[str, ...]:
    """Those of COMPUTE_TYPES that are supported, best first; float32 where none is, for no GPU can do without."""
    return tuple(each for each in COMPUTE_TYPES if each in supported) or COMPUTE_TYPES[-1:]


def _say(problems: Mapping[int, str], consequence: str) -> str:
    return "; ".join(f"cuda:{each} {consequence} ({problem})" for each, problem in problems.items() if problem)
