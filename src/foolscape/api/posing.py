"""From tensors to what the engine attacks, by task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from foolscape.api.given import check_boxes, check_labels, check_mask
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.parts.goals import POSITIVE
from foolscape.attacks.plan import Plan
from foolscape.metrics.box_counts import READABLE
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for
from foolscape.tasks import detection, segmentation, video
from foolscape.tasks.detection import Candidates, Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Tracker


def of_pixels(model: Segmenter, images: Tensor, labels: Tensor | None, plan: Plan, seed: int) -> list[AttackItem]:
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
    for i, (boxes, labels) in enumerate(check_boxes(targets, images, len(model.classes))):
        pose = partial(_of_candidates, model, boxes, labels, plan, seed, str(i))
        image = images[i : i + 1]
        first = pose(image, None)
        renew: Callable[[Tensor], Problem] = partial(pose, count=first.labels.shape[1])
        items.append(AttackItem(str(i), first, generator_for(seed, "attack", str(i)), renew))
    return items


def _of_candidates(
    model: Detector, boxes: Tensor, labels: Tensor, plan: Plan, seed: int, name: str, image: Tensor, count: int | None
) -> Problem:
    """The candidates found in `image` ((1, 3, H, W)) as targets; `count` of them, or all there are."""
    assert plan.goal is not None
    with torch.no_grad():
        candidates = model.candidates(image)
    if count is not None and candidates.boxes.shape[1] != count:
        rows = torch.arange(count, device=image.device).clamp(max=candidates.boxes.shape[1] - 1)
        candidates = Candidates(candidates.boxes[:, rows], candidates.scores[:, :, rows])
    assigned = detection.assign(candidates, boxes, labels, POSITIVE)
    # The same permutation of the classes each time that the candidates of an image are found anew.
    aim = plan.goal.aim(assigned, candidates.scores, plan.only_class, generator_for(seed, "goal", name))
    return detection.problem(model, image, candidates.boxes, aim.labels, aim.target, plan.goal.floor)


def of_frames(model: Tracker, frames: Tensor, mask: object, plan: Plan, seed: int) -> list[AttackItem]:
    """The first frame may change; the targets are the pixels of later frames, as the clean prediction has them."""
    first = check_mask(mask, frames)
    window = plan.window
    assert window is not None
    with torch.no_grad():
        right = model.propagate(frames, first).argmax(dim=1)
    if window.objects:
        right = torch.where(right == 0, IGNORE, right)
    drawn = generator_for(seed, "window", "0")

    def posed(_: Tensor | None = None) -> Problem:
        chosen = list(window.chosen(len(frames), drawn))
        return video.problem(model, frames[chosen], first, right[chosen[1:]])

    return [AttackItem("0", posed(), generator_for(seed, "attack", "0"), posed)]
