"""DAG on one scene of the bundled street, without the command line.

python examples/attack_one_image.py
"""

import torch

import foolscape as fs
from foolscape.models.bundled.load import bundled
from foolscape.scenes import describe, render


def main() -> None:
    frame = render(describe(seed=2, index=3))
    network, images, labels = bundled("scenes-unet"), fs.to_unit(frame.image), torch.from_numpy(frame.labels)[None]

    found = fs.attack(network, images, labels, fs.dag(steps=60, stop=0.01))

    before = (network(images).argmax(1) == labels).float().mean().item()
    print(f"right before {before:.1%}, after {found.remaining.item():.1%}")
    levels = 255 * found.perturbation.abs().max().item()
    print(f"{found.steps.item()} iterations, largest change {levels:.1f} levels, goal reached: {found.success.item()}")


if __name__ == "__main__":
    main()
