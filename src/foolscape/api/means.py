"""With what a call is carried out: workers, a part of the images, a time; none of it changes a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from foolscape.errors import SettingError
from foolscape.records.run import Keep
from foolscape.run.settings.given_resources import resources_of
from foolscape.run.settings.resources import Resources
from foolscape.run.settings.words import is_live

Devices: TypeAlias = Sequence[str | int]
"""As PyTorch names them; a number is that of a GPU."""


def means_of(
    workers: int | None, devices: Devices | None, cluster: str | None, shard: str | None, keep: Keep | None
) -> Resources:
    """What is asked for; raises `SettingError` as the command line does, also for a part that is to keep less."""
    if shard is not None and keep not in (None, "all"):
        raise SettingError(
            "keep: is for the whole, not for a part of it, whose pictures it is made of; give it to merge"
        )
    return resources_of({"workers": workers, "devices": devices, "cluster": cluster, "shard": shard})


def refuse_live(resources: Resources, specs: Iterable[str]) -> None:
    """`SettingError` where other processes are to open what only this one has."""
    wanted = "workers" if resources.spread else "shard" if resources.shard is not None else None
    live = [spec for spec in specs if is_live(spec)]
    if wanted is None or not live:
        return
    who = "a worker is a process of its own" if wanted == "workers" else "the parts are merged by another process"
    raise SettingError(
        f"{wanted}: expected models and images that other processes can open, got {live[0]}, which only this one has: "
        f'{who}; put what builds it into a file, and write its spec, "net.py:build" for a model or "data.py:photos" '
        f"for images (weights=... if it has any), or leave {wanted} out"
    )
