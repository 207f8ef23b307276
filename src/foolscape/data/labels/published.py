"""Data sets whose folders and file names are published: what their readers share.

An image lies in one folder tree and its label map in another, under the same path and a name that a known ending tells.
What has no partner is left out, counted and said with an example.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.data import files, upright
from foolscape.data.files import readable
from foolscape.data.labels.legend import Legend
from foolscape.data.labels.pairs import Pairs
from foolscape.data.listing import walked
from foolscape.data.walking import walk
from foolscape.errors import DataError, unknown
from foolscape.spec import Spec
from foolscape.strict import LossNote

IDS: Final = "ids"
TRAIN_IDS: Final = "trainIds"
"""What `?labels=` may say of sets whose label maps come with the ids of all labels, or with those of the classes."""


@dataclass(frozen=True)
class Naming:
    """How the files of a set are called.

    Attributes:
        label: what the name of a label map ends in, such as `_gtFine_labelIds.png`.
        image: what the name of an image ends in before its extension, such as `_leftImg8bit`.
        beside: endings of files among the label maps that are none, although `label` is an ending of them too.
    """

    label: str = ".png"
    image: str = ""
    beside: tuple[str, ...] = ()

    def is_image(self, name: str) -> bool:
        """Whether a file among the images is called as one."""
        return name.rpartition(".")[0].endswith(self.image)

    def is_label(self, name: str) -> bool:
        """Whether a file among the label maps is called as one."""
        return name.endswith(self.label) and not name.endswith(self.beside or ("\0",))

    def label_of(self, image: str) -> str:
        """Where the label map of `image` is; both relative to their folders."""
        return image.rpartition(".")[0].removesuffix(self.image) + self.label


@dataclass(frozen=True)
class Folders:
    """Where the images and the label maps of a split are, and how they are called."""

    images: Path
    labels: Path
    naming: Naming = Naming()


def find_split(
    spec: Spec,
    root: Path,
    split: str | None,
    folders: Mapping[str, str],
    default: str,
    expected: str,
    also: Mapping[str, str] | None = None,
) -> tuple[str, Path]:
    """The split to open and its folder of images.

    Args:
        spec: for messages.
        root: the folder of the set.
        split: as it was asked for; None: `default`.
        folders: of each split that the set has, relative to `root`.
        default: one of them.
        expected: the layout in words, for messages.
        also: other names of splits, such as val for validation.

    Raises:
        UnknownNameError: a split that is not there; those that are there are named.
        DataError: none of the folders is there.
    """
    there = [name for name, folder in folders.items() if files.is_folder(root / folder)]
    if not there:
        raise DataError(f"{spec.text}: expected {expected} in {root}, got {contents(root)}; check the path")
    wanted = split if split is None else (also or {}).get(split, split)
    name = files.pick_split(spec, wanted, there, default)
    return name, root / folders[name]


def contents(folder: Path) -> str:
    """What is in a folder, for messages: its first names, or that it is empty or not there."""
    if not files.is_folder(folder):
        return "no such folder"
    names = sorted(readable(path.name) for path in folder.iterdir())
    return listed(names, 8) or "an empty folder"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def open_pairs(
    spec: Spec, split: str | None, folders: Folders, legend: Legend, remarks: Sequence[str] = (), *, bare: bool = False
) -> Pairs:
    """The images of a split with their label maps, each split in folders of its own.

    Args:
        spec: its option `annotated` says what labels of images were made on that an EXIF tag turns.
        split: its name.
        folders: where the files are.
        legend: what the pixels of the label maps mean.
        remarks: notes before those of what was left out.
        bare: whether images without a label map stay, and fail when they are loaded.

    Raises:
        SettingError: another value of `annotated`.
        DataError: no such folder, no images, or none that has a label map.
    """
    frame = upright.frame_option(spec)
    if not files.is_folder(folders.labels):
        do = f"use folder:{folders.images} for images without labels"
        raise DataError(f"{spec.text}: expected label maps in {folders.labels}, got no such folder; {do}")
    listing = walk(folders.images, recursive=True)
    names = [path.as_posix() for path in listing.images]
    images = [name for name in names if folders.naming.is_image(name)]
    if not images:
        named = f" called *{folders.naming.image}" if folders.naming.image else ""
        got = contents(folders.images) if names else "none"
        do = "check the path or the split"
        raise DataError(f"{spec.text}: expected images{named} in {folders.images}, got {got}; {do}")
    labels = {name for name in names_below(folders.labels) if folders.naming.is_label(name)}
    partners = {name: folders.naming.label_of(name) for name in images}
    alone = [] if bare else [name for name in images if partners[name] not in labels]
    if len(alone) == len(images):
        want = f"label maps such as {folders.labels / partners[images[0]]}"
        raise DataError(f"{spec.text}: expected {want}, got none for {len(images)} images; check the path or the split")
    odd = [name for name in names if name not in partners]
    notes = (
        *remarks,
        *listing.notes,
        *left_out(odd, f"images in {folders.images.name} are not called *{folders.naming.image}"),
        *left_out(alone, f"images have no label map in {folders.labels.name}"),
        *left_out(labels - set(partners.values()), f"label maps in {folders.labels.name} have no image"),
    )
    left = {*odd, *alone}
    kept = [path for path, name in zip(listing.images, names, strict=True) if name not in left]
    pairs = ((folders.images / path, folders.labels / partners[path.as_posix()]) for path in kept)
    paths = dict(zip(files.name_ids(kept), pairs, strict=True))
    return Pairs(spec.text, split, notes, paths, legend, frame, (legend.text,))


def left_out(names: Collection[str], reason: str, of: int | None = None) -> tuple[LossNote, ...]:
    """A note of how many files (`of` so many) were left out for a `reason`, with one of them; none for none."""
    if not names:
        return ()
    count = f"{len(names)}" if of is None else f"{len(names)} of {of}"
    return (LossNote(f"{count} {reason} and were left out ({readable(min(names))})"),)


def names_below(root: Path) -> set[str]:
    """The files below a folder relative to it, also through links, each folder once; none where there is no folder.

    No file is looked at: what is none that can be read is told when it is opened. Links wait, as in `walk`, so that
    what lies in a folder has the name that it has there.
    """
    names: set[str] = set()
    seen: set[tuple[int, int]] = set()
    tops = [root]
    while tops:
        links: list[Path] = []
        for directory, below, names_in in (found for top in tops for found in walked(top)):
            status = directory.stat()
            if (status.st_dev, status.st_ino) in seen:
                below.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            links += [directory / name for name in below if (directory / name).is_symlink()]
            inside = directory.relative_to(root).as_posix()
            before = "" if inside == "." else f"{inside}/"
            names.update(f"{before}{name}" for name in names_in if not name.startswith("."))
        tops = sorted(links)
    return names


def choose_labels(spec: Spec, folder: Path, namings: Mapping[str, Naming]) -> tuple[str, str]:
    """Which of two kinds of label maps to read, `IDS` or `TRAIN_IDS`, and why.

    `?labels=` says it; else those with ids count where there are any: they are as published, the others were made.

    Raises:
        UnknownNameError: another kind.
    """
    chosen = spec.options.get("labels")
    if chosen is not None:
        if chosen not in namings:
            raise unknown(f"kind of labels in {spec.text}", chosen, namings)
        return chosen, f"label maps *{namings[chosen].label}, as the spec says"
    names = names_below(folder)
    there = [kind for kind, naming in namings.items() if any(naming.is_label(name) for name in names)]
    kind = IDS if IDS in there or not there else there[0]
    other = [f"; there are *{namings[name].label} too: ?labels={name}" for name in there if name != kind]
    return kind, f"label maps *{namings[kind].label}{''.join(other)}"
