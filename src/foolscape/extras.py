"""Packages that foolscape needs for a part of what it does: extras, installed by `pip install 'foolscape[video]'`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from foolscape.errors import MissingExtraError


@dataclass(frozen=True)
class Extra:
    """What an extra is for, the modules that come with it, and whether its licence keeps it out of `foolscape[all]`."""

    purpose: str
    modules: tuple[str, ...]
    copyleft: bool = False


EXTRAS: Final = {
    "report": Extra("runs and their pages", ("skimage", "matplotlib")),
    "coco": Extra("COCO's masks", ("pycocotools",)),
    "video": Extra("clips and video files", ("av", "psutil")),
    "hf": Extra("data sets of Hugging Face", ("datasets",)),
    "s3": Extra("data in S3 stores", ("s3fs",)),
    "transformers": Extra("networks of Hugging Face's transformers", ("transformers",)),
    "smp": Extra("networks of segmentation-models-pytorch", ("segmentation_models_pytorch",)),
    "onnx": Extra("networks in ONNX files", ("onnx", "onnxruntime", "onnx2torch")),
    "ray": Extra("runs spread over the nodes of a cluster", ("ray",)),
    "parquet": Extra("rows of more than 10,000 images", ("pyarrow",)),
    "ultralytics": Extra("networks of ultralytics", ("ultralytics",), copyleft=True),
}


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around the imports of what an extra brings: `with extra("video"): import av`.

    Raises:
        MissingExtraError: it is not installed, or does not load; the message names the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise _missing(name, f"{type(error).__name__}: {error}") from error


@contextmanager
def installed(package: str, purpose: str) -> Iterator[None]:
    """Around the import of a package that no extra brings, as hardly anything needs it.

    Raises:
        MissingExtraError: it is not installed, or does not load; the message names the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"expected {package}, which foolscape needs for {purpose}, got {type(error).__name__}: {error}; install "
            f"it: pip install {package}"
        ) from error


def is_installed(name: str) -> bool:
    """Whether all that the extra `name` brings can be found; nothing is imported."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS[name].modules)


def need(*names: str) -> None:
    """`MissingExtraError` unless these extras are installed: asked before what takes long, nothing is imported."""
    for name in names:
        for module in EXTRAS[name].modules:
            if importlib.util.find_spec(module) is None:
                raise _missing(name, f"no module {module}")


def _missing(name: str, got: str) -> MissingExtraError:
    return MissingExtraError(
        f"expected what foolscape needs for {EXTRAS[name].purpose}, got {got}; install it: "
        f"pip install 'foolscape[{name}]'"
    )
