"""`foolscape.attack`: one call from a model and tensors to adversarial tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from torch import Tensor, cat, tensor

from foolscape.api.given import Boxes, check_options, check_whole, merged
from foolscape.api.model import AnyModel, model_of, task_for
from foolscape.api.posing import of_boxes, of_frames, of_pixels
from foolscape.api.recipes import as_recipe
from foolscape.api.result import Result, painter
from foolscape.api.wording import in_its_words
from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Attack, Recipe
from foolscape.models.common.black_boxes import is_black_box
from foolscape.pixels import check_images
from foolscape.run.settings.choice import refuse_gradients
from foolscape.tasks.base import DETECTION, VIDEO

DEFAULT: Final = "worst-case"


@in_its_words
def attack(
    model: AnyModel,
    images: Tensor,
    labels: Tensor | Sequence[Boxes] | None = None,
    recipe: str | Recipe | Attack = DEFAULT,
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
            a function of images; a Segmenter, Detector or Tracker; a spec, or what `load_model` gave. It takes RGB in
            [0, 1].
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
    seed = check_whole("seed", seed, 0)
    width = None if batch_size is None else check_whole("batch_size", batch_size, 1)
    attack_recipe = as_recipe(recipe)
    opened = model_of(model, task_for(model, (images, labels), task))
    settings = merged(attack_recipe.options, {"goal": goal, "only_class": only_class}, check_options(options))
    name, fitted = attack_recipe.attack.name, opened.fitted(images).model
    attack_plan = plan(name, settings, () if opened.task == VIDEO.name else fitted.classes, opened.task)
    if is_black_box(fitted):
        refuse_gradients(opened.spec, name, attack_plan)
    if opened.task == DETECTION.name:
        items = of_boxes(fitted, images, labels, attack_plan, seed)
    elif opened.task == VIDEO.name:
        items = of_frames(fitted, images, labels, attack_plan, seed)
    else:
        items = of_pixels(fitted, images, labels, attack_plan, seed)
    outcomes = _outcomes(items, attack_plan, width or len(items))
    return Result(
        adversarial=cat([one.adversarial for one in outcomes]),
        clean=images[: len(outcomes)],
        success=tensor([one.claimed for one in outcomes]),
        remaining=tensor([one.remaining / max(one.targets, 1) for one in outcomes]),
        steps=tensor([one.iterations for one in outcomes]),
        recipe=str(attack_recipe),
        painted=painter(opened.task, fitted),
    )


class _Fresh:
    """Keeps nothing from call to call."""

    def load(self) -> None:
        """Nothing was learnt before."""

    def save(self, key: str, learnt: tuple[Tensor, Tensor]) -> None:
        """Let it go."""


def _outcomes(items: list[AttackItem], attack_plan: Plan, batch_size: int) -> list[Outcome]:
    """What became of the items, in their order."""
    outcomes = {outcome.key: outcome for outcome in attack_plan.run(items, batch_size=batch_size, memory=_Fresh())}
    return [outcomes[item.key] for item in items]
