"""What lies in deploy/kubernetes/, as far as it can be looked at without a cluster.

Not looked at: the schema of RayService, which is KubeRay's own; whether images start, volumes can be shared, and the
annotations mean something to the ingress that is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from meeting.config.settings import SECTIONS, Server
from meeting.config.sources import load_config
from tests.conftest import ROOT
from tests.fakes.server_fakes import config, serving, wait_ready
from tests.test_deploy import compose, rest_of
from tests.test_setup import pinned, tomllib
from tests.test_setup import pins as pins

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")
"""The oldest and the newest Kubernetes whose schemas are tried"""


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield path.name, document


ALL = list(documents())
every_document = pytest.mark.parametrize("document", [one for _, one in ALL], ids=[f"{n}-{d['kind']}" for n, d in ALL])


def the(kind: str, name: str = "meeting") -> dict[str, Any]:
    (found,) = [one for _, one in ALL if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod_specs() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and specification of every pod of ours, those of Ray too."""
    for _, document in ALL:
        name, spec = document["metadata"]["name"], document.get("spec", {})
        if "template" in spec:
            yield name, spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        if document["kind"] == "RayService":
            cluster = spec["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield name, group["template"]["metadata"]["labels"], group["template"]["spec"]


def container(kind: str, name: str = "meeting") -> dict[str, Any]:
    (found,) = the(kind, name)["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def environment() -> dict[str, str]:
    """What the first server's environment is, with secrets made up."""
    given = dict(the("ConfigMap")["data"])
    for one in container("StatefulSet")["env"]:
        given[one["name"]] = one.get("value", "a-secret-of-this-test")
    given["POD_NAME"] = "meeting-0"
    return {name: re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], value) for name, value in given.items()}


@every_document
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_one_that_kubernetes_takes(document: dict[str, Any], version: str) -> None:
    if document["apiVersion"].partition("/")[0] == "ray.io":
        pytest.skip("the schema of RayService is KubeRay's own")
    import kubernetes_validate

    kubernetes_validate.validate(document, version, strict=True)


def test_a_manifest_that_kubernetes_does_not_take_would_be_found() -> None:
    import kubernetes_validate

    broken = {**the("StatefulSet"), "spec": {**the("StatefulSet")["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


@every_document
def test_everything_is_in_one_namespace(document: dict[str, Any]) -> None:
    namespace = the("Namespace")["metadata"]["name"]
    assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == namespace


def test_every_selector_finds_pods() -> None:
    labels = [found for _, found, _ in pod_specs()]
    set_by_kuberay = {"ray.io/serve": "true"}
    for _, document in ALL:
        spec = document.get("spec", {})
        selectors = [spec.get("selector"), spec.get("podSelector")] if isinstance(spec, dict) else []
        for selector in filter(None, selectors):
            wanted = selector.get("matchLabels", selector).items() - set_by_kuberay.items()
            assert wanted, document["metadata"]
            assert any(wanted <= found.items() for found in labels), document["metadata"]


def test_all_that_is_referred_to_is_there() -> None:
    text = "\n".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    secrets = set(re.findall(r"secretKeyRef: \{name: (\S+), key: (\S+)\}", text))
    assert secrets == {("meeting", "token"), ("meeting", "database-password")}
    claims = re.findall(r"persistentVolumeClaim: \{claimName: (\S+)\}", text)
    assert claims == [the("PersistentVolumeClaim", "meeting-data")["metadata"]["name"]]
    assert re.findall(r"configMapRef: \{name: (\S+)\}", text) == ["meeting"]
    (rule,) = the("Ingress")["spec"]["rules"]
    service = rule["http"]["paths"][0]["backend"]["service"]
    assert service["port"]["name"] in [port["name"] for port in the("Service", service["name"])["spec"]["ports"]]
    assert the("StatefulSet")["spec"]["serviceName"] == the("Service")["metadata"]["name"]


def test_no_secret_lies_in_them() -> None:
    assert not [one for _, one in ALL if one["kind"] == "Secret"]


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "meeting"), ("Deployment", "haproxy")])
def test_probes_ask_for_ports_and_paths_that_are_there(kind: str, name: str) -> None:
    found = container(kind, name)
    ports = {port["name"] for port in found["ports"]}
    probes = {key: probe["httpGet"] for key, probe in found.items() if key.endswith("Probe")}
    assert {"livenessProbe", "readinessProbe"} <= set(probes)
    assert {probe["port"] for probe in probes.values()} <= ports
    if name == "meeting":
        assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/healthz"
        assert probes["readinessProbe"]["path"] == "/readyz"
    else:
        (settings,) = the("ConfigMap", "haproxy")["data"].values()
        assert f"path {probes['livenessProbe']['path']} " in settings


def test_a_server_answers_its_probes_which_come_to_the_address_of_its_pod(tmp_path: Path) -> None:
    settings = config(tmp_path)
    public = Server(host="0.0.0.0", public_url=the("ConfigMap")["data"]["MEETING_SERVER_PUBLIC_URL"], token="t" * 24)
    with serving(replace(settings, server=public)) as served:
        wait_ready(served)
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container("StatefulSet")[name]["httpGet"]
            headers = {one["name"]: one["value"] for one in probe.get("httpHeaders", [])}
            asked = served.http.get(probe["path"], headers={"Host": "10.1.2.3:8765", **headers})
            assert asked.status_code == 200, name
        assert served.http.get("/healthz", headers={"Host": "10.1.2.3:8765"}).status_code != 200


