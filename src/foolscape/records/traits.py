"""traits.jsonl: what slices take from the pictures of an image, written before these are let go.

A run that keeps its pictures has none: its slices look at them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foolscape.disk import open_file
from foolscape.metrics.slices.objects import ImageObjects, Places
from foolscape.metrics.wire import FloatArray, IntArray
from foolscape.records.places import TRAITS
from foolscape.records.types import CLOSED, Text, dumped, read, to_json


@dataclass(frozen=True, kw_only=True)
class ObjectTraits:
    """The K objects of an image, as `metrics.slices.objects.ImageObjects` has them.

    Attributes:
        labels, areas: (K,).
        centres: (2 K,) x and y of one after the other.
        moved: (K,) null where that is not known; none of an image.
        weights: (K,).
        right: by condition (K,).
    """

    __pydantic_config__ = CLOSED

    labels: IntArray
    areas: FloatArray
    centres: FloatArray
    moved: tuple[float | None, ...] | None = None
    weights: FloatArray
    right: dict[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What slices take from the pictures of an image as one model was measured on it.

    Attributes:
        model, id: of the rows.
        light: mean and standard deviation of the luma, in grey levels.
        objects: those of the label maps, of a task that counts them there.
    """

    __pydantic_config__ = CLOSED

    model: Text
    id: Text
    light: tuple[float, float] | None = None
    objects: ObjectTraits | None = None


def traits_bytes(traits: Traits) -> bytes:
    """A line of traits.jsonl."""
    return dumped(to_json(Traits, traits))


def read_traits(directory: Path) -> Iterator[Traits]:
    """The lines of traits.jsonl; those that cannot be read tell nothing, and an image may be there twice."""
    try:
        file = open_file(directory / TRAITS)
    except OSError:
        return
    with file:
        for line in file:
            try:
                yield read(Traits, json.loads(line))
            except (ValueError, RecursionError):
                continue


def object_traits(objects: ImageObjects) -> ObjectTraits:
    """The objects of an image as a line holds them."""
    places = objects.places
    moved = None
    if places.moved is not None:
        moved = tuple(None if np.isnan(one) else float(one) for one in places.moved)
    return ObjectTraits(
        labels=places.labels,
        areas=np.asarray(places.areas, np.float64),
        centres=places.centres.reshape(-1),
        moved=moved,
        weights=np.asarray(objects.weights, np.float64),
        right={name: np.asarray(values, np.float64) for name, values in objects.right.items()},
    )


def objects_in(traits: ObjectTraits) -> ImageObjects:
    """What `object_traits` was given."""
    moved = None
    if traits.moved is not None:
        moved = np.array([np.nan if one is None else one for one in traits.moved], np.float64)
    places = Places(traits.labels, traits.areas, traits.centres.reshape(-1, 2), moved)
    return ImageObjects(places, traits.weights, traits.right)
