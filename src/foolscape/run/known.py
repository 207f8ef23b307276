"""What was found out about a model on its data, and is so for every run on the two."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Known:
    """Findings of one model, by what they depend on besides it and its data."""

    findings: dict[Hashable, Any] = field(default_factory=dict)

    def of(self, what: Hashable, find: Callable[[], T]) -> T:
        """The finding called `what`; `find` makes it where it is not known."""
        if what not in self.findings:
            self.findings[what] = find()
        found: T = self.findings[what]
        return found
