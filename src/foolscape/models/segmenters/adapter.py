"""From any `nn.Module` that segments images to a `Segmenter`: what the network wants is found out by trying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.class_map import OF_THE_DATA, distinct, one_name_each, shortly, unnamed
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.margins import NONE, Margins, Mirrored
from foolscape.models.common.output import DOCS, check_scores, looks_like_probabilities, scores_of
from foolscape.models.common.wrappers import CheckedSegmenter, ModuleSegmenter, as_double, modules_of, on_images
from foolscape.models.probe.placing import margins_of
from foolscape.models.probe.sizes import Fitted, OtherSizes, by_trying
from foolscape.models.probe.trials import Tried, probe_images
from foolscape.tasks.finite import check_finite
from foolscape.tasks.segmentation import Segmenter

__all__ = [
    "CheckedSegmenter",
    "ModuleSegmenter",
    "adapt_segmenter",
    "as_double",
    "check_finite",
    "checked",
    "name_classes",
    "renamed",
]

_S = TypeVar("_S", bound=ModuleSegmenter | CheckedSegmenter)


def adapt_segmenter(
    module: nn.Module,
    *,
    classes: Sequence[str] | None = None,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
) -> ModuleSegmenter:
    """The `Segmenter` of `module`, which is put into eval mode, frozen and moved to `device` itself, not copied.

    A few forward passes on a batch of one find out where the scores are in the output, whether they must be upsampled,
    and whether the sides must be padded. Whatever had to be done stands in the notes.

    Args:
        module: takes (B, 3, H, W) float RGB in [0, 1] and does its own normalisation.
        classes: names of the output channels, used if the network has no `classes` of its own.
        image_size: (H, W) of the images it will see.
        device: where to run.

    Raises:
        ModelError: no image size was accepted, the output is not a map of class scores, or the names do not fit.
    """
    where = torch.device(device)
    notes = freeze(module, where)
    fitted, margins = _fitted(module, image_size, where)
    check_finite(fitted.output)
    segmenter = _segmenter(module, fitted, margins, image_size)
    wrapped = module if margins == NONE else Mirrored(module, margins)
    others = OtherSizes(wrapped, where, _read, torch.equal, {image_size: fitted.multiple})
    segmenter = replace(segmenter, notes=(*notes, *segmenter.notes), others=others)
    if looks_like_probabilities(fitted.output):
        note = (
            "the network returns probabilities, not logits: cross-entropy on probabilities has weak gradients, which "
            "makes a network look robust; return the values before softmax"
        )
        segmenter = replace(segmenter, notes=(*segmenter.notes, note))
    names = own_classes(module) or classes
    return segmenter if names is None else renamed(segmenter, names)


def _fitted(module: nn.Module, size: tuple[int, int], device: torch.device) -> tuple[Fitted[Tensor], Margins]:
    """What sizes `module` takes; where its answers are cut off, with the margins that it needs."""
    try:
        return by_trying(module, size, device, _read, same=torch.equal), NONE
    except ModelError:
        margins = margins_of(module, size, device)
        if margins is None:
            raise
    return by_trying(Mirrored(module, margins), size, device, _read, same=torch.equal), margins


def own_classes(thing: object) -> tuple[str, ...] | None:
    """`thing.classes`, if it is a sequence of strings."""
    names = getattr(thing, "classes", None)
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        return tuple(names)
    return None


def renamed(segmenter: _S, names: Sequence[str], *notes: str) -> _S:
    """`segmenter` with the channels called `names`; `ModelError` unless there is one distinct name per channel."""
    one_name_each(names, segmenter.channels, "output channel")
    return replace(segmenter, classes=distinct(names), notes=(*segmenter.notes, *notes))


def name_classes(segmenter: _S, data_classes: Sequence[str] | None) -> _S:
    """`segmenter` with class names, if it has none: the data set's, or "class 0", "class 1", ... for data without.

    Raises:
        ModelError: the network has another number of channels than the data set has classes.
    """
    if segmenter.classes:
        return segmenter
    if data_classes is None:
        return renamed(segmenter, unnamed(segmenter.channels))
    if len(data_classes) != segmenter.channels:
        raise ModelError(
            f"expected a network with one channel per class of the data set ({len(data_classes)}: "
            f"{shortly(data_classes)}), got {segmenter.channels} channels without names; name them with "
            "?classes=FILE, one per line, or by an attribute `classes` of the network"
        )
    return renamed(segmenter, data_classes, OF_THE_DATA)


def checked(
    segmenter: Segmenter, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> CheckedSegmenter:
    """A segmenter that somebody else wrote, tried once at `image_size` and checked at every later call.

    The networks found among its attributes are put into eval mode, frozen and moved to `device`.

    Raises:
        ModelError: its first answer breaks the protocol, or it has not one class name per channel.
    """
    notes = [note for module in modules_of(segmenter) for note in freeze(module, torch.device(device))]
    images = probe_images(image_size, torch.device(device))
    with torch.no_grad(), guarded(on_images(segmenter, images)):
        scores = segmenter.logits(images)
    if not isinstance(scores, Tensor):
        raise ModelError(f"Segmenter.logits must return a tensor, got {type(scores).__name__}: {DOCS}")
    check_scores(scores, images, None)
    check_finite(scores)
    outer = CheckedSegmenter(segmenter, (), (*segmenter.notes, *notes), scores.shape[1])
    return renamed(outer, distinct(segmenter.classes)) if segmenter.classes else outer


def _read(output: object, images: Tensor) -> Tried[Tensor]:
    """The scores (1, C, h, w) in what a network returned for `images`, at their resolution or a lower one."""
    scores = scores_of(output)
    try:
        check_scores(scores, images, None, any_scale=True)
    except ModelError as error:
        if (
            not scores.is_floating_point()
            or scores.ndim != 4
            or scores.shape[0] != images.shape[0]
            or scores.shape[1] < 2
        ):
            raise  # no other size will change that
        return Tried(error=error)
    scales = [side / own for side, own in zip(images.shape[2:], scores.shape[2:], strict=True)]
    # As large as the input, or a genuine fraction of it: nothing was cut off at an edge.
    return Tried(scores, clean=max(scales) == 1 or min(scales) >= 1.5)


def _segmenter(module: nn.Module, fitted: Fitted[Tensor], margins: Margins, size: tuple[int, int]) -> ModuleSegmenter:
    """The segmenter for images of `size`, with its notes and without class names."""
    notes: list[str] = list(margins.notes)
    multiple = fitted.multiple
    padded = (size[0] + -size[0] % multiple, size[1] + -size[1] % multiple)
    if multiple > 1:
        done = "fits" if padded == size else f"is padded to {padded[0]} x {padded[1]} and the scores cropped back"
        notes.append(f"image sides must be divisible by {multiple}: {size[0]} x {size[1]} {done}")
    if fitted.only:
        notes.append(f"the network takes no other image size than {size[0]} x {size[1]}")
    own = tuple(fitted.output.shape[2:])
    if own != padded:
        notes.append(f"scores are upsampled bilinearly from {own[0]} x {own[1]} to {padded[0]} x {padded[1]}")
    only_size = size if fitted.only else None
    return ModuleSegmenter(
        module, (), multiple, tuple(notes), channels=fitted.output.shape[1], only_size=only_size, margins=margins
    )
