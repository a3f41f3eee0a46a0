"""Settings: where they come from, which win, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from meeting.config.settings import RENAMED, SECTIONS, SETTINGS, Config
from meeting.config.sources import OTHERS, SERVICE_LINK, SHORT, load_config
from pipelines.errors import SettingsError
from tests.meeting.config.test_settings import defaults


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_config(write(folder, text), environment)
    return str(caught.value)


def test_without_a_file_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environment={}) == Config()


def test_environment_wins_over_the_file_and_flags_win_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, "server: {port: 1, host: a}\nlimits: {viewers: 7}")
    config = load_config(path, {"MEETING_SERVER_PORT": "2", "MEETING_HOST": "b"}, {("server", "port"): 3})
    assert (config.server.port, config.server.host, config.limits.viewers) == (3, "b", 7)


def test_a_flag_not_given_changes_nothing(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, ""), {}, {("server", "port"): None}).server.port == 8765


def test_the_full_variable_wins_over_the_short_one(tmp_path: Path) -> None:
    environment = {"MEETING_PORT": "1000", "MEETING_SERVER_PORT": "2000"}
    assert load_config(write(tmp_path, ""), environment).server.port == 2000


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_the_models_may_be_on_all_gpus_or_on_one(tmp_path: Path, device: str) -> None:
    assert load_config(write(tmp_path, f"models: {{device: '{device}'}}"), {}).models.device == device


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    path = write(tmp_path, "models: {set: embedded}")
    assert load_config(environment={"MEETING_CONFIG": str(path)}).models.set == "embedded"


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("MEETING_STORAGE_KEEP_AUDIO", "false", False),
        ("MEETING_SPEECH_HOTWORDS", "Ann, Bo ,", ("Ann", "Bo")),
        ("MEETING_SPEECH_LANGUAGE", "", None),
        ("MEETING_SPEECH_MAX_UTTERANCE", "10", 10.0),
        ("MEETING_SPEAKERS_ONSET", "0.2", 0.2),
        ("MEETING_SPEAKERS_ONSET", "null", None),
        ("MEETING_MODELS_CACHE_DIR", "/tmp/x", Path("/tmp/x")),
        ("MEETING_DATA_DIR", "elsewhere", Path("elsewhere")),
    ],
)
def test_variables_are_read_in_the_type_of_their_setting(
    tmp_path: Path, variable: str, text: str, value: object
) -> None:
    config = load_config(write(tmp_path, ""), {variable: text})
    found: list[Any] = [getattr(getattr(config, s), key) for s in SECTIONS for key in defaults()[s]]
    assert value in found
    assert (config != Config()) == (value is not None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servr: {port: 1}", ["servr", "did you mean server?"]),
        ("server: {prot: 1}", ["server.prot", "did you mean port?"]),
        ("server: {port: high}", ["server.port", "whole number", "'high'"]),
        ("server: {port: 1.5}", ["server.port", "whole number", "1.5"]),
        ("server: {port: true}", ["server.port", "whole number", "True"]),
        ("server: {port: 70000}", ["server.port", "between 0 and 65535", "70000"]),
        ("server: 5", ["section server", "5"]),
        ("- 1", ["must hold keys and values"]),
        ("models: {device: 'cuda:N'}", ["models.device", "auto, cpu, cuda, cuda:N", "'cuda:N'"]),
        ("models: {device: cuda1}", ["models.device", "auto, cpu, cuda, cuda:N", "'cuda1'"]),
        ("models: {set: huge}", ["models.set", "auto, whisper, embedded", "'huge'"]),
        ("storage: {keep_audio: 1}", ["storage.keep_audio", "true or false"]),
        ("storage: {data_dir: ''}", ["storage.data_dir", "a path"]),
        ("speech: {hotwords: one}", ["speech.hotwords", "list of texts", "'one'"]),
        ("speech: {hotwords: [1]}", ["speech.hotwords", "list of texts"]),
        ("speech: {language: no}", ["speech.language", "False", "quotes"]),
        (
            "speech: {language: english}",
            ["speech.language must be a language code that Whisper knows", "english", " de,"],
        ),
        ("speech: {language: 'en, xx'}", ["speech.language must be a language code", "or several with commas"]),
        ("speech: {language: 'en,'}", ["speech.language must be a language code"]),
        ("speech: {language: eng}", ["speech.language", "or null, not 'eng'", "did you mean en?"]),
        ("speech: {language: ''}", ["speech.language must be a language code"]),
        ("server: {host: ''}", ["server.host", "empty"]),
        ("speakers: {merge_threshold: near}", ["speakers.merge_threshold", "a number or null", "'near'"]),
        ("speakers: {merge_threshold: 3}", ["speakers.merge_threshold", "between 0 and 2", "3"]),
        ("speakers: {join: near}", ["speakers.join", "a number or null", "'near'"]),
        ("speakers: {join: 3}", ["speakers.join", "between 0 and 2", "3"]),
        ("speech: {pre_roll: .nan}", ["speech.pre_roll", "between 0 and 2 seconds", "nan"]),
        ("limits: {frame_bytes: 1}", ["limits.frame_bytes", "between 1024 and 67108864 bytes", "1"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_a_wrong_file_is_refused_naming_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    message = refusal(tmp_path, text)
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


def test_an_unknown_variable_is_refused_with_a_hint(tmp_path: Path) -> None:
    assert "did you mean MEETING_SERVER_PORT?" in refusal(tmp_path, "", MEETING_SERVER_PROT="1")


LINKS = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "8765",
    "SERVICE_PORT_HTTP": "8765",
    "PORT": "tcp://10.0.0.1:8765",
    "PORT_8765_TCP": "tcp://10.0.0.1:8765",
    "PORT_8765_TCP_PROTO": "tcp",
    "PORT_8765_TCP_PORT": "8765",
    "PORT_8765_TCP_ADDR": "10.0.0.1",
    "PORT_53_UDP": "udp://10.0.0.1:53",
}
"""What Kubernetes puts into each container of a namespace for each service, behind the service's name"""


