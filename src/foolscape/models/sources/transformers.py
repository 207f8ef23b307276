"""`transformers:ID` and `transformers:FOLDER`: segmenters, detectors and trackers of Hugging Face's transformers."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foolscape.errors import SettingError
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, VIDEO, Listed, Source, SourceModel, TaskName, refuse
from foolscape.paths import with_home
from foolscape.spec import Spec

if TYPE_CHECKING:
    from foolscape.models.common.pretrained import Place

SEGMENTERS: Final = (
    "segformer", "upernet", "dpt", "beit", "data2vec-vision", "mobilevit", "mobilevitv2", "mobilenet_v2", "sapiens2",
    "tipsv2_dpt", "maskformer", "mask2former", "oneformer", "eomt", "eomt_dinov3", "detr",
)  # fmt: skip
TEXT: Final = ("pp_ocrv5_mobile_det", "pp_ocrv5_server_det", "pp_ocrv6_medium_det", "pp_ocrv6_small_det")
"""Detectors of text, which are read as segmentation."""

DETECTORS: Final = (
    "detr", "yolos", "conditional_detr", "deformable_detr", "dab-detr", "rt_detr", "rt_detr_v2", "d_fine", "deimv2",
    "lw_detr", "rf_detr", "table-transformer", "pp_doclayout_v2", "pp_doclayout_v3", "pp_doclayout_v4",
)  # fmt: skip
PROMPTED: Final = ("owlvit", "owlv2", "grounding-dino", "mm-grounding-dino")
TRACKERS: Final = ("sam2_video", "sam3_tracker_video", "sam3_video", "edgetam_video")
"""By the `model_type` of the configuration."""

_HEADS: Final = {
    "ForSemanticSegmentation": SEGMENTATION,
    "ForUniversalSegmentation": SEGMENTATION,
    "DetrForSegmentation": SEGMENTATION,
    "MaskFormerForInstanceSegmentation": SEGMENTATION,
    "ForObjectDetection": DETECTION,
}
"""How the names of classes of transformers end, and what such networks are for."""

_REFUSED: Final = {
    "VideomtForUniversalSegmentation": "it segments whole clips without a mask of the first frame, no task here",
    "RfDetrForInstanceSegmentation": "instances are no task here; RfDetrForObjectDetection is attacked",
}
"""Classes whose names would be taken for others', or that have a way on, and what is said of them."""

_FOLDERS: Final = {"data2vec-vision": "data2vec"}
"""Where in the library a family is, if not under its own name."""


def _task(spec: Spec) -> TaskName | None:
    """By the configuration, if that is in a folder or in the cache already."""
    from foolscape.models.common.huggingface import config_of

    config = config_of(with_home(spec.rest))
    if config is None or "model_type" not in config:
        return None
    if "auto_map" in config and "trust" not in spec.options:
        return None  # opening it says that it brings code of its own
    return _task_of(spec, config["model_type"], config.get("architectures"))


def _task_of(spec: Spec, family: object, architectures: object) -> TaskName:
    """What a network is for: by the class that was saved, else by its family.

    Raises:
        SettingError: for nothing that is attacked here.
    """
    if family in TRACKERS:
        return VIDEO
    if family in TEXT:
        return SEGMENTATION
    named = architectures[0] if isinstance(architectures, list | tuple) and architectures else ""
    if named in _REFUSED:
        raise SettingError(
            f"expected a network for segmentation, detection or video in {spec.text}, got {named}: {_REFUSED[named]}"
        )
    for ending, task in _HEADS.items():
        if isinstance(named, str) and named.endswith(ending):
            return task
    if not named and family in (*DETECTORS, *PROMPTED):
        return DETECTION
    if not named and family in SEGMENTERS:
        return SEGMENTATION
    raise SettingError(
        f"expected a network for segmentation, detection or video in {spec.text}, got {named or family}; foolscape "
        "attacks semantic segmentation (..ForSemanticSegmentation, ..ForUniversalSegmentation), object detection "
        "(..ForObjectDetection) and trackers"
    )


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.common.pretrained import place_of

    refuse(spec, task, SEGMENTATION, DETECTION, VIDEO)
    options = spec.options
    place = place_of(with_home(spec.rest), options.get("weights"), options.get("revision"), options.get("trust"))
    if (task or _task(spec)) == VIDEO:
        return _tracker(spec, place)
    config = place.config()
    own = _task_of(spec, config.model_type, getattr(config, "architectures", None))
    if own == VIDEO:
        return _tracker(spec, place)
    refuse(spec, task, own)
    if config.model_type in PROMPTED:
        return _prompted(spec, place, config)
    spec.only("weights", "classes", "revision", "trust")
    return _detector(place, config) if own == DETECTION else _segmenter(spec, place, config)


