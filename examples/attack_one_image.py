"""DAG on one scene of the bundled street, without the command line.

python examples/attack_one_image.py
"""

import torch

from foolscape import AttackItem, Options, ascend, generator_for, plan, segmentation_problem, to_unit
from foolscape.models.load import load_segmenter
from foolscape.scenes import describe, render


def main() -> None:
    frame = render(describe(seed=2, index=3))
    model = load_segmenter("bundled:scenes-unet", image_size=frame.labels.shape).model
    dag = plan("dag", Options(steps=60, stop=0.01), model.classes)

    images, labels = to_unit(frame.image), torch.from_numpy(frame.labels).long()[None]
    generator = generator_for(0, "scene 3")
    assert dag.target is not None
    problem = segmentation_problem(model, images, labels, dag.target(labels, [generator]))

    (outcome,) = ascend([AttackItem("scene 3", problem, generator)], dag.ascent)
    before = (model.logits(images).argmax(1) == labels).float().mean()
    levels = 255 * outcome.perturbation.abs().max()
    print(f"right before {before:.1%}, after {outcome.left / outcome.targets:.1%}")
    print(f"{outcome.iterations} iterations, largest change {levels:.1f} levels, goal reached: {outcome.claimed}")


if __name__ == "__main__":
    main()
