"""`config.yaml` and the tables of `docs/settings.md`, made from the definition of the settings.

`python -m meeting.config.pages` writes both anew, below the current folder.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from meeting.config.settings import RENAMED, RENAMED_UNTIL, SECTIONS, SETTINGS, Setting, as_yaml_holds

FILE = Path("config.yaml")
PAGE = Path("docs/settings.md")

HEAD = """\
# Settings of the meeting transcriber: every key, with its default, what it may be and what it means.
# Each can be overridden by MEETING_<SECTION>_<KEY> in the environment, the most used by a flag as well.
# Made from meeting/config/settings.py by `make settings`.
"""

COLUMN = 27
"""Where comments begin, if the value leaves room"""

OLD_NAMES = (
    "These names still work, in the file and as variables, with a warning that names the new one; from version "
    f"{RENAMED_UNTIL} on they are unknown.\nBoth names of a setting in one file, or in the environment, are an error."
)

_KINDS = {
    "str": "text",
    "Path": "path",
    "bool": "`true`, `false`",
    "tuple[str, ...]": "list of texts",
    "tuple[WebhookEndpoint, ...]": "list of endpoints",
}


def config_yaml() -> str:
    """Every setting with its default and a comment."""
    parts = [HEAD]
    for section, kind in SECTIONS.items():
        lines = [f"# {_without_markup(line)}" for line in _about(kind).splitlines()]
        settings = [setting for setting in SETTINGS.values() if setting.name[0] == section]
        parts.append("\n".join([*lines, f"{section}:", *map(_yaml_line, settings)]) + "\n")
    return "\n".join(parts)


def settings_page(text: str) -> str:
    """`docs/settings.md` with what stands below the heading of each section, up to the end of its table, made anew."""
    for section, kind in SECTIONS.items():
        text = _with_part(text, f"### {section}", _about(kind), _rows(section))
    return _with_part(text, "## Earlier names", OLD_NAMES, _earlier_names()) if RENAMED else text


def _with_part(text: str, title: str, about: str, rows: list[str]) -> str:
    if f"\n{title}\n" not in text:
        text = f"{text.rstrip()}\n\n{title}\n"
    before, heading, rest = text.partition(f"\n{title}\n")
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    return "\n".join([before + heading, f"{about}\n", *rows, rest[table.end() :] if table else rest])


def _about(kind: Any) -> str:
    return "\n".join(line for line in (inspect.getdoc(kind) or "").splitlines() if line)


def _yaml_line(setting: Setting) -> str:
    limits = _without_markup(allowed(setting)) if setting.rule.bounds or setting.rule.choices else ""
    comment = "; ".join(filter(None, [limits, _without_markup(setting.rule.text)]))
    return f"{f'  {setting.name[1]}: {_yaml(setting.default)}':<{COLUMN}}  # {comment}"


def _rows(section: str) -> list[str]:
    rows = ["| key | default | may be | meaning |", "|---|---|---|---|"]
    for (where, key), setting in SETTINGS.items():
        if where == section:
            meaning = setting.rule.text + setting.rule.more
            rows.append(f"| `{key}` | `{_yaml(setting.default)}` | {allowed(setting)} | {meaning} |")
    return rows


def _earlier_names() -> list[str]:
    names = [f"| `{'.'.join(old)}` | `{'.'.join(new)}` |" for old, new in RENAMED.items()]
    return ["| earlier | now |", "|---|---|", *names]


def allowed(setting: Setting) -> str:
    """What a setting may be, in Markdown."""
    rule = setting.rule
    if rule.called:
        found = rule.called
    elif rule.choices:
        found = ", ".join(f"`{choice}`" for choice in rule.choices)
    elif rule.bounds:
        found = f"{rule.bounds[0]} to {rule.bounds[1]} {rule.unit}".strip()
    else:
        found = _KINDS[setting.kind.removesuffix(" | None")]
    return f"{found} or `null`" if setting.optional else found


def _without_markup(markdown: str) -> str:
    """Markdown as a comment: links by their text, no code marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")


def _yaml(value: Any) -> str:
    """A default as YAML has it, in one line."""
    value = as_yaml_holds(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    bare = isinstance(value, str) and re.fullmatch(r"[\w./-]+", value)
    return str(value) if bare else json.dumps(value)


def main() -> None:
    """Write both."""
    FILE.write_text(config_yaml(), encoding="utf-8")
    PAGE.write_text(settings_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
