"""`kitti:DIR`: the objects of KITTI's benchmark of 2012, as boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from foolscape.class_names import plain
from foolscape.data import fields, files, upright
from foolscape.data.boxes.annotated import CORRECT, AnnotatedImages, Annotation, truth_of
from foolscape.data.class_list import class_file, read_classes
from foolscape.errors import DataError, SampleError
from foolscape.regular import read_text
from foolscape.spec import Spec
from foolscape.strict import LossNote

CLASSES: Final = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")
"""The 8 classes, in the order of KITTI's own description."""

_IGNORED: Final = "dontcare"
_COLUMNS: Final = 15
_WHOLE: Final = "training"


def open_kitti(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split, by default all of training, of `kitti:DIR[?classes=FILE][&annotated=stored|upright]`.

    DIR has training/image_2 and training/label_2, or image_2 and label_2; further splits are lists in DIR/ImageSets.
    FILE lists other classes than KITTI's, one a line. A region that is marked DontCare counts for no class.

    Raises:
        UnknownNameError: an option or split that does not exist.
        DataError: no such folder, another layout, a list that cannot be read, no images.
    """
    spec.only("classes", "annotated")
    root = files.directory(spec)
    parts = [part for part in (root / _WHOLE, root) if files.is_folder(part / "label_2")]
    if not parts:
        raise DataError(f"{spec.text}: expected {_WHOLE}/image_2 and {_WHOLE}/label_2 in {root}, got neither")
    lists = {path.stem: path for path in sorted((root / "ImageSets").glob("*.txt"))}
    name = files.pick_split(spec, split, dict.fromkeys((_WHOLE, *lists)), _WHOLE)
    images, notes = _images(parts[0], lists.get(name))
    listed = class_file(spec, root)
    classes = CLASSES if listed is None else read_classes(listed)
    places = {plain(one): place for place, one in enumerate(classes)}
    described = json.dumps(classes)

    def label(sample_id: str) -> Path:
        return parts[0] / "label_2" / f"{images[sample_id].stem}.txt"

    def read(sample_id: str) -> Annotation:
        return _read(label(sample_id), places, f"one of {', '.join(classes[:8])}")

    def decides(sample_id: str) -> Sequence[Path | str]:
        return label(sample_id), described

    why = f"{len(classes)} classes, split {name}; all objects count, however small, hidden or cut off"
    frame = upright.frame_option(spec)
    return AnnotatedImages(spec.text, name, classes, (why, *notes), images, read, decides, frame)


def _images(root: Path, listing: Path | None) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The images by their names, all of the folder `root` or those in the list, and notes."""
    there, several = files.by_stem(root / "image_2", files.IMAGE_EXTENSIONS, ".png")
    notes = [f"{several} names have files of several extensions: .png counts"] if several else []
    if listing is None:
        labels, _ = files.by_stem(root / "label_2", frozenset((".txt",)), ".txt")
        if strays := [name for name in labels if name not in there]:
            notes.append(LossNote(f"{len(strays)} label files have no image and count nowhere ({strays[0]}.txt)"))
        names = list(there)
    else:
        try:
            named = [
                fields.inside(line.strip(), "name").name for line in read_text(listing).split("\n") if line.strip()
            ]
        except (OSError, ValueError) as error:
            raise DataError(f"{listing}: expected a list of image names, got {error}; correct it") from None
        names = list(dict.fromkeys(name if name in there else Path(name).stem for name in named))
        if len(names) < len(named):
            notes.append(f"{len(named) - len(names)} repeated names in {listing.name} left out")
    if not names:
        raise DataError(f"{listing or root / 'image_2'}: expected images, got none; check the folder")
    images = {files.readable(name): there.get(name, root / "image_2" / f"{name}.png") for name in names}
    return images, tuple(notes)


def _read(path: Path, places: Mapping[str, int], described: str) -> Annotation:
    """The objects in the label file `path`, in its order, then its regions; raises `SampleError` for another file."""
    try:
        lines = [line.split() for line in read_text(path).split("\n")]
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise SampleError(f"{path}: expected a label file, got {got}; {CORRECT}") from None
    objects: list[tuple[list[float], int]] = []
    regions: list[list[float]] = []
    for number, words in enumerate(lines, 1):
        try:
            if words and plain(words[0]) == _IGNORED:
                regions.append(_corners(words))
            elif words:
                if plain(words[0]) not in places:
                    raise ValueError(f"expected {described}, got {fields.shown(words[0])}")
                objects.append((_corners(words), places[plain(words[0])]))
        except ValueError as error:
            raise SampleError(f"{path}: line {number}: {error}; {CORRECT}") from None
    # What is ignored is ignored for every class: as a crowd of each.
    ignored = [(corners, place) for corners in regions for place in range(len(places))]
    truth = truth_of(
        [corners for corners, _ in (*objects, *ignored)],
        [place for _, place in (*objects, *ignored)],
        crowd=[False] * len(objects) + [True] * len(ignored),
    )
    note = f"{len(regions)} regions marked DontCare: a crowd of each of the {len(places)} classes, which counts nowhere"
    return Annotation(path, (None, None), lambda _: truth, (note,) if regions else ())


def _corners(words: Sequence[str]) -> list[float]:
    """Left, top, right, bottom of a line of 15 columns; a 16th is the score of a result, which is no truth."""
    if len(words) != _COLUMNS:
        score = " (a score makes it a result)" if len(words) == _COLUMNS + 1 else ""
        raise ValueError(f"expected {_COLUMNS} columns, got {len(words)}{score}")
    return [
        fields.number(word, name) for word, name in zip(words[4:8], ("left", "top", "right", "bottom"), strict=True)
    ]
