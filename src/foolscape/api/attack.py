"""`foolscape.attack`: one call from a model and tensors to adversarial tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from foolscape.api.given import Boxes, check_images
from foolscape.api.posing import of_boxes, of_frames, of_pixels
from foolscape.attacks.catalog import plan
from foolscape.attacks.catalog import recipe as recipe_of
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Attack, Recipe
from foolscape.errors import SettingError
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors import user as detectors
from foolscape.models.segmenters import adapter as segmenters
from foolscape.models.trackers.propagation.tracker import Propagation
from foolscape.models.trackers.sam2 import Sam2
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.models.trackers.user import UserTracker
from foolscape.models.trackers.user import adapt as adapt_tracker
from foolscape.run.settings.former_names import current_names
from foolscape.run.settings.user_attack import enter_attack, enter_objective
from foolscape.spec import parse, written
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Follower, Tracker

_TASKS: Final = ("segmentation", "detection", "video")


@dataclass(frozen=True)
class Result:
    """What an attack made of a batch, in the order of its images.

    Attributes:
        adversarial: (B, 3, H, W) in [0, 1]; of a clip its first frame, (1, 3, H, W). Float values: on 8 bits, which is
            what `foolscape run` measures, they round to the nearest level inside the bound.
        clean: as it was given.
        success: (B,) bool: the attack reached its own stopping rule.
        remaining: (B,) the share of the targets that are still right.
        steps: (B,) int64.
        recipe: the attack, as text that makes it again.
    """

    adversarial: Tensor
    clean: Tensor
    success: Tensor
    remaining: Tensor
    steps: Tensor
    recipe: str

    @property
    def perturbation(self) -> Tensor:
        """(B, 3, H, W): what was added."""
        return self.adversarial - self.clean

    def __len__(self) -> int:
        return len(self.adversarial)

    def to_json(self) -> dict[str, Any]:
        """The figures, without the images."""
        return {
            "recipe": self.recipe,
            "success": self.success.tolist(),
            "remaining": [round(share, 6) for share in self.remaining.tolist()],
            "steps": self.steps.tolist(),
            "linf_levels": [round(255 * one.item(), 3) for one in self.perturbation.abs().amax(dim=(1, 2, 3))],
        }


def attack(
    model: nn.Module | Segmenter | Detector | Tracker,
    images: Tensor,
    labels: Tensor | list[Boxes] | None = None,
    recipe: str | Recipe | Attack = "worst-case",
    *,
    goal: str | None = None,
    only_class: str | None = None,
    options: Mapping[str, object] | None = None,
    task: str | None = None,
    seed: int = 0,
    batch_size: int | None = None,
) -> Result:
    """Attack a batch of images.

    The attack of an image does not depend on the others of its batch. It is that of `foolscape run` in float, but that
    on detectors worst-case goes by its candidates alone, not by what is still detected, and that on clips the later
    frames are judged by the clean prediction.

    Args:
        model: a network, which is put into eval mode, frozen and moved to the device of the images, itself, not a copy;
            or a Segmenter, Detector or Tracker. It takes RGB in [0, 1].
        images: (B, 3, H, W) float in [0, 1]; of a tracker the frames of one clip, (T, 3, H, W).
        labels: of a segmenter (B, H, W) int64 class indices, 255 where nothing counts; of a detector a list of
            {"boxes": (N, 4), "labels": (N,)}; of a tracker the mask of the first frame, (H, W) int64. None: the clean
            prediction.
        recipe: such as "pgd?eps=8/255&steps=20", "mine.py:my_attack", or `foolscape.pgd(eps="8/255", steps=20)`.
        goal, only_class: of an attack on a detector, see `foolscape run --help`.
        options: further ones of the task: window, sampling, labels_from, attack_pixels of a clip.
        task: segmentation, detection or video, where the model and the labels do not tell.
        seed: of everything random.
        batch_size: images per call of the model; None: all.

    Raises:
        SettingError: what is given does not fit; the message says what was expected and what to write.
        ModelError: the model does not keep its side of the protocol.
    """
    images = check_images(images)
    task = _task(model, labels, task)
    named = as_recipe(recipe)
    given = {**named.options, "goal": goal, "only_class": only_class, **(options or {})}
    size, device = (images.shape[2], images.shape[3]), images.device
    name = named.attack.name
    if task == "detection":
        detector = _detector(model, size, device)
        settled = plan(name, given, detector.classes, "detection")
        items = of_boxes(detector, images, labels, settled, seed)
    elif task == "video":
        tracker = _tracker(model, size, device)
        settled = plan(name, given, task="video")
        items = of_frames(tracker, images, labels, settled, seed)
    else:
        segmenter = _segmenter(model, size, device)
        settled = plan(name, given, segmenter.classes)
        items = of_pixels(segmenter, images, cast("Tensor | None", labels), settled, seed)
    return _result(items, settled, images, str(named), batch_size or len(items))


def as_recipe(recipe: str | Recipe | Attack) -> Recipe:
    """A recipe of a text, of an attack without options, or itself; raises SettingError."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Attack):
        return recipe()
    if not isinstance(recipe, str):
        raise SettingError(
            "recipe: expected a text such as 'pgd?eps=8/255' or what foolscape.pgd() gives, got "
            f"{type(recipe).__name__}"
        )
    spec = parse(recipe, ())
    name = written(spec.scheme, spec.rest, {})
    enter_attack(name)
    options = spec.options if ":" in name else current_names(spec.options)
    if "loss" in options:
        enter_objective(options["loss"])
    return recipe_of(name, options, None)


