"""training.json: which images of the training split a pattern or a network is learnt from."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.records.types import CLOSED, Text


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An image that could not be used, and why."""

    __pydantic_config__ = CLOSED

    id: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What became of the training images.

    Attributes:
        schema: `records.schema.SCHEMA`.
        images: ids of those that are learnt from, in their order.
        failures: those that could not be used.
        showing: of a universal perturbation: on how many something is to change.
    """

    __pydantic_config__ = CLOSED

    schema: int
    images: tuple[Text, ...]
    failures: tuple[LeftOut, ...]
    showing: int | None = None
