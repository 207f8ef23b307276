"""A network's own `detect`, in the place of our NMS, and a look at what the network itself returns within it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from torch import Tensor, nn

from foolscape.models.common.compiled import is_compiled

OwnDetect = Callable[[Tensor, float], object]
"""A network's own `detect`: (images, score threshold) -> detections."""

IOU: Final = 0.5
"""Above this overlap NMS drops a box, where the network does not say otherwise."""


def own_detect(module: nn.Module) -> OwnDetect | None:
    """`module.detect` of (images, score threshold), if it has one that takes a `score_threshold`.

    Its `iou_threshold` stays at its own default; one without a default is given 0.5.
    """
    method: Any = getattr(module, "detect", None)
    if not callable(method):
        return None
    parameters = inspect.signature(method).parameters
    if "score_threshold" not in parameters:
        return None
    iou = parameters.get("iou_threshold")
    more = {} if iou is None or iou.default is not iou.empty else {"iou_threshold": IOU}
    return lambda images, threshold: method(images, score_threshold=threshold, **more)


@contextmanager
def calls_of(module: nn.Module, inputs: Tensor, look: Callable[[object], None]) -> Iterator[None]:
    """Within it `look` gets what `module` returns whenever it is called with `inputs`, before anybody changes it.

    Nothing of a compiled network, which would have to be compiled anew for it.
    """

    def hook(_: nn.Module, given: tuple[Any, ...], output: object) -> None:
        if len(given) == 1 and given[0] is inputs:
            look(output)

    if is_compiled(module):
        yield
        return
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
