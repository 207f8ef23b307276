"""From the name of a model to a detector that is ready to be attacked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from foolscape.errors import ModelError
from foolscape.models.bundled import load as bundled
from foolscape.models.common import file
from foolscape.models.common.checkpoint import weights_sha256
from foolscape.models.common.class_map import read_classes
from foolscape.models.common.identity import identity_of
from foolscape.models.common.wiring import AS_IT_IS, IMAGE_OPTIONS, OPTIONS, wiring_of
from foolscape.models.common.wrappers import modules_of
from foolscape.models.detectors import torchvision_dense, torchvision_two_stage, torchvision_zoo, transformers, user
from foolscape.models.detectors.class_channels import Given
from foolscape.models.segmenters.adapter import own_classes
from foolscape.models.segmenters.load import Listed, Loaded, resolve, slug_of
from foolscape.models.segmenters.torchvision import Built, library
from foolscape.paths import path_of, with_home
from foolscape.spec import Spec, parse
from foolscape.tasks.detection import Detector


def load_detector(
    text: str,
    *,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
    classes_file: Path | None = None,
    data_classes: Sequence[str] | None = None,
) -> Loaded[Detector]:
    """The detector that the spec `text` names.

    Args:
        text: bundled:NAME, torchvision:NAME, transformers:ID or transformers:FOLDER, path/to/file.py:factory,
            package.module:factory, or a plug-in; behind it ?weights=FILE, ?classes=FILE, and how a user's network wants
            its images, counts classes and writes boxes, as for `load_model`.
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
    chosen = spec.options.get("classes")
    given = Given(
        option=None if chosen is None else read_classes(path_of(chosen)),
        file=None if classes_file is None else read_classes(classes_file),
        data=None if data_classes is None else tuple(data_classes),
    )
    detector = _detector(spec, given, image_size, device)
    modules = modules_of(detector)
    sha256 = weights_sha256(*modules) if modules else None
    return Loaded(text, slug_of(spec), detector, sha256, identity_of(spec, detector))


def list_detectors() -> tuple[Listed, ...]:
    """Every detector that can be named without a path but plug-ins: bundled ones, torchvision's and transformers'."""
    bundles = (Listed(f"bundled:{name}", "comes with foolscape, no download") for name in bundled.DETECTOR_NAMES)
    weights = "weights downloaded, or ?weights=FILE"
    library = (Listed(f"torchvision:{name}", weights) for name in torchvision_zoo.names())
    kinds = ", ".join(transformers.FAMILIES)
    hub = Listed("transformers:ID|FOLDER", f"a detector of the Hugging Face hub or a folder: {kinds}")
    return (*bundles, *library, hub)


def _detector(spec: Spec, given: Given, image_size: tuple[int, int], device: torch.device | str) -> Detector:
    if spec.scheme == "torchvision":
        spec.only("weights", "classes")
        return _of_torchvision(torchvision_zoo.build(spec.rest, spec.options.get("weights")), given, device)
    if spec.scheme == "transformers":
        spec.only("weights", "classes")
        module, processor = transformers.load(with_home(spec.rest), spec.options.get("weights"))
        return transformers.adapt(module, processor, given, device=device)
    made = resolve(spec, bundled.DETECTOR_NAMES)
    return _of_user(spec, made, given, image_size, device)


def _of_user(
    spec: Spec, made: file.Brought, given: Given, image_size: tuple[int, int], device: torch.device | str
) -> Detector:
    """The detector of what a file, a module, a plug-in or a bundled name made, wired as `spec` says."""
    if isinstance(made, Detector):  # asked first: a network may be a detector by itself
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        return user.wired(user.checked(made, given, image_size=image_size, device=device), wiring)
    if not isinstance(made, nn.Module):
        raise ModelError(f"expected a network or a Detector, got the {file.kind_of(made)} {type(made).__name__}")
    if torchvision_zoo.is_of_torchvision(made) and user.own_detect(made) is None:
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        found = _of_torchvision(Built(made, own_classes(made)), given, device)
        if wiring == AS_IT_IS:
            return found
        return user.wired(user.CheckedDetector(found, found.classes, found.notes, found.two_stage), wiring)
    return user.wired(user.adapt(made, given, image_size=image_size, device=device), wiring_of(spec, *OPTIONS))


def _of_torchvision(built: Built, given: Given, device: torch.device | str) -> Detector:
    named = Given(given.option, built.classes, given.file, given.data)
    two_stage = isinstance(built.module, library().detection.FasterRCNN)
    adapt = torchvision_two_stage.adapt if two_stage else torchvision_dense.adapt
    return adapt(built.module, named, device=device, notes=built.notes)
