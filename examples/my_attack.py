"""An attack and a loss of one's own, each a function: what the command line, YAML and Python need to know is here.

foolscape run --model bundled:scenes-unet --data scenes: --attack "examples/my_attack.py:sharper?eps=4/255&warm=0.5"
foolscape run --model bundled:scenes-unet --data scenes: --attack "pgd?loss=examples/my_attack.py:confident"
python examples/my_attack.py
"""

import torch
from torch import Tensor

import foolscape as fs

EPS = fs.levels("8/255")


def sharper(*, eps: fs.Levels = EPS, steps: int = 20, warm: float = 0.25) -> fs.Ascent:
    """Signed steps of `warm` times the bound, from the clean image."""
    return fs.Ascent(
        objective=fs.cross_entropy, update=fs.Sign(), constraint=fs.Linf(eps.unit), step=warm * eps.unit, steps=steps,
        stop=fs.never,
    )  # fmt: skip


def confident(scores: Tensor, problem: fs.Problem, progress: Tensor) -> fs.ObjectiveValue:
    """The cross-entropy squared: it looks at what is wrong for sure."""
    found = fs.cross_entropy(scores, problem, progress)
    return fs.ObjectiveValue(found.value.square(), found.active)


def main() -> None:
    torch.manual_seed(0)
    network, images = torch.nn.Conv2d(3, 4, 3, padding=1), torch.rand(2, 3, 16, 16)
    for recipe in (f"{__file__}:sharper?eps=4/255&steps=5", f"pgd?loss={__file__}:confident&steps=5"):
        found = fs.attack(network, images, None, recipe)
        print(f"{found.remaining.mean().item():.1%} of the pixels as before: {recipe}")


if __name__ == "__main__":
    main()
