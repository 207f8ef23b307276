"""`transformers:ID` and `transformers:FOLDER`: detectors and trackers of Hugging Face's transformers."""

from __future__ import annotations

from typing import Final

from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, VIDEO, Listed, Source, SourceModel, TaskName, refuse
from foolscape.paths import with_home
from foolscape.spec import Spec

DETECTORS: Final = ("detr", "yolos", "conditional_detr", "deformable_detr", "rt_detr", "rt_detr_v2", "d_fine")
TRACKERS: Final = ("sam2_video", "edgetam_video")
"""By the `model_type` of the configuration."""


def _task(spec: Spec) -> TaskName:
    """By the configuration, if that is in a folder or in the cache already; else it is taken for a detector."""
    from foolscape.models.common.huggingface import model_type

    return VIDEO if model_type(with_home(spec.rest)) in TRACKERS else DETECTION


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    refuse(spec, task, DETECTION, VIDEO)
    name, weights = with_home(spec.rest), spec.options.get("weights")
    if (task or _task(spec)) == DETECTION:
        from foolscape.models.detectors import transformers

        spec.only("weights", "classes")
        module, processor = transformers.load(name, weights)

        def ready(wanted: Conditions) -> object:
            return transformers.adapt_queries(module, processor, wanted.names, device=wanted.device)

        return SourceModel(DETECTION, ready)
    from foolscape.models.trackers import sam2

    spec.only("weights")
    network = sam2.load(name, weights)
    return SourceModel(VIDEO, lambda wanted: sam2.adapt_sam2(network, name=name, device=wanted.device))


def _listed() -> tuple[Listed, ...]:
    kinds = ((DETECTION, "detector", DETECTORS), (VIDEO, "tracker", TRACKERS))
    return tuple(
        Listed("transformers:ID|FOLDER", f"{task}; a {what} of the Hugging Face hub or a folder: {', '.join(families)}")
        for task, what, families in kinds
    )


RECORD: Final = Source(_task, _open, _listed)
