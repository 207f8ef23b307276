"""Clean predictions that are kept: those that the driver has go with leases, others come with answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from foolscape.cluster.pool import Inputs
from foolscape.run.tasks.clean import CleanPredictions

_PREFIX: Final = "clean "
"""Of the inputs of a lease that are no files."""


def clean_inputs(clean: CleanPredictions, place: int, sample_of: Callable[[str], str]) -> Inputs | None:
    """What is sent along with a key of the model at this place in the run, whose sample `sample_of` tells; None where
    clean predictions are not kept.
    """
    if not clean.are_kept:
        return None

    def inputs(key: str) -> Mapping[str, bytes]:
        name = sample_of(key)
        packed = clean.packed(name)
        return {} if packed is None else {f"{_PREFIX}{place} {name}": packed}

    return inputs


def clean_given(inputs: Mapping[str, bytes]) -> dict[tuple[int, str], bytes]:
    """Those in the inputs of a lease, by the place of the model and the sample."""
    found = {}
    for name, packed in inputs.items():
        if name.startswith(_PREFIX):
            place, _, sample = name.removeprefix(_PREFIX).partition(" ")
            found[int(place), sample] = packed
    return found


def files_in(inputs: Mapping[str, bytes]) -> dict[str, bytes]:
    """The other inputs of a lease."""
    return {name: content for name, content in inputs.items() if not name.startswith(_PREFIX)}
