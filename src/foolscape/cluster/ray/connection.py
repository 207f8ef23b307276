"""Getting to a Ray cluster: one that runs, or one of this machine that is started for the occasion."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any, Final

from foolscape.errors import SettingError
from foolscape.extras import extra

LOCAL: Final = "local"
"""The address of a cluster that is started on this machine, and ended again."""

AUTO: Final = "auto"
"""The address of the cluster that this machine belongs to, or that RAY_ADDRESS names."""

_REACHED: Final = 10.0
"""Seconds in which an address must answer."""

_STORE: Final = 2**30
"""Bytes of the object store of a cluster of our own: little passes through it."""

COPY: Final = "FOOLSCAPE_RAY_COPY"
"""The variable of the driver that gives every node a copy of its working directory, where it is 1."""

_NOT_COPIED: Final = ("/runs/", ".git/", ".venv/", "__pycache__/")
"""Of a working directory: what was measured, and what is no file of a model or data set; as .gitignore has patterns."""

_TOKEN: Final = "set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH, to the token of the cluster"

_HOW: Final = "start one: ray start --head (and on every further node: ray start --address=HOST:6379), or use `local`"


class Connection:
    """A connection to the cluster at `address`; of a process that is made for it, for Ray changes its environment.

    Args:
        address: HOST:PORT, `AUTO` or `LOCAL`.
        cpus: how many a cluster of our own has, whatever the machine has.
        working_dir: a folder that all nodes are to get a copy of, to import from; None where they have it.
    """

    def __init__(self, address: str, cpus: int, working_dir: Path | None = None) -> None:
        self._address = address
        self._cpus = cpus
        self._working_dir = working_dir
        self._folder: str | None = None

    def open(self) -> None:
        """Connect, or start a cluster.

        Raises:
            MissingExtraError: Ray is not installed.
            SettingError: there is no such cluster, or it does not let us in; the message says how to start one.
        """
        with extra("ray"):
            import ray
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if self._working_dir is not None:
            quiet["runtime_env"] = {"working_dir": str(self._working_dir), "excludes": list(_NOT_COPIED)}
        try:
            if self._address == LOCAL:
                self._start_local(quiet)
            else:
                reach(self._address)
                ray.init(address=self._address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            raise SettingError(refusal(self._address, error)) from error

    def close(self) -> None:
        """Leave the cluster; one of our own ends, and its files go."""
        with extra("ray"):
            import ray
        with contextlib.suppress(Exception):
            ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start_local(self, quiet: dict[str, Any]) -> None:
        """A cluster without a dashboard; Ray takes long to start one."""
        import ray

        # Short, for the paths of sockets in it may have little more than a hundred characters.
        self._folder = tempfile.mkdtemp(prefix="fsray-", dir="/tmp" if Path("/tmp").is_dir() else None)
        os.environ["TMPDIR"] = self._folder  # of the workers
        ray.init(
            address="local",
            num_cpus=self._cpus,
            include_dashboard=False,
            object_store_memory=_STORE,
            _temp_dir=self._folder,
            **quiet,
        )


def refusal(address: str, error: Exception) -> str:
    """Why there is no cluster at `address`, and what to do."""
    words = " ".join(str(error).split())[:300] or type(error).__name__
    lowered = words.lower()
    if "maximum size" in lowered:
        return (
            f"expected a working directory of which every node can get a copy, got: {words}; begin in a folder "
            f"with the model's files alone, or without {COPY}"
        )
    if address == LOCAL:
        return f"expected Ray to start on this machine, got {words}; try again, or do without: --workers N"
    if "authentication" in lowered or "token" in lowered:
        how = _TOKEN
    elif "failed to connect" in lowered:  # though something listens there
        how = f"{_TOKEN}, if one runs there; if not, {_HOW}"
    elif "version" in lowered:
        how = "install the cluster's versions of Ray and Python here"
    else:
        how = _HOW
    return f"expected a Ray cluster at {address!r}, got: {words}; {how}"


def environment(address: str) -> dict[str, str]:
    """Variables that a process must have before it imports Ray, beside those it has.

    A cluster of our own gets a token of its own, and tells nobody how it is used.
    """
    if address != LOCAL:
        return {}
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return {"RAY_USAGE_STATS_ENABLED": "0"} | ({} if "RAY_AUTH_MODE" in os.environ else token)


def reach(address: str) -> None:
    """Ask an address for a connection first: Ray itself waits long. Raises `OSError`; `ValueError` for no address."""
    if address == AUTO:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"an address is HOST:PORT, `{AUTO}` or `{LOCAL}`")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED).close()
