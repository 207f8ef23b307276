"""`foolscape.load_model`, and the one way in which all of the front door takes a model: named, made or live."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn

from foolscape.api.wording import in_its_words
from foolscape.errors import SettingError
from foolscape.metrics.box_counts import READABLE
from foolscape.models.common.class_map import ClassNames
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.freezing import freeze
from foolscape.models.common.wrappers import CheckedSegmenter, ModuleSegmenter, modules_of
from foolscape.models.detectors.caffe.adapter import CaffeFasterRcnn
from foolscape.models.detectors.caffe.matlab import MatlabFasterRcnn
from foolscape.models.detectors.torchvision_dense import DenseDetector
from foolscape.models.detectors.torchvision_two_stage import TwoStageDetector
from foolscape.models.detectors.transformers import QueryDetector
from foolscape.models.detectors.ultralytics import YoloDetector
from foolscape.models.detectors.user import CheckedDetector, ModuleDetector
from foolscape.models.load import Loaded, OpenedModel, open_model
from foolscape.models.segmenters.adapter import name_classes
from foolscape.models.segmenters.windows import WindowedSegmenter
from foolscape.models.sources.base import SourceModel
from foolscape.models.sources.own import opened, task_of_made
from foolscape.models.trackers.hmmn.tracker import Hmmn
from foolscape.models.trackers.propagation.tracker import Propagation
from foolscape.models.trackers.sam2 import Sam2
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.models.trackers.stm import Stm
from foolscape.models.trackers.user import UserTracker
from foolscape.pixels import check_images
from foolscape.spec import IN_MEMORY, Spec, parse, written
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO, task_named
from foolscape.tasks.detection import Detections, Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Follower, Tracker

_SEGMENTERS: Final = (ModuleSegmenter, CheckedSegmenter)
_READY: Final = (
    *_SEGMENTERS, WindowedSegmenter, ModuleDetector, CheckedDetector, DenseDetector, TwoStageDetector, QueryDetector,
    YoloDetector, CaffeFasterRcnn, MatlabFasterRcnn, UserTracker, Stcn, Stm, Hmmn, Propagation, Sam2,
)  # fmt: skip
"""Adapters: what they are around has been tried, and their answers are checked at every call."""


class _Function(nn.Module):
    """A plain function from images to scores, in the place of a network; its parts are the networks that it uses."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = function
        self.used = nn.ModuleList(_used(function))
        self.called = getattr(function, "__qualname__", type(function).__name__)

    def forward(self, images: Tensor) -> Tensor:
        """What the function gives."""
        return self._function(images)


def _used(function: object) -> list[nn.Module]:
    """The networks that a function, a method or an object refers to by a name of its own or of its module."""
    try:
        variables = inspect.getclosurevars(function)  # type: ignore[arg-type]
        values = [*variables.nonlocals.values(), *variables.globals.values()]
    except TypeError:
        values = list(getattr(function, "__dict__", {}).values())
    values.append(getattr(function, "__self__", None))
    return list(dict.fromkeys(value for value in values if isinstance(value, nn.Module)))


