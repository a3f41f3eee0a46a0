"""Where settings come from: config.yaml, then the environment, then flags; checked once, into frozen dataclasses."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from meeting.config.hints import hint
from meeting.config.settings import RENAMED, RENAMED_UNTIL, SECTIONS, SETTINGS, Config, Name, Setting
from meeting.config.webhooks import read_endpoints
from pipelines.errors import SettingsError

log = logging.getLogger(__name__)

FILE = "config.yaml"
"""Read from the current folder when no other file is named"""

PREFIX = "MEETING_"
SHORT: dict[str, Name] = {
    "MEETING_DATA_DIR": ("storage", "data_dir"),
    "MEETING_HOST": ("server", "host"),
    "MEETING_PORT": ("server", "port"),
}
"""Short names of the settings used most"""
OTHERS = frozenset({"MEETING_CONFIG"})
"""Variables with our prefix that are no settings"""
SERVICE_LINK = re.compile(
    r"MEETING(_[A-Z0-9_]+)?(_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""Names of variables by which Kubernetes, and Docker's links, tell of a service called meeting, or meeting-something"""
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")
"""What they put into a variable that ends with _PORT, which may have the name of a setting"""

Given = dict[Name, tuple[str, Any]]
"""What one source gives, not yet checked: where each value stands, in words, and the value"""


def load_config(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[Name, Any] | None = None,
) -> Config:
    """Resolve all settings; warns of names that a setting had earlier.

    Raises SettingsError naming the setting as it was written, its value and what is allowed.
    """
    environment = os.environ if environment is None else environment
    changed: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for spell, given in (
        (_dotted, _from_file(_file(path, environment))),
        (_variable, _from_environment(environment)),
        (_flag, _from_flags(flags or {})),
    ):
        for (section, key), (where, value) in _by_new_names(given, spell).items():
            changed[section][key] = _checked(SETTINGS[section, key], value, where)
    config = Config()
    return replace(config, **{name: replace(getattr(config, name), **values) for name, values in changed.items()})


def _dotted(name: Name) -> str:
    return ".".join(name)


def _variable(name: Name) -> str:
    return f"{PREFIX}{'_'.join(name)}".upper()


def _flag(name: Name) -> str:
    section, key = name
    return "--" + (section if key == "set" else key.replace("_", "-"))


