"""From tensors to what the engine attacks, by task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from foolscape.api.given import check_boxes, check_labels, check_mask
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.plan import Plan
from foolscape.metrics.box_counts import READABLE
from foolscape.problem import IGNORE, Problem, likeliest
from foolscape.run.tasks.detection import posed
from foolscape.seeds import generator_for
from foolscape.tasks import segmentation, video
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Tracker


def of_pixels(model: Segmenter, images: Tensor, labels: object, plan: Plan, seed: int) -> list[AttackItem]:
    """Every labelled pixel is a target; without labels, what the clean prediction says."""
    right = segmentation.predict(model, images) if labels is None else labels
    right = check_labels(right, images, len(model.classes))
    items = []
    for i in range(len(images)):
        generator = generator_for(seed, "attack", str(i))
        target = None if plan.target is None else plan.target(right[i : i + 1].cpu(), [generator]).to(images.device)
        posed = segmentation.problem(model, images[i : i + 1], right[i : i + 1], target)
        items.append(AttackItem(str(i), posed, generator))
    return items


def of_boxes(model: Detector, images: Tensor, targets: object, plan: Plan, seed: int) -> list[AttackItem]:
    """The candidates of the clean image are the targets, as the plan's goal wants them."""
    if targets is None:
        with torch.no_grad():
            targets = model.detect(images, READABLE)
    items = []
    for i, objects in enumerate(check_boxes(targets, images, len(model.classes))):
        pose = partial(_of_candidates, model, objects, plan, seed, str(i))
        image = images[i : i + 1]
        first = pose(image, None)
        renew: Callable[[Tensor], Problem] = partial(pose, count=first.labels.shape[1])
        items.append(AttackItem(str(i), first, generator_for(seed, "attack", str(i)), renew))
    return items


def _of_candidates(
    model: Detector,
    objects: tuple[Tensor, Tensor],
    plan: Plan,
    seed: int,
    name: str,
    image: Tensor,
    count: int | None,
) -> Problem:
    return posed(model, image, objects, plan, generator_for(seed, "goal", name), count)


def of_frames(model: Tracker, frames: Tensor, mask: object, plan: Plan, seed: int) -> list[AttackItem]:
    """The first frame may change; the targets are the pixels of later frames, as the clean prediction has them."""
    first = check_mask(mask, frames)
    window = plan.window
    assert window is not None
    with torch.no_grad():
        right = likeliest(model.propagate(frames, first))
    if window.objects:
        right = torch.where(right == 0, IGNORE, right)
    generator, masks = generator_for(seed, "window", "0"), video.one_hot(first, frames)

    def renewed(_: Tensor | None = None) -> Problem:
        # Not by a list, which would have to be sent to the frames' device and waited for.
        chosen = window.chosen(len(frames), generator)
        shown, labels = torch.stack([frames[i] for i in chosen]), torch.stack([right[i] for i in chosen[1:]])
        return video.problem(model, shown, first, labels, masks=masks)

    return [AttackItem("0", renewed(), generator_for(seed, "attack", "0"), renewed)]
