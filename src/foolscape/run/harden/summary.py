"""`summary.json` of a hardening: the network before and after, and what the training was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.paired import Difference
from foolscape.metrics.score import scores_of
from foolscape.metrics.tasks.segmentation import SEGMENTATION
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.row import Line, rows_of
from foolscape.records.run import HardenRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.training import TrainingRecord
from foolscape.records.types import Object, to_json
from foolscape.run.harden.training import Epoch
from foolscape.run.trust.harden import harden_trust


def summarise(
    record: HardenRecord,
    hardened: str,
    images: TrainingRecord,
    epochs: Sequence[Epoch],
    runs: Mapping[str, Object],
    rows: Mapping[str, Iterable[Line]],
) -> Object:
    """The summary of a finished hardening.

    Args:
        record: run.json.
        hardened: the spec that loads the trained network.
        images: training.json.
        epochs: what became of each.
        runs: the summaries of the runs `before` and `after`.
        rows: their rows.
    """
    before, after = runs["before"], runs["after"]
    config = record.config
    per_epoch = len(images.images) // config["batch"]
    return {
        "schema": SCHEMA,
        "kind": "harden",
        "conventions": before["conventions"],
        "model": config["model"],
        "hardened": hardened,
        "eps": config["eps"],
        "trained_on": record.attack,
        "judged_by": before["attack"],
        "test": {"split": config["test_split"], "samples": before["models"][0]["samples"]},
        "training": {
            "split": config["train_split"],
            "images": len(images.images),
            "epochs": [asdict(epoch) for epoch in epochs],
            "steps": per_epoch * len(epochs),
            "failures": list(to_json(TrainingRecord, images)["failures"]),
        },
        "before": _judged(before),
        "after": _judged(after),
        "trust": harden_trust(
            {when: run["trust"] for when, run in runs.items()},
            _gain(record, rows),
            SEGMENTATION.headline,
            images.failures,
            record.train.samples,
        ),
        "failures": [*before["failures"], *after["failures"]],
    }


def _gain(record: HardenRecord, rows: Mapping[str, Iterable[Line]]) -> Difference:
    """What the attacked network scores higher than before, on the images that both were attacked on."""
    attacked = {
        when: {row.id: row.sample for row in rows_of(lines, condition=ADVERSARIAL)} for when, lines in rows.items()
    }
    shared = [name for name in attacked["before"] if name in attacked["after"]]
    (model,) = record.models
    after, before = ([attacked[when][name] for name in shared] for when in ("after", "before"))
    if not shared:
        return Difference(None, None, None)
    measure = measure_over(record.eval_classes, SEGMENTATION, scores_of(model.task))
    return measure.difference(after, before, model.classes, record.seed)


def _judged(summary: Object) -> Object:
    (model,) = summary["models"]
    return {"conditions": model["conditions"], **{key: model.get(key) for key in ("success_rate", "distortion")}}
