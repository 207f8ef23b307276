"""Adding a universal perturbation to a folder of images."""

from __future__ import annotations

from pathlib import Path

from foolscape.data.load import open_data
from foolscape.disk import in_words, make_folder, write_file
from foolscape.errors import RunError, SampleError
from foolscape.records.places import safe_name
from foolscape.run.directory.album import png_of
from foolscape.run.universal.tile_file import UniversalTile
from foolscape.spec import written


def apply_to_folder(tile: UniversalTile, images: Path, out: Path) -> tuple[int, list[tuple[str, str]]]:
    """Write a PNG with the pattern added for every image below `images`.

    Args:
        tile: the perturbation.
        images: a folder.
        out: a new or empty folder, so that nothing is overwritten.

    Returns:
        How many were written; and for those that could not be, name and reason.

    Raises:
        DataError: there are no images.
        RunError: `out` holds files or cannot be written.
    """
    data = open_data(written("folder", str(images), {}))
    with in_words(out):
        make_folder(out)
        if any(out.iterdir()):
            raise RunError(f"expected an empty folder at {out}, got one with files in it; choose another --out")
        failures = []
        for name in data.ids:
            try:
                image = data.load(name).image
            except SampleError as error:
                failures.append((name, str(error)))
                continue
            write_file(out, f"{safe_name(name)}.png", png_of(tile.added_to(image)))
    return len(data.ids) - len(failures), failures
