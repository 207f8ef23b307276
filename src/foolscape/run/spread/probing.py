"""Other attacks that are tried for the verdict, by workers: each on one image is a key of its own."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.cluster.job import GivenUp
from foolscape.cluster.pool import Pool
from foolscape.errors import RunError
from foolscape.records.types import Object
from foolscape.run.spread.clean_inputs import clean_inputs
from foolscape.run.tasks.clean import CleanPredictions
from foolscape.run.trust.probes import Probe, cost, pairs

_PREFIX: Final = "probe"
"""Of the keys of probes; those of samples begin with a number."""


@dataclass(frozen=True)
class Tried:
    """What a probe left of an image, null where it gave up; or why there is nothing to be said of the model."""

    result: Object | None = None
    failed: str | None = None


@dataclass(frozen=True)
class ProbeKey:
    """A probe of the run's model at the place `model` on a sample; `alone`: one image per call, not the batch."""

    model: int
    what: str
    sample: str
    alone: bool

    def __str__(self) -> str:
        return f"{_PREFIX} {self.model} {self.what} {int(self.alone)} {self.sample}"

    @classmethod
    def parse(cls, key: str) -> ProbeKey | None:
        """What a lease calls a probe; None where a key is no probe's."""
        if not key.startswith(f"{_PREFIX} "):
            return None
        _, model, what, alone, sample = key.split(" ", 4)
        return cls(int(model), what, sample, alone == "1")


def results_by_workers(
    pool: Pool,
    model: int,
    clean: CleanPredictions,
    tried_probes: Mapping[str, Probe],
    ids: Sequence[str],
    *,
    alone: bool,
) -> Object:
    """See `trust.probes.results_of`; `model` is its place in the run, `clean` what is known of its predictions, `alone`
    as of a `ProbeKey`.

    Raises:
        RunError: one could not be tried, as it would be said without workers.
    """
    asked = [ProbeKey(model, what, name, alone) for what, name in pairs(tried_probes, ids)]
    keys = {str(key): (key.what, key.sample) for key in asked}
    costs = {key: max(1.0, cost(tried_probes[what].plan)) for key, (what, _) in keys.items()}
    found: dict[str, Tried] = {}
    inputs = clean_inputs(clean, model, lambda key: keys[key][1])
    for answer in pool.answers(list(keys), costs=costs, inputs=inputs):
        if isinstance(answer, GivenUp):
            found[answer.key] = Tried(failed=f"expected a worker to answer, got none: {answer.reason}")
        else:
            found[answer.key] = pickle.loads(answer.payload)  # of a worker that this process has started
            if answer.beside:
                clean.put(keys[answer.key][1], answer.beside)
    results: Object = {name: {} for name in ids}
    for key, (what, name) in keys.items():
        tried = found[key]
        if tried.failed is not None:
            raise RunError(tried.failed)
        results[name][what] = tried.result
    return results
