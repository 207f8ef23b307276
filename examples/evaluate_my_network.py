"""How easily can a network be fooled, and can that figure be trusted? A network and images that are there already."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

import foolscape as fs

CLASSES: Final = ("dark", "bright")


class Photos(Dataset[tuple[Tensor, Tensor]]):
    """Any data set: `data[i]` is an image (3, H, W) in [0, 1] and its labels (H, W)."""

    classes = CLASSES

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index >= len(self):
            raise IndexError(index)
        image = torch.rand((3, 48, 64), generator=torch.Generator().manual_seed(index))
        return image, (image.mean(dim=0) > 0.5).long()


class Threshold(nn.Module):
    """Any network: from RGB (B, 3, H, W) in [0, 1] to class scores (B, C, H, W)."""

    def forward(self, images: Tensor) -> Tensor:
        grey = images.mean(dim=1, keepdim=True)
        return torch.cat([0.5 - grey, grey - 0.5], dim=1) * 20


def main() -> None:
    report = fs.evaluate(Threshold(), Photos(), "pgd?eps=4/255&steps=5")
    print(report)
    weakest = min(report.rows, key=lambda row: row.right["adversarial"] or 0)
    clean, adversarial = report.images(weakest.id)
    print(f"broke most: {weakest.id}, {100 * (weakest.right['adversarial'] or 0):.1f} % of its pixels are still right")
    if adversarial is not None:
        print(f"with a change of {255 * float((adversarial - clean).abs().max()):.0f} grey levels")


if __name__ == "__main__":
    main()
