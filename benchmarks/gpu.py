"""What a card does per second, by batch size: slices of speech that Whisper reads, windows in which voices are found.

    .venv/bin/python -m benchmarks.gpu                                  # on a CUDA device
    .venv/bin/python -m benchmarks.gpu --whisper FOLDER                 # also a real Whisper, in CTranslate2's format
    .venv/bin/python -m benchmarks.gpu --device cpu --size tiny         # anywhere, to see that it runs

What the weights say does not change what they cost, so no Whisper is downloaded: one of the shape of large-v3-turbo is
made up, given random spectrograms of 30 s (Whisper pads every slice to that) and made to write a fixed number of tokens
for each. It runs on CTranslate2 where that finds its CUDA libraries, else on transformers where that is installed. Exit
code 2 where neither can use the device. Voices are found by the embedded models, where they are here.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import report
from benchmarks.harness.recordings import SAMPLE
from benchmarks.replay import cpu
from pipelines.asr.recogniser import RecognitionRequest
from pipelines.asr.whisper import WhisperRecogniser
from pipelines.errors import MeetingError
from pipelines.models.gpu_memory import GB, SHAPES, required_gb
from pipelines.types import SAMPLE_RATE
from tests.fakes.tiny_whisper import TINY, TURBO, WORDS, Shape, build

SIZES = {"turbo": TURBO, "tiny": TINY}
SIZED = {"turbo": "large-v3-turbo", "tiny": ""}
"""What `pipelines.models.gpu_memory` calls them"""
COMPUTE = {"cuda": ("float16", "int8_float16"), "cpu": ("float32", "int8")}
"""Types that are measured, by device"""
PROMPT = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
FRAMES = 3000
"""Spectrogram frames of 30 s"""
COLUMNS = ("compute", "batch", "slices/s", "ms per batch", "× batch of 1", "GB", "GB computed")
REAL_COLUMNS = ("slices", "compute", "at once", "slices/s", "ms per batch")
VOICE_COLUMNS = ("windows at once", "windows/s", "ms per batch", "GB")

Read = Callable[[int], list[int]]
"""Reads a batch of so many slices; the number of tokens written for each"""


Loaded = tuple[Read, Callable[[], None]]
"""A model, and what frees it"""

Runtime = tuple[str, Callable[[str], Loaded], set[str]]
"""Its name, a loader by compute type, the types there are"""


class Unusable(Exception):
    """Why a runtime cannot be measured here, in a sentence."""


@dataclass(frozen=True)
class Task:
    """What is measured."""

    device: str
    shape: Shape
    tokens: int
    beam: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every type and batch size; print the table."""
    parser = report.parser("gpu", __doc__)
    parser.add_argument("--device", choices=("auto", *COMPUTE), default="auto", help="default: CUDA, which it must be")
    parser.add_argument("--size", choices=SIZES, default="turbo", help="shape of the model (default turbo)")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32], metavar="B")
    parser.add_argument("--compute", nargs="+", metavar="TYPE", help="default: two that fit the device")
    parser.add_argument(
        "--whisper", type=Path, metavar="FOLDER", help="also read 5 s of the sample meeting with this one"
    )
    parser.add_argument("--windows", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32], metavar="W", help="at once")
    parser.add_argument("--tokens", type=int, default=32, help="written for each slice (default 32)")
    parser.add_argument("--beam", type=int, default=5, help="hypotheses kept, as for final lines (default 5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="at least so long for each figure (default 5)")
    asked = parser.parse_args(arguments)
    device = "cuda" if asked.device == "auto" else asked.device
    task = Task(device, SIZES[asked.size], asked.tokens, asked.beam)
    rows: list[dict[str, Any]] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            runtime, load, known_types = runtimes(task, Path(folder))
            model = {"shape": asked.size, "runtime": runtime, "device": card(device)}
            known = report.facts("gpu", arguments, models={**model, "tokens": asked.tokens, "beam": asked.beam})
            print(report.head(known), flush=True)
            for compute in asked.compute or COMPUTE[device]:
                if compute not in known_types:
                    print(f"{runtime} has no {compute} on {device}.\n", flush=True)
                    continue
                before = taken(device)
                read, free = load(compute)
                found = measure(compute, read, asked.batches, asked.tokens, asked.seconds, lambda: taken(device))
                rows += [beside(one, asked.size, before) for one in found]
                free()
        print(report.table(COLUMNS, cells(rows)))
        real: list[dict[str, Any]] = []
        if asked.whisper is not None:
            real = measure_real(asked.whisper, device, asked.compute or COMPUTE[device], asked.batches, asked.seconds)
            print(report.table(REAL_COLUMNS, real_cells(real)))
    except (Unusable, MeetingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    voices = measure_voices(device, asked.windows, asked.seconds)
    print(report.table(VOICE_COLUMNS, voice_cells(voices)))
    report.save(asked.json, known, rows=rows, real=real, voices=voices)
    return 0


def taken(device: str) -> float | None:
    """GB of the card's memory that are in use, by all programs; None of a processor."""
    if device == "cpu":
        return None
    import torch

    free, total = torch.cuda.mem_get_info()
    return float(total - free) / GB


def kept_by_torch(device: str) -> float | None:
    """The most GB of a card that torch has held so far; None of a processor."""
    if device == "cpu":
        return None
    import torch

    return float(torch.cuda.max_memory_reserved()) / GB


def beside(row: dict[str, Any], size: str, before: float | None) -> dict[str, Any]:
    """A row with the memory that the model has taken by then, and what `gpu_memory` says that it needs."""
    shape = SHAPES.get(SIZED[size]) if before is not None else None
    now = row["gigabytes"]
    return {
        **row,
        "gigabytes": now - before if now is not None and before is not None else None,
        "gigabytes_computed": required_gb(shape, row["compute"], row["batch"]) if shape else None,
    }


def card(device: str) -> str:
    """The device's name."""
    if device == "cpu":
        return cpu()
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else device


def runtimes(task: Task, folder: Path) -> Runtime:
    """The first runtime that can use the device; raises Unusable. Files go to `folder`."""
    reasons = []
    for make in (with_ctranslate2, with_transformers):
        try:
            return make(task, folder)
        except Unusable as error:
            reasons.append(str(error))
    raise Unusable("; ".join(reasons))


def with_ctranslate2(task: Task, folder: Path) -> Runtime:
    """CTranslate2; raises Unusable."""
    import ctranslate2

    device, shape, tokens = task.device, task.shape, task.tokens
    if device == "cuda":
        # torch brings cuBLAS and cuDNN; once they are loaded CTranslate2 finds them by name
        import torch  # noqa: F401

        if not ctranslate2.get_cuda_device_count():
            raise Unusable("CTranslate2 finds no CUDA device")
    build(folder, shape=shape, quantization="float16" if device == "cuda" else None)

    def load(compute: str) -> Loaded:
        try:
            model = ctranslate2.models.Whisper(str(folder), device=device, compute_type=compute)
        except (RuntimeError, ValueError) as error:
            raise Unusable(f"CTranslate2 cannot load the model: {error}") from error

        def read(batch: int) -> list[int]:
            mels = np.random.default_rng(batch).normal(0, 0.3, (batch, shape.bands, FRAMES)).astype(np.float32)
            found = model.generate(
                ctranslate2.StorageView.from_array(mels),
                [list(PROMPT)] * batch,
                beam_size=task.beam,
                max_length=2 * tokens,  # half of it is for the prompt
                suppress_tokens=[WORDS],  # the end of the text
                suppress_blank=False,
            )
            return [len(one.sequences_ids[0]) for one in found]

        return read, model.unload_model

    if device == "cuda":
        try:
            read, free = load(COMPUTE[device][0])
            read(1)  # libraries that are missing are missed only now
            free()
        except RuntimeError as error:
            raise Unusable(f"CTranslate2 cannot run on {device}: {error}") from error
    return f"CTranslate2 {ctranslate2.__version__}", load, set(ctranslate2.get_supported_compute_types(device))


def _whisper_config(made: Callable[..., Any], shape: Shape) -> Any:
    return made(
        vocab_size=51866,
        num_mel_bins=shape.bands,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
    )


def with_transformers(task: Task, folder: Path) -> Runtime:
    """transformers on torch; raises Unusable."""
    device, shape, tokens = task.device, task.shape, task.tokens
    try:
        import transformers
        from transformers.generation import GenerationMixin
    except ModuleNotFoundError:
        raise Unusable("transformers is not installed") from None
    except ImportError as error:
        raise Unusable(f"transformers cannot be used: {str(error).splitlines()[0]}") from error
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if device == "cuda" and not torch.cuda.is_available():
            raise Unusable("torch finds no CUDA device")
    config = _whisper_config(transformers.WhisperConfig, shape)

    def load(compute: str) -> Loaded:
        dtype = getattr(torch, compute)
        model = transformers.WhisperForConditionalGeneration(config).eval().to(device, dtype)
        start = torch.tensor([[WORDS + 1, WORDS + 2, WORDS + 103, WORDS + 107]], device=device)

        def read(batch: int) -> list[int]:
            mels = torch.randn((batch, shape.bands, FRAMES), device=device, dtype=dtype)
            # not Whisper's own `generate`: it looks at what is written, and that is nonsense here
            with torch.inference_mode():
                found = GenerationMixin.generate(
                    model,
                    mels,
                    decoder_input_ids=start.expand(batch, -1),
                    num_beams=task.beam,
                    do_sample=False,
                    min_new_tokens=tokens,
                    max_new_tokens=tokens,
                )
            return [len(one) - start.shape[1] for one in found.cpu()]

        return read, model.cpu

    return f"transformers {transformers.__version__}", load, {"float16", "float32", "bfloat16"}


def measure(
    compute: str,
    read: Read,
    batches: Sequence[int],
    tokens: int,
    least: float,
    memory: Callable[[], float | None] = lambda: None,
) -> list[dict[str, Any]]:
    """Slices per second for each batch size, the first reading of each aside; stops where memory ends."""
    made: list[dict[str, Any]] = []
    for batch in batches:
        try:
            written = read(batch)
            each = seconds_of(read, batch, least)
        except RuntimeError as error:
            if "memory" not in str(error).lower():
                raise Unusable(f"reading {batch} slices failed: {error}") from error
            print(f"  {compute}, {batch} slices: out of memory", file=sys.stderr, flush=True)
            break
        if set(written) != {tokens}:
            raise Unusable(f"{tokens} tokens were asked for, and {sorted(set(written))} written")
        figures = {"slices_per_second": batch / each, "seconds_per_batch": each, "gigabytes": memory()}
        made.append({"compute": compute, "batch": batch, **figures})
        print(f"  {compute}, {batch} slices: {batch / each:.1f} per second", file=sys.stderr, flush=True)
    return made


def seconds_of(work: Callable[[int], object], batch: int, least: float) -> float:
    """Mean seconds of some work on a batch over two runs at least, and over `least` seconds."""
    runs, began = 0, time.perf_counter()
    while runs < 2 or time.perf_counter() - began < least:
        work(batch)
        runs += 1
    return (time.perf_counter() - began) / runs


def measure_voices(device: str, counts: Sequence[int], least: float) -> list[dict[str, Any]]:
    """Windows of 5 s whose voices are found per second, by the embedded segmentation and embedding; none without."""
    from pipelines.engine.loader import load_speaker_finder
    from pipelines.models.probe import probe_and_select
    from pipelines.options import EngineOptions

    try:
        options = EngineOptions(set="embedded", device=device)
        finder, _ = load_speaker_finder(probe_and_select(options), options, 1)
    except MeetingError as error:
        print(f"  voices are not measured: {error}", file=sys.stderr, flush=True)
        return []
    made = []
    for count in counts:
        finder.trial(count)
        each = seconds_of(finder.trial, count, least)
        figures = {"windows_per_second": count / each, "seconds_per_batch": each, "gigabytes": kept_by_torch(device)}
        made.append({"windows": count, **figures})
        print(f"  voices, {count} windows: {count / each:.1f} per second", file=sys.stderr, flush=True)
    return made


def measure_real(
    folder: Path, device: str, computes: Sequence[str], batches: Sequence[int], least: float
) -> list[dict[str, Any]]:
    """A common slice, read as the program reads it, as final text and as growing text; raises MeetingError."""
    import soundfile

    from pipelines.asr.whisper import load_folder

    audio = soundfile.read(SAMPLE / "sample.flac", frames=5 * SAMPLE_RATE, dtype="float32")[0]
    made = []
    for compute in computes:
        recogniser = load_folder(folder, folder.name, device=device, compute_type=compute, max_batch=max(batches))
        for growing in (False, True):
            request = RecognitionRequest(audio, language="en", partial=growing)
            for batch in batches:
                recogniser.recognise_batch([request] * batch)
                each = seconds_of(partial(_read_copies, recogniser, request), batch, least)
                figures = {"slices_per_second": batch / each, "seconds_per_batch": each}
                made.append({"kind": "growing" if growing else "final", "compute": compute, "batch": batch, **figures})
    return made


def _read_copies(recogniser: WhisperRecogniser, request: RecognitionRequest, count: int) -> None:
    recogniser.recognise_batch([request] * count)


def cells(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """The table's rows."""
    alone = {row["compute"]: row["slices_per_second"] for row in rows if row["batch"] == 1}
    return [
        [
            row["compute"],
            row["batch"],
            row["slices_per_second"],
            1000 * row["seconds_per_batch"],
            row["slices_per_second"] / alone[row["compute"]] if row["compute"] in alone else None,
            row.get("gigabytes"),
            row.get("gigabytes_computed"),
        ]
        for row in rows
    ]


def real_cells(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """The rows of the table of a real Whisper."""
    return [
        [row["kind"], row["compute"], row["batch"], row["slices_per_second"], 1000 * row["seconds_per_batch"]]
        for row in rows
    ]


def voice_cells(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """The rows of the table of voices."""
    return [
        [row["windows"], row["windows_per_second"], 1000 * row["seconds_per_batch"], row["gigabytes"]] for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
