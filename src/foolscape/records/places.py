"""Where the files of a run lie below its directory: one function of image, model and condition for every kind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from foolscape.disk import is_there
from foolscape.records.conditions import ADVERSARIAL, CLEAN, Condition

RUN: Final = "run.json"
"""What the run is to do; written first."""
ROWS: Final = "rows.jsonl"
"""One line per image, model and condition."""
TIMINGS: Final = "timings.jsonl"
"""One line per attacked image and model: what the clock said. It is nobody's figure, and differs from run to run."""
SUMMARY: Final = "summary.json"
"""The result of a run."""
TRAITS: Final = "traits.jsonl"
"""What slices take from pictures that were let go: one line per image and model."""
SLICES: Final = "slices.json"
"""How the models of a run do on parts of its images."""
SHARD: Final = "shard.json"
"""What a part of a run has when all of it is measured."""
WORKERS: Final = "workers.jsonl"
"""What became of workers that a run has lost, or did not let in: a line each. It differs from run to run."""
PROGRESS: Final = "progress.json"
"""How far the command is that is at work in a run, or was the last one. It differs from run to run."""
LIVE: Final = "live.html"
"""The page of a command at work, where one was asked for."""
SHARDS: Final = "shards"
"""The folder of the parts of a run, below the directory that they are merged in."""
SHARD_NAME: Final = re.compile(r"(\d+)-of-(\d+)")
"""What the directory of a part is called in it."""
MATRIX: Final = "transfer.json"
"""The result of a transfer."""
PARTIAL: Final = "partial.json"
"""What an unfinished run has in place of its result: what it amounts to so far."""
REPORTS: Final = ("report.html", "report.md", "report.tex")
"""What is written about a run."""
RUNS: Final = "runs"
"""The folder of the networks' own runs in a transfer."""
WHEN: Final = ("before", "after")
"""The folders of the two runs of a hardening."""

FLAT: Final = 1000
"""Samples up to which the files of a kind lie in one folder; those of more lie in sub-folders."""
_TOGETHER: Final = 500
"""Samples of a sub-folder: the truth of one may be two files, and no folder is to have more than 1,000."""


class Kind(Enum):
    """What is kept of an image: itself, a frame of the clip that it begins, its labels as a picture and as numbers,
    what a model says of it, and what an attack had learnt after it."""

    IMAGE = "image"
    FRAME = "frame"
    TRUTH = "truth"
    LABELS = "labels"
    PREDICTION = "prediction"
    LEARNT = "learnt"


def safe_name(text: str) -> str:
    """A file name for an arbitrary id: readable, of ASCII letters, digits, `.`, `_` and `-`, and without collisions.

    Ids that are safe already stay as they are; others get a short hash of the id behind what is left of them.
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80]
    if kept == text and kept.lower() == text:
        return kept
    return f"{kept}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def place_of(kind: Kind, name: str, of: str = "", condition: Condition = CLEAN, frame: str = "", part: str = "") -> str:
    """Where a file lies below the directory of its run.

    Args:
        kind: of the file.
        name: the id of the image, or of the clip.
        of: the slug of the model that was attacked or asked; for the truth `ModelRecord.truth`; empty where all share
            the file.
        condition: under which the image was changed or the model asked; of what was learnt, the attack where there
            are several, by their bounds.
        frame: the name of the clip's frame; empty for an image.
        part: the sub-folder that the sample is in; empty where there are none. See `Layout`.
    """
    folder, suffix = {
        Kind.IMAGE: (_images(of, condition), "png"),
        Kind.FRAME: ("frames", "jpg"),
        Kind.TRUTH: (f"truth/{of}", "png"),
        Kind.LABELS: (f"truth/{of}", "json"),
        Kind.PREDICTION: (f"predictions/{of}/{safe_name(condition)}", "png"),
        Kind.LEARNT: (f"learnt/{of}{'' if condition == CLEAN else f'-{safe_name(condition)}'}", "safetensors"),
    }[kind]
    return (
        "/".join((folder, *((part,) if part else ()), *(safe_name(one) for one in (name, frame) if one))) + f".{suffix}"
    )


@dataclass(frozen=True)
class Layout:
    """Where the files of a run's samples lie, by the places of these in run.json, so that every part of a run agrees.

    Attributes:
        parts: the sub-folder of each sample by its id; empty for a run whose files of a kind lie in one folder.
    """

    parts: Mapping[str, str] = field(default_factory=dict)

    def place(self, kind: Kind, name: str, of: str = "", condition: Condition = CLEAN, frame: str = "") -> str:
        """Where a file is written; see `place_of`."""
        # What was learnt goes when later ones are there.
        part = "" if kind == Kind.LEARNT else self.parts.get(name, "")
        return place_of(kind, name, of, condition, frame, part)

    def found(
        self, directory: Path, kind: Kind, name: str, of: str = "", condition: Condition = CLEAN, frame: str = ""
    ) -> str:
        """Where a file is read: in its sub-folder, or, in a run of a version that knew none, in the one folder."""
        place = self.place(kind, name, of, condition, frame)
        if not self.parts or is_there(directory / place):
            return place
        flat = place_of(kind, name, of, condition, frame)
        return flat if is_there(directory / flat) else place


ONE_FOLDER: Final = Layout()
"""Of a run of few samples."""


PICTURES: Final = ("clean", "images", "predictions", "frames", "truth")
"""The folders that pictures are in."""


def is_picture(place: str) -> bool:
    """Whether a file is a picture, which a run may let go, and not numbers that its rows are read with."""
    folder, *others = place.split("/")
    return folder in PICTURES and ".." not in others and place.endswith((".png", ".jpg"))


def layout_of(ids: Sequence[str]) -> Layout:
    """The layout of a run of these samples, in the order of its run.json."""
    if len(ids) <= FLAT:
        return ONE_FOLDER
    names = [f"{number:04d}" for number in range(-(-len(ids) // _TOGETHER))]
    return Layout({name: names[place // _TOGETHER] for place, name in enumerate(ids)})


def _images(of: str, condition: Condition) -> str:
    if condition == CLEAN:
        return "clean"
    return f"images/{of if condition == ADVERSARIAL else f'{of}-{safe_name(condition)}'}".rstrip("/")
