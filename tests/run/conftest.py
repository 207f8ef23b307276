"""What the tests of runs share: checks of networks that are made once for many runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from torch import Tensor

from foolscape.models.checks.consistency import consistency
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.checkpoint import weights_sha256
from foolscape.models.common.wrappers import modules_of
from foolscape.run import gradient_check
from foolscape.run.checks import steady
from foolscape.run.universal import execute as universal
from foolscape.run.wiring import check


@pytest.fixture(scope="module")
def examined_once() -> Iterator[None]:
    """In such a module a network that was checked on the same images before is found to be what it was then.

    For tests of networks that do not change, such as the bundled ones, and of something else than the checks.
    """
    found: dict[object, Any] = {}
    examine = check.examine

    def once(key: object, look: Callable[[], Any]) -> Any:
        if key not in found:
            found[key] = look()
        return found[key]

    def gradient(scorer: Any, images: Tensor, *, seed: int, clamps: bool = False) -> Any:
        key = ("gradient", _print(scorer, images), seed, clamps)
        return once(key, lambda: check_gradient(scorer, images, seed=seed, clamps=clamps))

    def consistent(scorer: Any, images: Tensor, batch: int) -> Any:
        return once(("consistency", _print(scorer, images), batch), lambda: consistency(scorer, images, batch))

    def examined(subject: Any, ids: Sequence[str], seed: int, classes: Sequence[str] | None = None) -> Any:
        data = (subject.data.spec, subject.data.split, tuple(subject.data.classes or ()))
        chosen = tuple(ids), seed, None if classes is None else tuple(classes)
        key = ("wiring", subject.spec, *data, subject.size, *chosen)
        return once(key, lambda: examine(subject, ids, seed, classes))

    with pytest.MonkeyPatch.context() as patch:
        for module in (gradient_check, universal):
            patch.setattr(module, "check_gradient", gradient)
        patch.setattr(steady, "consistency", consistent)
        patch.setattr(check, "examine", examined)
        yield


def _print(scorer: Any, images: Tensor) -> str:
    """Of a network's type and weights, and of images."""
    networks = [(repr(type(network)), weights_sha256(network)) for network in modules_of(scorer)]
    return f"{type(scorer).__name__} {networks} {hashlib.sha256(images.numpy().tobytes()).hexdigest()}"
