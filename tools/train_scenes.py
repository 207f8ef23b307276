"""Train one of the bundled networks on scenes drawn by `foolscape.scenes`.

    python tools/train_scenes.py --model scenes-unet --cache build/scenes

Scenes of seed 0 are for training, of seed 1 for validation, of seed 2 for the test. They are drawn once and kept
under --cache. Writes the weights to src/foolscape/models/weights and adds the run to docs/training.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from splits import TEST, TEST_SCENES, TRAIN, VALIDATION, VALIDATION_SCENES, Split, load_split
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.bundled.load import untrained
from foolscape.run.harden.loss import entropy_and_dice
from foolscape.scenes import CLASSES

ROOT = Path(__file__).resolve().parent.parent
CROP = (128, 192)
EMA = 0.995


def _crops(split: Split, batch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over a split in random order: images uint8 (B, 3, h, w) and labels int64 (B, h, w)."""
    images, labels, _ = split
    height, width = labels.shape[1:]
    order = rng.permutation(len(labels))
    for start in range(0, len(order) - batch + 1, batch):
        picked, marked = [], []
        for index in order[start : start + batch]:
            top, left = int(rng.integers(height - CROP[0] + 1)), int(rng.integers(width - CROP[1] + 1))
            step = -1 if rng.random() < 0.5 else 1
            picked.append(images[index, top : top + CROP[0], left : left + CROP[1]][:, ::step])
            marked.append(labels[index, top : top + CROP[0], left : left + CROP[1]][:, ::step])
        pictures = torch.from_numpy(np.stack(picked)).permute(0, 3, 1, 2)
        yield pictures, torch.from_numpy(np.stack(marked).astype(np.int64))


