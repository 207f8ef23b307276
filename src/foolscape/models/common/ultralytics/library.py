"""ultralytics itself, imported without what it does besides to the process, to the disk and over the network."""

from __future__ import annotations

import atexit
import copy
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from foolscape.extras import extra

_QUIET: Final = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
"""What it reads while it is imported: it asks no name server whether it is online, and installs nothing later."""

_OF_CV2: Final = ("imread", "imwrite", "imshow")


@dataclass(frozen=True)
class Library:
    """What is used of ultralytics: its modules `utils`, `nn.tasks` and `utils.nms`."""

    utils: Any
    tasks: Any
    nms: Any


def library() -> Library:
    """ultralytics, an extra with a copyleft licence: imported here alone, when a network of it is asked for.

    Raises:
        MissingExtraError: it is not installed, or does not load.
    """
    import torchvision  # noqa: F401  # its NMS is what ultralytics then uses

    there = [sys.modules.get(f"ultralytics.{name}") for name in ("utils", "nn.tasks", "utils.nms")]
    if all(there):
        return Library(*there)
    with extra("ultralytics"), quietly(), _as_before():
        from ultralytics import utils
        from ultralytics.nn import tasks
        from ultralytics.utils import nms
    return Library(utils, tasks, nms)


@contextmanager
def quietly() -> Iterator[None]:
    """Within it nothing is logged: ultralytics prints its log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _as_before() -> Iterator[None]:
    """Puts back what ultralytics replaces when it is imported, and keeps its settings out of the user's folder.

    It sets variables of the environment, the threads of OpenCV, how tensors and arrays are printed and which warnings
    are shown, and replaces torch.save and PIL.Image.open. Where it was imported before, nothing changes.
    """
    import cv2  # which ultralytics needs

    environment = dict(os.environ)
    threads, in_cv2 = cv2.getNumThreads(), {name: getattr(cv2, name, None) for name in _OF_CV2}
    save, open_image = torch.save, Image.open
    arrays = np.get_printoptions()
    tensors: Any = torch._tensor_str.PRINT_OPTS
    printed = copy.copy(vars(tensors))
    if "ultralytics" not in sys.modules:
        os.environ.update(_QUIET)
        os.environ.setdefault("YOLO_CONFIG_DIR", _passing_folder())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        cv2.setNumThreads(threads)
        for name, function in in_cv2.items():
            setattr(cv2, name, function)
        torch.save, Image.open = save, open_image
        np.set_printoptions(**arrays)
        vars(tensors).update(printed)


def _passing_folder() -> str:
    """A folder for the settings that ultralytics writes, gone with the process."""
    folder = tempfile.mkdtemp(prefix="foolscape-ultralytics-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