def _segmenter(spec: Spec, place: Place, config: Any) -> SourceModel:
    from foolscape.models.segmenters import ready, text, transformers
    from foolscape.models.segmenters.torchvision import Built

    pretrained = (text if config.model_type in TEXT else transformers).build(place, config)

    def ready_segmenter(wanted: Conditions) -> object:
        module, classes, notes = pretrained.named(wanted.names)
        called = replace(wanted, names=replace(wanted.names, option=None))  # used up already
        return ready.of_library(Built(module, classes, (*pretrained.notes, *notes)), spec, called)

    return SourceModel(SEGMENTATION, ready_segmenter, transformers.classes_of(config))


def _detector(place: Place, config: Any) -> SourceModel:
    from foolscape.models.detectors import transformers

    module, processor = transformers.load(place, config)

    def ready(wanted: Conditions) -> object:
        notes = place.notes(config)
        return transformers.adapt_queries(module, processor, wanted.names, device=wanted.device, notes=notes)

    return SourceModel(DETECTION, ready)


def _prompted(spec: Spec, place: Place, config: Any) -> SourceModel:
    from foolscape.models.detectors import open_vocabulary

    spec.only("weights", "classes", "revision", "trust", "labels", "prompt")
    prompt = spec.options.get("prompt", "{}")
    if "{}" not in prompt:
        raise SettingError(f"prompt: expected words with {{}} in the place of the label, got {prompt!r}")
    said = spec.options.get("labels")
    labels = None if said is None else open_vocabulary.labels_of(said)
    prompted = open_vocabulary.load(place, config)

    def ready(wanted: Conditions) -> object:
        asked = labels or wanted.names.option or wanted.names.file or wanted.names.data
        if asked is None:
            raise SettingError(f"expected what {spec.text} is to look for, got nothing: say it with ?labels=cat,dog")
        return prompted.told(asked, prompt, wanted.device)

    return SourceModel(DETECTION, ready, labels)


def _tracker(spec: Spec, place: Place) -> SourceModel:
    from foolscape.models.trackers import prompts, sam2_load

    spec.only("weights", "revision", "prompt")
    prompt = prompts.prompt_of(spec.options.get("prompt", "mask"))
    network, notes = sam2_load.load(place)
    return SourceModel(
        VIDEO,
        lambda wanted: sam2_load.adapt_sam2(network, name=place.name, device=wanted.device, prompt=prompt, notes=notes),
    )


def _listed() -> tuple[Listed, ...]:
    kinds = (
        (SEGMENTATION, "segmenter", SEGMENTERS),
        (SEGMENTATION, "detector of text", TEXT),
        (DETECTION, "detector", DETECTORS),
        (DETECTION, "detector told by ?labels=cat,dog,", PROMPTED),
        (VIDEO, "tracker shown objects by ?prompt=mask, box, click or 3-clicks,", TRACKERS),
    )
    return tuple(
        Listed("transformers:ID|FOLDER", f"{task}; a {what} of the Hugging Face hub or a folder: {', '.join(found)}")
        for task, what, families in kinds
        if (found := _installed(families))
    )


def _installed(families: tuple[str, ...]) -> tuple[str, ...]:
    """Those that the installed transformers has; all, where it is not installed. Nothing is imported."""
    library = find_spec("transformers")
    if library is None or not library.submodule_search_locations:
        return families
    models = Path(library.submodule_search_locations[0]) / "models"
    return tuple(name for name in families if (models / _FOLDERS.get(name, name.replace("-", "_"))).is_dir())


RECORD: Final = Source(
    _task, _open, _listed, "transformers:nvidia/segformer-b0-finetuned-ade-512-512", extra="transformers"
)
