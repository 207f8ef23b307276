"""`sea:NAME`: the networks of SEA's table, with their published weights."""

from __future__ import annotations

from typing import Final

from foolscape.errors import unknown
from foolscape.models.common import options
from foolscape.models.sources.base import SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.spec import Spec

NAMES: Final = ("upernet-convnext-t", "upernet-convnext-s", "segmenter-vit-s", "pspnet-ddcat")


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The network; options are weights, classes, thin, and how it wants its images."""
    refuse(spec, task, SEGMENTATION)
    if spec.rest not in NAMES:
        raise unknown("network of SEA's", spec.rest, NAMES)
    thin = options.thinned(spec)
    # What needs torch comes after the options: a mistyped value is answered at once.
    from foolscape.models.common.wiring import IMAGE_OPTIONS
    from foolscape.models.segmenters import ready
    from foolscape.models.segmenters.sea.build import build

    spec.only("weights", "classes", "thin", *IMAGE_OPTIONS, "offset")
    built = build(spec.rest, spec.options.get("weights"), thin)
    return SourceModel(SEGMENTATION, lambda wanted: ready.of_library(built, spec, wanted), built.classes)


def _listed() -> tuple[Listed, ...]:
    return tuple(Listed(f"sea:{name}", f"{SEGMENTATION}; ?weights=FILE.pth (or .safetensors)") for name in NAMES)


RECORD: Final = Source(
    lambda _: SEGMENTATION, _open, _listed, "sea:upernet-convnext-t?weights=upernet.pth", says_all=True
)
