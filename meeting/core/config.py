"""Settings: config.yaml, then the environment, then flags, verified once into frozen dataclasses."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError

FILE = "config.yaml"
"""Read from the current folder when no other file is named"""

PREFIX = "MEETING_"
SHORT = {
    "MEETING_DATA_DIR": ("storage", "data_dir"),
    "MEETING_HOST": ("server", "host"),
    "MEETING_PORT": ("server", "port"),
}
"""Short names of the settings used most"""
OTHERS = frozenset({"MEETING_CONFIG"})
"""Variables with our prefix that are no settings"""


def _setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    secret: bool = False,
) -> Any:
    rules = {"low": low, "high": high, "choices": choices, "pattern": pattern, "secret": secret}
    return field(default=default, metadata=rules, repr=not secret)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = _setting(8765, low=0, high=65535)
    allowed_hosts: tuple[str, ...] = ()
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    token: str | None = _setting(None, secret=True)
    token_file: Path | None = None
    insecure_no_auth: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    log_level: str = _setting("info", choices=("debug", "info", "warning", "error"))


@dataclass(frozen=True, slots=True)
class Storage:
    """Where meetings are kept."""

    data_dir: Path = Path("data")
    keep_audio: bool = True
    durability: str = _setting("os", choices=("os", "fsync"))
    retention_days: float | None = _setting(None, low=0.01, high=36_500)


@dataclass(frozen=True, slots=True)
class Models:
    """Which models are loaded, and from where."""

    set: str = _setting("auto", choices=("auto", "whisper", "embedded"))
    cache_dir: Path | None = None
    device: str = _setting("auto", choices=("auto", "cpu", "cuda", "cuda:N"), pattern=r"auto|cpu|cuda(:\d{1,2})?")
    whisper: str = "auto"
    segmentation: str = "pyannote/segmentation-3.0"
    embedding: str = "pyannote/wespeaker-voxceleb-resnet34-LM"
    hub_token: str | None = _setting(None, secret=True)
    hub_timeout: float = _setting(3.0, low=0.1, high=600)
    gpu_memory: float | None = _setting(None, low=3, high=1024)
    threads: int | None = _setting(None, low=1, high=256)


@dataclass(frozen=True, slots=True)
class Speech:
    """How speech is cut and recognised; times in seconds."""

    language: str | None = None
    hotwords: tuple[str, ...] = ()
    partial_interval: float = _setting(0.5, low=0.1, high=10)
    endpoint_silence: float = _setting(0.4, low=0.1, high=5)
    max_slice: float = _setting(15.0, low=2, high=28)
    pre_roll: float = _setting(0.3, low=0, high=2)
    voice_threshold: float = _setting(0.5, low=0.01, high=0.99)


@dataclass(frozen=True, slots=True)
class Speakers:
    """How voices are told apart; times in seconds."""

    max_speakers: int = _setting(20, low=1, high=100)
    min_speech: float = _setting(2.0, low=0, high=30)
    tight: float | None = _setting(None, low=0, high=2)
    join: float | None = _setting(None, low=0, high=2)
    scatter: float | None = _setting(None, low=0, high=2)
    known: float | None = _setting(None, low=0, high=2)
    margin: float | None = _setting(None, low=0, high=2)
    speaking: float | None = _setting(None, low=0.01, high=0.99)
    overlap: float | None = _setting(None, low=0.01, high=0.99)
    recluster: float = _setting(30.0, low=5, high=3600)
    refine: str = _setting("labels", choices=("off", "labels", "full"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes on."""

    meetings: int | None = _setting(None, low=1, high=10_000)
    viewers: int = _setting(200, low=1, high=100_000)
    frame_bytes: int = _setting(1 << 20, low=1024, high=1 << 26)
    source_bytes: int = _setting(8 << 20, low=1 << 14, high=1 << 30)
    meeting_hours: float = _setting(12.0, low=0.01, high=168)
    resume_window: float = _setting(600.0, low=1, high=86_400)
    backlog: float = _setting(60.0, low=5, high=3600)
    disk_free: int = _setting(500, low=0, high=1_000_000)
    pending: int = _setting(128, low=8, high=100_000)
    pending_per_address: int = _setting(64, low=1, high=100_000)


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, by section of config.yaml."""

    server: Server = field(default_factory=Server)
    storage: Storage = field(default_factory=Storage)
    models: Models = field(default_factory=Models)
    speech: Speech = field(default_factory=Speech)
    speakers: Speakers = field(default_factory=Speakers)
    limits: Limits = field(default_factory=Limits)


SECTIONS: dict[str, Any] = {
    "server": Server,
    "storage": Storage,
    "models": Models,
    "speech": Speech,
    "speakers": Speakers,
    "limits": Limits,
}
"""Section name -> its dataclass"""

Values = dict[tuple[str, str], Any]
"""(section, key) -> value, not yet verified"""


def load_config(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> Config:
    """Resolve all settings; raises SettingsError naming the key, the value and what is allowed."""
    environment = os.environ if environment is None else environment
    values: Values = {}
    for name, given in _from_file(_file(path, environment)).items():
        values[name] = _verified(name, given, _dotted(name))
    for name, (variable, text) in _from_environment(environment).items():
        values[name] = _verified(name, _parse_text(name, text, variable), variable)
    for name, given in (flags or {}).items():
        if given is not None:
            values[name] = _verified(name, given, "--" + name[1].replace("_", "-"))
    config = Config()
    for section in SECTIONS:
        changed = {key: value for (where, key), value in values.items() if where == section}
        config = replace(config, **{section: replace(getattr(config, section), **changed)})
    return config


def defaults() -> dict[str, dict[str, Any]]:
    """Every key with its default, as config.yaml holds it."""
    return {section: {spec.name: _plain(spec.default) for spec in fields(kind)} for section, kind in SECTIONS.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    named = path or (Path(environment["MEETING_CONFIG"]) if environment.get("MEETING_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"there is no settings file at {named}")
        return named
    return Path(FILE) if Path(FILE).is_file() else None


def _from_file(path: Path | None) -> Values:
    if path is None:
        return {}
    import yaml  # here, so that `--help` need not load it

    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    values: Values = {}
    for section, keys in _mapping(body, f"{path}").items():
        if section not in SECTIONS:
            raise SettingsError(f"unknown section {section!r} in {path}{_hint(str(section), list(SECTIONS))}")
        for key, value in _mapping(keys, f"section {section} of {path}").items():
            values[_known(section, str(key), f"{section}.{key}")] = value
    return values


def _mapping(body: Any, where: str) -> dict[Any, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise SettingsError(f"{where} must hold keys and values, not {body!r}")
    return body


def _from_environment(environment: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
    long = {f"{PREFIX}{s}_{f.name}".upper(): (s, f.name) for s, kind in SECTIONS.items() for f in fields(kind)}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for names in (SHORT, long):
        for variable, setting in names.items():
            if variable in environment:
                found[setting] = (variable, environment[variable])
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in {*SHORT, *long, *OTHERS}:
            raise SettingsError(f"unknown setting {variable} in the environment{_hint(variable, [*SHORT, *long])}")
    return found


def _known(section: str, key: str, where: str) -> tuple[str, str]:
    names = [spec.name for spec in fields(SECTIONS[section])]
    if key not in names:
        raise SettingsError(f"unknown setting {where}{_hint(key, names)}")
    return section, key


def _hint(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _dotted(name: tuple[str, str]) -> str:
    return ".".join(name)


def _spec(name: tuple[str, str]) -> Field[Any]:
    section, key = name
    return next(spec for spec in fields(SECTIONS[section]) if spec.name == key)


def _parse_text(name: tuple[str, str], text: str, where: str) -> Any:
    """The value that a variable's text stands for; texts that do not fit are left for `_verified` to refuse."""
    kind = str(_spec(name).type)
    lowered = text.strip().lower()
    if kind.endswith("| None") and lowered in ("", "null", "none"):
        return None
    if kind == "bool":
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(lowered, text)
    if kind == "tuple[str, ...]":
        return [word.strip() for word in text.split(",") if word.strip()]
    if kind.startswith(("int", "float")):
        try:
            return int(text) if kind.startswith("int") else float(text)
        except ValueError:
            return text
    return text


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "str | None": ((str, type(None)), "text or null"),
    "Path": ((str, Path), "a path"),
    "Path | None": ((str, Path, type(None)), "a path or null"),
    "int": ((int,), "a whole number"),
    "int | None": ((int, type(None)), "a whole number or null"),
    "float": ((int, float), "a number"),
    "float | None": ((int, float, type(None)), "a number or null"),
    "bool": ((bool,), "true or false"),
    "tuple[str, ...]": ((list, tuple), "a list of texts"),
}


