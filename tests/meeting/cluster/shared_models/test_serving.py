"""How the shared models are put on a machine: nothing is told to anybody, and what cannot be is refused first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from meeting.cluster.shared_models.serving import (
    FAST_CALLS,
    HTTP,
    QUIET_CLUSTER,
    QUIET_LOGS,
    SERVICERS,
    ServingOptions,
    grpc_options,
    serve_models,
    set_up_ray,
)
from meeting.config.settings import Models
from pipelines.errors import ModelError, SettingsError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was, afterwards."""
    for name in ("RAY_USAGE_STATS_ENABLED", *FAST_CALLS, *QUIET_CLUSTER):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)


def test_ray_is_told_to_tell_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    set_up_ray()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_how_calls_go_may_be_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_PROXY_USE_GRPC", "0")
    set_up_ray()
    assert {name: os.environ[name] for name in FAST_CALLS} == {**FAST_CALLS, "RAY_SERVE_PROXY_USE_GRPC": "0"}


def test_a_cluster_of_our_own_is_quiet_and_one_of_others_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up_ray(own_cluster=False)
    assert not os.environ.keys() & QUIET_CLUSTER.keys()
    monkeypatch.setenv("RAY_enable_metrics_collection", "1")
    set_up_ray()
    assert {name: os.environ[name] for name in QUIET_CLUSTER} == {**QUIET_CLUSTER, "RAY_enable_metrics_collection": "1"}


@pytest.mark.ray
def test_the_variables_that_make_serve_quiet_are_ones_that_it_reads() -> None:
    from ray.serve._private import constants
    from ray.serve.schema import LoggingConfig

    read = Path(constants.__file__).read_text()
    assert [name for name in (*FAST_CALLS, *QUIET_CLUSTER) if name.startswith("RAY_SERVE_") and name not in read] == []
    assert not LoggingConfig(**QUIET_LOGS).enable_access_log


def test_http_is_for_this_machine_only_and_grpc_describes_itself_to_nobody() -> None:
    assert HTTP["host"] == "127.0.0.1"
    assert grpc_options(9123) == {"port": 9123, "grpc_servicer_functions": [SERVICERS], "enable_reflection": False}


def test_without_ray_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModelError, match=r"\[ray\]"):
        serve_models(Models(), ServingOptions(), lambda message: None)


@pytest.mark.ray
@pytest.mark.parametrize("options", [ServingOptions(cpus=0), ServingOptions(gpus=-1), ServingOptions(replicas=0)])
def test_replicas_that_could_not_be_are_refused(options: ServingOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError):
        serve_models(Models(), options, lambda message: None)
