"""What training a network on attacked images takes, in gradients of one image."""

from __future__ import annotations

import torch

from foolscape.pixels import to_unit
from foolscape.run.foresight import Estimate, estimate_of, units_of
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.setup import HardenSetup
from foolscape.run.setup import Setup


def training_gradients(config: HardenConfig, setup: HardenSetup, epochs: int) -> int:
    """Gradients of `epochs`, of a crop each where there is one: the attack's, and one for the step of the network."""
    batches = len(setup.train_ids) // config.batch
    return epochs * batches * (setup.plan.steps * (config.batch - config.clean) + config.batch)


def foresee_harden(
    config: HardenConfig,
    setup: HardenSetup,
    run_setup: Setup,
    device: torch.device,
    left: tuple[int, int],
    workers: int = 1,
) -> Estimate | None:
    """The estimate for what is left; None where nothing is.

    Args:
        config, setup: of the training.
        run_setup: of the run that measures the network, before and after.
        device: of the training.
        left: epochs, and runs (of two), that are not done.
        workers: that attack and measure.
    """
    epochs, runs = left
    (entry,) = run_setup.entries
    height, width = run_setup.first.shape[:2]
    share = 1.0 if config.crop is None else min(1.0, config.crop[0] * config.crop[1] / (height * width))
    measuring = runs * units_of(entry, len(run_setup.ids), None)
    units = share * training_gradients(config, setup, epochs) + measuring
    if not units:
        return None
    return estimate_of([(entry, units)], "harden", to_unit(run_setup.first).to(device), workers=workers)
