"""Each check of the doctor finds its problem and says what to do about it."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from meeting.config.settings import Config, Limits, Models, Server, Storage
from meeting.doctor import (
    PACKAGES,
    Finding,
    check_choice,
    check_data_folder,
    check_database,
    check_device,
    check_disk,
    check_embedded,
    check_files,
    check_installed_models,
    check_object_store,
    check_packages,
    check_port,
    check_python,
    examine,
    run_doctor,
    table,
    throughput_table,
)
from pipelines.engine.capacity import Throughput
from pipelines.engine.pool import EnginePool
from pipelines.errors import ModelMissing
from pipelines.models.gpus import Gpu
from pipelines.models.selection import Availability, select_models
from tests.databases.postgres_server import PostgresServer
from tests.fakes.models.packages import install
from tests.meeting.storage.objects.fake_objects import s3_server


def config(tmp_path: Path) -> Config:
    return Config(
        server=Server(port=0),
        storage=Storage(data_dir=tmp_path / "data"),
        models=Models(set="embedded", cache_dir=tmp_path / "models", device="cpu"),
    )


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 11, 7), (3, 12, 9)])
def test_pythons_that_the_packages_exist_for_are_fine(version: tuple[int, ...]) -> None:
    assert check_python(version).ok


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 13, 0), (4, 0, 0)])
def test_other_pythons_are_named_with_what_to_use(version: tuple[int, ...]) -> None:
    finding = check_python(version)
    assert not finding.ok
    assert "3.10 to 3.12" in finding.advice


def test_the_packages_of_this_environment_are_found() -> None:
    finding = check_packages()
    assert finding.ok, finding.detail
    assert "torch" in finding.detail


def test_a_missing_package_is_named() -> None:
    finding = check_packages(lambda name: None if name == "diart" else "1.0")
    assert (finding.ok, finding.detail, finding.advice) == (False, "missing: diart", "run `make setup`")


def test_a_package_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.doctor.requires", lambda name: ["numpy>=1.26,<2", 'pytest>=8; extra == "test"'])
    finding = check_packages(lambda name: "2.1" if name == "numpy" else "1.0")
    assert not finding.ok
    assert "numpy 2.1" in finding.detail


def test_every_package_looked_for_is_one_that_is_required() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text().lower()
    assert not [name for _, name in PACKAGES if f'"{name.lower()}' not in text]


@pytest.mark.parametrize(
    ("device", "cuda", "ok", "words"),
    [
        ("auto", False, True, "no CUDA device"),
        ("auto", True, True, "CUDA"),
        ("cpu", True, True, "as set"),
        ("cuda", False, False, "no CUDA device was found"),
    ],
)
def test_the_device_is_named_or_missed(device: str, cuda: bool, ok: bool, words: str) -> None:
    finding = check_device(Models(device=device), lambda: cuda, lambda number: Gpu())
    assert finding.ok is ok
    assert words in finding.detail
    assert bool(finding.advice) is not ok


@pytest.mark.parametrize(
    ("device", "gpu", "ok", "words"),
    [
        ("auto", Gpu(problem="no kernel image"), True, "(the CPU computes, because cuda:0 cannot be used (no kernel"),
        ("cuda", Gpu(problem="no kernel image"), False, "but cuda:0 cannot be used (no kernel image)"),
        ("auto", Gpu(frozenset({"float32"})), True, "CUDA, 1 device (Whisper in float32)"),
        ("auto", Gpu(whisper_problem="no cuBLAS"), True, "(cuda:0 cannot be used by CTranslate2 (no cuBLAS))"),
        ("cuda", Gpu(whisper_problem="no cuBLAS"), True, "cuda:0 cannot be used by CTranslate2 (no cuBLAS)"),
    ],
)
def test_a_gpu_that_is_there_but_cannot_do_all_is_told_of(device: str, gpu: Gpu, ok: bool, words: str) -> None:
    finding = check_device(Models(device=device), lambda: 1, lambda number: gpu)
    assert finding.ok is ok
    assert words in finding.detail


def test_missing_models_are_to_be_pulled(tmp_path: Path) -> None:
    finding = check_embedded(Models(cache_dir=tmp_path))
    assert not finding.ok
    assert "missing" in finding.detail
    assert "models pull" in finding.advice


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "ge2e-encoder.pt").write_bytes(b"short")
    assert "GE2E voice encoder damaged" in check_embedded(Models(cache_dir=tmp_path)).detail


def test_the_whisper_set_may_lack_the_embedded_files(tmp_path: Path) -> None:
    assert check_embedded(Models(set="whisper", cache_dir=tmp_path)).ok


@pytest.mark.model
def test_the_embedded_models_of_this_machine_are_right() -> None:
    assert "checksums right" in check_embedded(Models()).detail


def test_models_of_other_packages_are_named_with_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "acme-asr", {"meeting.recognizers": {"acme": "acme:load"}}, acme="load = print")
    finding = check_installed_models()
    assert finding.ok
    assert "speech: acme (acme-asr 1.0), moonshine, " in finding.detail
    assert "embedding: ge2e, pyannote" in finding.detail


def test_a_package_that_cannot_be_imported_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "acme-asr", {"meeting.recognizers": {"acme": "acme:load"}}, acme="import acme_core")
    finding = check_installed_models()
    assert not finding.ok
    assert "acme-asr 1.0 offers acme in meeting.recognizers, but acme:load cannot be imported" in finding.detail


def test_the_models_that_would_serve_are_named_with_the_reason() -> None:
    finding = check_choice(Models(), lambda settings: select_models(settings, Availability(False, {})))
    assert finding.ok
    assert "moonshine-tiny-en + pyannote-segmentation + ge2e" in finding.detail
    assert "no model hub answered" in finding.detail


def test_models_that_cannot_be_had_are_a_problem() -> None:
    def missing(settings: Models) -> None:
        raise ModelMissing("no Whisper here")

    finding = check_choice(Models(), missing)  # type: ignore[arg-type]
    assert (finding.ok, finding.detail) == (False, "no Whisper here")


def test_a_free_port_is_free() -> None:
    assert check_port("127.0.0.1", 0).ok


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finding = check_port("127.0.0.1", port)
    assert not finding.ok
    assert f"127.0.0.1:{port}" in finding.detail
    assert "MEETING_PORT" in finding.advice


def test_an_address_of_another_machine_is_a_problem() -> None:
    finding = check_port("192.0.2.1", 0)
    assert not finding.ok
    assert "cannot listen on 192.0.2.1" in finding.detail


def test_a_data_folder_that_can_be_made_is_fine_and_is_not_made(tmp_path: Path) -> None:
    finding = check_data_folder(tmp_path / "a" / "b")
    assert finding.ok
    assert "will be made" in finding.detail
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_data_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    finding = check_data_folder(tmp_path / "data")
    assert not finding.ok
    assert "MEETING_DATA_DIR" in finding.advice


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_without_the_right_to_write_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not check_data_folder(tmp_path).ok


def test_a_file_is_a_database_that_is_always_there() -> None:
    assert check_database(Storage()) == Finding("Database", True, "a file in the data folder")


def test_the_version_of_a_database_is_told(postgres: PostgresServer) -> None:
    found = check_database(Storage(database=postgres.url("postgres")))
    assert found.ok
    assert found.detail.startswith("PostgreSQL 1")


def test_a_database_that_cannot_be_reached_is_a_problem_without_its_password(postgres: PostgresServer) -> None:
    found = check_database(Storage(database="postgresql://somebody:hunter2@127.0.0.1:1/meetings"))
    assert not found.ok
    assert "cannot be reached" in found.detail
    assert "hunter2" not in str(found)


def test_a_driver_that_is_missing_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("meeting.storage.databases.postgres")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    found = check_database(Storage(database="postgresql://meeting@127.0.0.1/meetings"))
    assert not found.ok
    assert "psycopg is missing" in found.detail


def test_an_object_store_is_looked_at_only_where_one_is_set(tmp_path: Path) -> None:
    assert check_object_store(Storage()) == Finding("Object store", True, "none: the audio is in the data folder")
    found = check_object_store(Storage(objects=f"file://{tmp_path}/objects"))
    assert found == Finding("Object store", True, "can be written to, listed, read and deleted from")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_object_store_that_cannot_be_used_is_a_problem_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check_object_store(Storage(objects="nothing://bucket"))
    assert not found.ok
    assert "s3://BUCKET/PREFIX" in found.detail
    with s3_server() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        found = check_object_store(Storage(objects="s3://no-such-bucket/x"))
    assert (found.ok, found.detail) == (False, "cannot be reached: there is no such bucket (FileNotFoundError)")
    assert "AWS_ENDPOINT_URL" in found.advice


@pytest.mark.parametrize(("free", "ok"), [(5 << 30, True), (100 << 20, False)])
def test_a_full_disk_is_a_problem(tmp_path: Path, free: int, ok: bool) -> None:
    finding = check_disk(tmp_path / "data", lambda folder: free)
    assert finding.ok is ok
    assert bool(finding.advice) is not ok


@pytest.mark.parametrize(("files", "ok"), [(1024, False), (65_536, True)])
def test_too_few_files_for_the_readers_that_are_allowed_are_a_problem(files: int, ok: bool) -> None:
    finding = check_files(Limits(meetings=8, viewers=200), files)
    assert finding.ok is ok
    assert str(files) in finding.detail
    assert ("ulimit -n" in finding.advice) is not ok


def test_everything_is_looked_at(tmp_path: Path) -> None:
    names = [finding.name for finding in examine(config(tmp_path))]
    assert names == [
        "Python",
        "Packages",
        "Device",
        "Embedded models",
        "Installed models",
        "Models chosen",
        "Port",
        "Data folder",
        "Database",
        "Object store",
        "Disk",
        "Open files",
    ]


def test_the_doctor_prints_a_table_and_returns_1_for_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_doctor(config(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "FAIL  Embedded models" in out
    assert "-> run `python -m meeting models pull`" in out


@pytest.mark.model
def test_the_doctor_returns_0_when_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = config(tmp_path)
    well = replace(settings, models=replace(settings.models, cache_dir=None))
    assert run_doctor(well) == 0
    assert capsys.readouterr().out.endswith("All is well.\n")


def test_the_table_is_aligned_and_counts_the_problems() -> None:
    lines = table([Finding("Port", True, "free"), Finding("Data folder", False, "full", "make room")]).splitlines()
    assert lines == [
        "ok    Port         free",
        "FAIL  Data folder  full",
        "                   -> make room",
        "",
        "1 problem found.",
    ]


MEASURED = Throughput(speech=0.05, window=0.0304, batched_window=0.02, cores=4, threads=2, speech_workers=3)


@dataclass
class FakeMeasured:
    """An engine of one card, measured."""

    thread_trials: dict[int, float]
    models: dict[str, str] = field(default_factory=lambda: {"speech": "tiny", "device": "cpu"})
    throughput: Throughput = MEASURED
    closed: bool = False

    @property
    def engines(self) -> tuple[FakeMeasured, ...]:
        """Itself."""
        return (self,)

    @property
    def capacity(self) -> int:
        """As measured."""
        return self.throughput.capacity

    def close(self) -> None:
        """Remembered."""
        self.closed = True


def test_asked_to_measure_the_doctor_loads_the_models_and_prints_their_pace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeMeasured({1: 0.0304, 2: 0.0211})
    run_doctor(config(tmp_path), True, lambda settings: engine)
    printed = capsys.readouterr().out.partition("found.\n\n")[2]
    assert printed.splitlines() == [
        "Pace of tiny on cpu",
        "  speech        50.0 ms for a second of it; utterances at once: 3",
        "  window        30.4 ms alone, 20.0 ms each in company",
        "  threads       2 for each model; a window with 1: 30.4 ms, 2: 21.1 ms",
        "  cores         4",
        f"This machine carries about {engine.capacity} live meetings, if nothing else takes it.",
    ]
    assert engine.closed


def test_each_card_of_several_has_its_own_pace_and_their_meetings_are_added_up() -> None:
    lines = throughput_table(EnginePool([FakeMeasured({}), FakeMeasured({})])).splitlines()  # type: ignore[list-item]
    assert [line for line in lines if line.startswith("Pace")] == ["Pace of tiny on cpu, 1", "Pace of tiny on cpu, 2"]
    assert lines[3] == "  threads       2 for each model; no others were tried"
    assert f"about {2 * FakeMeasured({}).capacity} live" in lines[-1]


def test_models_that_cannot_be_loaded_cannot_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def load(settings: Models) -> object:
        raise ModelMissing("run models pull")

    assert run_doctor(config(tmp_path), True, load) == 1
    assert capsys.readouterr().out.endswith("The models cannot be measured: run models pull\n")


def test_without_being_asked_the_doctor_loads_no_model(tmp_path: Path) -> None:
    def load(settings: Models) -> object:
        raise AssertionError("a model was loaded")

    run_doctor(config(tmp_path), False, load)
