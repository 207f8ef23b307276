"""Single images: PNG with its checksums, JPEG, EXIF."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from random import Random

from PIL import Image

from foolscape.data.images import read_image
from foolscape.errors import SampleError
from tests.data.made import frame
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families.reading import hashed
from tests.fuzz.hostile import mutate_bytes, mutate_tree


def make_png(root: Path) -> None:
    """A PNG with a few of the chunks that other programs add."""
    Image.fromarray(frame(3)).save(root / "image.png", dpi=(72, 72))


def make_jpeg(root: Path) -> None:
    """A JPEG with EXIF."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 1, "maker", "2020:01:01 00:00:00"
    Image.fromarray(frame(3)).save(root / "image.jpg", exif=exif, quality=95)


def mutate_png(rng: Random, root: Path) -> Mutation:
    """Bytes, or a chunk lost, doubled, moved or changed with its checksum put right."""
    path, kind = root / "image.png", rng.random()
    if kind < 0.1:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    if kind < 0.5:
        mutated, mutation = mutate_bytes(rng, content)
        path.write_bytes(mutated)
        # Its checksums cover all but what lies behind the end.
        return Mutation(mutation.what, legit=False)
    chunks, at = [], 8
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        chunks.append((name, content[at + 8 : at + 8 + length]))
        at += 12 + length
    place = rng.randrange(len(chunks))
    name, data = chunks[place]
    match rng.choice(("data", "data", "lose", "double", "move", "name", "eXIf")):
        case "data":
            chunks[place] = (name, mutate_bytes(rng, data)[0])
        case "lose":
            del chunks[place]
        case "double":
            chunks.insert(place, chunks[place])
        case "move":
            chunks.insert(rng.randrange(len(chunks)), chunks.pop(place))
        case "eXIf":
            chunks.insert(1, (b"eXIf", mutate_bytes(rng, Image.Exif().tobytes()[6:])[0]))
        case _:
            chunks[place] = (rng.choice((b"tRNS", b"PLTE", b"gAMA", b"acTL", b"fcTL", b"iCCP", b"zzZz")), data)
    path.write_bytes(content[:8] + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ))  # fmt: skip
    return Mutation(f"chunk {name!r}")


def mutate_jpeg(rng: Random, root: Path) -> Mutation:
    """Bytes of the file, or of its EXIF alone."""
    path, kind = root / "image.jpg", rng.random()
    if kind < 0.1:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    if kind < 0.6:
        mutated, mutation = mutate_bytes(rng, content)
        path.write_bytes(mutated)
        return Mutation(mutation.what, legit=not mutation.what.startswith("cut off"))
    start = content.index(b"Exif\0\0")
    end = start + struct.unpack(">H", content[start - 2 : start])[0] - 2
    exif = bytearray(content[start:end])
    for _ in range(rng.choice((1, 2, 8))):
        exif[rng.randrange(6, len(exif))] = rng.choice((0, 1, 2, 6, 8, 9, 127, 255, rng.randrange(256)))
    path.write_bytes(content[:start] + bytes(exif) + content[end:])
    # What EXIF says is the orientation alone, and that is said.
    return Mutation("EXIF", legit=False)


def read(root: Path) -> Found:
    """The image; the totals are that there is one."""
    path = next(iter(sorted(root.glob("image.*"))), root / "image.png")
    try:
        image, notes = read_image(path)
    except SampleError as error:
        return Found((1,), None, (f"failed: {error}",))
    return Found((1,), hashed(image), notes)


FAMILIES = (Family("png", make_png, mutate_png, read), Family("jpeg", make_jpeg, mutate_jpeg, read))
