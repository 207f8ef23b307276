"""Train `bundled:scenes-robust`: `bundled:scenes-unet` hardened on the street by the trainer of `foolscape harden`.

    python tools/train_robust.py --cache build/scenes --out build/robust

Scenes of seed 0 are for training, of seed 2 for the test. They are drawn once and kept under --cache. The same command
goes on where it was stopped. Writes the weights to src/foolscape/models/weights and the record to docs/training.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from splits import TRAIN, Split, load_split
from train_scenes import ROOT

from foolscape.cli.console import listener
from foolscape.data.sample import Sample
from foolscape.data.scenes import Scenes, open_scenes
from foolscape.pixels import Levels
from foolscape.run.execute import execute
from foolscape.run.harden.config import JUDGE, HardenConfig, make_harden_config
from foolscape.run.harden.execute import WEIGHTS, harden
from foolscape.spec import parse

NAME = "scenes-robust"


@dataclass(frozen=True)
class DrawnScenes(Scenes):
    """The training split of `scenes:`, as drawn before."""

    drawn: Split

    def load(self, sample_id: str) -> Sample:
        """The picture and its labels from the cache."""
        index = self.indices[sample_id]
        return Sample(sample_id, self.drawn.images[index], self.drawn.labels[index])


def training_split(cache: Path, count: int, workers: int) -> DrawnScenes:
    """The first `count` training scenes, drawn where `cache` does not have them yet."""
    whole = open_scenes(parse(data_spec(count)), "train")
    drawn = load_split(cache, TRAIN, count, workers)
    return DrawnScenes(whole.spec, whole.split, whole.seed, whole.notes, whole.indices, drawn)


def data_spec(count: int) -> str:
    """The street with `count` scenes in each split."""
    return f"scenes:?count={count}"


def judged_within(eps: str, config: HardenConfig, specs: dict[str, str], out: Path) -> dict[str, dict[str, float]]:
    """The mIoU of each of the `specs` under every condition of a run at another eps than that of the training."""
    scores = {}
    for when, spec in specs.items():
        run = config.on_test(spec).model_copy(update={"eps": Levels.parse(eps)})
        summary = execute(run, out / f"{when}-{eps.partition('/')[0]}", ["python", *sys.argv], listener())
        scores[when] = _miou(summary["models"][0])
    return scores


def _miou(judged: dict[str, Any]) -> dict[str, float]:
    return {name: round(scores["mIoU"], 2) for name, scores in judged["conditions"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the drawn scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the training; may be gone on with")
    parser.add_argument("--scenes", type=int, default=1200, help="scenes to train on")
    parser.add_argument("--test-scenes", type=int, default=20)
    parser.add_argument("--attack", default="segpgd")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--clean-share", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=22)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--crop", default="128x192")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw scenes")
    parser.add_argument("--weights", type=Path, default=ROOT / "src/foolscape/models/weights" / f"{NAME}.safetensors")
    parser.add_argument("--log", type=Path, default=ROOT / "docs/training" / f"{NAME}.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    begun = time.perf_counter()
    config = make_harden_config(
        {
            "model": "bundled:scenes-unet", "data": data_spec(options.scenes), "train_split": "train",
            "test_split": "test", "test_limit": options.test_scenes, "attack": options.attack, "steps": options.steps,
            "clean_share": options.clean_share, "epochs": options.epochs, "rate": options.rate, "crop": options.crop,
            "seed": options.seed, "device": "cpu", "memory_format": "channels_last",
        }
    )  # fmt: skip
    drawn = training_split(options.cache, options.scenes, options.workers)
    summary = harden(config, options.out, ["python", *sys.argv], listener(), drawn)
    specs = {"before": summary["model"], "after": summary["hardened"]}
    within = {eps: judged_within(eps, config, specs, options.out) for eps in ("2/255", "4/255")}
    within[summary["eps"]] = {when: _miou(summary[when]) for when in specs}
    shutil.copyfile(options.out / WEIGHTS, options.weights)
    record = {
        "model": NAME,
        "start": config.model,
        "settings": config.model_dump(mode="json", exclude={"model", "classes", "device", "size", "train_limit"}),
        "epochs": summary["training"]["epochs"],
        "steps": summary["training"]["steps"],
        "miou_within": within,
        "convention": f"mIoU in percent over {options.test_scenes} test scenes; adversarial: {JUDGE} at eps, 8 bits",
        "wall_seconds": round(time.perf_counter() - begun),
        "device": "cpu",
        "torch": torch.__version__,
    }
    options.log.write_text(json.dumps([record], indent=2) + "\n")
    print(json.dumps(within, indent=2))


if __name__ == "__main__":
    main()
