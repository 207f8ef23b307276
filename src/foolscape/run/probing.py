"""Other attacks on a few images of a run, for its verdict: by this process, or by workers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from foolscape.cluster.pool import Pool
from foolscape.records.types import Object
from foolscape.run.setup import LoadedModel
from foolscape.run.spread.probing import results_by_workers
from foolscape.run.trust.probes import probe_stored, results_of
from foolscape.run.under_way import RunUnderWay


def try_other_attacks(run: RunUnderWay, entry: LoadedModel, place: int, pool: Pool | None) -> None:
    """What other attacks leave of a few images, where there is an attack."""
    if entry.plan is None:
        return
    subject, store = entry.subject, run.store

    def results(ids: Sequence[str]) -> Object:
        alone = run.takes_one(entry)
        if pool is not None:
            return results_by_workers(pool, place, subject.clean, entry.probes, ids, alone=alone)
        tried = partial(results_of, subject, entry.probes, store, ids)
        return tried(1) if alone else run.room.halving(subject.spec, tried)

    probe_stored(subject, entry.plans, entry.probes, run.config.probes, store, run.listener.say, results)
