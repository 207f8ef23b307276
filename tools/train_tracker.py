"""Train the bundled tracker on clips of the street drawn by `foolscape.scenes`.

    python tools/train_tracker.py --cache build/clips --checkpoint build/tracker.pt

Clips of seed 0 are for training, of seed 1 for validation, of seed 2 for the test. Training clips are drawn while the
training goes on and kept under --cache. The trunk starts from the bundled detector's. Writes the weights to
src/foolscape/models/weights and adds the run to docs/training. Run again with the same options, it goes on from
--checkpoint.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from drawn_clips import SHARD, Drawing, Drawn
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from train_scenes import EMA, augment, blend

from foolscape.data.clips import Clip
from foolscape.data.scene_clips import LEAST_PIXELS, open_scene_clips
from foolscape.metrics.clip_table import ClipSample
from foolscape.metrics.tasks.video import DAVIS
from foolscape.metrics.video import measure_davis
from foolscape.models.bundled.load import TRACKER_NAMES, TRACKING, bundled
from foolscape.models.bundled.tracker import ScenesTracker
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.spec import parse
from foolscape.tasks.video import Start, follow

ROOT = Path(__file__).resolve().parent.parent
(NAME,) = TRACKER_NAMES
CROP = (128, 160)
FRAMES = 4  # of a sample; masks that were predicted in one are remembered for the next
OBJECTS = 3  # of a sample, at most
VISIBLE = 50  # pixels of an object in the first frame of a sample, at least
TRUNK = 0.3  # learning rate of the trunk, which is trained already, relative to the rest


class Sample(NamedTuple):
    """frames: uint8 (T, 3, h, w). masks: int64 (T, h, w), 1 to K in the first."""

    frames: Tensor
    masks: Tensor


def pick(clips: Drawn, rng: np.random.Generator) -> Sample:
    """Some frames of a clip, cut out around one of its objects, half of them mirrored."""
    while True:
        index = int(rng.integers(len(clips.images)))
        frames = np.sort(rng.choice(clips.images.shape[1], FRAMES, replace=False))
        masks = clips.masks[index][frames]
        top, left = _around(masks[0], rng)
        area = (slice(None), slice(top, top + CROP[0]), slice(left, left + CROP[1]))
        masks = _numbered(masks[area], rng)
        if masks[0].any():
            break
    images = clips.images[index][frames][area]
    if rng.random() < 0.5:
        images, masks = images[:, :, ::-1], masks[:, :, ::-1]
    return Sample(
        torch.from_numpy(images.copy()).permute(0, 3, 1, 2), torch.from_numpy(np.ascontiguousarray(masks)).long()
    )


def _around(mask: NDArray[np.uint8], rng: np.random.Generator) -> tuple[int, int]:
    """Where a crop begins that shows a pixel of some object."""
    labels = np.unique(mask[mask > 0])
    if not len(labels):
        return 0, 0
    rows, columns = np.nonzero(mask == rng.choice(labels))
    seen = int(rng.integers(len(rows)))
    starts = [
        int(np.clip(place - rng.integers(size), 0, length - size))
        for place, size, length in zip((rows[seen], columns[seen]), CROP, mask.shape, strict=True)
    ]
    return starts[0], starts[1]


def _numbered(masks: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """`masks` with the labels 1 to K of some objects that the first of them shows; the others are background."""
    labels = [label for label in np.unique(masks[0]) if label and (masks[0] == label).sum() >= VISIBLE]
    rng.shuffle(labels)
    numbers = np.zeros(256, np.uint8)
    for number, label in enumerate(labels[:OBJECTS], start=1):
        numbers[label] = number
    return numbers[masks]


def _loss(chances: Tensor, masks: Tensor, share: float) -> Tensor:
    """Cross-entropy of the `share` of pixels where it is largest, plus soft Dice per object and frame.

    chances: (T, K + 1, h, w), summing to 1. masks: int64 (T, h, w).
    """
    entropy = functional.nll_loss(chances.clamp(min=1e-6).log(), masks, reduction="none").flatten()
    hardest = entropy.topk(max(1, int(share * len(entropy)))).values.mean()
    truth = functional.one_hot(masks, chances.shape[1]).movedim(-1, 1)[:, 1:].to(chances.dtype)
    found = chances[:, 1:]
    both = (found * truth).sum((2, 3))
    dice = 1 - (2 * both + 1) / (found.sum((2, 3)) + truth.sum((2, 3)) + 1)
    return hardest + dice.mean()


def _share(step: int, total: int) -> float:
    """Of pixels that count at a step: all at the start, then down to the hardest 15 %."""
    return 1 - 0.85 * min(max((step / total - 0.1) / 0.3, 0.0), 1.0)


def _rate(step: int, total: int) -> float:
    """Learning rate at a step, relative to the highest: up over 3 % of the steps, then down as a cosine."""
    begin = 0.03 * total
    if step < begin:
        return (step + 1) / begin
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - begin) / (total - begin))) / 2


def evaluate(network: ScenesTracker, clips: list[Clip]) -> dict[str, Any]:
    """The scores of DAVIS over clips, with the settings of the bundled tracker."""
    tracker, measured = Stcn(network, **TRACKING), {}
    for clip in clips:
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255
        assert clip.truth is not None
        found = follow(tracker, frames, [Start(0, torch.from_numpy(clip.given[0].mask).long())])
        measured[clip.id] = measure_davis(found.numpy(), clip.truth.astype(np.int64))
    return DAVIS.score([ClipSample(name, None, clip) for name, clip in measured.items()], (), seed=0)


def load_clips(split: str, count: int) -> list[Clip]:
    data = open_scene_clips(parse(f"scenes:?count={count}"), split)
    return [data.load(name) for name in data.ids]


class Training:
    """Network, average, optimiser and where they are; `save` and `resume` keep all of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        # Channels last: a tenth to a fifth less time.
        self.network = ScenesTracker().eval().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)
        known = bundled("scenes-detector").state_dict()
        self.network.trunk.load_state_dict({name: known[name] for name in self.network.trunk.state_dict()})
        self.average.load_state_dict(self.network.state_dict())
        trunk = list(self.network.trunk.parameters())
        rest = [value for name, value in self.network.named_parameters() if not name.startswith("trunk.")]
        groups = [{"params": trunk, "scale": TRUNK}, {"params": rest, "scale": 1.0}]
        self.optimiser = torch.optim.AdamW(groups, options.rate, weight_decay=1e-3)
        self.step, self.seconds = 0, 0.0
        self.losses: list[float] = []
        self.history: list[dict[str, float]] = []
        if options.checkpoint.exists():
            self._resume()

    def _resume(self) -> None:
        kept = torch.load(self.options.checkpoint, weights_only=True)
        for name in ("network", "average", "optimiser"):
            getattr(self, name).load_state_dict(kept[name])
        for name in ("step", "seconds", "losses", "history"):
            setattr(self, name, kept[name])
        print(f"goes on at step {self.step}", flush=True)

    def save(self) -> None:
        kept = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        kept |= {name: getattr(self, name) for name in ("step", "seconds", "losses", "history")}
        part = self.options.checkpoint.with_suffix(".part")
        torch.save(kept, part)
        part.rename(self.options.checkpoint)

    def advance(self, clips: Drawn) -> None:
        """One step; what is drawn by lot depends on seed and step alone, so that a resumed run is the same run."""
        begun, options = time.perf_counter(), self.options
        rng = np.random.default_rng([options.seed, self.step])
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for group in self.optimiser.param_groups:
            group["lr"] = options.rate * group["scale"] * _rate(self.step, options.steps)
        self.optimiser.zero_grad()
        total = 0.0
        for _ in range(options.batch):
            sample = pick(clips, rng)
            # One above the other the frames are one picture: they get the same exposure.
            frames = augment(sample.frames.movedim(0, 1).flatten(1, 2)[None], generator, 2.0)[0]
            frames = frames.view(3, FRAMES, *CROP).movedim(1, 0).contiguous(memory_format=torch.channels_last)
            chances = Stcn(self.network, mem_every=1).propagate(frames, sample.masks[0])
            loss = _loss(chances[1:], sample.masks[1:], _share(self.step, options.steps)) / options.batch
            torch.autograd.backward(loss)
            total += loss.item()
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimiser.step()
        self.step += 1
        blend(self.average, self.network, min(EMA, 1 - 10 / (self.step + 10)))
        self.losses.append(total)
        self.seconds += time.perf_counter() - begun


