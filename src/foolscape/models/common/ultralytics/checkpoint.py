"""The networks in checkpoints of ultralytics, opened without running the code that may be in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from foolscape.errors import CheckpointError, ModelError
from foolscape.models.common.freezing import half_weights
from foolscape.models.common.ultralytics.library import Library, library, quietly
from foolscape.models.common.ultralytics.network import Network, imgsz_of, kind_of, names_of, shortly
from foolscape.paths import path_of, real
from foolscape.regular import check_regular


def from_checkpoint(name: str, *, trusted: bool) -> Network:
    """The network in a `.pt` of ultralytics' training.

    Args:
        name: the path of the file.
        trusted: whether code in it may be run.

    Raises:
        CheckpointError: there is no such file, it is damaged, it holds no network, or code would be run to open it.
        ModelError: its network is for another task, or quantised.
    """
    path = path_of(name)
    _check_there(path)
    ours = library()
    content, notes = _content(ours, path, name, trusted)
    module = content if isinstance(content, nn.Module) else _network_in(content, name)
    kind = kind_of(type(_head(module, name)), name)
    _check_channels(module, name)
    if isinstance(content, Mapping) and content.get("modelopt"):
        raise ModelError(f"expected weights of float32 or float16 in {name}, got quantised ones (modelopt); name the "
                         "checkpoint that it was made from")  # fmt: skip
    if (half := half_weights(module)) is not None:
        notes = (*notes, f"weights of {str(half).removeprefix('torch.')} in the file are taken as float32")
    arguments = content.get("train_args") if isinstance(content, Mapping) else None
    return Network(module.float(), kind, names_of(module), imgsz_of(arguments), notes)


def _check_there(path: Path) -> None:
    try:
        size = check_regular(path)
    except OSError as error:
        got = "a folder" if path.is_dir() else error.strerror or "nothing"
        raise CheckpointError(
            f"expected a checkpoint of ultralytics at {path}, got {got}; nothing is downloaded: fetch one with "
            f"ultralytics itself, YOLO({path.name!r}) in Python, and name its path"
        ) from None
    if not size:
        raise CheckpointError(f"expected a checkpoint in {path}, got an empty file; copy or download it again")


def _content(ours: Library, path: Path, name: str, trusted: bool) -> tuple[Any, tuple[str, ...]]:
    """What is in the file at `path`, and remarks on how it was opened."""
    try:
        with quietly(), _no_code(), _plainly_named(path) as file:
            return ours.tasks.torch_safe_load(file, safe_only=True)[0], ("opened without running code in the file",)
    except Exception as error:  # what is not allowed, damaged or made by another release
        if not trusted:
            raise _refused(path, name, error) from error
    try:
        with quietly(), _nothing_installed(), _plainly_named(path) as file:
            content = ours.tasks.torch_safe_load(file, safe_only=False)[0]
    except Exception as error:  # the code in the file may do anything
        raise CheckpointError(f"expected a checkpoint of ultralytics in {path}, got {shortly(error)}") from error
    return content, ("opened as a pickle, which runs the code in the file (?trust=pickle)",)


@contextmanager
def _plainly_named(path: Path) -> Iterator[str]:
    """Within it the file at `path` has a name in which ultralytics reads nothing: yolov5n.pt would be looked for on
    the net as yolov5nu.pt, and a damaged yolo11n.pt be replaced.
    """
    with tempfile.TemporaryDirectory(prefix="foolscape-ultralytics-") as folder:
        link = Path(folder) / "checkpoint.pt"
        try:
            link.symlink_to(real(path))
        except OSError:  # Windows, without the right to make links
            shutil.copyfile(path, link)
        yield str(link)


@contextmanager
def _no_code() -> Iterator[None]:
    """Within it torch.load refuses whatever would run code, in every release of ultralytics.

    Classes that ultralytics allows for its own file are allowed within it alone.
    """
    allowed = torch.serialization.get_safe_globals()
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
        else:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = before
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(allowed)


@contextmanager
def _nothing_installed() -> Iterator[None]:
    """Within it ultralytics installs no package that a checkpoint names, whoever imported it first."""
    from ultralytics.utils import checks as module

    checks: Any = module
    before = checks.AUTOINSTALL
    checks.AUTOINSTALL = False
    try:
        yield
    finally:
        checks.AUTOINSTALL = before


def _refused(path: Path, name: str, error: Exception) -> CheckpointError:
    """That the file at `path` was not opened: it needs code, or cannot be read."""
    if "TorchScript" in str(error):
        return CheckpointError(
            f"expected a checkpoint of ultralytics in {path}, got a TorchScript program; name the .pt that it was "
            "exported from"
        )
    try:
        needed = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # no archive of torch.save, or one that was cut off
        return CheckpointError(
            f"expected a checkpoint of ultralytics in {path}, got one that cannot be read ({shortly(error)}); it may "
            "be damaged or cut off: copy or download it again"
        )
    foreign = [one for one in needed if not one.startswith(("ultralytics.nn.", "torch.nn."))]
    return CheckpointError(
        f"expected a checkpoint that opens without running code in it, got one of pickled modules in {path} that "
        f"does not ({', '.join((foreign or needed)[:3]) or shortly(error)}); opening it runs whatever code its author "
        f'put there. If you trust its source, say so: "ultralytics:{name}?trust=pickle"'
    )


def _network_in(content: Any, name: str) -> nn.Module:
    """The network in the `content` of a checkpoint: the average of its weights, if there is one."""
    parts = content if isinstance(content, Mapping) else {}
    found = parts.get("ema") or parts.get("model")
    if isinstance(found, nn.Module):
        return found
    got = f"a dict of {', '.join(map(str, list(parts)[:3]))}, .." if parts else type(content).__name__
    raise CheckpointError(
        f"expected a network under 'ema' or 'model' in {name}, got {got}; name the configuration and these weights, "
        "such as ultralytics:yolo11n.yaml?weights=FILE"
    )


def _head(module: nn.Module, name: str) -> nn.Module:
    """The last part of a network."""
    parts = getattr(module, "model", None)
    if isinstance(parts, nn.Sequential) and len(parts):
        return parts[-1]
    raise ModelError(f"expected a network of ultralytics in {name}, got {type(module).__name__}")


def _check_channels(module: nn.Module, name: str) -> None:
    described = getattr(module, "yaml", None)
    channels = described.get("channels", 3) if isinstance(described, Mapping) else 3
    if channels != 3:
        raise ModelError(f"expected a network of RGB images in {name}, got one of {channels} channels")