def _file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    named = path or (Path(environment["MEETING_CONFIG"]) if environment.get("MEETING_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"there is no settings file at {named}")
        return named
    return Path(FILE) if Path(FILE).is_file() else None


def _from_file(path: Path | None) -> Given:
    if path is None:
        return {}
    import yaml  # here, so that `--help` need not load it

    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    given: Given = {}
    for section, keys in _mapping(body, f"{path}").items():
        if section not in SECTIONS:
            raise SettingsError(f"unknown section {section!r} in {path}{hint(str(section), SECTIONS)}")
        for key, value in _mapping(keys, f"section {section} of {path}").items():
            name = section, str(key)
            if name not in SETTINGS and name not in RENAMED:
                known = [key for where, key in SETTINGS if where == section]
                raise SettingsError(f"unknown setting {_dotted(name)}{hint(str(key), known)}")
            given[name] = _dotted(name), value
    return given


def _mapping(body: Any, where: str) -> dict[Any, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise SettingsError(f"{where} must hold keys and values, not {body!r}")
    return body


def _from_environment(environment: Mapping[str, str]) -> Given:
    long, old = ({_variable(name): name for name in names} for names in (SETTINGS, RENAMED))
    environment = {name: text for name, text in environment.items() if not _is_service_link(name, text)}
    given: Given = {}
    for names in (SHORT, long, old):
        for variable, name in names.items():
            if variable in environment:
                setting = SETTINGS[RENAMED.get(name, name)]
                given[name] = variable, _parse_text(setting, environment[variable])
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in {*SHORT, *long, *old, *OTHERS}:
            raise SettingsError(f"unknown setting {variable} in the environment{hint(variable, [*SHORT, *long])}")
    return given


def _is_service_link(variable: str, text: str) -> bool:
    """Whether nobody set it: it stands in each container beside a service of that name."""
    named = SERVICE_LINK.fullmatch(variable)
    return bool(named or (variable.endswith("_PORT") and SERVICE_ADDRESS.fullmatch(text)))


def _from_flags(flags: Mapping[Name, Any]) -> Given:
    return {name: (_flag(name), value) for name, value in flags.items() if value is not None}


def _by_new_names(given: Given, spell: Callable[[Name], str]) -> Given:
    """The same with the names that settings have now; raises SettingsError where a setting has two values.

    `spell` writes a name as its source does.
    """
    for old, new in RENAMED.items():
        if old not in given:
            continue
        was, now = spell(old), spell(new)
        if new in given:
            raise SettingsError(f"{was} and {now} are the same setting: keep {now}")
        log.warning("%s is called %s now: the old name will be refused from version %s on", was, now, RENAMED_UNTIL)
    return {RENAMED.get(name, name): value for name, value in given.items()}


def _parse_text(setting: Setting, text: str) -> Any:
    """The value that a variable's text stands for; texts that do not fit are left for `_checked` to refuse."""
    lowered = text.strip().lower()
    if setting.optional and lowered in ("", "null", "none"):
        return None
    if setting.kind == "bool":
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(lowered, text)
    if setting.kind == "tuple[str, ...]":
        return [word.strip() for word in text.split(",") if word.strip()]
    if setting.kind == ENDPOINTS:
        try:
            return json.loads(text)
        except ValueError:
            return text
    if setting.kind.startswith(("int", "float")):
        try:
            return int(text) if setting.kind.startswith("int") else float(text)
        except ValueError:
            return text
    return text


ENDPOINTS = "tuple[WebhookEndpoint, ...]"

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "Path": ((str, Path), "a path"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "tuple[str, ...]": ((list, tuple), "a list of texts"),
    ENDPOINTS: ((list, tuple), "a list of endpoints (in the environment as JSON)"),
}
"""Types of settings: what may be given for one, and what it is called"""


def _checked(setting: Setting, value: Any, where: str) -> Any:
    """The value in its setting's type; raises SettingsError when it does not fit."""
    if setting.optional and value is None:
        return None
    shown = "the value given" if setting.rule.secret else repr(value)
    kind = setting.kind.removesuffix(" | None")
    if not _fits(kind, value):
        described = _KINDS[kind][1] + (" or null" if setting.optional else "")
        quotes = " (put it in quotes)" if kind == "str" and not isinstance(value, (list, dict)) else ""
        raise SettingsError(f"{where} must be {described}, not {shown}{quotes}")
    if kind == "tuple[str, ...]":
        return tuple(value)
    if kind == ENDPOINTS:
        return read_endpoints(value, where)
    if kind == "Path":
        if not str(value).strip():
            raise SettingsError(f"{where} must be a path, not {shown}")
        return Path(value).expanduser()
    _check_rule(setting, value, where, shown)
    return float(value) if kind == "float" else value


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool) and kind != "bool":
        return False
    if kind == "tuple[str, ...]":
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return isinstance(value, _KINDS[kind][0])


def _check_rule(setting: Setting, value: Any, where: str, shown: str) -> None:
    rule = setting.rule
    fits = re.fullmatch(rule.pattern, value) if rule.pattern else value in (rule.choices or (value,))
    if not fits and rule.called:
        or_null = " or null" if setting.optional else ""
        raise SettingsError(f"{where} must be a {rule.called}{or_null}, not {shown}{hint(value, rule.choices)}")
    if not fits:
        raise SettingsError(f"{where} must be one of {', '.join(rule.choices)}, not {shown}")
    if rule.bounds and not rule.bounds[0] <= value <= rule.bounds[1]:
        low, high = rule.bounds
        unit = rule.unit and f" {rule.unit}"
        raise SettingsError(f"{where} must be between {low} and {high}{unit}, not {shown}")
    if isinstance(value, str) and setting.default and not value.strip():
        raise SettingsError(f"{where} must not be empty")
