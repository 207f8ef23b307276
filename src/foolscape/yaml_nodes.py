"""A text in YAML as its nodes, no deeper than is sane: how each is to be read is left to who asks."""

from __future__ import annotations

from typing import Final

import yaml

_DEEPEST: Final = 60
"""Python's own limit would stop it, too, but where depends on what has been imported, and on who calls."""


class _Bounded(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth > _DEEPEST:
            raise ValueError("values nested too deeply")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def composed(text: str) -> yaml.Node | None:
    """The node of the one document in `text`; None where it is empty.

    Raises:
        ValueError: values nested too deeply.
        yaml.YAMLError: it is no YAML.
    """
    found: yaml.Node | None = yaml.compose(text, Loader=_Bounded)
    return found
