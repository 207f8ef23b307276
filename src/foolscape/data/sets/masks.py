"""Photographs and label maps in folders of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foolscape.data import files, upright
from foolscape.data.dataset import DataSet
from foolscape.data.labels import meaning, pairing
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import left_out
from foolscape.data.walking import walk
from foolscape.errors import DataError, SettingError
from foolscape.paths import path_of
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

_SPLIT: Final = "{split}"


def open_masks(spec: Spec, split: str | None, model_classes: tuple[str, ...] | None) -> Pairs:
    """Pair the photographs of `masks:IMAGES[?labels=DIR]` with their label maps.

    Options: `labels` (the folder of the label maps; the images' own where it is left out), `suffix` (what the names of
    the label maps end in), `classes`, `colours`, `void`, `offset` (see `meaning`), `annotated` (see `upright`).
    `{split}` in the folders stands for the split.

    Raises:
        UnknownNameError: an option that does not exist.
        SettingError: a split without `{split}`, options that contradict each other, no names of classes.
        DataError: no such folder, no photograph, no label map that fits one.
    """
    spec.only("labels", "suffix", *meaning.OPTIONS, "annotated")
    frame = upright.frame_option(spec)
    root = _folder(spec, spec.rest, split)
    listing = walk(root, recursive=True)
    if "labels" in spec.options:
        labels_root = _beside(spec, root, split)
        labels_listing = walk(labels_root, recursive=True)
        images, labels = listing.images, labels_listing.images
        listings = [listing, labels_listing]
    else:
        labels_root = root
        images, labels = pairing.split_folder(listing.images, spec.options.get("suffix"))
        listings = [listing]
    if not images:
        raise DataError(f"{spec.text}: expected photographs below {root}, got none; check the path")
    paired = pairing.pair_up(images, labels, spec.text, spec.options.get("suffix"))
    ids = files.name_ids([image for image, _ in paired.pairs])
    paths = {name: (root / image, labels_root / label) for name, (image, label) in zip(ids, paired.pairs, strict=True)}
    meant = meaning.legend_of(spec, model_classes, [label for _, label in paths.values()])
    notes = (*meant.notes, *_left_out(paired), *(note for one in listings for note in one.notes))
    return Pairs(spec.text, split, notes, paths, meant.legend, frame, (meant.legend.text,))


def _folder(spec: Spec, text: str, split: str | None) -> Path:
    """The folder that `text` names, with the split in it."""
    if split is not None and _SPLIT not in spec.text:
        raise SettingError(
            f"{spec.text}: expected no split, since the folders have none, got {split!r}; leave it out, or write "
            f"{_SPLIT} where it stands in their names"
        )
    if _SPLIT in spec.text and split is None:
        raise SettingError(f"{spec.text}: expected a split for {_SPLIT}, got none; name it with --split")
    return files.directory(Spec(spec.text, spec.scheme, text.replace(_SPLIT, split or ""), {}))


def _beside(spec: Spec, root: Path, split: str | None) -> Path:
    """The folder of the label maps: inside that of the images, or as it is written."""
    text = spec.options["labels"].replace(_SPLIT, split or "")
    named = path_of(text)
    return root / named if files.is_folder(root / named) else _folder(spec, text, split)


def _left_out(paired: pairing.Pairing) -> list[str]:
    """What has no partner, and what lies beside the label maps."""
    images, labels, others = (
        [path.as_posix() for path in paths] for paths in (paired.without_labels, paired.without_image, paired.other)
    )
    notes: list[str] = [
        *left_out(images, "images have no label map", of=len(images) + len(paired.pairs)),
        *left_out(labels, "label maps have no image"),
    ]
    if others:
        one = files.readable(min(others))
        notes.append(f"{len(others)} files beside the label maps are none by their names ({one})")
    return notes


RECORD: Final = DataSet(
    name="masks",
    form="masks:IMAGES?labels=DIR[&classes=FILE]",
    description="photographs and label maps of your own in two folders, or in one, paired by their names",
    splits=(),
    openers={SEGMENTATION.name: open_masks},
)
