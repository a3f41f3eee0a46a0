"""The command `models serve`: the shared models on this machine, or on the Ray cluster to which it belongs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH
from meeting.config.settings import Models
from pipelines.errors import ModelError, SettingsError
from pipelines.timing import available_cores

log = logging.getLogger(__name__)

SERVICERS = "meeting.cluster.shared_models.servicers.add_shared_models"
HTTP = {"host": "127.0.0.1", "port": 0}
"""Serve's HTTP proxy is used for nothing: nobody else reaches it"""
FAST_CALLS = {
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_PROXY_USE_GRPC": "1",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "100",
}
"""Variables with which Serve's proxy asks replicas over gRPC too, in half of the time: else each window, which is more
than 100 kB, goes through Ray's object store"""
OBJECT_STORE = 80 * 2**20
"""Bytes of Ray's object store on a machine of its own: calls do not go through it"""


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """How the shared models are put on machines."""

    cluster: str | None = None
    """Address of a Ray cluster, "auto" for that of this machine; None to start one here"""
    port: int = 9000
    """Of gRPC, on each machine with a replica"""
    replicas: int | None = None
    """Of each application; None leaves it to autoscaling"""
    cpus: float = 1.0
    """Processors of each replica"""
    gpus: float = 0.0
    """Part of a GPU, or GPUs, of each replica"""


def serve_models(
    settings: Models,
    options: ServingOptions,
    on_progress: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Deploy the shared models and stay until interrupted; ends with them where it started the cluster.

    Raises ModelError where Ray is not installed, or the models cannot be loaded.
    """
    set_up_ray()
    try:
        import ray
        from ray import serve
        from ray.serve.exceptions import RayServeException
    except ImportError as error:
        raise ModelError(
            'models serve needs the package ray: .venv/bin/pip install -c constraints.txt -e ".[ray]"'
        ) from error
    if options.gpus < 0 or options.cpus <= 0 or (options.replicas is not None and options.replicas < 1):
        raise SettingsError("--cpus must be more than 0, --gpus 0 or more, and --replicas 1 or more")
    _begin(ray, options, on_progress)
    try:
        serve.start(proxy_location="EveryNode", http_options=HTTP, grpc_options=grpc_options(options.port))
        _deploy(serve, settings, options, on_progress)
        on_progress(f"the shared models answer on port {options.port}")
        (stop or threading.Event()).wait()
    except (RayServeException, RuntimeError) as error:
        raise ModelError(f"the shared models cannot be deployed: {str(error)[:300]}") from error
    finally:
        if options.cluster is None:
            serve.shutdown()
        ray.shutdown()


def grpc_options(port: int) -> dict[str, Any]:
    """Options of Serve's gRPC proxy."""
    return {"port": port, "grpc_servicer_functions": [SERVICERS], "enable_reflection": False}


def set_up_ray() -> None:
    """Have Ray tell nobody that it is used, and take the shortest way for calls; before it is imported."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name, value in FAST_CALLS.items():
        os.environ.setdefault(name, value)


def _begin(ray: Any, options: ServingOptions, on_progress: Callable[[str], None]) -> None:
    if options.cluster is not None:
        on_progress(f"joining the Ray cluster {options.cluster}")
        ray.init(address=options.cluster, log_to_driver=False)
        return
    on_progress("starting Ray")
    # logical processors: two replicas must fit where there is one core, and autoscaling is bounded by them
    cores = max(2 * options.cpus, available_cores())
    ray.init(num_cpus=int(cores), include_dashboard=False, object_store_memory=OBJECT_STORE, log_to_driver=False)


def _deploy(serve: Any, settings: Models, options: ServingOptions, on_progress: Callable[[str], None]) -> None:
    from meeting.cluster.shared_models.deployments import RecogniserDeployment, SpeakersDeployment, shared_options

    placed: dict[str, Any] = {"ray_actor_options": {"num_cpus": options.cpus, "num_gpus": options.gpus}}
    if options.replicas is not None:
        placed |= {"num_replicas": options.replicas, "autoscaling_config": None}
    given = shared_options({}, settings)
    deployments: dict[str, Any] = {SPEECH: RecogniserDeployment, SPEAKERS: SpeakersDeployment}
    for name, deployment in deployments.items():
        on_progress(f"loading the models for {name}")
        serve.run(deployment.options(**placed).bind(given), name=name, route_prefix=f"/{name}")
