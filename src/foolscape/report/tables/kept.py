"""What a page says of pictures that the run let go: which stayed, and how the others are made again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.records.run import AnyRecord, Keep

_STAYED: Final[dict[Keep, str]] = {
    "shown": "Of the pictures those shown here were kept.",
    "none": "No pictures were kept.",
}
_AGAIN: Final = (
    "{stayed} No figure depends on that. Images come from the seed: {how} makes the others again, to the bytes whose "
    "hashes the rows name."
)


@dataclass(frozen=True)
class KeptPictures:
    """A sentence on what was kept, and the command that makes the rest again; empty where a program began the run."""

    sentence: str
    command: str


def kept_pictures(record: AnyRecord, directory: Path) -> KeptPictures | None:
    """What a page says of the pictures of a run in `directory`; None where all were kept."""
    if record.kept == "all":
        return None
    command = _with_all(record.command, directory)
    how = "this command" if command else 'the same call with keep="all"'
    return KeptPictures(_AGAIN.format(stayed=_STAYED[record.kept], how=how), command)


def _with_all(command: Sequence[str], directory: Path) -> str:
    """The command line that goes on with a run in `directory` and keeps all; empty for none."""
    if len(command) < 2:  # a call from Python is one text
        return ""
    words = [
        word
        for before, word in zip(("", *command), command, strict=False)
        if "--keep" not in (before, word) and not word.startswith("--keep=") and word != "--new"
    ]
    there = any(word == "--out" or word.startswith("--out=") for word in words)
    return shlex.join([*words, *([] if there else ["--out", str(directory)]), "--keep", "all"])
