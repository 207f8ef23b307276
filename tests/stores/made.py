"""Stores and archives for the tests, with small files in them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from foolscape.stores.registry import REGISTRY, Registry


@contextmanager
def fresh_stores(cache: Path) -> Iterator[None]:
    """Within it nothing is known of any store, `memory://` is empty, and what is fetched lies in `cache`."""
    fsspec.filesystem("memory").store.clear()
    vars(REGISTRY).update(vars(Registry()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOLSCAPE_CACHE", str(cache))
        yield
    vars(REGISTRY).update(vars(Registry()))
    fsspec.filesystem("memory").store.clear()


def png(pixels: np.ndarray) -> bytes:
    """A PNG of (H, W) or (H, W, 3) uint8."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def photos(count: int = 2) -> dict[str, bytes]:
    """Photographs and label maps of three classes, and the names of these, by their paths."""
    files = {"classes.txt": b"red\ngreen\nblue\n"}
    for number in range(count):
        labels = np.random.default_rng(number).integers(0, 3, (4, 6)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
        files[f"images/{number}.png"] = png((60 + 120 * np.eye(3)[labels]).astype(np.uint8))
        files[f"masks/{number}.png"] = png(labels)
    return files


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """`files` below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(address: str, files: Mapping[str, bytes]) -> str:
    """`files` below an address of `memory://`."""
    memory = fsspec.filesystem("memory")
    for name, content in files.items():
        memory.pipe_file(f"{address}/{name}", content)
    return address


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip archive of `files`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    """A tar archive of `files`."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
