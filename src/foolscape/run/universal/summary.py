"""`summary.json` of a universal perturbation, computed from the rows and the epochs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from foolscape.attacks.universal.learn import TrainingState
from foolscape.metrics.eval_classes import KEY as EVAL_CLASSES
from foolscape.metrics.eval_classes import sentence as over_classes
from foolscape.metrics.score import scores_of as scored
from foolscape.records.beside import AnyWiring
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE
from foolscape.records.row import Failure, Moved
from foolscape.records.schema import SCHEMA
from foolscape.records.sentences import CONTROLS, EIGHT_BIT, OF_EVERY_RUN
from foolscape.records.training import TrainingRecord
from foolscape.records.types import Object, to_json
from foolscape.run.directory.store import RunStore, universal_record
from foolscape.run.trust.command import again
from foolscape.run.trust.failures import failed, failure_reasons
from foolscape.run.trust.judge import by_model, sound_reasons
from foolscape.run.trust.universal import Learnt, universal_reasons
from foolscape.run.universal.config import MAIN, CurvePoint, UniversalConfig
from foolscape.run.universal.judged import JudgedModel, judged_model
from foolscape.run.universal.measure import adversarial, noise
from foolscape.run.universal.record import universal_of
from foolscape.run.universal.setup import TestedModel, UniversalSetup
from foolscape.run.universal.targets import OTHER, Hide, Untargeted
from foolscape.verdict import Reason

_SUCCESS = {"success": "Success: share of the answers that are what was wanted, pooled and as the mean over images."}
_ALWAYS = {
    "permuted": OF_EVERY_RUN["permuted"],
    "controls": CONTROLS,
    "noise": "Random noise: uniform, of the same eps.",
    "eight_bit": f"{EIGHT_BIT} Those of test images are of the test split alone.",
    "labels": "The other scores are against the labels where there are any, else against the clean prediction.",
}


def summarise(
    config: UniversalConfig,
    setup: UniversalSetup,
    training: TrainingRecord,
    learned: Mapping[str, TrainingState],
    store: RunStore,
) -> Object:
    """The summary of a finished run.

    Args:
        config, setup: of the run.
        training: of training.json.
        learned: the tile of every point, by its name.
        store: the rows.
    """
    main, *others = setup.models
    hiding = isinstance(main.universal_task.aim, Hide)
    tasks = {model.task for model in setup.models}
    conventions = [
        text for task in sorted(tasks) for text in (universal_of(task).conventions if hiding else _SUCCESS).items()
    ]
    conventions += [(s.sentence, s.convention) for task in sorted(tasks) for s in scored(task).default.scores]
    epochs = sum(len(learning.epochs) for learning in learned.values())
    record, failures = universal_record(store), store.rows.failures_in_files()
    found, *of_others = (judged_model(model, store.rows, record.eval_classes, record.seed) for model in setup.models)
    trained = {
        "epochs": len(learned[MAIN].epochs),
        "losses": [epoch.loss for epoch in learned[MAIN].epochs],
        "moved": [_percent(epoch.moved) for epoch in learned[MAIN].epochs],
        "stayed": [_percent(epoch.stayed) for epoch in learned[MAIN].epochs],
        "images": len(training.images),
        "showing": training.showing,
        "gradient_evaluations": len(learned[MAIN].epochs) * len(training.images),
        "gradient_evaluations_of_all_tiles": epochs * len(training.images),
        "failures": list(to_json(TrainingRecord, training)["failures"]),
    }
    return {
        "schema": SCHEMA,
        "kind": "universal",
        "model": config.model,
        "task": main.task,
        "target": config.target,
        "eps": str(config.eps),
        "omega": config.points[0].omega,
        "conventions": dict(conventions)
        | _ALWAYS
        | ({} if config.eval_classes is None else {EVAL_CLASSES: over_classes(config.eval_classes)}),
        "test": {"samples": len(setup.test_ids), "measured": found.images.get(CLEAN, 0)},
        "training": trained,
        "conditions": _conditions(found),
        "controls": found.controls.sizes(),
        "curves": _curves(config.points, found),
        "transfer": [
            {
                "model": model.entry.subject.spec,
                "task": model.task,
                "conditions": _conditions(own),
            }
            for model, own in zip(others, of_others, strict=True)
        ],
        "trust": _trust(config, setup, trained, training, store, found, failures),
        "failures": [{"model": one.model, "id": one.id, "reason": one.reason} for one in failures],
    }


def _trust(
    config: UniversalConfig,
    setup: UniversalSetup,
    trained: Object,
    training: TrainingRecord,
    store: RunStore,
    found: JudgedModel,
    failures: Sequence[Failure],
) -> Object:
    """The verdict on the main tile; of other models it counts only that their images could be used."""
    record, (main, *others) = universal_record(store), setup.models
    aim = main.universal_task.aim
    anything = isinstance(aim, Untargeted) or (isinstance(aim, Hide) and aim.by == OTHER)
    part: Literal["left", "reached"] = "left" if anything else "reached"
    learnt = Learnt(
        {name: found.judged[name].shares(part, record.order) for name in CONDITIONS if name in found.judged},
        _pooled(found.judged.get(ADVERSARIAL, ()), part),
        found.controls,
        trained,
        record.gradient or None,
        config.bounds[0],
        again("universal", UniversalConfig, record.config, {"epochs": 2 * trained["epochs"]}),
    )
    subject, wired = main.entry.subject, store.load_json(f"wiring/{main.entry.subject.slug}.json", AnyWiring)
    by_slug = {
        subject.slug: (
            *_lost(main, setup, failures),
            *failure_reasons(training.failures, len(setup.train_ids), "training-failures", "training "),
            *sound_reasons(record, subject.spec, wired),
            *universal_reasons(learnt),
        ),
        **{model.entry.subject.slug: lost for model in others if (lost := _lost(model, setup, failures))},
    }
    return by_model({slug: [reason.to_json() for reason in reasons] for slug, reasons in by_slug.items()})


def _pooled(images: Sequence[Moved], part: str) -> float | None:
    """The percentage of all targets of the images that are a `part` of them."""
    moving = sum(one.moving for one in images)
    return 100 * sum(getattr(one, part) for one in images) / moving if moving else None


def _lost(model: TestedModel, setup: UniversalSetup, failures: Sequence[Failure]) -> tuple[Reason, ...]:
    """Whether enough test images are left of a model."""
    return tuple(failure_reasons(failed(failures, (model.entry.subject.spec, None)), len(setup.test_ids)))


def _conditions(found: JudgedModel) -> Object:
    """The scores of the main tile and its controls."""
    return {name: found.conditions[name] for name in CONDITIONS if name in found.conditions}


def _curves(points: Sequence[CurvePoint], found: JudgedModel) -> Object:
    """Scores against eps and against omega, the main point among them; empty where there is no other."""
    main, *others = points
    curves: Object = {}
    for kind, along in (
        ("eps", [p for p in others if p.eps != main.eps]),
        ("omega", [p for p in others if p.eps == main.eps]),
    ):
        if along:
            along_curve = sorted((main, *along), key=lambda point: (point.eps.levels, point.omega))
            curves[kind] = [_at(point, found) for point in along_curve]
    return curves


def _at(point: CurvePoint, found: JudgedModel) -> Object:
    record: Object = {"eps": str(point.eps), "omega": point.omega}
    for name, condition in ((ADVERSARIAL, adversarial(point)), (NOISE, noise(point))):
        if condition in found.conditions:
            record[name] = found.conditions[condition]
    return record


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else 100 * share
