"""The verdict on a run, from its files alone: run.json, the rows, the probes, and what was seen of the clean model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foolscape.records.beside import AnyProbes, AnyWiring
from foolscape.records.row import Failure
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.subjects import ModelRecord
from foolscape.records.types import Object
from foolscape.run.directory.store import RunStore
from foolscape.run.settings.words import from_python, in_python, is_live
from foolscape.run.trust.attack import attack_reasons
from foolscape.run.trust.attacked import AttackedRows
from foolscape.run.trust.bounds import reasons_at_bounds
from foolscape.run.trust.failures import failed, failure_reasons
from foolscape.run.wiring.reasons import wiring_reasons
from foolscape.verdict import Reason, at_bound, judged, verdict


@dataclass(frozen=True)
class Evidence:
    """What a run tried beside its attack, by the models' slugs.

    Attributes:
        probed: `probes/SLUG.json` of each model that has it.
        wired: `wiring/SLUG.json` likewise.
    """

    probed: Mapping[str, Object] = field(default_factory=dict)
    wired: Mapping[str, Object] = field(default_factory=dict)

    @classmethod
    def of(cls, store: RunStore, slugs: Iterable[str]) -> Evidence:
        """What the directory of `store` holds."""

        def records(folder: str, form: Any) -> dict[str, Object]:
            return {slug: record for slug in slugs if (record := store.load_json(f"{folder}/{slug}.json", form))}

        slugs = list(slugs)
        return cls(records("probes", AnyProbes), records("wiring", AnyWiring))


Attacked = Mapping[str | None, AttackedRows]
"""The rows of a model by bound, or all of them; empty where it was not attacked."""


def run_trust(
    record: RunRecord, failures: Sequence[Failure], attacked: Mapping[str, Attacked], evidence: Evidence
) -> Object:
    """`trust` of summary.json: the verdict on the run, the reasons with the slug of their model, and each model's own.

    Args:
        record: run.json.
        failures: in the run's order.
        attacked: by slug.
        evidence: see there.
    """
    reasons = {
        model.slug: [
            _in_words_of(reason, record).to_json()
            for reason in _of_model(model, record, failures, attacked[model.slug], evidence)
        ]
        for model in record.models
    }
    return by_model(reasons, record.bounds)


def _in_words_of(reason: Reason, record: RunRecord) -> Reason:
    """`reason` with its advice in the words of who made the run."""
    if not from_python(record.command):
        return reason
    return replace(reason, advice=in_python(reason.advice, live=is_live(str(record.config["data"]))))


def by_model(reasons: Mapping[str, Sequence[Mapping[str, object]]], bounds: Sequence[str] = ()) -> Object:
    """The verdict over several models, and each model's own; `reasons` by slug, `bounds` as of `judged`."""
    flat = [{"model": slug, **reason} for slug, own_reasons in reasons.items() for reason in own_reasons]
    largest = bounds[-1] if bounds else None
    return judged(flat, bounds) | {
        "models": {slug: str(verdict(at_bound(own_reasons, largest))) for slug, own_reasons in reasons.items()}
    }


def sound_reasons(record: AnyRecord, spec: str, wired: Object) -> Iterator[Reason]:
    """Whether the model itself is sound: wired rightly, and the same whenever it is asked."""
    yield from wiring_reasons(wired)
    yield from (Reason(**reason) for reason in record.consistency.get(spec, ()))


def _of_model(
    model: ModelRecord, record: RunRecord, failures: Sequence[Failure], attacked: Attacked, evidence: Evidence
) -> Iterator[Reason]:
    spec, slug = model.model, model.slug
    yield from failure_reasons(failed(failures, (spec, None)), len(record.samples))
    yield from sound_reasons(record, spec, evidence.wired.get(slug, {}))
    if not attacked:
        return
    probed = evidence.probed.get(slug, {})
    if record.bounds:
        yield from reasons_at_bounds({bound: attacked[bound].model(probed) for bound in record.bounds})
    else:
        yield from attack_reasons(attacked[None].model(probed))
