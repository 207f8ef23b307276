"""Image and label files in, 8-bit arrays out; every conversion leaves a note, every unusable file a `SampleError`."""

from __future__ import annotations

import dataclasses
import os
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from foolscape.data.hearing import heard
from foolscape.data.picture import TURNS, Picture, orientation_of
from foolscape.data.sample import Sample
from foolscape.errors import SampleError, SettingError
from foolscape.regular import check_regular

MIN_SIDE = 8
"""The smallest height and width of an image, in pixels."""

MAX_PIXELS = 89_000_000
"""The largest image that is decoded: just below the size where Pillow warns of a decompression bomb."""

# Named one by one so that a file with a wrong extension never reaches a decoder that starts another program (EPS).
# JPEG includes MPO, the JPEG of several pictures that many telephones write.
_IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")

_NOTE_OF_MODE = {
    "1": "grey made RGB",
    "L": "grey made RGB",
    "LA": "grey made RGB",
    "P": "palette made RGB",
    "PA": "palette made RGB",
}


@dataclass(frozen=True)
class StoredFile:
    """A file whose content is at hand and that lies in no folder, such as one inside a table.

    Attributes:
        name: for messages.
        content: its bytes.
    """

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


ImageSource: TypeAlias = Path | StoredFile
"""Where an image or a label map is read from."""


@dataclass(frozen=True)
class Decoded:
    """A decoded, upright image, its mode in the file (such as `RGB;16B`), what there is to say, how it was turned."""

    image: Image.Image
    raw_mode: str
    notes: tuple[str, ...]
    orientation: int


def read_image(path: ImageSource) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The photograph in `path` and its notes, for data without annotations; see `read_picture`."""
    picture = read_picture(path)
    return picture.image, picture.notes


def read_picture(path: ImageSource) -> Picture:
    """The photograph in `path`, as 8-bit RGB.

    Returns:
        The upright image (EXIF orientation applied), with a short note for each conversion: grey, palette, CMYK, 16
        bits, alpha (composited over white unless opaque), EXIF orientation, several frames. Colour profiles are
        ignored, and so is EXIF that cannot be read.

    Raises:
        SampleError: no such file, empty, damaged or truncated, not an image, smaller than 8x8, too large.
    """
    decoded = decode(path, _IMAGE_FORMATS, "an image", "copy or download the file again, or leave it out")
    notes = list(decoded.notes)
    rgb = _to_rgb(path, decoded, notes)
    return Picture(np.array(rgb, dtype=np.uint8), tuple(notes), decoded.orientation)


def read_header(path: Path) -> tuple[tuple[int, int], int] | None:
    """Upright size (H, W) and EXIF orientation, with no pixel decoded; None for a file that is no readable image."""
    try:
        check_regular(path)
        with warnings.catch_warnings(), Image.open(path, formats=_IMAGE_FORMATS) as image:
            warnings.simplefilter("ignore")
            orientation, _ = orientation_of(image)
            size = image.height, image.width
            # TIFF's sizes are upright before anything is decoded.
            return (size[::-1] if orientation > 4 and image.format != "TIFF" else size), orientation
    except Exception:  # a damaged file makes Pillow raise nearly anything
        return None


def resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """`sample` at `size` = (H, W): the image bilinear at 8 bits, the labels nearest, both as Pillow does it.

    Raises:
        SettingError: a side of `size` is shorter than 8 pixels.
    """
    height, width = size
    if min(size) < MIN_SIDE:
        raise SettingError(f"expected a size of at least {MIN_SIDE}x{MIN_SIDE} pixels, got {height}x{width}")
    if sample.image.shape[:2] == (height, width):
        return sample
    image = Image.fromarray(sample.image).resize((width, height), Image.Resampling.BILINEAR)
    labels = sample.labels
    if labels is not None:
        labels = np.array(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST), dtype=np.uint8)
    return dataclasses.replace(sample, image=np.array(image, dtype=np.uint8), labels=labels)


def refuse(path: ImageSource, expected: str, got: str, do: str) -> SampleError:
    """The error of a file that cannot be used."""
    return SampleError(f"{path}: expected {expected}, got {got}; {do}")


def decode(path: ImageSource, formats: tuple[str, ...], expected: str, do: str) -> Decoded:
    """Open and fully decode `path`, which must be `expected`, in one of Pillow's `formats`."""
    _check_file(path, expected, do)
    try:
        decoded, caught = heard(lambda: _decode_file(path, formats))
    except SampleError:
        raise
    except UnidentifiedImageError:
        raise refuse(path, expected, f"a file that is none of {', '.join(formats)}", do) from None
    except Image.DecompressionBombError:
        got = "a decompression bomb (far more pixels)"
        raise refuse(path, f"at most {MAX_PIXELS:,} pixels", got, "make it smaller, or leave it out") from None
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise refuse(path, expected, f"a damaged file ({type(error).__name__}: {error})", do) from error
    warning_notes = tuple(dict.fromkeys(f"Pillow: {' '.join(text.split())}" for text in caught))
    return dataclasses.replace(decoded, notes=decoded.notes + warning_notes)


