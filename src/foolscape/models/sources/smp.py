"""`smp:ARCHITECTURE?encoder=..&weights=FILE` and `smp:FOLDER`: networks of segmentation-models-pytorch."""

from __future__ import annotations

from typing import Final

from foolscape.models.common.conditions import Conditions
from foolscape.models.common.options import read, whole
from foolscape.models.sources.base import SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.paths import with_home
from foolscape.spec import Spec

ARCHITECTURES: Final = (
    "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus", "PAN", "UPerNet",
    "Segformer", "DPT",
)  # fmt: skip

_IMAGES: Final = ("mean", "std", "normalise", "range", "input")
_OPTIONS: Final = ("encoder", "depth", "classes", "weights", "offset", *_IMAGES)


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.segmenters import ready, smp

    refuse(spec, task, SEGMENTATION)
    spec.only(*_OPTIONS)
    options = spec.options
    count = whole("classes", options["classes"]) if options.get("classes", "").isdigit() else None
    wanted = smp.Wanted(
        with_home(spec.rest),
        options.get("encoder"),
        read(spec, whole, "depth").get("depth"),
        count,
        options.get("weights"),
        normalise=not any(name in options for name in _IMAGES),
    )
    built = smp.build(wanted)

    def ready_segmenter(conditions: Conditions) -> object:
        return ready.of_library(built, spec, conditions)

    return SourceModel(SEGMENTATION, ready_segmenter)


def _listed() -> tuple[Listed, ...]:
    about = f"{SEGMENTATION}; a network of segmentation-models-pytorch"
    return (
        Listed("smp:NAME?encoder=ENCODER&weights=FILE", f"{about}: {', '.join(ARCHITECTURES)}"),
        Listed("smp:FOLDER", f"{about} that save_pretrained wrote"),
    )


RECORD: Final = Source(
    lambda _: SEGMENTATION,
    _open,
    _listed,
    "smp:Unet?encoder=resnet34&weights=best.pth",
    extra="smp",
    counts_classes=True,
)
