"""Attacks that were stopped early, and strong ones: the verdict of whole runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.run.settings.task_of import with_task
from planting.case import CAUGHT, NAMED, OPEN, TRUSTED, Case

Settings = Mapping[str, object]

WEAK: Final[Sequence[Settings]] = (
    {"attack": "fgsm"},
    {"attack": "pgd", "steps": 2},
    {"attack": "pgd", "steps": 4},
    {"attack": "pgd", "step": "0.2/255"},
    {"attack": "mi-fgsm", "steps": 3},
)
STRONG: Final[Sequence[Settings]] = ({"attack": "worst-case"}, {"attack": "worst-case", "eps": "2/255"})


def attacks(name: str, settings: Settings, ids: Sequence[str], samples: int, groups: Sequence[int]) -> Iterator[Case]:
    """Each weak and strong attack on groups of `samples` of `ids`, under the name `name` in the table."""
    for group in groups:
        chosen = list(ids[samples * group : samples * (group + 1)])
        for kind, several in (("weak attack", WEAK), ("strong attack", STRONG)):
            for attack in several:
                yield attacked(name, {**settings, "ids": chosen, **attack}, kind, group, attack)


def attacked(name: str, settings: Settings, kind: str, group: int, attack: Settings) -> Case:
    """The verdict of a run: named, where a weak attack is said not to have converged."""
    with tempfile.TemporaryDirectory() as place:
        config = with_task(make_config({"eps": "8/255", **settings}))
        listener = Listener(lambda _text: None, _silent)
        trust = execute(config, Path(place) / "run", ["planted"], listener)["trust"]
    doubts = {reason["id"]: reason["seen"] for reason in trust["reasons"] if reason["ok"] is not True}
    verdict = {"trusted": TRUSTED, "not decided": OPEN}.get(trust["verdict"], CAUGHT)
    if verdict == CAUGHT and "converged" in doubts:
        verdict = NAMED
    words = ", ".join(f"{key} {value}" for key, value in attack.items())
    return Case(kind, name, words, group, verdict, "; ".join(f"{key}: {seen}" for key, seen in doubts.items()))


@contextmanager
def _silent(_title: str, _total: int, _done: int) -> Iterator[Callable[[str], None]]:
    yield lambda _name: None