def _check_file(path: ImageSource, expected: str, do: str) -> None:
    try:
        if isinstance(path, Path):
            size = check_regular(path)
            os.fspath(path)  # a file of a store is fetched
        else:
            size = len(path.content)
    except OSError as error:
        raise refuse(path, expected, f"no readable file ({error.strerror})", do) from None
    if not size:
        raise refuse(path, expected, "an empty file (zero bytes)", do)


def _decode_file(path: ImageSource, formats: tuple[str, ...]) -> Decoded:
    notes = []
    with Image.open(_opened(path), formats=formats) as image:
        _check_size(path, image.width, image.height)
        raw_mode = _raw_mode(image)
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # the further frames of an MPO are previews and depth maps
            notes.append(f"first of {frames} frames taken")
        orientation, turn_notes = orientation_of(image)
        notes.extend(turn_notes)
        image.load()
        if image.format == "PNG":
            _verify_png(path)
        # Not by ImageOps.exif_transpose, which writes the other tags anew and raises where one is odd. Some decoders
        # (TIFF) have turned the image by now, and have no tag any more.
        turn = TURNS.get(orientation_of(image)[0])
        upright = image.copy() if turn is None else image.transpose(turn)
        return Decoded(upright, raw_mode, tuple(notes), orientation)


def _opened(path: ImageSource) -> Path | BytesIO:
    return path if isinstance(path, Path) else BytesIO(path.content)


def _verify_png(path: ImageSource) -> None:
    """Compare the checksums, which decoding does not: a flipped bit would else give wrong pixels without a word."""
    with Image.open(_opened(path), formats=("PNG",)) as image:
        image.verify()


def _check_size(path: ImageSource, width: int, height: int) -> None:
    """Checks the header before any pixel is decoded."""
    got, do = f"{height}x{width}", "leave it out"
    if min(width, height) < MIN_SIDE:
        raise refuse(path, f"an image of at least {MIN_SIDE}x{MIN_SIDE} pixels", got, do)
    if width * height > MAX_PIXELS:
        raise refuse(path, f"at most {MAX_PIXELS:,} pixels", f"{got} ({width * height:,})", f"make it smaller, or {do}")


def _raw_mode(image: Image.Image) -> str:
    """Pillow's name of the pixel format in the file, such as `RGB;16B`; "" where a decoder does not tell."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    if isinstance(arguments, tuple):
        arguments = arguments[0] if arguments else ""
    return arguments if isinstance(arguments, str) else ""


def _to_rgb(path: ImageSource, decoded: Decoded, notes: list[str]) -> Image.Image:
    image = decoded.image
    if image.mode == "F":
        got = "floating-point pixels, whose range is not known"
        raise refuse(path, "an image of 8 or 16 bits", got, "convert it to 8 bits, or leave it out")
    if image.mode.startswith("I"):
        image = _eight_bits(path, image)
        notes.append("16 bits made 8")
    elif ";16" in decoded.raw_mode:
        notes.append("16 bits made 8 (the lower byte dropped)")  # by Pillow, while it decodes
    if image.mode not in ("RGB", "RGBA"):
        notes.append(_NOTE_OF_MODE.get(image.mode, f"{image.mode} made RGB"))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    if np.array(image.getchannel("A")).min() == 255:
        notes.append("opaque alpha dropped")
        return image.convert("RGB")
    notes.append("alpha composited over white")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _eight_bits(path: ImageSource, image: Image.Image) -> Image.Image:
    """A grey image of 16 bits (modes I;16, I) as 8 bits, rounded: 65535 becomes 255."""
    values = np.array(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        got = f"values from {values.min()} to {values.max()}"
        raise refuse(path, "16-bit pixels from 0 to 65535", got, "convert it to 8 bits, or leave it out")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
