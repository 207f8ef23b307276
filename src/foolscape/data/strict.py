"""A data set of which nothing may be left out, for `--strict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from foolscape.data.attributes import attributes_of
from foolscape.data.costs import cost_of
from foolscape.data.sample import Data
from foolscape.errors import SampleError
from foolscape.strict import is_strict, lose, lose_any


class _HasNotes(Protocol):
    @property
    def notes(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=_HasNotes)


@dataclass(frozen=True)
class Strict(Generic[S]):
    """The data set `source`, whose samples are whole or end the command; implements `Data` as it does."""

    source: Data[S]

    @property
    def spec(self) -> str:
        """The spec of the source."""
        return self.source.spec

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of the source."""
        return self.source.classes

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the source."""
        return self.source.ids

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the source."""
        return self.source.notes

    @property
    def split(self) -> str | None:
        """The split of the source."""
        return self.source.split

    def fingerprint(self, sample_id: str) -> str:
        """As of the source."""
        return self.source.fingerprint(sample_id)

    def cost(self, sample_id: str) -> float:
        """As of the source."""
        return cost_of(self.source, sample_id)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """As of the source."""
        return attributes_of(self.source, sample_id)

    def load(self, sample_id: str) -> S:
        """As of the source; `LossError` if the sample cannot be used, or something of it was left out."""
        try:
            sample = self.source.load(sample_id)
        except SampleError as error:
            lose(str(error))
            raise
        lose_any(sample.notes, f"{sample_id}: ")
        return sample


def checked(data: Data[S]) -> Data[S]:
    """`data`, or under `--strict` a `Strict` one; `LossError` if something of it was left out already."""
    lose_any(data.notes)
    return Strict(data) if is_strict() else data
