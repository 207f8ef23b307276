"""From any `nn.Module` that segments images to a `Segmenter`: what the network wants is found out by trying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.classes import distinct, match_classes, name_classes, renamed
from foolscape.models.output import DOCS, check_finite, check_scores, looks_like_probabilities, scores_of
from foolscape.models.wrappers import CheckedSegmenter, ModuleSegmenter, as_double, freeze, modules_of, pad_to_multiple
from foolscape.tasks.segmentation import Segmenter

__all__ = [
    "CheckedSegmenter",
    "ModuleSegmenter",
    "adapt",
    "as_double",
    "check_finite",
    "checked",
    "match_classes",
    "name_classes",
]

MULTIPLES: Final = (2, 4, 8, 16, 32, 64)
"""The divisors of image sides that are tried, in this order."""


@dataclass(frozen=True)
class _Try:
    """What became of one forward pass."""

    scores: Tensor | None = None
    clean: bool = False
    """The output is as large as the input, or a genuine fraction of it: nothing was cut off at an edge."""
    error: Exception | None = None


def adapt(
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
    freeze(module, torch.device(device))
    segmenter, scores = _by_trying(module, image_size, torch.device(device))
    check_finite(scores)
    if looks_like_probabilities(scores):
        note = (
            "the network returns probabilities, not logits: cross-entropy on probabilities has weak gradients, which "
            "makes a network look robust; return the values before softmax"
        )
        segmenter = replace(segmenter, notes=(*segmenter.notes, note))
    names = own_classes(module) or classes
    return segmenter if names is None else renamed(segmenter, names)


def own_classes(thing: object) -> tuple[str, ...] | None:
    """`thing.classes`, if it is a sequence of strings."""
    names = getattr(thing, "classes", None)
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        return tuple(names)
    return None


def checked(
    segmenter: Segmenter, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> CheckedSegmenter:
    """A segmenter that somebody else wrote, tried once at `image_size` and checked at every later call.

    The networks found among its attributes are put into eval mode, frozen and moved to `device`.

    Raises:
        ModelError: its first answer breaks the protocol, or it has not one class name per channel.
    """
    for module in modules_of(segmenter):
        freeze(module, torch.device(device))
    images = probe_images(image_size, torch.device(device))
    with torch.no_grad():
        scores = segmenter.logits(images)
    if not isinstance(scores, Tensor):
        raise ModelError(f"Segmenter.logits must return a tensor, got {type(scores).__name__}: {DOCS}")
    check_scores(scores, images, None)
    check_finite(scores)
    outer = CheckedSegmenter(segmenter, (), tuple(segmenter.notes), scores.shape[1])
    return renamed(outer, distinct(segmenter.classes)) if segmenter.classes else outer


def _by_trying(module: nn.Module, size: tuple[int, int], device: torch.device) -> tuple[ModuleSegmenter, Tensor]:
    """The segmenter without class names, and its scores at the image size."""
    first = _try(module, size, 1, device)
    odd = _try(module, (odd_below(size[0] - 1), odd_below(size[1] - 1)), 1, device)
    if first.clean and odd.clean:
        return _segmenter(module, first, size, 1)
    for multiple in MULTIPLES:
        other = (another(size[0], multiple) - 1, another(size[1], multiple) - 1)
        if _try(module, other, multiple, device).clean:
            last = _try(module, size, multiple, device)
            if last.clean:
                return _segmenter(module, last, size, multiple)
    if first.scores is not None:
        return _segmenter(module, first, size, 1, only=odd.scores is None)
    raise ModelError(
        f"expected a network that takes images of {size[0]} x {size[1]} (height x width), or padded to sides divisible "
        f"by {', '.join(map(str, MULTIPLES))}; got {type(first.error).__name__}: {first.error}. Give a size it takes "
        f"with --size, or resize inside the network: {DOCS}"
    ) from first.error


def _try(module: nn.Module, size: tuple[int, int], multiple: int, device: torch.device) -> _Try:
    """One forward pass on a random image of `size` (H, W), padded to `multiple`."""
    images = pad_to_multiple(probe_images(size, device), multiple)
    try:
        with torch.no_grad():
            given = images.clone()
            output = module(given)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"expected a forward pass of one image of {size[0]} x {size[1]} to fit into the memory of {device}, got "
            f"{error}; give a smaller --size"
        ) from error
    except Exception as error:  # a network may raise anything for a size it does not take
        return _Try(error=error)
    if not torch.equal(given, images):
        raise ModelError(
            "expected a network that leaves its input as it is, got one that writes into it; replace operations such "
            "as images.sub_(mean) by images - mean"
        )
    scores = scores_of(output)
    try:
        check_scores(scores, images, None, any_scale=True)
    except ModelError as error:
        if not scores.is_floating_point() or scores.ndim != 4:
            raise  # no other size will change that
        return _Try(error=error)
    scales = [side / given for side, given in zip(images.shape[2:], scores.shape[2:], strict=True)]
    return _Try(scores=scores, clean=max(scales) == 1 or min(scales) >= 1.5)


def _segmenter(
    module: nn.Module, result: _Try, size: tuple[int, int], multiple: int, *, only: bool = False
) -> tuple[ModuleSegmenter, Tensor]:
    """The segmenter for a successful try at the image size, with its notes."""
    scores = result.scores
    assert scores is not None
    notes: list[str] = []
    padded = (size[0] + -size[0] % multiple, size[1] + -size[1] % multiple)
    if multiple > 1:
        done = "fits" if padded == size else f"is padded to {padded[0]} x {padded[1]} and the scores cropped back"
        notes.append(f"image sides must be divisible by {multiple}: {size[0]} x {size[1]} {done}")
    if only:
        notes.append(f"the network takes no other image size than {size[0]} x {size[1]}")
    given = tuple(scores.shape[2:])
    if given != padded:
        notes.append(f"scores are upsampled bilinearly from {given[0]} x {given[1]} to {padded[0]} x {padded[1]}")
    segmenter = ModuleSegmenter(
        module, (), multiple, tuple(notes), channels=scores.shape[1], only_size=size if only else None
    )
    return segmenter, scores


def odd_below(number: int) -> int:
    """The nearest odd number that is not larger, at least 1."""
    return max(1, number - 1 + number % 2)


def another(side: int, multiple: int) -> int:
    """A side near `side`, but not it, that is an odd number of times `multiple`.

    Odd, so that a multiple too small does not pass because the padded side happens to be divisible by a larger one.
    """
    count = odd_below(side // multiple)
    if count * multiple == side:
        count += -2 if count >= 5 else 2
    return count * multiple


def probe_images(size: tuple[int, int], device: torch.device) -> Tensor:
    """One random image (1, 3, H, W) in [0, 1], always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand((1, 3, *size), generator=generator).to(device)
