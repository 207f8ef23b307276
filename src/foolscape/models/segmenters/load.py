"""From the name of a model to a segmenter that is ready to be attacked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from foolscape.errors import ModelError, SettingError, unknown
from foolscape.models.bundled import load as bundled
from foolscape.models.common import file
from foolscape.models.common.checkpoint import load_weights, weights_sha256
from foolscape.models.common.class_map import name_classes, read_classes, renamed
from foolscape.models.common.identity import Record, identity_of
from foolscape.models.common.names import is_importable, unknown_model
from foolscape.models.common.wiring import IMAGE_OPTIONS, OPTIONS, wiring_of
from foolscape.models.common.wrappers import as_double, modules_of
from foolscape.models.segmenters import torchvision
from foolscape.models.segmenters.adapter import CheckedSegmenter, ModuleSegmenter, adapt, checked
from foolscape.paths import path_of
from foolscape.spec import GROUP, Spec, parse, plugins
from foolscape.tasks.segmentation import Segmenter

__all__ = ["GROUP", "Listed", "Loaded", "as_double", "list_models", "list_plugins", "load_model", "resolve", "slug_of"]

M = TypeVar("M")


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A segmenter, detector or tracker that is ready to be attacked.

    Attributes:
        spec: as the user wrote it.
        slug: a short name of it that is safe in paths, different for different specs.
        model: on the device, frozen, with class names where its task has them.
        sha256: of its parameters and buffers; None if no network was found in a model that somebody wrote.
        identity: what else makes it the one it is; see `models.common.identity`.
    """

    spec: str
    slug: str
    model: M
    sha256: str | None
    identity: Record


@dataclass(frozen=True)
class Listed:
    """One line of `foolscape list models`."""

    name: str
    about: str


def load_model(
    text: str,
    *,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
    classes_file: Path | None = None,
    data_classes: Sequence[str] | None = None,
) -> Loaded[Segmenter]:
    """The model that the spec `text` names.

    Args:
        text: bundled:NAME, torchvision:NAME, path/to/file.py:factory, package.module:factory, or a plug-in's NAME or
            NAME:rest; behind it ?weights=FILE, ?classes=FILE (which overrides all other class names), and for all but
            the first two how the network wants its images and counts classes, see `models.common.wiring`.
        image_size: (H, W) of the images it will see.
        device: where to run.
        classes_file: class names for a network that names none.
        data_classes: the data set's class names, used if there are no others.

    Raises:
        UnknownNameError: no such model.
        SettingError: an option, a path or a class file does not fit.
        ModelError: the model could not be made, or does not keep to the protocol.
    """
    spec = parse(text)
    if spec.scheme == "torchvision":
        spec.only("weights", "classes")
        made: torchvision.Built | file.Brought = torchvision.build(spec.rest, spec.options.get("weights"))
    else:
        made = resolve(spec, bundled.NAMES)
    given = None if classes_file is None else read_classes(classes_file)
    segmenter = _segmenter(made, given, image_size, device)
    wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
    segmenter = replace(segmenter, wiring=wiring, notes=(*segmenter.notes, *wiring.notes))
    if "classes" in spec.options:
        segmenter = renamed(segmenter, read_classes(path_of(spec.options["classes"])))
    segmenter = name_classes(segmenter, data_classes)
    modules = modules_of(segmenter)
    sha256 = weights_sha256(*modules) if modules else None
    return Loaded(text, slug_of(spec), segmenter, sha256, identity_of(spec, segmenter))


def list_models() -> tuple[Listed, ...]:
    """Every segmentation model that can be named without a path but plug-ins: bundled ones and torchvision's."""
    bundles = (Listed(f"bundled:{name}", "comes with foolscape, no download") for name in bundled.NAMES)
    library = (Listed(f"torchvision:{name}", "weights downloaded, or ?weights=FILE") for name in torchvision.names())
    return (*bundles, *library)