def train(options: argparse.Namespace) -> dict[str, object]:
    """Train, write the weights now and then, and return what docs/training records."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    training, drawing = Training(options), Drawing(options.cache, 0, options.clips, options.workers)
    watched = load_clips("val", options.watched)
    while training.step < options.steps:
        # New clips come in as they are drawn, at fixed steps.
        training.advance(drawing.first(2 * SHARD + training.step // options.every * SHARD))
        if training.step % 25 == 0:
            recent = np.mean(training.losses[-100:])
            print(f"step {training.step}/{options.steps} loss {recent:.3f} {training.seconds:.0f} s", flush=True)
        if training.step % 100 == 0 or training.step == options.steps:
            training.save()
        if training.step % options.watch == 0 or training.step == options.steps:
            scores = evaluate(training.average, watched)
            level = float(np.mean(training.losses[-options.watch :]))
            entry = {"step": training.step, "loss": round(level, 4), "val_j_and_f": round(scores["J&F"], 2)}
            training.history.append(entry)
            print(entry, flush=True)
            weights = training.average.state_dict()
            save_file({name: value.contiguous() for name, value in weights.items()}, options.weights)
    return _record(training, evaluate(training.average, load_clips("test", options.tested)))


def _record(training: Training, scores: dict[str, Any]) -> dict[str, object]:
    options = training.options
    objects = sum(len(labels) for labels in scores["per_object"].values())
    return {
        "model": NAME,
        "settings": {
            "clips": options.clips, "steps": options.steps, "batch": options.batch, "rate": options.rate,
            "trunk_rate": TRUNK * options.rate, "frames": FRAMES, "crop": CROP, "objects": OBJECTS,
            "seed": options.seed, "ema": EMA, "trunk": "scenes-detector",
        },
        "inference": TRACKING,
        "history": training.history,
        "test": {name: round(scores[name], 2) for name in ("J&F", "J", "F", "J_recall", "F_recall", "J_decay")},
        "test_ci95": {name: [round(end, 2) for end in scores["ci95"][name]] for name in ("J&F", "J", "F")},
        "convention": f"DAVIS 2017 in percent over the first {options.tested} test clips ({objects} objects, 20 "
        f"frames, 8 per second, {LEAST_PIXELS} pixels at least at both ends and at the quarters); 95 % "
        "over clips",
        "parameters": sum(parameter.numel() for parameter in training.network.parameters()),
        "training_seconds": round(training.seconds),
        "torch": torch.__version__,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the drawn clips")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file to go on from")
    parser.add_argument("--clips", type=int, default=400, help="clips to train on")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--every", type=int, default=150, help="steps between one shard of clips and the next")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--watch", type=int, default=250, help="steps between looks at the validation clips")
    parser.add_argument("--watched", type=int, default=4, help="validation clips")
    parser.add_argument("--tested", type=int, default=30, help="test clips")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw clips")
    parser.add_argument("--weights", type=Path, default=ROOT / f"src/foolscape/models/weights/{NAME}.safetensors")
    parser.add_argument("--log", type=Path, default=ROOT / f"docs/training/{NAME}.json")
    options = parser.parse_args()
    record = train(options)
    runs = json.loads(options.log.read_text()) if options.log.exists() else []
    options.log.write_text(json.dumps([*runs, record], indent=2) + "\n")
    print(record["test"], record["test_ci95"])


if __name__ == "__main__":
    main()
