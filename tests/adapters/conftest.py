"""The adapters as a user imports them, and what their stand-ins share."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.conftest import ROOT

ADAPTERS = ROOT / "examples" / "adapters"


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports an adapter by its name, as a file beside it would, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(ADAPTERS))
    yield lambda name: importlib.import_module(f"adapt_{name}")
    for name in [name for name in sys.modules if name.startswith("adapt_")]:
        del sys.modules[name]


def module(monkeypatch: pytest.MonkeyPatch, name: str, contents: dict[str, Any]) -> Any:
    """A module `name` of a library that is not installed, to be imported during one test."""
    made: Any = ModuleType(name)
    for key, value in contents.items():
        setattr(made, key, value)
    parent = name.rpartition(".")[0]
    while parent:
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        parent = parent.rpartition(".")[0]
    monkeypatch.setitem(sys.modules, name, made)
    return made


def photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) BGR of 0 to 255, as OpenCV would read it: smooth colours with noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 4, 5), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    noisy = smooth + 0.1 * torch.randn((3, height, width), generator=generator)
    return (noisy.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def images_of(photo: NDArray[np.uint8]) -> Tensor:
    """(1, 3, H, W) RGB in [0, 1], as foolscape would read the same file."""
    return torch.from_numpy(photo[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255


def bilinear(photo: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(height, width, 3): as OpenCV's INTER_LINEAR, but without its rounding, written anew to compare with."""
    result = photo.astype(np.float64)
    for axis, size in enumerate((height, width)):
        old = result.shape[axis]
        place = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape([-1 if one == axis else 1 for one in range(3)])
        high = np.minimum(low + 1, old - 1)
        result = np.take(result, low, axis) * (1 - share) + np.take(result, high, axis) * share
    return result
