"""Facts, tables and figures of the benchmarks, and what a process costs."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, startup
from benchmarks.harness import report
from benchmarks.harness.process import Watch, cpu_seconds, resident
from benchmarks.load import command as load
from benchmarks.peers import command as peers

ROOT = Path(__file__).resolve().parents[3]


def test_a_report_says_when_where_and_with_what() -> None:
    facts = report.facts("load", ["--seconds", "5"], models={"speech": "tiny", "why": "so"}, recordings=["a", "b"])
    text = report.head(facts)
    assert f"Measured on {facts['date']} at commit {facts['commit']}." in text
    assert "Command: `python -m benchmarks.load --seconds 5`" in text
    assert 'Models: `{"speech": "tiny"}`' in text
    assert "Recordings: a, b" in text
    assert f"{len(os.sched_getaffinity(0))} cores" in text


def test_a_table_has_a_row_of_figures_for_each() -> None:
    assert report.table(("what", "how much"), [["a", 0.12345], ["b", None]]).splitlines() == [
        "| what | how much |",
        "| --- | ---: |",
        "| a | 0.123 |",
        "| b | – |",
    ]
    assert [report.shown(value) for value in (12.345, 1234.5, 7, "x")] == ["12.3", "1234", "7", "x"]


def test_percentiles_of_nothing_are_nothing() -> None:
    assert report.percentile([], 95) is None
    assert report.percentile([1.0, 3.0], 50) == 2.0


def test_figures_are_written_for_programs_where_that_is_asked(tmp_path: Path) -> None:
    report.save(None, {"date": "x"}, rows=[])
    report.save(tmp_path / "a" / "b.json", {"date": "x"}, rows=[{"meetings": 1}])
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"date": "x", "rows": [{"meetings": 1}]}


def test_a_process_is_watched() -> None:
    before = cpu_seconds(os.getpid())
    watch = Watch(os.getpid())

    async def work() -> None:
        async with watch.running(every=0.01):
            while cpu_seconds(os.getpid()) < before + 0.05:
                sum(range(10_000))
                await asyncio.sleep(0)

    asyncio.run(work())
    first, last = watch.moments[0], watch.moments[-1]
    assert last.cpu > first.cpu >= before
    assert watch.peak >= first.memory > 1
    assert watch.between(first.wall, last.wall) == watch.moments
    assert resident(os.getpid(), "VmHWM") >= resident(os.getpid()) - 1
    assert resident(os.getpid(), "VmNothing") == 0.0


@pytest.mark.parametrize("program", ["load", "startup", "peers", "gpu", "profile", "recognizers"])
def test_the_page_says_how_to_run_each_benchmark(program: str) -> None:
    assert f"python -m benchmarks.{program}" in (ROOT / "docs" / "benchmarks.md").read_text()


def test_the_folder_says_what_each_program_is() -> None:
    said = (ROOT / "benchmarks" / "README.md").read_text()
    kept = [path for path in (ROOT / "benchmarks").iterdir() if path.name[0] not in "_." and path.suffix in ("", ".py")]
    assert len(kept) > 10
    assert [path.name for path in kept if f"| `{path.name}{'/' * path.is_dir()}` |" not in said] == []


@pytest.mark.parametrize("program", sorted(path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")))
def test_each_folder_but_the_harness_is_a_command(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # in this process: what all of them import is imported once
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module(f"benchmarks.{program}", run_name="__main__")
    assert f"usage: python -m benchmarks.{program} " in capsys.readouterr().out


@pytest.mark.parametrize("column", [*load.TIMES, *load.COSTS, *startup.COLUMNS, *peers.COLUMNS, *gpu.COLUMNS])
def test_the_page_says_what_each_column_means(column: str) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    wanted = column.removesuffix(" p50").removesuffix(" p95") if column != "frames late p95" else column
    assert wanted in ("system", "start") or wanted in text
