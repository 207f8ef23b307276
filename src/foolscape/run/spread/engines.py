"""Where the workers of a run are: processes of this machine, on its devices in turn, or a cluster."""

from __future__ import annotations

from foolscape.cluster.engine import Engine
from foolscape.cluster.processes import Processes
from foolscape.cluster.ray.engine import on_ray
from foolscape.run.settings.resources import Resources


def engine_of(resources: Resources, device: str, threads: int) -> Engine:
    """The engine that `resources` ask for.

    Args:
        resources: with workers, devices or a cluster.
        device: of the run, where no others are named.
        threads: of each worker, as the run was begun with.
    """
    if resources.cluster is not None:
        gpus = device.startswith("cuda")
        return on_ray(resources.cluster, gpus=gpus, threads=threads, workers=resources.workers)
    devices = resources.devices or (device,)
    return Processes(resources.workers or len(devices), devices, threads)