def augment(images: Tensor, generator: torch.Generator, noise: float) -> Tensor:
    """Float images in [0, 1] with another exposure, white balance, contrast, sharpness and noise each.

    `noise` is the largest standard deviation in grey levels. Much of it makes a network robust to small changes of any
    kind, adversarial ones too.
    """

    def lot(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand((len(images), channels, 1, 1), generator=generator)

    pixels = images.float() / 255
    gain, offset = lot(0.8, 1.2) * lot(0.93, 1.07, 3), lot(-0.07, 0.07)
    pixels = ((pixels - 0.5) * gain + 0.5 + offset).clamp(1e-3, 1) ** lot(0.8, 1.25)
    soft = functional.avg_pool2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
    pixels = pixels + (soft - pixels) * lot(-0.6, 0.6).clamp(min=0)
    grain = torch.randn(pixels.shape, generator=generator) * lot(0.0, noise / 255)
    return (pixels + grain).clamp(0, 1)


@torch.no_grad()
def blend(average: nn.Module, network: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def intersection_over_union(network: nn.Module, split: Split, device: torch.device) -> list[float]:
    """IoU per class in percent, from the confusion matrix pooled over a split."""
    images, labels, _ = split
    confusion = torch.zeros(len(CLASSES) ** 2, dtype=torch.int64)
    network.eval()
    for start in range(0, len(labels), 8):
        pixels = torch.from_numpy(images[start : start + 8].copy()).permute(0, 3, 1, 2).to(device).float() / 255
        truth = torch.from_numpy(labels[start : start + 8].astype(np.int64))
        found = network(pixels).argmax(1).cpu()
        confusion += torch.bincount((truth * len(CLASSES) + found).flatten(), minlength=len(CLASSES) ** 2)
    table = confusion.view(len(CLASSES), -1).double()
    hit = table.diagonal()
    return [float(value) for value in 100 * hit / (table.sum(0) + table.sum(1) - hit)]


def _fitting(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return {name: value for name, value in weights.items() if shapes.get(name) == value.shape}


def train(options: argparse.Namespace) -> dict[str, object]:
    """Train, write the weights after every pass, and return what docs/training records."""
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    begun = time.perf_counter()
    splits = {
        seed: load_split(options.cache, seed, count, options.workers)
        for seed, count in ((TRAIN, options.scenes), (VALIDATION, VALIDATION_SCENES), (TEST, TEST_SCENES))
    }
    network = untrained(options.model).to(device)
    if options.start is not None:
        # Layers that the file does not know keep their fresh weights.
        network.load_state_dict(_fitting(load_file(options.start), network), strict=False)
    average = untrained(options.model).to(device)
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
        for images, labels in _crops(splits[TRAIN], options.batch, rng):
            pixels = augment(images, generator, options.noise).to(device).to(memory_format=torch.channels_last)
            loss = entropy_and_dice(network(pixels), labels.to(device), options.smoothing)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            step += 1
            blend(average, network, min(EMA, 1 - 10 / (step + 10)))
            losses.append(loss.item())
            if step % 50 == 0:
                print(f"step {step}/{total} loss {np.mean(losses[-50:]):.3f}", flush=True)
        save_file({name: value.contiguous() for name, value in average.state_dict().items()}, options.weights)
        scores = intersection_over_union(average, splits[VALIDATION], device)
        history.append({"loss": round(float(np.mean(losses)), 4), "val_miou": round(float(np.mean(scores)), 2)})
        print(f"epoch {epoch + 1}", history[-1], [round(score, 1) for score in scores], flush=True)
    scores = intersection_over_union(average, splits[TEST], device)
    return _record(options, history, scores, sum(parameter.numel() for parameter in network.parameters()), begun)


def _record(
    options: argparse.Namespace, history: list[dict[str, float]], scores: list[float], parameters: int, begun: float
) -> dict[str, object]:
    return {
        "model": options.model,
        "settings": {
            "scenes": options.scenes, "epochs": options.epochs, "batch": options.batch, "crop": CROP,
            "rate": options.rate, "continued": options.start is not None,
            "seed": options.seed, "label_smoothing": options.smoothing, "noise_levels": options.noise, "ema": EMA,
        },
        "epochs": history,
        "test_miou": round(math.fsum(scores) / len(scores), 2),
        "test_iou": {name: round(score, 2) for name, score in zip(CLASSES, scores, strict=True)},
        "convention": f"IoU in percent from one confusion matrix over {TEST_SCENES} scenes of seed {TEST}",
        "parameters": parameters,
        "wall_seconds": round(time.perf_counter() - begun),
        "device": torch.device(options.device).type,
        "torch": torch.__version__,
    }  # fmt: skip


def common_options(doc: str | None, models: Sequence[str], epochs: int) -> argparse.ArgumentParser:
    """The options of every training of a bundled network; without a choice of models there need be no --model."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=len(models) > 1, default=models[0], choices=models)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the drawn scenes")
    parser.add_argument("--scenes", type=int, default=2600, help="scenes to train on")
    parser.add_argument("--start", type=Path, help="weights to continue from")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: as torch chooses")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw scenes")
    parser.add_argument("--weights", type=Path, help="default: the package's own file")
    parser.add_argument("--log", type=Path, help="default: docs/training/MODEL.json")
    return parser


def run(options: argparse.Namespace, training: Callable[[argparse.Namespace], dict[str, object]], score: str) -> None:
    """Train as the options say, add the record to the log, and print its `score`."""
    options.weights = options.weights or ROOT / "src/foolscape/models/weights" / f"{options.model}.safetensors"
    options.log = options.log or ROOT / "docs/training" / f"{options.model}.json"
    options.weights.parent.mkdir(parents=True, exist_ok=True)
    record = training(options)
    options.log.parent.mkdir(parents=True, exist_ok=True)
    runs = json.loads(options.log.read_text()) if options.log.exists() else []
    options.log.write_text(json.dumps([*runs, record], indent=2) + "\n")
    print(f"{options.model}: {score} {record[score]}")


def main() -> None:
    parser = common_options(__doc__, ("scenes-unet", "scenes-dilated"), epochs=12)
    parser.add_argument("--noise", type=float, default=0.0, help="most noise added, standard deviation in levels")
    parser.add_argument("--smoothing", type=float, default=0.0, help="of labels")
    run(parser.parse_args(), train, "test_miou")


if __name__ == "__main__":
    main()
