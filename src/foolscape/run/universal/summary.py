"""`summary.json` of a universal perturbation, computed from the rows and the epochs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from foolscape.attacks.universal.learn import TrainingState
from foolscape.metrics.eval_classes import KEY as EVAL_CLASSES
from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.eval_classes import sentence as over_classes
from foolscape.metrics.score import scores_of as scored
from foolscape.records.beside import AnyWiring
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED, Condition
from foolscape.records.row import AnyRow, failures_of, rows_of
from foolscape.records.schema import SCHEMA
from foolscape.records.sentences import CONTROLS, EIGHT_BIT, OF_EVERY_RUN
from foolscape.records.training import TrainingRecord
from foolscape.records.types import Object, to_json
from foolscape.run.directory.store import RunStore, universal_record
from foolscape.run.scores.controls import control_sizes
from foolscape.run.trust.command import again
from foolscape.run.trust.failures import failed, failure_reasons
from foolscape.run.trust.judge import by_model, sound_reasons
from foolscape.run.trust.universal import Learnt, universal_reasons
from foolscape.run.universal.config import MAIN, CurvePoint, UniversalConfig
from foolscape.run.universal.measure import adversarial, noise
from foolscape.run.universal.record import universal_of
from foolscape.run.universal.setup import TestedModel, UniversalSetup
from foolscape.run.universal.targets import OTHER, Hide, Untargeted
from foolscape.run.universal.universal_task import scores_of
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
    failures = [{"model": one.model, "id": one.id, "reason": one.reason} for one in failures_of(store.rows.held())]
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
        "test": {"samples": len(setup.test_ids), "measured": len(_rows_in_order(main, CLEAN, setup, store))},
        "training": trained,
        "conditions": _conditions(main, setup, store),
        "controls": control_sizes(
            row for name in (PERMUTED, NOISE) for row in _rows_in_order(main, name, setup, store)
        ),
        "curves": _curves(config.points, main, setup, store),
        "transfer": [
            {
                "model": model.entry.subject.spec,
                "task": model.task,
                "conditions": _conditions(model, setup, store),
            }
            for model in others
        ],
        "trust": _trust(config, setup, trained, training, store),
        "failures": failures,
    }


def _trust(
    config: UniversalConfig, setup: UniversalSetup, trained: Object, training: TrainingRecord, store: RunStore
) -> Object:
    """The verdict on the main tile; of other models it counts only that their images could be used."""
    record, (main, *others) = universal_record(store), setup.models
    rows = {name: _rows_in_order(main, name, setup, store) for name in CONDITIONS}
    aim = main.universal_task.aim
    anything = isinstance(aim, Untargeted) or (isinstance(aim, Hide) and aim.by == OTHER)
    learnt = Learnt(
        rows,
        "left" if anything else "reached",
        trained,
        record.gradient or None,
        config.bounds[0],
        again("universal", UniversalConfig, record.config, {"epochs": 2 * trained["epochs"]}),
    )
    subject, wired = main.entry.subject, store.load_json(f"wiring/{main.entry.subject.slug}.json", AnyWiring)
    by_slug = {
        subject.slug: (
            *_lost(main, setup, store),
            *failure_reasons(training.failures, len(setup.train_ids), "training-failures", "training "),
            *sound_reasons(record, subject.spec, wired),
            *universal_reasons(learnt),
        ),
        **{model.entry.subject.slug: lost for model in others if (lost := _lost(model, setup, store))},
    }
    return by_model({slug: [reason.to_json() for reason in reasons] for slug, reasons in by_slug.items()})


def _lost(model: TestedModel, setup: UniversalSetup, store: RunStore) -> tuple[Reason, ...]:
    """Whether enough test images are left of a model."""
    return tuple(failure_reasons(failed(store.rows.held(), (model.entry.subject.spec, None)), len(setup.test_ids)))


def _conditions(model: TestedModel, setup: UniversalSetup, store: RunStore) -> Object:
    """The scores of the main tile and its controls."""
    scores_by_condition = {name: _scores(model, name, setup, store) for name in CONDITIONS}
    return {name: scores for name, scores in scores_by_condition.items() if scores is not None}


def _curves(points: Sequence[CurvePoint], model: TestedModel, setup: UniversalSetup, store: RunStore) -> Object:
    """Scores against eps and against omega, the main point among them; empty where there is no other."""
    main, *others = points
    curves: Object = {}
    for kind, along in (
        ("eps", [p for p in others if p.eps != main.eps]),
        ("omega", [p for p in others if p.eps == main.eps]),
    ):
        if along:
            along_curve = sorted((main, *along), key=lambda point: (point.eps.levels, point.omega))
            curves[kind] = [_at(point, model, setup, store) for point in along_curve]
    return curves


def _at(point: CurvePoint, model: TestedModel, setup: UniversalSetup, store: RunStore) -> Object:
    record: Object = {"eps": str(point.eps), "omega": point.omega}
    for name, condition in ((ADVERSARIAL, adversarial(point)), (NOISE, noise(point))):
        scores = _scores(model, condition, setup, store)
        if scores is not None:
            record[name] = scores
    return record


def _scores(model: TestedModel, condition: Condition, setup: UniversalSetup, store: RunStore) -> Object | None:
    rows = _rows_in_order(model, condition, setup, store)
    if not rows:
        return None
    aim, classes = model.universal_task.aim, model.entry.classes
    only_class = aim.hidden if isinstance(aim, Hide) else None
    measure = measure_over(universal_record(store).eval_classes, scored(model.task).default, scored(model.task))
    scores = measure.score(
        [row.sample for row in rows], classes, universal_record(store).seed, only_class, condition == CLEAN
    )
    judged = [row.universal for row in rows if row.universal is not None]
    scores |= universal_of(model.task).more(scores, judged, None if only_class is None else classes[only_class])
    return scores | scores_of(aim, judged)


def _rows_in_order(model: TestedModel, condition: Condition, setup: UniversalSetup, store: RunStore) -> list[AnyRow]:
    """The rows of a model and a condition, in the order of the images."""
    spec = model.entry.subject.spec
    rows = {row.id: row for row in rows_of(store.rows.held(), spec, condition)}
    return [rows[name] for name in setup.test_ids if name in rows]


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else 100 * share
