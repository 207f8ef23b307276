"""`stm:FILE`: STM with a checkpoint of its authors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError
from foolscape.models.common import options
from foolscape.models.sources.base import VIDEO, Listed, Source, SourceModel, TaskName, refuse
from foolscape.spec import Spec


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The tracker; the option is mem_every, see `Stm`."""
    refuse(spec, task, VIDEO)
    spec.only("mem_every")
    if not spec.rest:
        raise SettingError(f"expected the file of a checkpoint behind stm:, got {spec.text!r}")
    settings = options.read(spec, options.whole, "mem_every")
    if settings.get("mem_every", 1) < 1:
        raise SettingError(f"mem_every: expected a whole number of at least 1, got {settings['mem_every']}")
    from foolscape.models.trackers.stm import load_stm

    return SourceModel(VIDEO, lambda wanted: replace(load_stm(spec.rest, wanted.device), **settings))


def _listed() -> tuple[Listed, ...]:
    return (Listed("stm:FILE", f"{VIDEO}; STM with a checkpoint of its authors"),)


def _brief(spec: Spec) -> Spec:
    """The name of a checkpoint tells more than its folders."""
    return replace(spec, rest=Path(spec.rest).name)


RECORD: Final = Source(lambda _: VIDEO, _open, _listed, "stm:STM_weights.pth", extra="video", brief=_brief)
