"""The matrix of a transfer: which changes are tried on which networks, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

from foolscape.errors import DataError
from foolscape.metrics.score import scores_of
from foolscape.records.conditions import CLEAN
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import CLEAN_PREDICTION, TRUTH, ModelRecord
from foolscape.records.types import Object
from foolscape.run.directory.store import RunStore
from foolscape.run.recording import recorded_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import LoadedModel, Setup
from foolscape.run.transfer.column import SummedColumn, column_of
from foolscape.run.transfer.ensemble import Ensemble, ensemble_name
from foolscape.run.trust.transfer import Column, transfer_trust


@dataclass(frozen=True)
class Disturbance:
    """A line of the matrix.

    Attributes:
        name: as it is recorded, such as `scenes-unet + scenes-detector, PERM`.
        sources: slugs of the networks it was made for; none for the clean images.
        permuted: whether its pixels are in random order.
        joint: whether it was made for all of them at once, and is not the sum of what was made for each.
    """

    name: str
    sources: tuple[str, ...]
    permuted: bool
    joint: bool = False


@dataclass(frozen=True)
class Network:
    """A network of the matrix: the settings of its own run, and what was opened for them."""

    config: RunConfig
    setup: Setup

    @property
    def entry(self) -> LoadedModel:
        """The network itself."""
        return self.setup.entries[0]

    @property
    def labelled(self) -> bool:
        """Whether its data have labels."""
        return self.setup.data.classes is not None

    @property
    def slug(self) -> str:
        """Its short name."""
        return self.entry.subject.slug

    @property
    def task(self) -> str:
        """Its task."""
        return str(self.config.task)

    @property
    def record(self) -> ModelRecord:
        """What run.json says of it."""
        return self.entry.record(self.task, self.task if self.labelled else None)


def disturbances_of(slugs: Sequence[str], ensembles: Sequence[tuple[str, ...]]) -> list[Disturbance]:
    """Clean images, each network's perturbation, each sum of two, each ensemble's, and every one of them shuffled.

    `ensembles` by the slugs of their networks.
    """
    sums = [(slug,) for slug in slugs] + list(combinations(slugs, 2))
    plain = [Disturbance(" + ".join(group), group, False) for group in sums]
    plain += [Disturbance(ensemble_name(group), group, False, joint=True) for group in ensembles]
    control = [replace(one, name=f"{one.name}, PERM", permuted=True) for one in plain]
    return [Disturbance(CLEAN, (), False), *plain, *control]


def summarise(
    store: RunStore,
    networks: Sequence[Network],
    ensembles: Sequence[Ensemble],
    disturbances: Sequence[Disturbance],
    runs: Mapping[str, Object],
) -> Object:
    """The matrix: a line per disturbance with its size, a column per network with its headline score.

    Only images on which every network could be measured count, so that all figures are of the same images. `runs` is
    `trust` of each network's own run, by its slug.
    """
    failures = store.rows.failures_in_files()
    failed = {one.id for one in failures}
    number = len(store.record.samples)
    found = {network.slug: column_of(network, store.rows, failed) for network in networks}
    if not any(column.scores for column in found.values()):
        reasons = "; ".join(sorted({one.reason for one in failures})[:2])
        raise DataError(f"expected an image that every network could be measured on, got none: {reasons}")
    lines = [_line(disturbance, found, networks[0].slug) for disturbance in disturbances]
    columns = [
        {
            "model": network.entry.subject.spec,
            "slug": network.slug,
            "task": network.task,
            "score": scores_of(network.task).default.headline,
        }
        for network in networks
    ]
    eval_classes = networks[0].config.eval_classes
    plans = {network.slug: recorded_attack(network.config, network.setup) for network in networks}
    return {
        "schema": SCHEMA,
        "reference": TRUTH if all(network.labelled for network in networks) else CLEAN_PREDICTION,
        "attacks": plans,
        "ensembles": [{"sources": list(ensemble.slugs), "attack": ensemble.settings} for ensemble in ensembles],
        "data": {"spec": networks[0].config.data, "samples": number - len(failed)},
        "columns": columns,
        "lines": lines,
        "trust": transfer_trust(
            {
                network.slug: Column(
                    network.entry.subject.spec,
                    network.task,
                    network.entry.plan,
                    runs[network.slug],
                    found[network.slug].left,
                )
                for network in networks
            },
            lines,
            failures,
            number,
        ),
        "failures": [{"id": one.id, "model": one.model, "reason": one.reason} for one in failures],
        **({} if eval_classes is None else {"eval_classes": list(eval_classes)}),
    }


def _line(disturbance: Disturbance, columns: Mapping[str, SummedColumn], first: str) -> Object:
    name = disturbance.name
    return {
        **asdict(disturbance),
        "scores": {slug: column.scores[name] for slug, column in columns.items()},
        "ci95": {slug: column.ci95[name] for slug, column in columns.items()},
        # Every network saw the same pixels: the sizes are those that the first one's rows give.
        "distortion": columns[first].sizes[name] if disturbance.sources else None,
    }
