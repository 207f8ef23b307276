"""What a backbone of label propagation may be; needs no torch."""

from __future__ import annotations

from typing import Final

FORMS: Final = (
    "torchvision:NAME", "timm:NAME?weights=FILE", "timm:FOLDER", "transformers:ID", "transformers:FOLDER",
    "path/to/file.py:factory",
)  # fmt: skip
"""As they are written behind `propagation:`."""