def test_a_server_that_is_to_stop_has_time_to_finish_its_meetings() -> None:
    spec = the("StatefulSet")["spec"]["template"]["spec"]
    (_, pause) = container("StatefulSet")["lifecycle"]["preStop"]["exec"]["command"]
    as_service = compose()["services"]["meeting"]["stop_grace_period"]
    assert spec["terminationGracePeriodSeconds"] >= int(pause) + int(as_service.removesuffix("s"))


def test_only_one_server_is_taken_away_at_a_time() -> None:
    assert the("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert the("StatefulSet")["spec"]["minReadySeconds"] > 0
    assert the("StatefulSet")["spec"]["replicas"] >= 2


def test_servers_share_a_folder_that_several_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    assert the("PersistentVolumeClaim", "meeting-data")["spec"]["accessModes"] == ["ReadWriteMany"]
    mounts = {one["name"]: one["mountPath"] for one in container("StatefulSet")["volumeMounts"]}
    assert [mounts["data"]] == list(rest_of("VOLUME"))
    assert str(the("StatefulSet")["spec"]["template"]["spec"]["securityContext"]["runAsUser"]) in "".join(
        rest_of("RUN")
    )


def test_settings_are_settings_of_this_program(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"MEETING_{section}_{key}".upper() for section, kind in SECTIONS.items() for key in kind.__slots__}
    given = {name: value for name, value in environment().items() if name.startswith("MEETING_")}
    several = {name for name in given if re.match(r"MEETING_(CLUSTER|STORAGE_DATABASE|MODELS_(ENGINE|RAY))", name)}
    assert set(given) - several <= known
    for name in set(given) & known:
        monkeypatch.setenv(name, given[name])
    found = load_config(ROOT / "config.yaml")
    (tls,) = the("Ingress")["spec"]["tls"]
    assert found.server.public_url == f"https://{tls['hosts'][0]}/"
    assert found.server.trusted_proxies


def test_each_server_has_an_address_of_its_own_that_haproxy_knows() -> None:
    given = environment()
    assert given["MEETING_CLUSTER_ADDRESS"] == f"{given['MEETING_SERVER_PUBLIC_URL']}servers/meeting-0"
    (settings,) = the("ConfigMap", "haproxy")["data"].values()
    names = [f"meeting-{number}" for number in range(the("StatefulSet")["spec"]["replicas"])]
    assert re.findall(r"acl known path,field\(3,/\) -m str (.*)", settings) == [" ".join(names)]
    listed = re.findall(r"^ +server (\S+) (\S+)$", settings, re.MULTILINE)
    service, port = the("Service")["metadata"], the("Service")["spec"]["ports"][0]["port"]
    domain = f"{service['name']}.{service['namespace']}.svc.cluster.local:{port}"
    assert listed == [(name, f"{name}.{domain}") for name in names] * 3


def test_the_shared_models_are_where_servers_look_for_them(pins: list[Any]) -> None:
    spec = the("RayService", "models")["spec"]
    serve = yaml.safe_load(spec["serveConfigV2"])
    host, port = environment()["MEETING_MODELS_RAY_ADDRESS"].split(":")
    assert host == the("Service", "models")["metadata"]["name"]
    assert int(port) == serve["grpc_options"]["port"] == the("Service", "models")["spec"]["ports"][0]["port"]
    assert [one["name"] for one in serve["applications"]] == ["speech", "speakers"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    version = spec["rayClusterConfig"]["rayVersion"]
    for wanted in map(Requirement, extras.get("ray", [])):
        assert wanted.name != "ray" or version in wanted.specifier
    assert [str(pin.specifier) for pin in pinned(pins, "ray", "3.11")] in ([], [f"=={version}"])
    modules = [one["import_path"] for one in serve["applications"]] + serve["grpc_options"]["grpc_servicer_functions"]
    for named in modules:
        module = ROOT / Path(*named.partition(":")[0].split("."))
        path = module.with_suffix(".py") if ":" in named else module.parent.with_suffix(".py")
        function = re.split(r"[:.]", named)[-1]
        if (ROOT / "meeting" / "cluster" / "shared_models").is_dir():
            assert f"def {function}(" in path.read_text(), named


def test_pods_of_ours_have_no_rights_and_no_account() -> None:
    for name, _, spec in pod_specs():
        if name == "models":
            continue  # Ray's autoscaler needs KubeRay's account
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        for one in spec["containers"]:
            assert one["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name


def test_every_pod_says_what_it_takes() -> None:
    for name, _, spec in pod_specs():
        for one in spec["containers"]:
            assert {"cpu", "memory"} <= set(one["resources"]["requests"]), name
            assert "memory" in one["resources"]["limits"], name


def test_the_image_of_servers_is_built_with_what_several_need() -> None:
    text = (FOLDER / "servers.yaml").read_text()
    (command,) = re.findall(r"docker build .*", text)
    words = shlex.split(command)
    assert (ROOT / words[words.index("-f") + 1]).is_file()
    assert "EXTRAS=postgres,ray" in words
    assert words[words.index("-t") + 1] == container("StatefulSet")["image"]
    assert any(rest.startswith("EXTRAS") for rest in rest_of("ARG"))
    assert any('".${EXTRAS:+[$EXTRAS]}"' in rest for rest in rest_of("RUN"))
