"""With what a command is to be carried out, as a user says it: shards, workers, devices, a cluster, a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.records.places import SHARDS
from foolscape.run.settings.resources import Resources, Shard


def resources_of(settings: dict[str, object]) -> Resources:
    """What the settings say of shards and workers, which are taken out of them.

    Raises:
        SettingError: one is no part of several, or costs are given for none; there is no worker, or a device twice.
    """
    shard, costs = settings.pop("shard", None), settings.pop("shard_costs", None)
    if shard is None and costs is not None:
        raise SettingError("shard_costs: is for --shard, by which images are divided; leave it out")
    devices, cluster = _devices(settings.pop("devices", None)), _cluster(settings.pop("cluster", None))
    if devices and cluster is not None:
        raise SettingError("devices: are those of this machine, got --cluster, too, whose nodes have their own; leave "
                           "one of them out")  # fmt: skip
    return Resources(
        shard=None if shard is None else Shard.parse(str(shard)),
        shard_costs=None if costs is None else path_of(str(costs)),
        workers=_count(settings.pop("workers", None)),
        devices=devices,
        cluster=cluster,
    )


def _count(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise SettingError(f"workers: expected a number from 1 on, got {value!r}")
    return value


def _cluster(value: object) -> str | None:
    """The address behind `ray:`; `ray` alone is `auto`."""
    if value is None:
        return None
    engine, _, address = str(value).partition(":")
    if engine != "ray":
        raise SettingError(f"cluster: expected ray, ray:HOST:PORT or ray:local, got {value!r}")
    return address or "auto"


def _devices(value: object) -> tuple[str, ...]:
    """Devices as PyTorch names them; a number is that of a GPU."""
    names = [value] if isinstance(value, int | str) else value
    if names is None:
        return ()
    if not isinstance(names, list | tuple) or not names:
        raise SettingError(f"devices: expected devices such as 0,1 or cuda:0,cuda:1, got {value!r}")
    devices = tuple(f"cuda:{name}" if str(name).isdecimal() else str(name) for name in names)
    if len(set(devices)) < len(devices):
        raise SettingError(f"devices: expected each once, got {', '.join(devices)}; --workers says how many share them")
    return devices


def shard_place(out: Path | None, shard: Shard | None) -> Path | None:
    """Where a shard is written, below the directory `out` of the whole, so that all shards may be given the same.

    Raises:
        SettingError: there is no such directory, and others would not know where this one went.
    """
    if shard is None:
        return out
    if out is None:
        raise SettingError("shard: expected --out DIR, the same for all parts, which go to DIR/shards, got none")
    return out / SHARDS / shard.folder


def seconds_of(text: object, name: str = "time-budget") -> float | None:
    """The seconds of `90s`, `30m`, `2h` or `1h30m`; `SettingError`, which calls it `name`, for all but it and None."""
    if text is None:
        return None
    match = _TIME.fullmatch(str(text).strip().lower())
    parts = () if match is None else zip(match.groups(), _UNITS, strict=True)
    seconds = sum(float(part or 0) * unit for part, unit in parts)
    if not seconds:
        raise SettingError(f"{name}: expected a time such as 90s, 30m, 2h or 1h30m, got {text!r}")
    return seconds


_TIME: Final = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNITS: Final = (3600, 60, 1)
