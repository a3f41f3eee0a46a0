"""What packages offer by entry point: found, imported, and refused by name where it is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import ModelError, ModelMissing
from pipelines.models.plugins import (
    GROUPS,
    OWN_PACKAGE,
    find_plugin,
    import_plugin,
    installed_plugins,
    names_offered,
    plugin_problems,
)
from tests.conftest import ROOT
from tests.fakes.models.packages import install

SPEECH = GROUPS["speech"]

Install = Callable[..., None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a recogniser `acme` of the package given, whose module has the text given."""

    def add(package: str, text: str = "def load(ref):\n    return ref", value: str = "", name: str = "acme") -> None:
        module = package.replace("-", "_")
        install(tmp_path, monkeypatch, package, {SPEECH: {name: value or f"{module}:load"}}, **{module: text})

    return add


def test_what_comes_with_the_program_comes_through_the_same_door() -> None:
    offered = {
        role: {plugin.name for plugin in installed_plugins(role) if plugin.package == OWN_PACKAGE} for role in GROUPS
    }
    assert offered["speech"] >= {"moonshine", "whisper"}
    assert offered["segmentation"] == {"pyannote"}
    assert offered["embedding"] == {"ge2e", "pyannote"}
    for role, names in offered.items():
        for name in names:
            assert callable(import_plugin(find_plugin(role, name)))


def test_a_package_offers_a_model_and_its_function_is_called(add: Install) -> None:
    add("acme-asr")
    plugin = find_plugin("speech", "acme")
    assert str(plugin) == "acme (acme-asr 1.0)"
    assert "acme" in names_offered("speech")
    assert "acme" not in names_offered("embedding")
    assert import_plugin(plugin)("a reference") == "a reference"
    assert plugin_problems() == []


def test_looking_for_models_imports_none_of_them(add: Install) -> None:
    add("acme-asr", "raise AssertionError('imported')")
    assert "acme" in names_offered("speech")
    assert find_plugin("speech", "acme").package == "acme-asr"


def test_a_name_that_two_packages_offer_is_refused_with_both(add: Install) -> None:
    add("acme-asr")
    add("other-asr")
    with pytest.raises(
        ModelError, match=r"acme in meeting.recognizers is offered by acme-asr 1.0 and other-asr 1.0: unin"
    ):
        find_plugin("speech", "acme")
    assert names_offered("speech").count("acme") == 1
    assert len(plugin_problems()) == 1


def test_nobody_takes_the_place_of_a_model_that_comes_with_the_program(add: Install) -> None:
    add("acme-asr", name="moonshine")
    with pytest.raises(ModelError, match=f"acme-asr 1.0 and {OWN_PACKAGE}"):
        find_plugin("speech", "moonshine")


def test_a_name_that_nobody_offers_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ModelError, match=r"offers acme in meeting.recognizers \(there: moonshine, .*make setup"):
        find_plugin("speech", "acme")


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        (
            "import no_such_library",
            "",
            r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_library'\)",
        ),
        ("def load(", "", r"cannot be imported \(SyntaxError"),
        ("raise SystemError('broken')", "", r"cannot be imported \(SystemError: broken\)"),
        ("", "", r"acme_asr:load cannot be imported \(AttributeError"),
        ("", "no_such_module:load", r"no_such_module:load cannot be imported \(ModuleNotFoundError"),
        ("load = 3", "", "acme_asr:load is no function"),
        ("def load(ref):\n    return {}['weights']", "", r"it cannot be loaded \(KeyError: 'weights'\)"),
    ],
)
def test_a_broken_package_is_named_with_what_is_wrong(add: Install, text: str, value: str, said: str) -> None:
    add("acme-asr", text, value)
    with pytest.raises(ModelError, match=f"the package acme-asr 1.0 offers acme in meeting.recognizers, but .*{said}"):
        import_plugin(find_plugin("speech", "acme"))(None)


def test_what_a_package_says_of_missing_weights_is_told_as_it_stands(add: Install) -> None:
    add(
        "acme-asr", "from pipelines.errors import ModelMissing\ndef load(ref):\n    raise ModelMissing('pull acme.bin')"
    )
    with pytest.raises(ModelMissing, match=r"^pull acme\.bin$"):
        import_plugin(find_plugin("speech", "acme"))(None)


def test_a_problem_is_told_for_each_broken_package(add: Install) -> None:
    add("acme-asr", "import no_such_library")
    add("other-asr", "", "other_asr", name="other")
    first, second = plugin_problems()
    assert "acme-asr" in first
    assert "other_asr is no function" in second


def test_the_loading_functions_are_imported_without_heavy_libraries() -> None:
    look = "import sys; from pipelines.models import builtin; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"torch", "faster_whisper", "transformers", "onnxruntime"} & set(done.stdout.split())