@pytest.mark.parametrize("service", ["MEETING", "MEETING_SERVER", "MEETING_POSTGRES", "MEETING_2"])
def test_what_kubernetes_tells_of_a_service_is_no_setting(tmp_path: Path, service: str) -> None:
    told = {f"{service}_{name}": text for name, text in LINKS.items()}
    assert load_config(write(tmp_path, ""), told) == Config()
    given = {**told, "MEETING_HOST": "0.0.0.0", "MEETING_SERVER_LOG_LEVEL": "debug"}
    server = load_config(write(tmp_path, "server: {port: 80}"), given).server
    assert (server.host, server.port, server.log_level) == ("0.0.0.0", 80, "debug")


def test_no_setting_has_a_name_that_kubernetes_may_give() -> None:
    names = [f"MEETING_{section}_{key}".upper() for section, key in (*SETTINGS, *RENAMED)]
    assert [name for name in (*SHORT, *OTHERS, *names) if SERVICE_LINK.fullmatch(name)] == []


def test_a_variable_of_the_wrong_type_is_named_in_the_refusal(tmp_path: Path) -> None:
    assert "MEETING_PORT must be a whole number, not 'x'" in refusal(tmp_path, "", MEETING_PORT="x")


def test_a_flag_that_does_not_fit_is_named_in_the_refusal(tmp_path: Path) -> None:
    for name, words in (
        (("models", "set"), "--models must be one of"),
        (("storage", "data_dir"), "--data-dir must be"),
    ):
        with pytest.raises(SettingsError, match=words):
            load_config(write(tmp_path, ""), {}, {name: ""})


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, ""), {"PATH": "x", "MEETINGS": "y"}) == Config()


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no settings file"):
        load_config(tmp_path / "none.yaml", {})


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00\x9d")
    with pytest.raises(SettingsError):
        load_config(path, {})


def test_the_hub_token_is_never_shown(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, ""), {"MEETING_MODELS_HUB_TOKEN": "hf_secret"})
    assert config.models.hub_token == "hf_secret"
    assert "hf_secret" not in repr(config)
    assert "12345" not in refusal(tmp_path, "models: {hub_token: 12345}")


OLD = [pytest.param(old, new, id=".".join(old)) for old, new in RENAMED.items()]
"""Each setting that had another name before: both names"""


def another(name: tuple[str, str]) -> Any:
    """A value that a setting may have and does not have by itself."""
    rule = SETTINGS[name].rule
    return rule.bounds[1] if rule.bounds else rule.choices[0]


def variable(name: tuple[str, str]) -> str:
    """The variable of a setting."""
    return f"MEETING_{name[0]}_{name[1]}".upper()


@pytest.mark.parametrize("source", ["file", "environment", "flags"])
@pytest.mark.parametrize(("old", "new"), OLD)
def test_an_old_name_still_works_and_the_log_names_the_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, old: tuple[str, str], new: tuple[str, str]
) -> None:
    value = another(new)
    path = write(tmp_path, yaml.safe_dump({old[0]: {old[1]: value}}))
    config = {
        "file": lambda: load_config(path, {}),
        "environment": lambda: load_config(write(tmp_path, ""), {variable(old): str(value)}),
        "flags": lambda: load_config(write(tmp_path, ""), {}, {old: value}),
    }[source]()
    assert getattr(getattr(config, new[0]), new[1]) == value
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    written = {"file": ".".join(old), "environment": variable(old), "flags": "--" + old[1].replace("_", "-")}
    now = {"file": ".".join(new), "environment": variable(new), "flags": "--" + new[1].replace("_", "-")}
    assert record.getMessage().startswith(
        f"{written[source]} is called {now[source]} now: the old name will be refused"
    )


@pytest.mark.parametrize(("old", "new"), OLD)
def test_a_setting_under_both_of_its_names_is_refused(
    tmp_path: Path, old: tuple[str, str], new: tuple[str, str]
) -> None:
    value = another(new)
    message = refusal(tmp_path, yaml.safe_dump({old[0]: {old[1]: value, new[1]: value}}))
    assert f"{'.'.join(old)} and {'.'.join(new)} are the same setting" in message
    message = refusal(tmp_path, "", **{variable(old): str(value), variable(new): str(value)})
    assert f"{variable(old)} and {variable(new)} are the same setting" in message


def test_an_old_name_in_the_file_gives_way_to_the_new_one_in_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, "speakers: {known: 0.2}")
    assert load_config(path, {"MEETING_SPEAKERS_MATCH_THRESHOLD": "0.3"}).speakers.match_threshold == 0.3
    path = write(tmp_path, "speakers: {match_threshold: 0.2}")
    assert load_config(path, {"MEETING_SPEAKERS_KNOWN": "0.3"}).speakers.match_threshold == 0.3


def test_settings_with_their_present_names_are_no_reason_to_warn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_config(write(tmp_path, "speakers: {onset: 0.4}"), {"MEETING_SPEECH_VAD_THRESHOLD": "0.4"})
    assert caplog.records == []
