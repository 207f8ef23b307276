"""What users bring: `path/to/file.py:factory`, `package.module:factory`, and plug-ins, by NAME or NAME:rest."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final

from foolscape.errors import ModelError, SettingError
from foolscape.models.sources.base import DETECTION, SEGMENTATION, VIDEO, Listed, Source, SourceModel, TaskName
from foolscape.models.sources.names import is_importable, unknown_model
from foolscape.paths import path_of
from foolscape.spec import Spec, plugins
from foolscape.tasks.base import task_named

if TYPE_CHECKING:
    from foolscape.models.common.file import UserModel


def _task(spec: Spec) -> TaskName | None:
    """What ?task= says."""
    name = spec.options.get("task")
    return None if name is None else task_named(name).name


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    task = task or _task(spec)
    model = make(spec)
    return opened(spec, model, task or task_of_made(model))


def make(spec: Spec) -> UserModel:
    """What a Python file, a plug-in or an importable module makes, with `?weights=` loaded.

    Raises:
        UnknownNameError: no such model.
        SettingError: an option or a path does not fit.
        ModelError: it could not be made, or is no network, segmenter, detector or tracker.
    """
    from foolscape.models.common.file import from_file
    from foolscape.models.common.wiring import OPTIONS

    spec.only("weights", "classes", "task", *OPTIONS)
    if spec.scheme.endswith(".py"):
        return weighted(spec, from_file(path_of(spec.scheme), _factory(spec)))
    return weighted(spec, _plugin_or_module(spec))


def weighted(spec: Spec, thing: UserModel) -> UserModel:
    """`thing`, with the weights that `spec` says loaded into it, if it says any."""
    if "weights" not in spec.options:
        return thing
    from torch import nn

    from foolscape.models.common.checkpoint import load_weights

    if not isinstance(thing, nn.Module):
        raise ModelError(
            f"expected a torch.nn.Module to load ?weights= into, got {type(thing).__name__} from {spec.text!r}; "
            "load the weights in its factory"
        )
    load_weights(thing, spec.options["weights"])
    return thing


def task_of_made(model: Any) -> TaskName:
    """What a factory's answer is for.

    Video if it has a method `propagate`; detection if it is a `Detector`, has a method `detect` or is a detection
    network of torchvision; what its head says if it is of ultralytics; else segmentation.
    """
    from foolscape.models.common.ultralytics.network import SEMANTIC, kind_of, live_module
    from foolscape.models.detectors.torchvision_zoo import is_of_torchvision
    from foolscape.tasks.detection import Detector
    from foolscape.tasks.segmentation import Segmenter
    from foolscape.tasks.video import Follower

    if (live := live_module(model)) is not None:
        layers: Any = live.model
        return SEGMENTATION if kind_of(type(layers[-1]), type(model).__name__) == SEMANTIC else DETECTION
    if isinstance(model, Segmenter):
        return SEGMENTATION
    if isinstance(model, Follower):
        return VIDEO
    if isinstance(model, Detector) or callable(getattr(model, "detect", None)) or is_of_torchvision(model):
        return DETECTION
    return SEGMENTATION


def opened(spec: Spec, model: UserModel, task: TaskName) -> SourceModel:
    """What was made, for `task`, wired as `spec` says."""
    from foolscape.models.common.ultralytics.network import live_network
    from foolscape.models.segmenters.adapter import own_classes
    from foolscape.models.sources.ultralytics import Settings, of_network

    if (network := live_network(model)) is not None:
        return of_network(spec.only("weights", "classes", "task"), network, task, Settings())
    classes = own_classes(model)
    if task == SEGMENTATION:
        from foolscape.models.segmenters.ready import segmenter_of

        return SourceModel(task, lambda wanted: segmenter_of(model, spec, wanted), classes)
    if task == DETECTION:
        from foolscape.models.detectors.ready import detector_of

        return SourceModel(task, lambda wanted: detector_of(model, spec, wanted), classes)
    from foolscape.models.trackers.ready import tracker_of

    return SourceModel(task, lambda wanted: tracker_of(model, spec, wanted))


def _plugin_or_module(spec: Spec) -> UserModel:
    """A plug-in's model, or one of an importable module."""
    from foolscape.models.common.file import from_module

    name, rest = (spec.scheme, spec.rest) if spec.scheme else (spec.rest, "")
    point = plugins().get(name)
    if point is not None:
        return _from_plugin(point, rest)
    if is_importable(spec):
        return from_module(spec.scheme, _factory(spec))
    raise unknown_model(spec)


def _from_plugin(point: EntryPoint, rest: str) -> UserModel:
    """What the plug-in makes of `rest`; a plug-in that fails is an error, never skipped."""
    from foolscape.models.common.file import call

    try:
        plugin = point.load()
    except Exception as error:
        raise ModelError(
            f"expected the plug-in {point.name!r} ({point.value}) to be importable, got {type(error).__name__}: {error}"
        ) from error
    return call(plugin, f"the plug-in {point.name!r} ({point.value})", rest)


def _factory(spec: Spec) -> str:
    if not spec.rest:
        raise SettingError(f"expected a factory behind the colon, such as {spec.scheme}:build, got {spec.text!r}")
    return spec.rest


def _listed() -> tuple[Listed, ...]:
    """The installed plug-ins, which tell their task when they are made, and how a network of one's own is named."""
    own = ("path/to/file.py:factory", "package.module:factory")
    return (
        *(Listed(name, f"plug-in {point.value}") for name, point in sorted(plugins().items())),
        *(Listed(form, "your nn.Module") for form in own),
    )


RECORD: Final = Source(_task, _open, _listed, "net.py:build")
