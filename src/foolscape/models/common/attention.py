"""Which kernels PyTorch's scaled dot-product attention may use: fused ones had wrong gradients at some sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

Attention = Literal["auto", "math"]

AUTO: Final = "auto"
MATH: Final = "math"


@contextmanager
def attention(which: Attention) -> Iterator[None]:
    """Within it attention is as PyTorch chooses, or, for math, made of matrix products and a softmax alone."""
    if which == AUTO:
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        yield
