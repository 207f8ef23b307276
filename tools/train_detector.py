"""Train the bundled detector on scenes drawn by `foolscape.scenes`.

    python tools/train_detector.py --cache build/scenes

Scenes of seed 0 are for training, of seed 1 for validation, of seed 2 for the test. They are drawn once and kept
under --cache. Writes the weights to src/foolscape/models/weights and adds the run to docs/training.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from splits import TEST, TEST_SCENES, TRAIN, VALIDATION, VALIDATION_SCENES, Split, load_split
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import batched_nms, generalized_box_iou_loss
from train_scenes import EMA, augment, blend, common_options, run

from foolscape.data.scene_boxes import LEAST_PIXELS, scene_boxes
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.matching import match_coco
from foolscape.metrics.precision import average_precision, hundred_one_points
from foolscape.models.bundled.detector import OBJECTS, STRIDE, ScenesOutput
from foolscape.models.bundled.load import DETECTOR_NAMES, untrained
from foolscape.scenes import CLASSES

ROOT = Path(__file__).resolve().parent.parent
CELLS = 9  # cells that must find an object: those of its own nearest to its centre
SCORE, OVERLAP, MOST = 0.01, 0.6, 100  # of the detections that AP50 is counted from; OVERLAP is of the NMS
EMPTY, ANY = -1, -2  # owner of a cell: no object; a difficult one, which the network may find or not


class Goals(NamedTuple):
    """What to find in the scenes of a split, M being the most objects of a scene.

    boxes: float32 (N, M, 4). labels: int64 (N, M), index into OBJECTS. owners: int64 (N, h, w), the object that each
    cell must find, or EMPTY, or ANY. truths: the same objects for the metric.
    """

    boxes: Tensor
    labels: Tensor
    owners: Tensor
    truths: list[Truth]


def _objects(labels: NDArray[np.uint8], instances: NDArray[np.int32]) -> tuple[Truth, list[NDArray[np.bool_]]]:
    """The objects of a scene and the mask of each."""
    kinds = [CLASSES.index(name) for name in OBJECTS]
    numbers = np.unique(instances[(instances > 0) & np.isin(labels, kinds)])  # in the order of scene_boxes
    return scene_boxes(labels, instances), [instances == number for number in numbers]


def _owners(truth: Truth, masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """(h, w): the object that each cell must find, or EMPTY, or ANY.

    A cell belongs to the object that fills most of it, so that of two people one before the other each is asked for
    where it is seen.
    """
    rows, columns = masks[0].shape[0] // STRIDE, masks[0].shape[1] // STRIDE
    filled = np.stack([mask.reshape(rows, STRIDE, columns, STRIDE).sum((1, 3)) for mask in masks])
    belongs = np.where(filled.any(0), filled.argmax(0), EMPTY)
    owners = np.full((rows, columns), EMPTY, np.int64)
    for index, (left, upper, right, lower) in enumerate(truth.boxes):
        y, x = np.nonzero(belongs == index)
        if truth.difficult[index]:
            owners[y, x] = ANY
            continue
        away_x = ((x + 0.5) * STRIDE - (left + right) / 2) / (right - left)
        away_y = ((y + 0.5) * STRIDE - (upper + lower) / 2) / (lower - upper)
        nearest = np.argsort(away_x**2 + away_y**2, kind="stable")[:CELLS]
        owners[y[nearest], x[nearest]] = index
    return owners


def goals_of(split: Split) -> Goals:
    """What to find in the scenes of a split; each must have an object."""
    scenes = [
        _objects(labels, instances.astype(np.int32))
        for labels, instances in zip(split.labels, split.instances, strict=True)
    ]
    most = max(len(truth.boxes) for truth, _ in scenes)
    boxes, labels = torch.zeros(len(scenes), most, 4), torch.zeros(len(scenes), most, dtype=torch.int64)
    for index, (truth, _) in enumerate(scenes):
        boxes[index, : len(truth.boxes)] = torch.from_numpy(truth.boxes)
        labels[index, : len(truth.labels)] = torch.from_numpy(truth.labels)
    owners = np.stack([_owners(truth, masks) for truth, masks in scenes])
    return Goals(boxes, labels, torch.from_numpy(owners), [truth for truth, _ in scenes])


def _batches(split: Split, goals: Goals, batch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
    """One pass in random order, half of it mirrored: images uint8 (B, 3, H, W), boxes, labels, owners (B, h * w)."""
    order, width = rng.permutation(len(split.images)), split.images.shape[2]
    for start in range(0, len(order) - batch + 1, batch):
        picked = order[start : start + batch]
        images = torch.from_numpy(np.stack([split.images[index] for index in picked])).permute(0, 3, 1, 2)
        boxes, owners = goals.boxes[picked].clone(), goals.owners[picked].clone()
        mirrored = torch.from_numpy(rng.random(batch) < 0.5)
        images[mirrored] = images[mirrored].flip(-1)
        owners[mirrored] = owners[mirrored].flip(-1)
        left, upper, right, lower = boxes[mirrored].unbind(-1)
        boxes[mirrored] = torch.stack([width - right, upper, width - left, lower], dim=-1)
        yield images, boxes, goals.labels[picked], owners.flatten(1)


def _loss(dense: ScenesOutput, boxes: Tensor, labels: Tensor, owners: Tensor) -> Tensor:
    """GIoU loss of the owned cells' boxes, and the quality focal loss: a class score is to be the box's overlap."""
    sample, cell = (owners >= 0).nonzero(as_tuple=True)
    owner = owners[sample, cell]
    reach = generalized_box_iou_loss(dense.boxes[sample, cell], boxes[sample, owner])
    wanted = torch.zeros_like(dense.logits)
    wanted[sample, cell, labels[sample, owner]] = _overlap(dense.boxes[sample, cell].detach(), boxes[sample, owner])
    entropy = functional.binary_cross_entropy_with_logits(dense.logits, wanted, reduction="none")
    focal = entropy * (wanted - dense.scores.detach()) ** 2 * (owners != ANY)[..., None]
    loss: Tensor = focal.sum() / len(cell) + 2 * reach.mean()
    return loss


def _overlap(one: Tensor, other: Tensor) -> Tensor:
    """IoU (K,) of the boxes (K, 4) of two lists, pair by pair."""
    sides = torch.minimum(one[:, 2:], other[:, 2:]) - torch.maximum(one[:, :2], other[:, :2])
    both = sides.clamp(min=0).prod(1)
    union: Tensor = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - both
    return both / union


@torch.no_grad()
def detections(network: nn.Module, images: NDArray[np.uint8], device: torch.device) -> list[Detected]:
    """What the network finds in images (N, H, W, 3): every class of a cell is a box of its own; NMS within a class."""
    found = []
    network.eval()
    for start in range(0, len(images), 8):
        pixels = torch.from_numpy(images[start : start + 8].copy()).permute(0, 3, 1, 2).to(device).float() / 255
        dense = network(pixels)
        for scores, boxes in zip(dense.scores.cpu(), dense.boxes.cpu(), strict=True):
            cell, label = (scores >= SCORE).nonzero(as_tuple=True)
            kept = batched_nms(boxes[cell], scores[cell, label], label, OVERLAP)[:MOST]
            cell, label = cell[kept], label[kept]
            found.append(Detected(boxes[cell].double().numpy(), scores[cell, label].double().numpy(), label.numpy()))
    return found


def train(options: argparse.Namespace) -> dict[str, object]:
    """Train, write the weights after every pass, and return what docs/training records."""
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    begun = time.perf_counter()
    counts = {TRAIN: options.scenes, VALIDATION: VALIDATION_SCENES, TEST: TEST_SCENES}
    splits = {seed: load_split(options.cache, seed, count, options.workers) for seed, count in counts.items()}
    goals = {seed: goals_of(split) for seed, split in splits.items()}
    network, average = untrained(options.model).to(device), untrained(options.model).to(device)
    if options.start is not None:
        network.load_state_dict(load_file(options.start))
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-3)
    total = options.epochs * (options.scenes // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total, pct_start=0.15)
    rng, generator = np.random.default_rng(options.seed), torch.Generator().manual_seed(options.seed)
    history: list[dict[str, float]] = []
    step = 0
    for epoch in range(options.epochs):
        network.train()
        losses = []
        for images, *wanted in _batches(splits[TRAIN], goals[TRAIN], options.batch, rng):
            pixels = augment(images, generator, 0.0).to(device).to(memory_format=torch.channels_last)
            loss = _loss(network(pixels), *(part.to(device) for part in wanted))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimiser.step()
            schedule.step()
            step += 1
            blend(average, network, min(EMA, 1 - 10 / (step + 10)))
            losses.append(loss.item())
            if step % 50 == 0:
                print(f"step {step}/{total} loss {np.mean(losses[-50:]):.3f}", flush=True)
        save_file({name: value.contiguous() for name, value in average.state_dict().items()}, options.weights)
        scores = _ap50(average, splits[VALIDATION], goals[VALIDATION], device)
        history.append({"loss": round(float(np.mean(losses)), 4), "val_ap50": round(float(np.mean(scores)), 2)})
        print(f"epoch {epoch + 1}", history[-1], [round(score, 1) for score in scores], flush=True)
    scores = _ap50(average, splits[TEST], goals[TEST], device)
    return _record(options, history, scores, sum(parameter.numel() for parameter in network.parameters()), begun)


def _ap50(network: nn.Module, split: Split, goals: Goals, device: torch.device) -> list[float]:
    """AP50 of each of OBJECTS in percent."""
    found = detections(network, split.images, device)
    matches = [match_coco(truth, one, len(OBJECTS)) for truth, one in zip(goals.truths, found, strict=True)]
    precision = average_precision(matches, np.ones((1, len(matches))), hundred_one_points)
    return [float(100 * ap) for ap in precision[0, 0]]


def _record(
    options: argparse.Namespace, history: list[dict[str, float]], scores: list[float], parameters: int, begun: float
) -> dict[str, object]:
    return {
        "model": options.model,
        "settings": {
            "scenes": options.scenes, "epochs": options.epochs, "batch": options.batch, "rate": options.rate,
            "continued": options.start is not None, "seed": options.seed, "ema": EMA,
        },
        "epochs": history,
        "test_ap50": round(math.fsum(scores) / len(scores), 2),
        "test_ap50_per_class": {name: round(score, 2) for name, score in zip(OBJECTS, scores, strict=True)},
        "convention": f"COCO AP at IoU 0.5 in percent over {TEST_SCENES} scenes of seed {TEST}, boxes around visible "
        f"pixels, objects of fewer than {LEAST_PIXELS} of them neither hit nor miss; scores from {SCORE}, "
        f"NMS {OVERLAP}, at most {MOST} boxes",
        "parameters": parameters,
        "wall_seconds": round(time.perf_counter() - begun),
        "device": torch.device(options.device).type,
        "torch": torch.__version__,
    }  # fmt: skip


def main() -> None:
    run(common_options(__doc__, DETECTOR_NAMES, epochs=24).parse_args(), train, "test_ap50")


if __name__ == "__main__":
    main()
