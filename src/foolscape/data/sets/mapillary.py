"""`mapillary:DIR`: Mapillary Vistas 1.2 and 2.0, street scenes.

Layout: the documentation of datumaro (github.com/openvinotoolkit/datumaro, formats: Mapillary Vistas); the classes, and
which of them are evaluated, stand in config_v*.json of the data set, a label value being the place in its list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from foolscape.data import fields, files
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.json_file import read_json
from foolscape.data.labels.legend import MOST_CLASSES, Legend
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import Folders, contents, find_split, open_pairs
from foolscape.data.sample import VOID
from foolscape.errors import DataError, unknown
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

_SPLITS: Final = ("validation", "training")
_ALSO: Final = {"val": "validation", "train": "training"}
_VERSIONS: Final = {"2.0": ("v2.0/labels", "config_v2.0.json"), "1.2": ("v1.2/labels", "config_v1.2.json")}
"""Folder of the label maps in that of a split, and the list of classes, by the version."""

_ALONE: Final = ("labels", "config*.json")
"""The same where a data set has one version, with no folder of its own."""


def open_mapillary(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `mapillary:DIR[?version=1.2|2.0&annotated=stored|upright]`, by default validation.

    DIR has SPLIT/images/*.jpg, SPLIT/v2.0/labels/*.png (or v1.2/labels, or labels) and config_v2.0.json (or that of the
    other version); val and train are names of splits too. Without `version` the newest one counts.

    Raises:
        UnknownNameError: a split or version that is not there, or an option.
        DataError: no such folder, another layout, an empty split, or a list of classes that cannot be used.
    """
    spec.only("version", "annotated")
    root = files.directory(spec)
    expected = "the folders validation/images and validation/v2.0/labels (or v1.2/labels, labels), or those of training"
    folders = {name: f"{name}/images" for name in (*_SPLITS, "testing")}
    split, images = find_split(spec, root, split, folders, "validation", expected, _ALSO)
    labels, config, which = _version(spec, root, root / split)
    legend = read_config(config)
    void = sum(meaning == VOID for meaning in legend.meanings.values())
    remarks = (f"{which}: {len(legend.classes)} classes of {config.name}, {void} that are not evaluated are void",)
    return open_pairs(spec, split, Folders(images, labels), legend, remarks)


def read_config(path: Path) -> Legend:
    """What label values mean by the list in `path`: those with `evaluate` are classes, called as `readable` says.

    Raises:
        DataError: no such file, another form, no class or too many.
    """
    content = read_json(path, "the classes of Mapillary Vistas (labels with name, readable and evaluate)")
    entries = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{path}: expected a list called labels, got {fields.shown(content)}; download the file again")
    names: list[str] = []
    meanings: dict[int, int] = {}
    for value, entry in enumerate(entries):
        try:
            name, evaluated = _label(entry)
        except ValueError as error:
            raise DataError(f"{path}: label {value}: {error}; download the file again") from None
        if evaluated and name in names:
            raise DataError(f"{path}: label {value}: expected each class once, got {name!r} twice; rename one of them")
        meanings[value] = len(names) if evaluated else VOID
        names += [name] * evaluated
    if not 0 < len(names) <= MOST_CLASSES:
        want = f"1 to {MOST_CLASSES} labels that are evaluated"
        raise DataError(f"{path}: expected {want}, got {len(names)}; correct the file")
    return Legend(tuple(names), meanings)


def _label(entry: Any) -> tuple[str, bool]:
    """Name of a label, and whether it is evaluated; raises `ValueError`."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected a record with readable and evaluate, got {fields.shown(entry)}")
    name = entry.get("readable", entry.get("name"))
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"expected a name as readable, got {fields.shown(name)}")
    evaluated = fields.truth(entry.get("evaluate"), "evaluate")
    if evaluated is None:
        raise ValueError(f"expected true or false as evaluate, got {fields.shown(entry.get('evaluate'))}")
    return name.strip(), evaluated


def _version(spec: Spec, root: Path, folder: Path) -> tuple[Path, Path, str]:
    """The label maps in the `folder` of a split, the list of classes, and which version that is."""
    there = {name: of for name, of in _VERSIONS.items() if files.is_folder(folder / of[0])}
    chosen = spec.options.get("version")
    if chosen is not None and chosen not in there:
        raise unknown(f"version of {spec.text}", chosen, there)
    if there:
        name = chosen or max(there)
        labels, config = there[name]
        others = "".join(f"; ?version={other} is there too" for other in there if other != name)
        return folder / labels, root / config, f"version {name}{others}"
    configs = sorted(root.glob(_ALONE[1]))
    if files.is_folder(folder / _ALONE[0]) and len(configs) != 1:
        got = ", ".join(path.name for path in configs) or contents(root)
        raise DataError(f"{spec.text}: expected one list of classes, config.json, in {root}, got {got}; keep its own")
    if not files.is_folder(folder / _ALONE[0]):
        want = f"label maps in v2.0/labels, v1.2/labels or labels of {folder}"
        do = f"use folder:{folder / 'images'} for images without labels"
        raise DataError(f"{spec.text}: expected {want}, got {contents(folder)}; {do}")
    return folder / _ALONE[0], configs[0], "the only version"


RECORD: Final = DataSet(
    name="mapillary",
    form="mapillary:DIR[?version=1.2|2.0]",
    description="Mapillary Vistas, street scenes: labels of the classes in its config_v*.json; DIR has validation, ..",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_mapillary)},
)
