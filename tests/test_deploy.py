"""What lies in deploy/, as far as it can be looked at without the programs that it is for."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from meeting.cli import parser
from meeting.config.sources import load_config
from tests.conftest import ROOT
from tests.fakes.server_fakes import config, serving

DEPLOY = ROOT / "deploy"


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def dockerfile() -> list[list[str]]:
    """Instructions, each as its name and the rest."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text("Dockerfile"), flags=re.MULTILINE))
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


def rest_of(name: str) -> list[str]:
    return [rest for found, rest in dockerfile() if found == name]


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(name))
    return found


class Unit(configparser.RawConfigParser):
    """A unit file; of keys that stand several times all count."""

    def __init__(self) -> None:
        super().__init__(strict=False)
        self.read_string(text("meeting.service"))

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def settings_taken(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Any:
    """The settings that such an environment gives; every variable must be one that is known."""
    for name, value in environment.items():
        if name.startswith("MEETING_"):
            monkeypatch.setenv(name, value)
    return load_config(ROOT / "config.yaml")


def variables_of_image() -> dict[str, str]:
    return dict(part.split("=", 1) for rest in rest_of("ENV") for part in shlex.split(rest))


def test_the_image_holds_everything_that_the_program_needs() -> None:
    copied = {part for rest in rest_of("COPY") for part in rest.split()[:-1]}
    assert copied >= {"meeting", "pipelines", "migrations", "web", "config.yaml", "pyproject.toml", "constraints.txt"}
    assert [part for part in copied if not (ROOT / part).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not copied & set(ignored)
    assert {".git", "data", ".venv", "**/.env"} <= set(ignored)


def test_the_image_runs_as_a_user_without_rights_and_keeps_meetings_in_a_volume() -> None:
    assert rest_of("USER") == ["meeting"]
    last = [found for found, _ in dockerfile()]
    assert last.index("USER") > max(at for at, name in enumerate(last) if name == "RUN")
    assert rest_of("VOLUME") == ["/data"]
    assert "10001" in "".join(rest_of("RUN"))


def test_the_image_knows_its_settings_and_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_taken(monkeypatch, variables_of_image())
    assert (found.server.host, found.server.port) == ("0.0.0.0", int(rest_of("EXPOSE")[0]))
    assert found.storage.data_dir == Path(rest_of("VOLUME")[0])
    command = yaml.safe_load(rest_of("CMD")[0])
    assert command[:3] == ["python", "-m", "meeting"]
    assert parser().parse_args(command[3:]).log_json


def test_the_image_is_for_a_cpu_or_for_cuda_and_for_nothing_else() -> None:
    assert rest_of("ARG")[0] == "DEVICE=cpu"
    install = next(rest for rest in rest_of("RUN") if "$DEVICE" in rest)
    for device, code in (("cpu", 0), ("cuda", 0), ("tpu", 1)):
        program = f'python() {{ echo pip "$@"; }}; {install}'
        environment = {**os.environ, "DEVICE": device, "TORCH_CPU_INDEX": "https://index.example"}
        done = subprocess.run(["sh", "-c", program], env=environment, capture_output=True, text=True)
        assert done.returncode == code
        assert ("https://index.example" in done.stdout) == (device == "cpu")


def test_the_health_of_the_image_follows_the_servers(tmp_path: Path) -> None:
    check = yaml.safe_load(rest_of("HEALTHCHECK")[0].partition(" CMD ")[2])

    def healthy(port: int) -> bool:
        environment = {**os.environ, "MEETING_PORT": str(port)}
        return subprocess.run([sys.executable, *check[1:]], env=environment, capture_output=True).returncode == 0

    with serving(config(tmp_path)) as served:
        assert healthy(served.port)
    assert not healthy(served.port)


def test_the_services_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    services = compose()["services"]
    meeting, caddy = services["meeting"], services["caddy"]
    assert (DEPLOY / meeting["build"]["context"] / meeting["build"]["dockerfile"]).is_file()
    assert f"meeting:{meeting['expose'][0]}" in text("Caddyfile")
    assert "ports" not in meeting  # nobody reaches it but by way of Caddy
    assert "443:443" in caddy["ports"]
    assert "./Caddyfile:/etc/caddy/Caddyfile:ro" in caddy["volumes"]
    assert meeting["volumes"] == ["data:/data"]
    assert {"data", "certificates", "caddy"} == set(compose()["volumes"])
    given = {"SITE": "meet.example.org", "TOKEN": "a-token-of-this-test-server"}

    def filled(value: str) -> str:
        return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: given[found[1]], value)

    found = settings_taken(monkeypatch, {name: filled(value) for name, value in meeting["environment"].items()})
    assert found.server.public_url == "https://meet.example.org/"
    assert found.server.token == given["TOKEN"]
    (network,) = compose()["networks"]["inside"]["ipam"]["config"]
    assert found.server.trusted_proxies == (network["subnet"],)


def test_the_services_for_gpus_only_add_to_the_others() -> None:
    assert set(compose("compose.cuda.yaml")["services"]) == {"meeting"}
    assert compose("compose.cuda.yaml")["services"]["meeting"]["build"]["args"]["DEVICE"] == "cuda"


def test_no_secret_is_in_any_of_the_files() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not re.search(r"(?i)token[=:]\s*['\"]?[a-z0-9]{16,}", path.read_text(encoding="utf-8")), path


def test_the_unit_knows_its_settings_and_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit()
    lines = re.findall(r"^Environment=(.*)$", text("meeting.service"), re.MULTILINE)
    found = settings_taken(monkeypatch, dict(line.split("=", 1) for line in lines))
    assert str(found.storage.data_dir) == f"/var/lib/{unit['Service']['StateDirectory']}"
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command[1:3] == ["-m", "meeting"]
    assert parser().parse_args(command[3:]).log_json
    assert float(unit["Service"]["TimeoutStopSec"]) > 20  # what the server takes to finish its meetings


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_understands_the_unit() -> None:
    asked = ["systemd-analyze", "verify", "--man=no", str(DEPLOY / "meeting.service")]
    done = subprocess.run(asked, capture_output=True, text=True)
    problems = [line for line in done.stderr.splitlines() if "meeting.service" in line]
    # The program lies elsewhere here.
    assert [line for line in problems if "is not executable" not in line and "not found" not in line] == []


@pytest.mark.ray
def test_the_shared_models_are_a_configuration_that_serve_takes() -> None:
    from ray.serve.schema import ServeDeploySchema

    from meeting.cluster.shared_models import deployments
    from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH
    from meeting.cluster.shared_models.serving import grpc_options

    told = yaml.safe_load(text("ray/serve.yaml"))
    schema = ServeDeploySchema.model_validate(told)
    assert told["grpc_options"] == grpc_options(9000)
    assert [application.name for application in schema.applications] == [SPEECH, SPEAKERS]
    for application in told["applications"]:
        module, _, name = application["import_path"].partition(":")
        assert module == deployments.__name__
        built = getattr(deployments, name)(application["args"])
        (deployment,) = application["deployments"]
        assert built._bound_deployment.name == deployment["name"]
