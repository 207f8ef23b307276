"""Samples as a run's record has them: what was changed since it began is not measured in their place."""

from __future__ import annotations

from typing import Any

from foolscape.data.apart import can_be_read_apart
from foolscape.errors import RunError
from foolscape.records.run import AnyRecord
from foolscape.run.tasks.base import TaskRunner


class Unchanged:
    """Reads the samples of a subject, and compares their images and annotations with the hashes of run.json.

    A user's own data are not compared: they would have to be made twice, and may be drawn at random.
    """

    def __init__(self, subject: TaskRunner[Any, Any], record: AnyRecord) -> None:
        data = getattr(subject, "data", None)
        self._subject, self._record = subject, record
        self._data = data if can_be_read_apart(data) else None

    def read(self, name: str) -> Any:
        """See `TaskRunner.read`; `RunError` where the sample is another than the one that the run began with."""
        sample = self._subject.read(name)
        place = None if self._data is None else self._record.order.get(name)
        expected = None if place is None else self._record.samples[place].sha256
        if expected is not None and self._data is not None and self._data.fingerprint(name) != expected:
            raise RunError(
                f"expected the image and annotation of {name} that the run began with, got others; they were changed "
                "since: bring back those of before, and the same command goes on, or choose another --out"
            )
        return sample
