"""Where the workers of a run are: processes of this machine, on its devices in turn, or a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from foolscape.cluster import forking
from foolscape.cluster.engine import Engine
from foolscape.cluster.processes import Processes, threads_of
from foolscape.cluster.ray.connection import COPY
from foolscape.cluster.ray.engine import on_ray, refuse_unreachable
from foolscape.data import sets
from foolscape.run.settings.resources import Resources

_LATER: Final = (
    "foolscape.models.load",
    "foolscape.models.segmenters.ready",
    "foolscape.run.opening.detection",
    "foolscape.run.opening.segmentation",
    "foolscape.run.opening.video",
    "scipy.ndimage",
    "skimage.metrics",
    "sympy",  # of PyTorch
)
"""What a worker would import when it opens models and data and measures its first image: as much as all it does else
in a second."""


def engine_of(resources: Resources, device: str, threads: int, job: type) -> Engine:
    """The engine that `resources` ask for.

    Args:
        resources: with workers, devices or a cluster.
        device: of the run, where no others are named.
        threads: of each worker, as the run was begun with.
        job: what workers are to open; its module is imported once for all.
    """
    if resources.cluster is not None:
        gpus = device.startswith("cuda")
        copied = Path.cwd() if os.environ.get(COPY) == "1" else None
        return on_ray(resources.cluster, gpus=gpus, threads=threads, workers=resources.workers, working_dir=copied)
    devices = resources.devices or (device,)
    return Processes(resources.workers or len(devices), devices, threads, _imports(job))


def import_ahead(resources: Resources, threads: int, job: type) -> None:
    """Have imported what workers of this machine need, while this process does something else; see `engine_of`.

    Within `engines_kept`, for until there are workers nobody else keeps what is imported.
    """
    if resources.spread and resources.cluster is None:
        forking.import_ahead(_imports(job), threads_of(threads))


def refuse_no_engine(resources: Resources) -> None:
    """Refuse a cluster that cannot be there, before anything is opened; see `refuse_unreachable`."""
    if resources.cluster is not None:
        refuse_unreachable(resources.cluster, resources.workers)


def _imports(job: type) -> tuple[str, ...]:
    return (job.__module__, *_LATER, *_data_sets())


def _data_sets() -> list[str]:
    """The modules of all kinds of data, one of which is the run's; they are looked through to find it."""
    return [f"{sets.__name__}.{module.name}" for module in iter_modules(sets.__path__)]
