"""What a backbone of label propagation may be; needs no torch."""

from __future__ import annotations

from typing import Final

FORMS: Final = ("torchvision:NAME", "transformers:ID", "transformers:FOLDER", "path/to/file.py:factory")
"""As they are written behind `propagation:`."""
