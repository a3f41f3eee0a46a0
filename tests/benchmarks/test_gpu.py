"""The throughput of a card, run small on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from pipelines.models.gpu_memory import CUDA_CONTEXT_GB, DIARIZATION_GB, SHAPES, required_gb
from tests.conftest import without_gpu, without_models
from tests.fakes.tiny_whisper import build


@pytest.mark.slow
def test_slices_are_counted_for_each_batch_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    asked = [
        "--device",
        "cpu",
        "--size",
        "tiny",
        "--batches",
        "1",
        "2",
        "--seconds",
        "0",
        "--compute",
        "int8",
        "float16",
        "--windows",
        "2",
    ]
    assert gpu.main([*asked, "--tokens", "3", "--beam", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    rows = found["rows"]
    assert all(row["gigabytes"] is None for row in [*rows, *found["voices"]])
    if without_models() is None:
        assert [row["windows"] for row in found["voices"]] == [2]
        assert found["voices"][0]["windows_per_second"] > 0
    assert [(row["compute"], row["batch"]) for row in rows] == [("int8", 1), ("int8", 2)]
    assert all(row["slices_per_second"] > 0 for row in rows)
    printed = capsys.readouterr().out
    assert "has no float16 on cpu" in printed
    assert "| int8 | 2 |" in printed


@pytest.mark.slow
@pytest.mark.skipif(without_gpu() is None, reason="there is a CUDA device")
def test_without_a_card_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 2
    assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.gpu
def test_a_card_reads_the_large_model_in_the_memory_that_was_computed_for_it(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    asked = ["--batches", "1", "16", "--seconds", "0", "--tokens", "24", "--windows", "8"]
    assert gpu.main([*asked, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert all(0 < row["gigabytes"] <= row["gigabytes_computed"] + CUDA_CONTEXT_GB for row in found["rows"])
    assert all(row["gigabytes"] <= DIARIZATION_GB for row in found["voices"])


def test_memory_that_others_held_before_is_not_counted() -> None:
    row = gpu.beside({"compute": "float16", "batch": 4, "gigabytes": 5.0}, "turbo", 2.0)
    assert (row["gigabytes"], row["gigabytes_computed"]) == (3.0, required_gb(SHAPES["large-v3-turbo"], "float16", 4))
    assert gpu.beside({"compute": "int8", "batch": 4, "gigabytes": None}, "turbo", None)["gigabytes_computed"] is None


def test_it_stops_where_memory_ends() -> None:
    def read(batch: int) -> list[int]:
        if batch > 2:
            raise RuntimeError("CUDA failed with error out of memory")
        return [4] * batch

    rows = gpu.measure("float16", read, [1, 2, 4, 8], tokens=4, least=0.0)
    assert [row["batch"] for row in rows] == [1, 2]
    assert gpu.cells(rows)[0][gpu.COLUMNS.index("× batch of 1")] == 1.0


def test_a_model_that_writes_less_than_it_should_is_not_measured() -> None:
    with pytest.raises(gpu.Unusable):
        gpu.measure("int8", lambda batch: [3] * batch, [1], tokens=4, least=0.0)


def test_other_faults_are_not_taken_for_a_lack_of_memory() -> None:
    def read(batch: int) -> list[int]:
        raise RuntimeError("cuBLAS failed")

    with pytest.raises(gpu.Unusable, match="cuBLAS"):
        gpu.measure("int8", read, [1], tokens=4, least=0.0)


@pytest.mark.slow
def test_a_real_whisper_is_measured_as_the_program_reads_with_it(tmp_path: Path) -> None:
    rows = gpu.measure_real(build(tmp_path / "tiny"), "cpu", ["float32"], [1, 2], least=0.0)
    kinds = [(row["kind"], row["batch"]) for row in rows]
    assert kinds == [("final", 1), ("final", 2), ("growing", 1), ("growing", 2)]
    assert [cell[0] for cell in gpu.real_cells(rows)] == ["final", "final", "growing", "growing"]
    assert all(row["slices_per_second"] > 0 for row in rows)
