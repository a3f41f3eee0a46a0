"""config.yaml and docs/settings.md are what the definition of the settings makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meeting.config import pages
from meeting.config.settings import RENAMED, RENAMED_UNTIL, SECTIONS, SETTINGS, Config, Setting
from meeting.config.sources import load_config
from tests.meeting.config.test_settings import defaults

ROOT = Path(__file__).parents[3]
CONFIG, PAGE = ROOT / pages.FILE, ROOT / pages.PAGE


def test_config_yaml_holds_exactly_every_key_with_its_default() -> None:
    assert yaml.safe_load(CONFIG.read_text(encoding="utf-8")) == defaults()


def test_config_yaml_explains_every_key() -> None:
    lines = [line for line in CONFIG.read_text(encoding="utf-8").splitlines() if line[:2] == "  "]
    assert len(lines) == sum(len(keys) for keys in defaults().values())
    assert [line for line in lines if "# " not in line] == []


def test_config_yaml_loads_as_the_defaults() -> None:
    assert load_config(CONFIG, {}) == Config()


@pytest.mark.parametrize("section", SECTIONS)
def test_config_yaml_is_made_from_the_definition(section: str) -> None:
    def part(text: str) -> str:
        return text.partition(f"\n{section}:\n")[2].partition("\n\n")[0]

    assert part(CONFIG.read_text(encoding="utf-8")) == part(pages.config_yaml()), "run `make settings`"


def test_config_yaml_is_made_from_the_definition_byte_for_byte() -> None:
    assert CONFIG.read_text(encoding="utf-8") == pages.config_yaml(), "run `make settings`"


def test_the_tables_of_the_page_are_made_from_the_definition_byte_for_byte() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == pages.settings_page(text), "run `make settings`"


def test_a_row_that_was_changed_or_lost_is_made_anew_and_what_stands_around_the_tables_is_left() -> None:
    text = PAGE.read_text(encoding="utf-8")
    spoiled = text.replace("| `endpoint_silence` | `0.4` |", "| `endpoint_silence` | `0.5` |")
    spoiled = "".join(line for line in spoiled.splitlines(keepends=True) if "| `meetings` |" not in line)
    assert "\n#### Memory of a GPU\n" in spoiled
    assert spoiled != text
    assert pages.settings_page(spoiled) == text


def test_sections_that_are_not_on_the_page_are_added() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert pages.settings_page(text[: text.index("### limits")]) == text


def test_earlier_names_stand_on_the_page_as_long_as_they_work() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("\n## Earlier names\n")[2]
    assert table.count("\n| `") == len(RENAMED)
    assert RENAMED_UNTIL in table or not RENAMED


@pytest.mark.parametrize("setting", [pytest.param(setting, id=".".join(setting.name)) for setting in SETTINGS.values()])
def test_comments_are_plain_and_bounds_stand_in_both(setting: Setting) -> None:
    section, key = setting.name
    (line,) = (line for line in pages.config_yaml().splitlines() if line.startswith(f"  {key}: "))
    comment = line.partition("  # ")[2]
    assert "`" not in comment
    assert "](" not in comment
    row = next(
        row for row in pages.settings_page("").partition(f"### {section}\n")[2].splitlines() if f"`{key}`" in row
    )
    assert row.count(" | ") == 3, "a cell must not hold a bar"
    if setting.rule.bounds:
        said = f"{setting.rule.bounds[0]} to {setting.rule.bounds[1]}"
        assert comment.startswith(said)
        assert f" | {said}" in row


def test_both_are_written_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / pages.PAGE).write_text("# Settings\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    pages.main()
    assert (tmp_path / pages.FILE).read_text(encoding="utf-8") == pages.config_yaml()
    assert (
        (tmp_path / pages.PAGE)
        .read_text(encoding="utf-8")
        .startswith("# Settings\n\n### server\n\nWhere the server listens.\n")
    )
