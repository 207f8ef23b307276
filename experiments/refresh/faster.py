"""A Faster R-CNN on the bundled detector's trunk, trained in minutes. Does `--resample-candidates` help it?

    python experiments/refresh/faster.py --weights build/faster.safetensors
    foolscape run --model "experiments/refresh/faster.py:faster?weights=build/faster.safetensors" --data scenes: \
        --limit 8 --attack dag --steps 60 --out build/kept
    foolscape run ... --resample-candidates 5 --out build/anew

Proposals, head and box regression are torchvision's; the trunk is the one that ships, and stays as it is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from foolscape.data.boxes import DetectionSample
from foolscape.data.scene_boxes import CLASSES, open_scene_boxes
from foolscape.data.scenes import SIZE
from foolscape.models.bundled.detector import ScenesTrunk
from foolscape.models.bundled.load import bundled
from foolscape.models.bundled.segmenters import DEVIATION, MEAN, conv
from foolscape.pixels import to_unit
from foolscape.spec import parse

WIDTH, HIDDEN = 64, 256
SIDES = ((8, 16, 32), (48, 80, 128))  # of the anchors at stride 4 and 8, in pixels


class Trunk(nn.Module):
    """The trunk of `bundled:scenes-detector`, and a layer on each of its maps at stride 4 and 8."""

    out_channels = WIDTH

    def __init__(self) -> None:
        super().__init__()
        trunk = bundled("scenes-detector")
        assert isinstance(trunk, ScenesTrunk)
        self.trunk = trunk
        self.lift = nn.ModuleList([conv(40, WIDTH, nn.ReLU), conv(48, WIDTH, nn.ReLU)])

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """The maps of normalised images (B, 3, H, W)."""
        maps = self.trunk.maps(pixels)
        return {"0": self.lift[0](maps.quarter), "1": self.lift[1](maps.eighth)}


def faster() -> FasterRCNN:
    """Untrained but for its trunk; it sees images as they are."""
    network: Any = FasterRCNN(
        Trunk(),
        min_size=SIZE[0],
        max_size=SIZE[1],
        image_mean=[MEAN] * 3,
        image_std=[DEVIATION] * 3,
        rpn_anchor_generator=AnchorGenerator(SIDES, ((0.5, 1.0, 2.0),) * 2),
        rpn_pre_nms_top_n_train=600,
        rpn_post_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=600,
        rpn_post_nms_top_n_test=300,
        box_roi_pool=MultiScaleRoIAlign(["0", "1"], 7, 2, canonical_scale=48, canonical_level=3),
        box_head=TwoMLPHead(WIDTH * 7 * 7, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, len(CLASSES) + 1),
        box_batch_size_per_image=128,
    )
    network.classes = CLASSES
    return network


def train(options: argparse.Namespace) -> None:
    """Train on scenes of the training split, which are drawn once and kept, and write the weights after each pass."""
    torch.manual_seed(options.seed)
    data = open_scene_boxes(parse("scenes:"), "train")
    samples = [data.load(name) for name in data.ids[: options.scenes]]
    network: Any = faster().train()
    network.backbone.trunk.requires_grad_(False)
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learnt, options.rate, weight_decay=1e-3)
    total = options.epochs * -(-options.scenes // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total, pct_start=0.1)
    for epoch in range(options.epochs):
        begun, losses = time.perf_counter(), []
        order = torch.randperm(options.scenes).tolist()
        for first in range(0, options.scenes, options.batch):
            network.backbone.trunk.eval()  # its batch norms keep the numbers that it ships with
            loss = sum(network(*_batch([samples[i] for i in order[first : first + options.batch]])).values())
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(learnt, 10.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, options.weights)
        print(
            f"pass {epoch + 1}: loss {sum(losses) / len(losses):.3f}, {time.perf_counter() - begun:.0f} s", flush=True
        )


def _batch(samples: Sequence[DetectionSample]) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Pictures and goals as torchvision's detectors are trained with; label 0 is the background."""
    goals = []
    for sample in samples:
        assert sample.truth is not None
        plain = ~sample.truth.difficult
        boxes, labels = torch.from_numpy(sample.truth.boxes[plain]), torch.from_numpy(sample.truth.labels[plain])
        goals.append({"boxes": boxes.float(), "labels": labels + 1})
    return [to_unit(sample.image)[0] for sample in samples], goals


def main() -> None:
    """Train by the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the file to write")
    parser.add_argument("--scenes", type=int, default=700)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
