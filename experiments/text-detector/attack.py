"""The text detector that the wheel of `rapidocr` ships, an ONNX file of PaddleOCR: converted, compared, attacked.

    pip download --no-deps rapidocr && unzip rapidocr-*.whl "rapidocr/models/*det*.onnx"
    python experiments/text-detector/attack.py rapidocr/models/PP-OCRv6_det_small.onnx

It is a network for segmentation with one channel, text or not, padded by `auto_pad` in version 11 of ONNX's operators.
Lines of drawn text are its images. Printed are the difference from onnxruntime, the check of the gradient, and the
share of the text's pixels that are found before and after PGD, at 8 bits, and after the same change shuffled.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import foolscape as fs
from foolscape.attacks.controls import shuffled
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_segmenter

SIZE = (192, 320)
LINES = (("Exit 24 North", "Speed limit 50"), ("No parking", "Mon to Fri 8-18"), ("Platform 9", "Mind the gap"))
WIRING = "input=bgr&range=-1..1"  # as rapidocr feeds it: (image - 0.5) / 0.5, BGR


def pictures() -> Tensor:
    """(B, 3, H, W) in [0, 1]: two lines of dark text each on a bright, uneven ground."""
    drawn = []
    for index, lines in enumerate(LINES):
        ground = np.random.default_rng(index).integers(170, 250, (6, 10, 3)).astype(np.uint8)
        image = Image.fromarray(ground).resize(SIZE[::-1], Image.Resampling.BICUBIC)
        pen, font = ImageDraw.Draw(image), ImageFont.load_default(34)
        for row, line in enumerate(lines):
            pen.text((16, 30 + 70 * row), line, fill=(20, 20, 40), font=font)
        drawn.append(fs.to_unit(np.asarray(image)))
    return torch.cat(drawn)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    chosen = parser.parse_args(arguments)
    model = load_segmenter(f"onnx:{chosen.file}?{WIRING}", image_size=SIZE).model
    print(*model.notes, sep="\n")
    images = pictures()
    print(check_gradient(model, images[:1], seed=0).message)

    def text(batch: Tensor) -> Tensor:
        with torch.no_grad():
            return model.logits(batch).argmax(dim=1) == 1

    found = text(images)
    result = fs.attack(model, images, found.long(), fs.pgd(eps="8/255", steps=chosen.steps))
    attacked = (255 * result.adversarial).round() / 255
    clean, changed = ((255 * batch).round().to(torch.uint8) for batch in (images, attacked))
    moved = [
        shuffled(one, other, torch.Generator().manual_seed(0)).double() / 255
        for one, other in zip(clean, changed, strict=True)
    ]
    print(f"text: {float(found.float().mean()):.1%} of the pixels")
    for name, batch in (("pgd at 8/255", attacked), ("shuffled", torch.stack(moved).float())):
        print(f"{name}: {float(text(batch)[found].float().mean()):.1%} of these are still found")


if __name__ == "__main__":
    main()