@dataclass(frozen=True, repr=False)
class Model:
    """A model that `load_model` made.

    It is made once, whatever is done with it, and fitted to the size of the images that it is given.

    Attributes:
        made: the model, before it has seen an image.
    """

    made: OpenedModel
    _fitted: dict[tuple[int, int, str], Loaded[Any]] = field(default_factory=dict, compare=False)

    @property
    def spec(self) -> str:
        """What names it; in-memory:CLASS for a network that was handed over."""
        return self.made.spec.text

    @property
    def task(self) -> str:
        """What it is for: segmentation, detection or video."""
        return self.made.source.task

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of its classes; None where they do not show before it has seen an image, and of a tracker."""
        known = self.made.names.explicit
        if known is None and self._fitted and self.task != VIDEO.name:
            known = tuple(next(iter(self._fitted.values())).model.classes)
        return known

    def __call__(self, images: Tensor, first_mask: Tensor | None = None) -> Tensor | list[Detections]:
        """What the model says of images in [0, 1].

        Args:
            images: (B, 3, H, W) float; of a tracker the frames of one clip, (T, 3, H, W).
            first_mask: of a tracker, (H, W) int64: 0 for background, 1 to K for the objects of the first frame.

        Returns:
            Segmentation: scores (B, C, H, W), differentiable in `images`. Video: probabilities (T, K + 1, H, W), too.
            Detection: for each image the `Detections` with a score of at least 0.3.

        Raises:
            SettingError: `images` do not fit.
            ModelError: the model does not keep its side of the protocol.
        """
        check_images(images)
        model = self.fitted(images).model
        if self.task == DETECTION.name:
            detections: list[Detections] = model.detect(images, READABLE)
            return detections
        if self.task == VIDEO.name:
            if not isinstance(first_mask, Tensor):
                raise SettingError("first_mask: expected the mask of the first frame, (H, W) of int64, got none")
            probabilities: Tensor = model.propagate(images, first_mask)
            return probabilities
        scores: Tensor = model.logits(images)
        return scores

    def fitted(self, images: Tensor) -> Loaded[Any]:
        """The model as attacks see it, for images (B, 3, H, W) of this size and device."""
        place = (images.shape[2], images.shape[3], str(images.device))
        if any(device != place[2] for _, _, device in self._fitted):
            self._fitted.clear()  # the network itself moves
        if place not in self._fitted:
            self._fitted[place] = self.made.ready(image_size=place[:2], device=images.device)
        parameters = (one for module in modules_of(self._fitted[place].model) for one in module.parameters())
        weights = {one.dtype for one in parameters if one.is_floating_point()}
        if images.dtype != torch.float32 and weights and images.dtype not in weights:
            raise SettingError(
                f"images: expected {next(iter(weights))}, as the network's weights are, got {images.dtype}; write "
                "images.float()"
            )
        return self._fitted[place]

    def __repr__(self) -> str:
        names = "" if self.classes is None else f", {len(self.classes)} classes: {', '.join(self.classes[:4])}"
        more = ", .." if self.classes is not None and len(self.classes) > 4 else ""
        return f"<Model {self.spec}, {self.task}{names}{more}>"


Network: TypeAlias = nn.Module | Segmenter | Detector | Tracker | Follower | Callable[[Tensor], Tensor]
"""A live model: from RGB in [0, 1] to class scores, to boxes and scores, or with a method `propagate`."""

AnyModel: TypeAlias = str | Model | Network
"""A model by its spec, loaded, or live."""


@in_its_words
def load_model(spec: str, task: str | None = None, **options: str | int | float | bool) -> Model:
    """The model that `spec` names, such as "torchvision:fcn_resnet50" or "net.py:build"; `foolscape list models`.

    Args:
        spec: see docs/your-own-model.md.
        task: segmentation, detection or video, where the model does not tell.
        options: of the spec, `weights="a.pth"` for `?weights=a.pth`.

    Raises:
        UnknownNameError: no such model.
        SettingError: an option or the task does not fit.
        ModelError: it could not be made.
    """
    if not isinstance(spec, str):
        raise SettingError(
            f"spec: expected a text such as 'torchvision:fcn_resnet50', got {type(spec).__name__}; a network that is "
            "there already goes into foolscape.attack, evaluate and check as it is"
        )
    parsed = parse(spec)
    if doubled := [name for name in options if name in parsed.options]:
        raise SettingError(f"expected the option {doubled[0]} once, got it in {spec!r} and beside it")
    texts = {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in options.items()}
    text = written(parsed.scheme, parsed.rest, parsed.options | texts) if options else spec
    return Model(open_model(text, None if task is None else task_named(task).name))


def model_of(model: object, task: str | None = None) -> Model:
    """`model`, whatever form it has, as a `Model`; raises SettingError for what is none, and what `load_model` does.

    Args:
        model: an `AnyModel`.
        task: what it is to be for; None: what it tells.
    """
    if isinstance(model, Model):
        if task not in (None, model.task):
            raise SettingError(f"task: expected {model.task} for {model.spec}, got {task}")
        return model
    if isinstance(model, str):
        return load_model(model, task)
    live = _live(model)
    spec = Spec(f"{IN_MEMORY}:{_name(live)}", IN_MEMORY, _name(live))
    task = task or task_of_made(live)
    source = _ready(live, task) if isinstance(live, _READY) else opened(spec, live, task)
    return Model(OpenedModel(spec, source, ClassNames(own=source.classes)))


def several(models: object) -> list[object]:
    """One model, or those of a list; raises SettingError where there is none."""
    listed = list(models) if isinstance(models, list | tuple) else [models]
    if not listed:
        raise SettingError("model: expected at least one, got an empty list")
    return listed


def models_of(models: object, batch: object, task: str | None) -> tuple[Model, ...]:
    """One model, or a list of them, each with a spec of its own; see `task_for`."""
    opened: list[Model] = []
    for one in (model_of(model, task_for(model, batch, task)) for model in several(models)):
        same = [other for other in opened if other.spec.partition("#")[0] == one.spec]
        if same and one.made.spec.scheme == IN_MEMORY:
            name = f"{one.made.spec.rest}#{len(same) + 1}"
            spec = Spec(f"{IN_MEMORY}:{name}", IN_MEMORY, name)
            one = Model(OpenedModel(spec, one.made.source, one.made.names))
        opened.append(one)
    return tuple(opened)


def _live(model: object) -> Any:
    if isinstance(model, (nn.Module, Segmenter, Detector, Follower, *_READY)):
        return model
    if callable(model) and not isinstance(model, type):
        return _Function(model)
    raise SettingError(
        "model: expected a torch.nn.Module, a function of images, a Segmenter, Detector or Tracker, or a spec such as "
        f"'bundled:scenes-unet', got {type(model).__name__}"
    )


def _name(live: object) -> str:
    name = live.called if isinstance(live, _Function) else type(live).__name__
    return "".join(letter if letter.isalnum() or letter in "_-." else "-" for letter in str(name))


def _ready(live: Any, task: str) -> SourceModel:
    """An adapter as it is, on another device if need be."""

    def ready(conditions: Conditions) -> Any:
        for module in modules_of(live):
            freeze(module, conditions.device)
        return name_classes(live, conditions.names.data) if isinstance(live, _SEGMENTERS) else live

    classes = None if task == VIDEO.name else tuple(live.classes) or None
    return SourceModel(task, ready, classes)


def task_for(model: object, batch: object, task: str | None) -> str | None:
    """What a model is to be for, by what is said, by the model, or by the images and the truth that it gets.

    Args:
        model: an `AnyModel`.
        batch: images, or images and their truth: a batch, or a sample.
        task: what the caller said.

    Raises:
        UnknownNameError: there is no such task.
    """
    if task is not None:
        return task_named(task).name
    if isinstance(model, str | Model):
        return None
    live = _live(model)
    known = task_of_made(live)
    if (
        known != SEGMENTATION.name
        or isinstance(live, Segmenter)
        or not (isinstance(batch, tuple | list) and len(batch) == 2)
    ):
        return known
    images, truth = batch
    one = truth[0] if isinstance(truth, list | tuple) and truth else truth
    if isinstance(one, Mapping | Detections | list | tuple):
        return DETECTION.name
    clip = isinstance(images, Tensor) and images.ndim == 4 and isinstance(truth, Tensor) and truth.ndim == 2
    return VIDEO.name if clip else SEGMENTATION.name