def _task(model: object, labels: object, task: str | None) -> str:
    if task is not None:
        if task not in _TASKS:
            raise SettingError(f"task: expected one of {', '.join(_TASKS)}, got {task!r}")
        return task
    if isinstance(model, Detector) or isinstance(labels, list | tuple):
        return "detection"
    if callable(getattr(model, "propagate", None)) or (isinstance(labels, Tensor) and labels.ndim == 2):
        return "video"
    return "segmentation"


def _segmenter(model: object, size: tuple[int, int], device: torch.device) -> Segmenter:
    if isinstance(model, segmenters.ModuleSegmenter | segmenters.CheckedSegmenter):
        return segmenters.name_classes(model, None)
    if isinstance(model, nn.Module):
        return segmenters.name_classes(segmenters.adapt(model, image_size=size, device=device), None)
    if isinstance(model, Segmenter):
        return segmenters.name_classes(segmenters.checked(model, image_size=size, device=device), None)
    raise _no_model(model)


def _detector(model: object, size: tuple[int, int], device: torch.device) -> Detector:
    if isinstance(model, Detector):
        return model
    if isinstance(model, nn.Module):
        return detectors.adapt(model, ClassNames(), image_size=size, device=device)
    raise _no_model(model)


def _tracker(model: object, size: tuple[int, int], device: torch.device) -> Tracker:
    # Those adapters keep to the answer's form by themselves; what others wrote is looked at in every call.
    if isinstance(model, Stcn | Propagation | Sam2 | UserTracker):
        return model
    if isinstance(model, Follower | nn.Module):
        return adapt_tracker(model, image_size=size, device=device)
    raise _no_model(model)


def _no_model(model: object) -> SettingError:
    return SettingError(
        f"model: expected a torch.nn.Module, or a Segmenter, Detector or Tracker, got {type(model).__name__}; of a "
        "text such as bundled:scenes-unet, foolscape run takes care"
    )


class _Fresh:
    """Keeps nothing from call to call."""

    def load(self) -> None:
        """Nothing was learnt before."""

    def save(self, key: str, learnt: tuple[Tensor, Tensor]) -> None:
        """Let it go."""


def _result(items: list[AttackItem], settled: Plan, images: Tensor, recipe: str, batch_size: int) -> Result:
    found: dict[str, Outcome] = {
        outcome.key: outcome for outcome in settled.run(items, batch_size=batch_size, memory=_Fresh())
    }
    outcomes = [found[item.key] for item in items]
    return Result(
        adversarial=torch.cat([one.adversarial for one in outcomes]),
        clean=images[: len(outcomes)],
        success=torch.tensor([one.claimed for one in outcomes]),
        remaining=torch.tensor([one.remaining / max(one.targets, 1) for one in outcomes]),
        steps=torch.tensor([one.iterations for one in outcomes]),
        recipe=recipe,
    )
