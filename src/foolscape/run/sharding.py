"""The part of a run's samples that a shard measures: the same in every process, and each part about as dear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from foolscape.attacks.plan import Plan
from foolscape.data.costs import cost_of
from foolscape.data.sample import Data
from foolscape.disk import read_file
from foolscape.errors import SettingError
from foolscape.in_place import found_at
from foolscape.records.places import TIMINGS
from foolscape.records.subjects import ShardRecord
from foolscape.records.timings import seconds_in
from foolscape.run.elsewhere.fetching import content_at
from foolscape.run.settings.resources import Resources, parts_of
from foolscape.stores.folder import folder_at
from foolscape.stores.path import StorePath


def shard_record(
    resources: Resources, data: Data[Any], ids: Sequence[str], plans: Iterable[Plan | None]
) -> ShardRecord | None:
    """Which of `ids` are measured here; None: all.

    Args:
        resources: what was asked for.
        data: that the samples are of.
        ids: of the samples of the whole run.
        plans: the attacks on them.

    Raises:
        SettingError: more parts than samples, an attack that learns from one sample to the next, or costs that are
            none of theirs.
    """
    shard = resources.shard
    if shard is None:
        return None
    refuse_learning("shard", plans)
    if shard.of > len(ids):
        raise SettingError(f"shard: expected no more parts than there are samples, {len(ids)}, got {shard}")
    own = parts_of(_costs(resources.shard_costs, data, ids), shard.of)[shard.number - 1]
    return ShardRecord(number=shard.number, of=shard.of, samples=own)


def refuse_learning(option: str, plans: Iterable[Plan | None]) -> None:
    """`SettingError` for an attack whose samples cannot be measured apart."""
    if any(plan is not None and plan.moves_context for plan in plans):
        raise SettingError(
            f"{option}: expected an attack that treats each clip by itself, got the released ara, which goes on from "
            "clip to clip with what it has learnt, so that they cannot be measured apart; leave it out, or use "
            "--variant corrected"
        )


def _costs(measured: Path | None, data: Data[Any], ids: Sequence[str]) -> list[float]:
    """What each sample costs: as an earlier run has measured, else as the data set says."""
    if measured is None:
        return [cost_of(data, name) for name in ids]
    seconds: dict[str, float] = {}
    for (_, name), spent in seconds_in(_timings_of(measured)).items():
        seconds[name] = seconds.get(name, 0.0) + spent
    known = [seconds[name] for name in ids if seconds.get(name)]
    if not known:
        raise SettingError(
            f"shard_costs: expected the directory of a run with the seconds of these samples in {TIMINGS}, got "
            f"{measured}, which has those of none of them"
        )
    usual = sum(known) / len(known)
    return [seconds.get(name) or usual for name in ids]


def _timings_of(measured: Path) -> bytes:
    """What is in timings.jsonl of a run, here or in a store, finished or not; `SettingError` where there is none."""
    try:
        if isinstance(measured, StorePath):
            return content_at(folder_at(measured), TIMINGS)
        return read_file(measured / TIMINGS)
    except OSError as error:
        of_store = isinstance(measured, StorePath) and not isinstance(error, FileNotFoundError)
        reason = str(error.strerror) if of_store else f"no {TIMINGS}"
        found = "a folder" if isinstance(measured, StorePath) else found_at(measured)
        raise SettingError(
            f"shard_costs: expected the directory of a run that has attacked these samples, got {measured}: "
            f"{reason if found == 'a folder' else found}"
        ) from error
