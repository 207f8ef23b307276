"""`ultralytics:FILE.pt` and `ultralytics:NAME.yaml`: detectors and semantic segmentation of ultralytics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foolscape.errors import SettingError, UnknownNameError
from foolscape.models.common import options
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.sources.names import exported
from foolscape.paths import path_of
from foolscape.regular import is_regular, read_text
from foolscape.spec import Spec

if TYPE_CHECKING:
    from foolscape.models.common.ultralytics.letterbox import Letterbox
    from foolscape.models.common.ultralytics.network import Network

CONFIGS: Final = (".yaml", ".yml")
CHECKPOINT: Final = ".pt"

_OPTIONS: Final = ("classes", "imgsz", "rect")
_OF_DETECTORS: Final = ("nms", "conf", "iou", "max_det")

_LEAST: Final = {True: 0.01, False: 0.001}
"""The score that detections are above in ultralytics' validation: for oriented boxes, for others."""

_TRUST: Final = "pickle"


def _task(spec: Spec) -> TaskName | None:
    """By the name of the head in a configuration or of a class in a checkpoint; nothing is imported or opened."""
    path = path_of(spec.rest)
    if path.suffix.lower() == CHECKPOINT:
        return _task_in(path) if is_regular(path) else None
    if is_regular(path) and path.suffix.lower() in CONFIGS:
        semantic = "SemanticSegment" in read_text(path)
    else:
        semantic = "-sem" in path.stem
    return SEGMENTATION if semantic else DETECTION


def _task_in(path: Path) -> TaskName | None:
    """What the classes that a checkpoint names tell; None where it is no archive of torch.save."""
    from torch.serialization import get_unsafe_globals_in_checkpoint

    try:
        named = [one.rpartition(".")[2] for one in get_unsafe_globals_in_checkpoint(path)]
    except Exception:  # whatever is in the file: opening it says what is wrong
        return None
    return SEGMENTATION if "SemanticSegmentationModel" in named else DETECTION


@dataclass(frozen=True)
class Settings:
    """What the options of a spec say; None: as the network or the library has it."""

    imgsz: int | None = None
    rect: bool = True
    nms: bool | None = None
    conf: float | None = None
    iou: float = 0.7
    max_det: int = 300