def _verified(name: tuple[str, str], value: Any, where: str) -> Any:
    """The value in its field's type; raises SettingsError when it does not fit."""
    spec = _spec(name)
    kind = str(spec.type)
    types, described = _KINDS[kind]
    shown = "the value given" if spec.metadata.get("secret") else repr(value)
    if not _fits(kind, types, value):
        quotes = " (put it in quotes)" if kind.startswith("str") and not isinstance(value, (list, dict)) else ""
        raise SettingsError(f"{where} must be {described}, not {shown}{quotes}")
    if kind == "tuple[str, ...]":
        return tuple(value)
    if kind.startswith("Path") and value is not None:
        if not str(value).strip():
            raise SettingsError(f"{where} must be a path, not {shown}")
        return Path(value).expanduser()
    if kind.startswith("float") and value is not None:
        value = float(value)
    _check_range(spec, value, where, shown)
    return value


def _fits(kind: str, types: Any, value: Any) -> bool:
    if isinstance(value, bool) and kind != "bool":
        return False
    return isinstance(value, types) and (kind != "tuple[str, ...]" or all(isinstance(item, str) for item in value))


def _check_range(spec: Field[Any], value: Any, where: str, shown: str) -> None:
    rules = spec.metadata
    fits = (
        re.fullmatch(rules["pattern"], value) if rules.get("pattern") else value in (rules.get("choices") or (value,))
    )
    if not fits:
        raise SettingsError(f"{where} must be one of {', '.join(rules['choices'])}, not {shown}")
    low, high = rules.get("low"), rules.get("high")
    if value is not None and low is not None and high is not None and not low <= value <= high:
        raise SettingsError(f"{where} must be between {low:g} and {high:g}, not {shown}")
    if isinstance(value, str) and spec.default is not MISSING and spec.default and not value.strip():
        raise SettingsError(f"{where} must not be empty")
