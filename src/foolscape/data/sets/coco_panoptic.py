"""`coco-panoptic:DIR`: panoptic annotations in COCO's form as label maps, of COCO's 133 categories or of others.

Layout: cocodataset.org (panoptic_annotations_trainval2017) and github.com/cocodataset/panopticapi, README.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.data import files, upright
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.pairs import load_pair
from foolscape.data.labels.panoptic import Segments, read_panoptic
from foolscape.data.labels.published import contents, left_out, names_below
from foolscape.data.sample import Sample
from foolscape.data.walking import walk
from foolscape.errors import DataError, SettingError
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION


@dataclass(frozen=True)
class Panoptic:
    """Images with panoptic annotations; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        split: such as val2017.
        classes: names of the categories.
        notes: how the labels were made, what was left out.
        entries: by id, the paths of image and label map, and the segments of this.
        frame: what `?annotated=` says of images that an EXIF tag turns.
    """

    spec: str
    split: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    entries: Mapping[str, tuple[Path, Path, Segments]]
    frame: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without extension, in the order of the image ids."""
        return tuple(self.entries)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of image and label map, of the segments and of what each category means."""
        image, labels, segments = files.fetch(self.entries, sample_id, self.spec)
        said = json.dumps([segments.problem, sorted(segments.classes.items()), self.classes])
        return files.digest(image, labels, said)

    def load(self, sample_id: str) -> Sample:
        """Image and labels, `VOID` where nothing counts; raises `SampleError` as `load_pair` and `Segments.read` do."""
        image, labels, segments = files.fetch(self.entries, sample_id, self.spec)
        return load_pair(sample_id, image, labels, segments, self.frame)


def open_coco_panoptic(spec: Spec, split: str | None = None) -> Panoptic:
    """List a split of `coco-panoptic:DIR[?annotated=stored|upright]`, by default val.

    DIR has panoptic_SPLIT.json and the folder panoptic_SPLIT in annotations or itself, and the images in SPLIT,
    images/SPLIT or images.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        SettingError: a split that several files fit.
        DataError: no such folder or file, or annotations that are damaged or of another form.
    """
    spec.only("annotated")
    frame = upright.frame_option(spec)
    root = files.directory(spec)
    path, split = _annotations(spec, root, split)
    content = read_panoptic(path)
    labels = _folder(spec, (path.with_suffix(""), root / path.stem), "the label maps")
    images = _folder(spec, (root / split, root / "images" / split, root / "images"), "the images")
    photos, maps = walk(images, recursive=True), {name for name in names_below(labels) if name.endswith(".png")}
    listed = {image.as_posix() for image, _, _ in content.entries}
    found = {image.as_posix() for image in photos.images}
    if not listed & found:
        want = f"the images of {path.name} in {images}"
        raise DataError(f"{spec.text}: expected {want}, got {contents(images)}; check the path")
    notes = (
        f"{len(content.classes)} categories of {path.name}; crowds, and pixels of no segment, are void",
        *content.notes,
        *photos.notes,
        *left_out(found - listed, f"images in {images.name} have no annotation"),
        *left_out(
            maps - {file.as_posix() for _, file, _ in content.entries},
            f"label maps in {labels.name} have no annotation",
        ),
    )
    paths = ((images / image, labels / file, segments) for image, file, segments in content.entries)
    ids = files.name_ids([image for image, _, _ in content.entries])
    return Panoptic(spec.text, split, content.classes, notes, dict(zip(ids, paths, strict=True)), frame)


def _annotations(spec: Spec, root: Path, split: str | None) -> tuple[Path, str]:
    """The annotation file, and the name of its split."""
    found = [path for folder in (root, root / "annotations") for path in sorted(folder.glob("panoptic_*.json"))]
    known = {path.stem.removeprefix("panoptic_"): path for path in found}
    if not known:
        want = f"panoptic_SPLIT.json in {root / 'annotations'} or {root}"
        raise DataError(f"{spec.text}: expected {want}, got {contents(root)}; check the path")
    wanted = split or "val"
    fitting = [name for name in known if name.startswith(wanted)]
    if wanted not in known and len(fitting) > 1:
        raise SettingError(
            f"{spec.text}: expected one split for {wanted!r}, got {', '.join(fitting)}; name one of them"
        )
    name = files.pick_split(spec, fitting[0] if wanted not in known and fitting else split, known, wanted)
    return known[name], name


def _folder(spec: Spec, candidates: tuple[Path, ...], what: str) -> Path:
    """The first of the `candidates` that is there."""
    for folder in candidates:
        if files.is_folder(folder):
            return folder
    tried = ", ".join(str(folder) for folder in candidates)
    raise DataError(f"{spec.text}: expected {what} in {tried}, got no such folder; unpack them there")


RECORD: Final = DataSet(
    name="coco-panoptic",
    form="coco-panoptic:DIR",
    description="panoptic annotations of COCO, or in its form, as labels of their categories; DIR has panoptic_val2017",
    splits=("val2017", "train2017"),
    openers={SEGMENTATION.name: fixed(open_coco_panoptic)},
)