def settings_of(spec: Spec) -> Settings:
    """The options that do not depend on the network.

    Raises:
        SettingError: one is out of range.
    """
    sides = options.read(spec, options.whole, "imgsz", "max_det")
    shares = options.read(spec, options.number, "conf", "iou")
    switches = options.read(spec, options.truth, "nms", "rect")
    for name, least in (("imgsz", 32), ("max_det", 1)):
        if sides.get(name, least) < least:
            raise SettingError(f"{name}: expected at least {least}, got {sides[name]}")
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise SettingError(f"{name}: expected a number from 0 to 1, got {value:g}")
    return Settings(**sides, **shares, **switches)


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The model; everything that shows in the spec is checked before ultralytics is imported."""
    refuse(spec, task, DETECTION, SEGMENTATION)
    _check_name(spec)
    settings = settings_of(spec)
    return of_network(spec, _network(spec), task, settings)


def of_network(spec: Spec, network: Network, task: TaskName | None, settings: Settings) -> SourceModel:
    """The model of a network of ultralytics, from a file or live, for `task`, or for what it is for.

    Raises:
        SettingError: it is for another task, or an option does not fit it.
    """
    from foolscape.models.common.ultralytics.network import ORIENTED, QUERIES, SEMANTIC

    kind = SEGMENTATION if network.kind == SEMANTIC else DETECTION
    refuse(spec, task, kind)
    letterbox = _letterbox(network, settings, stretch=network.kind == QUERIES)
    if kind == SEGMENTATION:
        for name in _OF_DETECTORS:
            if name in spec.options:
                raise SettingError(f"{name}: only for detectors; {spec.text} segments images, leave it out")
        return _segmenter(spec, network, letterbox)
    from foolscape.models.detectors.ultralytics import Choosing
    from foolscape.models.detectors.ultralytics_ready import adapt_yolo

    least = _LEAST[network.kind == ORIENTED] if settings.conf is None else settings.conf
    choosing = Choosing(least, settings.iou, settings.max_det)

    def ready(wanted: Conditions) -> object:
        return adapt_yolo(network, wanted, nms=settings.nms, letterbox=letterbox, choosing=choosing)

    return SourceModel(DETECTION, ready, network.names)


def _check_name(spec: Spec) -> None:
    """`SettingError` or `UnknownNameError` for a name that is neither a checkpoint's nor a configuration's."""
    path = path_of(spec.rest)
    suffix = path.suffix.lower()
    if suffix in CONFIGS:
        spec.only(*_OPTIONS, *_OF_DETECTORS, "weights")
        return
    if suffix == CHECKPOINT:
        spec.only(*_OPTIONS, *_OF_DETECTORS, "trust")
        if (trust := spec.options.get("trust", _TRUST)) != _TRUST:
            raise SettingError(
                f"trust: expected {_TRUST}, which lets the code in a checkpoint of pickled modules run, got {trust!r}"
            )
        return
    what = f"{kind}, {spec.rest!r}" if (kind := exported(path)) else repr(spec.rest)
    raise UnknownNameError(
        f"expected a checkpoint or a configuration of ultralytics, as in ultralytics:best.pt or "
        f"ultralytics:yolo11n.yaml, got {what}; of an exported network, name the .pt that it was exported from"
    )


def _network(spec: Spec) -> Network:
    """The network that a spec names."""
    named = spec.options.get("classes")
    if path_of(spec.rest).suffix.lower() == CHECKPOINT:
        if named is not None and named.isdigit():
            raise SettingError(
                f"classes: expected a file of names for a checkpoint, got the number {named}; leave it out"
            )
        from foolscape.models.common.ultralytics.checkpoint import from_checkpoint

        return from_checkpoint(spec.rest, trusted="trust" in spec.options)
    from foolscape.class_file import read_class_names
    from foolscape.models.common.ultralytics.config import from_config

    count = None
    if named is not None:
        count = options.whole("classes", named) if named.isdigit() else len(read_class_names(path_of(named)))
        if count < 1:
            raise SettingError("classes: expected at least 1, got 0")
    return from_config(spec.rest, weights=spec.options.get("weights"), classes=count)


def _letterbox(network: Network, settings: Settings, *, stretch: bool) -> Letterbox:
    """What is done to images.

    Raises:
        SettingError: `imgsz` is not a multiple of the network's stride.
    """
    from foolscape.models.common.ultralytics.letterbox import Letterbox

    stride = network.stride
    imgsz = network.imgsz if settings.imgsz is None else settings.imgsz
    if imgsz % stride:
        if settings.imgsz is not None:
            raise SettingError(f"imgsz: expected a multiple of {stride}, the network's stride, got {imgsz}")
        imgsz += -imgsz % stride  # as ultralytics rounds what training was told
    return Letterbox(imgsz, stride, rect=settings.rect, stretch=stretch)


def _segmenter(spec: Spec, network: Network, letterbox: Letterbox) -> SourceModel:
    """A semantic network, seen as one that takes images of any size."""
    from foolscape.models.segmenters.ready import of_library
    from foolscape.models.segmenters.torchvision import Built
    from foolscape.models.segmenters.ultralytics import Semantic

    module = Semantic(network, letterbox)
    built = Built(module, module.names, (*network.notes, letterbox.note))
    return SourceModel(SEGMENTATION, lambda wanted: of_library(built, spec, wanted), module.names)


def _listed() -> tuple[Listed, ...]:
    forms = "ultralytics:FILE.pt|NAME.yaml"
    return (
        Listed(forms, f"{DETECTION}; YOLO v5u to 26, their -seg, -pose, -obb, and RT-DETR, of ultralytics"),
        Listed(forms, f"{SEGMENTATION}; YOLO -sem of ultralytics"),
    )


def _brief(spec: Spec) -> Spec:
    """The name of a file tells more than its folders."""
    return replace(spec, rest=Path(spec.rest).name)


RECORD: Final = Source(
    _task, _open, _listed, "ultralytics:best.pt", extra="ultralytics", brief=_brief, counts_classes=True
)
"""Nothing is downloaded."""
