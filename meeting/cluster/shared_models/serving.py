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
QUIET_CLUSTER = {
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "1",
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "10000",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_raylet_report_resources_period_milliseconds": "1000",
    "RAY_raylet_check_gc_period_milliseconds": "1000",
    "RAY_kill_idle_workers_interval_ms": "1000",
    "RAY_object_manager_timer_freq_ms": "1000",
    "RAY_memory_monitor_refresh_ms": "1000",
    "RAY_local_fs_monitor_interval_ms": "5000",
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",
    "LOG_NAME_UPDATE_INTERVAL_S": "10",
}
"""Variables with which a cluster that is started here looks around less often than ten times a second, and collects no
figures of its own that nobody here reads. Those of Serve are in its guide to performance, those of Ray in
`src/ray/common/ray_config_def.h`, the last two in `ray/_private/log_monitor.py`"""
QUIET_LOGS = {"enable_access_log": False, "log_level": "WARNING"}
"""Of Serve's proxy and controller: else a line for each call"""
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
    set_up_ray(own_cluster=options.cluster is None)
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
        serve.start(
            proxy_location="EveryNode",
            http_options=HTTP,
            grpc_options=grpc_options(options.port),
            logging_config=QUIET_LOGS,
        )
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


def set_up_ray(own_cluster: bool = True) -> None:
    """Have Ray tell nobody that it is used, take the shortest way for calls, and be quiet in a cluster of our own;
    before it is imported. What the environment says of these already stays."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name, value in {**FAST_CALLS, **(QUIET_CLUSTER if own_cluster else {})}.items():
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
