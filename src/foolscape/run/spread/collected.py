"""What a worker measures, on its way to the driver: rows and files of a sample, never a run of its own."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field

from foolscape.cluster.job import Answer
from foolscape.disk import read_file, remove_file
from foolscape.records.row import Line
from foolscape.run.directory.store import RunStore


@dataclass(frozen=True)
class Beside:
    """What the driver is told beside the rows of a sample.

    Attributes:
        seconds: that its attack took, if there was one.
        clean: the clean prediction, where the driver keeps those and did not know it; see `clean_inputs`.
    """

    seconds: float | None
    clean: bytes


@dataclass
class Collected(RunStore):
    """Takes the rows of samples; their pictures lie in the worker's own folder until they are `taken`.

    Attributes:
        parts: rows and the seconds of the attack, by id, of those that are not taken.
    """

    parts: dict[str, tuple[list[Line], float | None]] = field(default_factory=dict)
    _settled: dict[str, str | None] = field(default_factory=dict)

    def settled_ids(self, model: str | None) -> set[str]:
        """Ids of samples that are done or given up for `model`."""
        return {name for name, of in self._settled.items() if of == model}

    def append(self, rows: Sequence[Line], seconds: float | None = None) -> None:
        """Hold the rows of a sample."""
        self.parts[rows[0].id] = (list(rows), seconds)
        self._settled[rows[0].id] = rows[0].model

    def forget(self) -> None:
        """Of nothing that is here anything counts."""
        self.parts.clear()
        self._settled.clear()

    def taken(self, sample: str, key: str, seconds: float, found: bytes) -> Answer:
        """The rows and files of a sample, as `rows_in` reads them; nothing of them is left here."""
        lines, spent = self.parts.pop(sample)
        places = {place for line in lines for place in line.files}
        files = {place: read_file(self.directory / place) for place in sorted(places)}
        for place in places:
            remove_file(self.directory / place)
        return Answer(key, pickle.dumps(lines), files, seconds, pickle.dumps(Beside(spent, found)))


def rows_in(answer: Answer) -> list[Line]:
    """The rows of a sample."""
    rows: list[Line] = pickle.loads(answer.payload)  # of a worker that this process has started
    return rows


def beside(answer: Answer) -> Beside:
    """What comes with them."""
    told: Beside = pickle.loads(answer.beside)
    return told
