"""What learning and measuring a universal perturbation takes, in gradients of one image."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from foolscape.pixels import to_unit
from foolscape.run.foresight import PER_GRADIENT, Estimate, estimate_of
from foolscape.run.setup import LoadedModel
from foolscape.run.universal.config import UniversalConfig
from foolscape.run.universal.measure import conditions
from foolscape.run.universal.setup import UniversalSetup


def learning_gradients(config: UniversalConfig, setup: UniversalSetup, learnt: Mapping[str, int]) -> int:
    """Gradients that are left to take, at most: one for each training image and epoch of every point.

    Args:
        config, setup: of the command.
        learnt: epochs that are done, by the name of the point.
    """
    epochs = (config.recipe(point, setup.task).epochs - learnt.get(point.name, 0) for point in config.points)
    return sum(epochs) * len(setup.train_ids)


def foresee_universal(
    config: UniversalConfig,
    setup: UniversalSetup,
    learnt: Mapping[str, int],
    settled: Mapping[str, Collection[str]],
    workers: int = 1,
) -> Estimate | None:
    """The estimate for what is left; None where nothing is.

    Args:
        config, setup, learnt: as of `learning_gradients`.
        settled: test images that are measured, by the spec of the model.
        workers: that learn and measure.
    """
    per_image = len(conditions(config.points)) / PER_GRADIENT
    left: list[tuple[LoadedModel, float]] = []
    for place, model in enumerate(setup.models):
        measuring = (len(setup.test_ids) - len(settled.get(model.entry.subject.spec, ()))) * per_image
        left.append((model.entry, measuring + (0 if place else learning_gradients(config, setup, learnt))))
    left = [(entry, count) for entry, count in left if count]
    return estimate_of(left, "universal", to_unit(setup.first).to(setup.device), workers=workers) if left else None
