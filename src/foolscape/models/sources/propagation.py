"""`propagation:BACKBONE`: label propagation over features of a network of torchvision, timm, transformers or a user."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.errors import SettingError
from foolscape.models.common import options
from foolscape.models.sources import own
from foolscape.models.sources.base import VIDEO, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.trackers.propagation.forms import FORMS
from foolscape.spec import Spec, inner


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The tracker; options are those of `Propagation` and of its backbone."""
    from foolscape.models.common.wiring import IMAGE_OPTIONS

    refuse(spec, task, VIDEO)
    if not spec.rest:
        raise SettingError(f"expected a backbone behind propagation:, one of {', '.join(FORMS)}, got {spec.text!r}")
    spec.only("top_k", "tau", "radius", "recent", "everywhere", "stretch", "size", "layer", "weights", *IMAGE_OPTIONS)
    settings = {
        **options.read(spec, options.whole, "top_k", "radius", "recent"),
        **options.read(spec, options.number, "tau"),
        **options.read(spec, options.switch, "everywhere", "stretch"),
        **options.read(spec, options.size, "size"),
    }
    from torch import nn

    from foolscape.models.trackers.propagation import backbones
    from foolscape.models.trackers.propagation.tracker import Propagation

    wanted = Propagation(nn.Identity(), **settings)
    of_backbone = {name: value for name, value in spec.options.items() if name in ("layer", "weights", *IMAGE_OPTIONS)}
    backbone = backbones.backbone(replace(inner(spec), options=of_backbone), own.make)
    return SourceModel(
        VIDEO,
        lambda conditions: backbones.adapt_backbone(
            backbone, wanted, image_size=conditions.image_size, device=conditions.device
        ),
    )


def _listed() -> tuple[Listed, ...]:
    return (Listed("propagation:BACKBONE", f"{VIDEO}; label propagation over features; {', '.join(FORMS)}"),)


RECORD: Final = Source(lambda _: VIDEO, _open, _listed, "propagation:torchvision:resnet50", extra="video")
