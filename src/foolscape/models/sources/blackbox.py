"""`blackbox:file.py:predict`: whatever answers to an 8-bit image with a label map, class scores or boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.sources.onnx import task_asked
from foolscape.paths import path_of, real
from foolscape.spec import Spec

if TYPE_CHECKING:
    from foolscape.models.blackbox.asking import Image

_TRIED: Final = (240, 320)
"""(H, W) of the image by whose answer the task of a black box is told."""

_NOTES: Final = ("a black box: no gradient is asked for; it gets 8-bit images, and answers are kept in memory",)


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.blackbox import asking, process
    from foolscape.models.common import source_files

    spec.only("task", "classes", "batch", "boxes", *asking.OPTIONS)
    place, _, name = spec.rest.rpartition(":")
    if not place:
        raise SettingError(f"expected a function behind a file, such as blackbox:api.py:predict, got {spec.text!r}")
    timeout, batched = asking.pace_of(spec).timeout, spec.options.get("batch") == "1"
    function = process.FunctionProcess(place, name, timeout, batched)
    function.start()
    path = real(path_of(place))
    files = source_files.closure([path], path.parent) if place.endswith(".py") else {}
    return opened(spec, function, files, task)


def opened(
    spec: Spec, function: Callable[[Image], object], files: dict[str, str], task: TaskName | None
) -> SourceModel:
    """The black box `function` of `spec`, for `task`; None: for what its answer to a drawn street says."""
    from foolscape.models.blackbox import answers, asking
    from foolscape.models.segmenters.adapter import own_classes

    pace = asking.pace_of(spec)
    task = task or task_asked(spec)
    if task is None:
        asker: asking.Asker[Any] = asking.Asker(function, spec.rest, lambda answer, _: answer, pace)
        try:
            task = DETECTION if answers.is_objects(asker.ask(_street(_TRIED))) else SEGMENTATION
        except ModelError as error:
            raise ModelError(f"{error}; or say what it is for with ?task=segmentation or ?task=detection") from error
    refuse(spec, task, SEGMENTATION, DETECTION)
    ready = _segmenter if task == SEGMENTATION else _detector
    return SourceModel(task, lambda wanted: ready(spec, function, files, wanted), own_classes(function))


def _segmenter(spec: Spec, function: Callable[[Image], object], files: dict[str, str], wanted: Conditions) -> object:
    from foolscape.models.blackbox import answers, asking, models
    from foolscape.models.common.class_map import distinct, name_channels

    asker = asking.Asker(function, spec.rest, answers.map_of, asking.pace_of(spec))
    first = asker.ask(_first(wanted))
    scored = first.ndim == 3
    names = name_channels(len(first), wanted.names).names if scored else _names(spec, wanted)
    kind = "class scores" if scored else "label maps alone: --attack square-labels goes by these"
    notes = (*_NOTES, asker.pace.note, f"it answers with {kind}")
    only = getattr(function, "only_size", None)
    segmenter = models.BlackBoxSegmenter(asker, distinct(names), notes, scored, files, only)
    segmenter.logits(_unit(wanted))  # for its checks, from memory
    return segmenter


def _detector(spec: Spec, function: Callable[[Image], object], files: dict[str, str], wanted: Conditions) -> object:
    from foolscape.models.blackbox import answers, asking, models
    from foolscape.models.common.class_map import distinct
    from foolscape.models.common.wiring import wiring_of

    asker = asking.Asker(function, spec.rest, answers.objects_of, asking.pace_of(spec))
    wiring = wiring_of(spec, "boxes")
    first = asker.ask(_first(wanted))
    kind = "boxes and scores" if first.scored or not len(first.labels) else "boxes and labels alone, a score of 1 each"
    notes = (
        *_NOTES,
        asker.pace.note,
        f"it answers with {kind}; a candidate scores by how well a box that is found covers it",
        *getattr(function, "notes", ()),
        *wiring.notes,
    )
    return models.BlackBoxDetector(asker, distinct(_names(spec, wanted)), notes, wiring.boxes, files)


def _names(spec: Spec, wanted: Conditions) -> tuple[str, ...]:
    """The names of the classes, without which their number does not show."""
    names = wanted.names.explicit or wanted.names.data
    if names is None:
        raise ModelError(
            f"expected the classes that the labels of {spec.rest} are, got none; name them with ?classes=FILE, one "
            "a line, or an attribute `classes` of the function"
        )
    return names


def _unit(wanted: Conditions) -> Any:
    from foolscape.pixels import to_unit

    return to_unit(_first(wanted)).to(wanted.device)


def _first(wanted: Conditions) -> Image:
    """The first image of a run, or a drawn street."""
    from foolscape.models.blackbox.asking import levels_of

    return _street(wanted.image_size) if wanted.image is None else levels_of(wanted.image[0])


def _street(size: tuple[int, int]) -> Image:
    from foolscape.scenes import describe, render

    return render(describe(0, 0), *size).image


def _listed() -> tuple[Listed, ...]:
    about = "segmentation or detection; your function of an 8-bit image, attacked without gradient: --attack square"
    return (Listed("blackbox:path/to/file.py:function", about),)


RECORD: Final = Source(task_asked, _open, _listed, "blackbox:api.py:predict")
