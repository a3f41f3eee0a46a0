"""The definition of the settings: complete, without contradictions, and rid of old names in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import meeting
from meeting.config.settings import RENAMED, RENAMED_UNTIL, SECTIONS, SETTINGS, Config, Setting, as_yaml_holds
from meeting.config.sources import load_config
from pipelines.audio.endpointing import EndpointerOptions

ROOT = Path(__file__).parents[3]

every_setting = pytest.mark.parametrize(
    "setting", [pytest.param(setting, id=".".join(setting.name)) for setting in SETTINGS.values()]
)


def defaults() -> dict[str, dict[str, Any]]:
    """Every key with its default, as config.yaml holds it."""
    found: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for (section, key), setting in SETTINGS.items():
        found[section][key] = as_yaml_holds(setting.default)
    return found


@every_setting
def test_every_setting_says_what_it_means_in_one_line(setting: Setting) -> None:
    assert setting.rule.text
    assert "\n" not in setting.rule.text + setting.rule.more
    assert not setting.rule.text.endswith((".", ";", ","))


@every_setting
def test_every_default_is_a_value_that_may_be_given(setting: Setting, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("none") / "none.yaml"
    empty.write_text("", encoding="utf-8")
    given = {setting.name: setting.default} if setting.default is not None else {}
    assert load_config(empty, {}, given) == Config()
    assert setting.optional or setting.default is not None


@every_setting
def test_every_number_has_bounds_and_only_numbers_have_units(setting: Setting) -> None:
    number = setting.kind.startswith(("int", "float"))
    assert (setting.rule.bounds is not None) == number
    assert number or not setting.rule.unit


def test_every_section_of_the_configuration_has_its_settings() -> None:
    assert list(SECTIONS) == list(dict.fromkeys(section for section, _ in SETTINGS))


def test_old_names_lead_to_names_of_today() -> None:
    assert set(RENAMED.values()) <= set(SETTINGS)
    assert not set(RENAMED) & set(SETTINGS)
    assert len(set(RENAMED.values())) == len(RENAMED)


def test_old_names_go_in_the_version_that_was_told() -> None:
    def number(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split(".")[:2])

    assert not RENAMED or number(meeting.__version__) < number(RENAMED_UNTIL)


def test_what_is_said_of_endpointing_is_so() -> None:
    options, said = EndpointerOptions(), SETTINGS["speech", "endpoint_silence"].rule.text
    assert f"of up to {options.full_silence_until:g} s" in said
    assert f"falls to {options.min_silence:g} s while an utterance grows to {options.min_silence_from:g} s" in said
    page = " ".join((ROOT / "docs/accuracy.md").read_text(encoding="utf-8").split())
    assert f"of up to {options.full_silence_until:g} s ends after {options.endpoint_silence:g} s of silence" in page
    assert f"one of {options.min_silence_from:g} s or more after {options.min_silence:g} s" in page
