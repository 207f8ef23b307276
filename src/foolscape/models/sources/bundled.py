"""`bundled:NAME`: the trained networks that come with foolscape."""

from __future__ import annotations

from typing import Final

from foolscape.errors import unknown
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, VIDEO, Listed, Source, SourceModel, TaskName
from foolscape.spec import Spec

NAMES: Final[dict[str, TaskName]] = {
    "scenes-unet": SEGMENTATION,
    "scenes-dilated": SEGMENTATION,
    "scenes-robust": SEGMENTATION,
    "scenes-detector": DETECTION,
    "scenes-tracker": VIDEO,
}
"""What each network is for."""


def _task(spec: Spec) -> TaskName:
    return NAMES.get(spec.rest, SEGMENTATION)


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    names = [name for name, of in NAMES.items() if task in (of, None)]
    if spec.rest not in names:
        raise unknown(f"bundled {'tracker' if task == VIDEO else 'model'}", spec.rest, names)
    if NAMES[spec.rest] == VIDEO:
        return _tracker(spec.only())
    from foolscape.models.bundled.load import bundled
    from foolscape.models.sources.own import opened, weighted

    return opened(spec, weighted(spec.only("weights", "classes"), bundled(spec.rest)), NAMES[spec.rest])


def _tracker(spec: Spec) -> SourceModel:
    from foolscape.models.bundled import load
    from foolscape.models.common.freezing import freeze
    from foolscape.models.common.wrappers import modules_of

    tracker = load.bundled_tracker(spec.rest)

    def ready(conditions: Conditions) -> object:
        for module in modules_of(tracker):
            freeze(module, conditions.device)
        return tracker

    return SourceModel(VIDEO, ready)


def _listed() -> tuple[Listed, ...]:
    return tuple(
        Listed(f"bundled:{name}", f"{task}; comes with foolscape, no download") for name, task in NAMES.items()
    )


RECORD: Final = Source(_task, _open, _listed, "bundled:scenes-unet", says_all=True)
