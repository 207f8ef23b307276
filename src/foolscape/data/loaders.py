"""What torch's own data sets and loaders tell of themselves: their classes, whether they have places and an order."""

from __future__ import annotations

import sys
from typing import Any

from foolscape.errors import SettingError


def classes_named(data: Any) -> tuple[str, ...] | None:
    """The names of the classes of `data`: its own, else those of the data set that a loader or a subset is made of.

    Raises:
        SettingError: the data sets that it joins have other classes, or `classes` are no names.
    """
    own = getattr(data, "classes", None)
    if own is not None:
        if isinstance(own, str) or not hasattr(own, "__iter__"):
            raise SettingError(f"data: expected the names of the labels as `classes`, got {own!r:.60}")
        return tuple(map(str, own))
    if getattr(data, "dataset", None) is not None:
        return classes_named(data.dataset)
    joined = getattr(data, "datasets", None)
    if not isinstance(joined, list | tuple) or not joined:
        return None
    found = {classes_named(one) for one in joined}
    if len(found) > 1:
        names = " and ".join("none" if one is None else ", ".join(one[:4]) for one in found)
        raise SettingError(f"data: expected data sets of the same classes to be joined, got {names}")
    return found.pop()


def is_stream(data: object) -> bool:
    """Whether `data` is a torch data set that is iterated, although it inherits `__getitem__`."""
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and isinstance(data, torch_data.IterableDataset)


def check_order(data: Any) -> None:
    """Raise for a loader that may give its images in another order when it is gone through again.

    Their ids are their places, so that a figure would be of another image, and a run would not go on.

    Raises:
        SettingError: it shuffles by no seed, or by a generator that was drawn from before; or its workers race.
    """
    torch_data = sys.modules.get("torch.utils.data")
    if torch_data is None or not isinstance(data, torch_data.DataLoader):
        return
    if data.num_workers > 1 and not getattr(data, "in_order", True):
        raise SettingError("data: expected a DataLoader in a fixed order, got in_order=False; leave it out")
    sampler = getattr(data.batch_sampler, "sampler", data.sampler)
    if hasattr(sampler, "generator") and not _is_fresh(sampler.generator):
        raise SettingError(
            "data: expected a DataLoader in a fixed order, since places are the ids of its images, got one that "
            f"shuffles ({type(sampler).__name__}); write shuffle=False, or give it a generator seeded just before"
        )


def _is_fresh(generator: Any) -> bool:
    """Whether what a generator draws follows from its seed alone."""
    if generator is None:
        return False
    import torch

    seeded = torch.Generator(device=generator.device).manual_seed(generator.initial_seed())
    return bool(torch.equal(seeded.get_state(), generator.get_state()))
