"""Which column of a table is the image, and which its truth: named by the spec, or the only one that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foolscape.errors import DataError, unknown
from foolscape.spec import Spec

IMAGES: Final = ("image", "pixel_values", "img", "photo", "picture")
MAPS: Final = (
    "label", "labels", "mask", "annotation", "annotations", "segmentation", "segmentation_mask",
    "semantic_segmentation", "semantic_mask", "seg", "target",
)  # fmt: skip
OBJECTS: Final = ("objects", "annotations", "labels", "target", "bboxes")


def image_column(spec: Spec, features: Mapping[str, Any]) -> str:
    """The column of the images.

    Raises:
        UnknownNameError: the spec names one that is not there.
        DataError: none, or several and none with a usual name.
    """
    return _column(spec, "image", features, _images(features), IMAGES)


def map_column(spec: Spec, features: Mapping[str, Any], image: str) -> str | None:
    """The column of the label maps; None where there is no other image; raises as `image_column`."""
    others = [name for name in _images(features) if name != image]
    return _column(spec, "label", features, others, MAPS) if others or "label" in spec.options else None


def object_column(spec: Spec, features: Mapping[str, Any]) -> str | None:
    """The column of the objects, which has boxes in it; None where there is none; raises as `image_column`."""
    found = [name for name, feature in features.items() if box_field(feature) is not None]
    return _column(spec, "label", features, found, OBJECTS) if found or "label" in spec.options else None


def box_field(feature: Any) -> str | None:
    """The field of the boxes in the feature of a column of objects; None where it has none."""
    return next((name for name in ("bbox", "bboxes", "boxes", "box") if name in fields_of(feature)), None)


def class_field(feature: Any) -> str | None:
    """The field of their classes."""
    usual = ("category", "categories", "label", "labels", "category_id", "class", "classes", "class_id")
    return next((name for name in usual if name in fields_of(feature)), None)


def fields_of(feature: Any) -> Mapping[str, Any]:
    """The fields of an object: of a list of records, or of a record of lists."""
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, Mapping) else {}


def names_of(feature: Any) -> tuple[str, ...] | None:
    """The names of a `ClassLabel`, also in a list; None for anything else."""
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    return None if names is None else tuple(map(str, names))


def shown(feature: Any, value: Any) -> Any:
    """A value of a column; of a class its name."""
    names = getattr(feature, "names", None)
    if names is None or not isinstance(value, int) or not 0 <= value < len(names):
        return value
    return names[value]


def _images(features: Mapping[str, Any]) -> list[str]:
    import datasets

    return [name for name, feature in features.items() if isinstance(feature, datasets.Image)]


def _column(spec: Spec, option: str, features: Mapping[str, Any], able: Sequence[str], usual: Sequence[str]) -> str:
    named = spec.options.get(option)
    if named is not None:
        if named not in features:
            raise unknown(f"column of {spec.text}", named, features)
        if named not in able:
            raise DataError(f"{spec.text}: expected the {option} in {named}, got {type(features[named]).__name__}")
        return named
    if len(able) == 1:
        return able[0]
    likely = next((name for name in usual if name in able), None)
    if likely is None:
        got = f"{', '.join(able) or 'none'} among the columns {', '.join(features)}"
        raise DataError(f"{spec.text}: expected one column for the {option}, got {got}; name it with ?{option}=COLUMN")
    return likely
