"""Whether a run's models give the same answer twice, alone and in company: looked for once, kept in run.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.models.checks.consistency import consistency, other
from foolscape.pixels import to_unit
from foolscape.run.directory.store import RunStore
from foolscape.run.known import Known

Pixels = NDArray[np.uint8]


def keep_consistency(
    spec: str,
    scorer: Any,
    pair: tuple[Pixels, Pixels | None],
    device: torch.device,
    store: RunStore,
    say: Callable[[str], None],
    batch: int,
    known: Known | None = None,
) -> None:
    """Add what `models.checks.consistency` finds of a model to run.json, unless it is there; what fails is said.

    Args:
        spec: of the model.
        scorer: see `consistency`.
        pair: an image of the run, and another one of its size, if there is one.
        device: where the model is.
        store: of the run.
        say: takes a remark.
        batch: of the run.
        known: what was found of the model on these images before.

    Raises:
        Exception: memory is short.
    """
    if spec in store.record.consistency:
        return
    images = torch.cat([to_unit(image) for image in pair if image is not None]).to(device)
    # Two images of a data set may be too much alike to tell.
    reasons = (known or Known()).of(
        ("consistency", batch), lambda: consistency(scorer, torch.cat([images, other(images[:1])]), batch)
    )
    for reason in reasons:
        if not reason.ok:
            say(f"{spec}: {'; '.join(part for part in (reason.seen, reason.advice) if part)}")
    store.keep(consistency={**store.record.consistency, spec: [reason.to_json() for reason in reasons]})
