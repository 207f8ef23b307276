"""`stcn:FILE`: STCN with a checkpoint of its authors."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.errors import SettingError
from foolscape.models.common import options
from foolscape.models.sources.base import VIDEO, Listed, Source, SourceModel, TaskName, brief, refuse
from foolscape.spec import Spec


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The tracker; options are mem_every, top_k, include_last, shorter_side and checkpointed, see `Stcn`."""
    refuse(spec, task, VIDEO)
    spec.only("mem_every", "top_k", "include_last", "shorter_side", "checkpointed")
    if not spec.rest:
        raise SettingError(f"expected the file of a checkpoint behind stcn:, got {spec.text!r}")
    settings = {
        **options.read(spec, options.whole, "mem_every", "top_k", "shorter_side"),
        **options.read(spec, options.switch, "include_last", "checkpointed"),
    }
    from torch import nn

    from foolscape.models.trackers.stcn.tracker import Stcn, load_stcn

    replace(Stcn(nn.Module()), **settings)  # type: ignore[arg-type]  # settings first: the file is large
    return SourceModel(VIDEO, lambda wanted: replace(load_stcn(spec.rest, wanted.device), **settings))


def _listed() -> tuple[Listed, ...]:
    return (Listed("stcn:FILE", f"{VIDEO}; STCN with a checkpoint of its authors"),)


RECORD: Final = Source(lambda _: VIDEO, _open, _listed, "stcn:stcn.pth", extra="video", brief=brief)
