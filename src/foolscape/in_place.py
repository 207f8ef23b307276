"""What is in the place of a folder that a run lies in, or is to lie in, and what can be done about it."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

_REMEDIES: Final = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "allow this user to write there",
    errno.EPERM: "allow this user to write there",
    errno.EROFS: "mount it to be written to",
    errno.ENAMETOOLONG: "shorten the name",
}
"""What to do about what a system refuses, by its number."""


def found_at(path: Path) -> str:
    """What is at `path` of this machine, for a message: `a folder`, `a file`, `a link to x, where nothing is`, nothing.

    Of a path below something that is no folder it is that which is told, by its name.
    """
    for place in (*reversed(path.parents), path):
        with contextlib.suppress(OSError):
            if place.is_dir():
                continue
            own = place == path
            if place.is_symlink() and not place.exists():
                return f"{'a link' if own else f'the link {place}'} to {place.readlink()}, where nothing is"
            if place.exists():
                return "a file" if own else f"the file {place}"
        return "nothing there"
    return "a folder"


def unwritable(directory: Path, error: OSError) -> str:
    """Why a run could not be written to `directory`, and what to do, of what the system refuses."""
    name = f" for {error.filename}" if error.filename else ""
    if error.errno in (errno.ELOOP, errno.EMLINK):
        reason, remedy = "'a symbolic link in the place of a file or folder of the run'", "remove the link"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR) and error.filename:
        there = Path(os.fsdecode(error.filename))
        reason, name, remedy = f"{found_at(there)} at {there}, and no folder", "", "remove it"
    else:
        reason, remedy = repr(error.strerror or str(error)), _REMEDIES.get(error.errno or 0, "mend that")
    return (
        f"expected to write to {directory}, got {reason}{name}; what was finished is kept: {remedy} or choose another "
        "--out, and run the same command again to go on"
    )
