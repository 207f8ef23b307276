"""The engine to use for a Ray cluster."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from foolscape.cluster.apart import Apart
from foolscape.cluster.engine import Engine
from foolscape.cluster.ray.actor import home
from foolscape.cluster.ray.connection import LOCAL, Connection, environment, reach, refusal
from foolscape.cluster.ray.nodes import RayNodes
from foolscape.errors import SettingError
from foolscape.extras import need


def on_ray(
    address: str, *, gpus: bool = False, threads: int = 1, workers: int | None = None, working_dir: Path | None = None
) -> Engine:
    """Workers on the nodes of a Ray cluster, each with a GPU or with `threads` CPUs.

    Args:
        address: HOST:PORT, "auto" for the cluster that this machine belongs to, "local" for one that is started on
            this machine and ended with the driver.
        gpus: whether each has a GPU, which it sees as "cuda:0".
        threads: of each.
        workers: how many at most; by default as many as there is room for. "local" needs it.
        working_dir: a folder that is copied to the nodes, for what a job imports from it.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingError: a number is missing.
    """
    need("ray")
    if threads < 1 or (workers is not None and workers < 1):
        raise SettingError(f"expected at least one worker and thread, got {workers} workers and {threads} threads")
    _refuse_uncounted(address, workers)
    cpus = threads * (workers or 1)
    at_home = home(copied=working_dir is not None)
    nodes = RayNodes(Connection(address, cpus, working_dir), at_home, gpus=gpus, threads=threads, workers=workers)
    same = (address, gpus, threads, workers, working_dir, at_home)
    return Apart(nodes, "the Ray cluster", partial(environment, address), same)


def refuse_unreachable(address: str, workers: int | None) -> None:
    """Refuse early, before models are opened, what `on_ray` would refuse: no Ray here, nothing that listens there.

    Args:
        address, workers: as of `on_ray`.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingError: there is no cluster at that address; the message says how to start one. Or of a local one, whose
            size is not said.
    """
    need("ray")
    _refuse_uncounted(address, workers)
    if address == LOCAL:
        return
    try:
        reach(address)
    except (OSError, ValueError) as error:
        raise SettingError(refusal(address, error)) from error


def _refuse_uncounted(address: str, workers: int | None) -> None:
    if address == LOCAL and workers is None:
        raise SettingError("workers: expected the number of workers of a local cluster, got none; give --workers")