def list_plugins() -> tuple[Listed, ...]:
    """The installed plug-ins; which task one is for shows when it is loaded."""
    return tuple(Listed(name, f"plug-in {point.value}") for name, point in sorted(plugins().items()))


def slug_of(spec: Spec) -> str:
    """A short name for `spec` that is safe in paths; a hash keeps apart what only differs in folder or options."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", spec.rest.rpartition(":")[2]).strip("-.")[:48] or "model"
    if spec.scheme in ("bundled", "torchvision") and not spec.options and name == spec.rest:
        return name
    return f"{name}-{hashlib.sha256(spec.text.encode()).hexdigest()[:6]}"


def resolve(spec: Spec, bundles: Sequence[str]) -> file.Brought:
    """What a bundled name, a Python file, a plug-in or an importable module makes, with `?weights=` loaded.

    Args:
        spec: of any scheme but those of a library.
        bundles: the names that `bundled:` takes.

    Raises:
        UnknownNameError: no such model.
        SettingError: an option or a path does not fit.
        ModelError: it could not be made, or is no network, segmenter, detector or tracker.
    """
    spec.only("weights", "classes", "task", *OPTIONS)
    if spec.scheme == "bundled":
        if spec.only("weights", "classes").rest not in bundles:
            raise unknown("bundled model", spec.rest, bundles)
        thing: file.Brought = bundled.bundled(spec.rest)
    elif spec.scheme.endswith(".py"):
        thing = file.from_file(path_of(spec.scheme), _factory(spec))
    else:
        thing = _plugin_or_module(spec)
    if "weights" in spec.options:
        if not isinstance(thing, nn.Module):
            raise ModelError(
                f"expected a torch.nn.Module to load ?weights= into, got {type(thing).__name__} from {spec.text!r}; "
                "load the weights in its factory"
            )
        load_weights(thing, spec.options["weights"])
    return thing


def _plugin_or_module(spec: Spec) -> file.Brought:
    """A plug-in's model, or one of an importable module."""
    name, rest = (spec.scheme, spec.rest) if spec.scheme else (spec.rest, "")
    point = plugins().get(name)
    if point is not None:
        return _from_plugin(point, rest)
    if is_importable(spec):
        return file.from_module(spec.scheme, _factory(spec))
    raise unknown_model(spec)


def _from_plugin(point: EntryPoint, rest: str) -> file.Brought:
    """What the plug-in makes of `rest`; a plug-in that fails is an error, never skipped."""
    try:
        plugin = point.load()
    except Exception as error:
        raise ModelError(
            f"expected the plug-in {point.name!r} ({point.value}) to be importable, got {type(error).__name__}: {error}"
        ) from error
    return file.call(plugin, f"the plug-in {point.name!r} ({point.value})", rest)


def _factory(spec: Spec) -> str:
    if not spec.rest:
        raise SettingError(f"expected a factory behind the colon, such as {spec.scheme}:build, got {spec.text!r}")
    return spec.rest


def _segmenter(
    made: torchvision.Built | file.Brought,
    given: tuple[str, ...] | None,
    image_size: tuple[int, int],
    device: torch.device | str,
) -> ModuleSegmenter | CheckedSegmenter:
    """The segmenter of what was made; `given` names its classes if nothing else does."""
    if isinstance(made, torchvision.Built):
        segmenter = adapt(made.module, classes=made.classes or given, image_size=image_size, device=device)
        return replace(segmenter, notes=(*made.notes, *segmenter.notes))
    if isinstance(made, Segmenter):  # asked first: a network may be a segmenter by itself
        outer = checked(made, image_size=image_size, device=device)
        return outer if outer.classes or given is None else renamed(outer, given)
    if not isinstance(made, nn.Module):
        raise ModelError(f"expected a network or a Segmenter, got the {file.kind_of(made)} {type(made).__name__}")
    return adapt(made, classes=given, image_size=image_size, device=device)
