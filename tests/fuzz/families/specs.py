"""The one-line names of models and data sets, as they are typed, and --input, --split and --fail-under beside them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from foolscape.cli.manners import floors_of
from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.models.load import load_segmenter
from foolscape.run.directory.place import model_name
from foolscape.run.settings.config import make_config
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.task_of import with_task
from tests.data.made import mask, palette
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import WORDS
from tests.run.made import write_net

MODELS = (
    "bundled:scenes-unet", "{}/nets.py:net", "{}/nets.py:net?classes={}/classes.txt", "{}/nets.py:net?mean=0.5&std=0.5",
    "torchvision:fcn_resnet50?weights={}/none.pth", "transformers:none/none", "{}/weights.onnx", "ultralytics:yolo",
    "bundled:scenes-detector", "json:loads", "{}/nets.py",
)  # fmt: skip
DATA = (
    "scenes:", "scenes:?seed=1&count=2", "folder:{}/photos", "camvid:{}", "voc:{}?year=2012", "coco:{}?classes=voc",
    "davis2017:{}?resolution=480p", "youtube-vos:{}?frames=all",
    "lvos:{}?frames=8", "mose:{}", "vost:{}?frames=8&annotated=stored",
    "video:{}/photos?mask={}/photos/a.png&start=0&frames=2",
)  # fmt: skip
SOUND = {
    "model": ("{}/nets.py:net?classes={}/classes.txt", "{}/nets.py:net?mean=0.5&std=0.5"),
    "data": ("folder:{}/photos", "video:{}/photos?mask={}/mask.png&start=0&frames=2"),
}
OTHERS = {
    "input": ("bgr,255", "range=255,order=bgr", "mean=0.5/0.5/0.5", "imagenet"),
    "split": ("test", "test[:50%]", "test[1:2]", "val[80%:]"),
    "fail_under": ("mIoU=40", "mIoU=40,pixel_accuracy=1e1"),
    "size": ("64x96", "8x8"),
}


def make(root: Path) -> None:
    """What the specs name."""
    write_net(root)
    (root / "classes.txt").write_text("red\ngreen\nblue\n")
    for index, name in enumerate("ab"):
        reading.photo(root / f"photos/{name}.png", index)
    palette(mask(1, 2)).save(root / "mask.png")
    (root / "words.json").write_text(json.dumps({"model": MODELS[0], "data": DATA[0]}))


def mutate(rng: Random, root: Path) -> Mutation:
    """One of the words."""
    kind = rng.choice(("model", "data", "data", *OTHERS))
    texts = {"model": MODELS, "data": DATA}.get(kind) or OTHERS[kind]
    # Most of what the others name is not there.
    text = rng.choice((*texts, *SOUND.get(kind, ()) * 4)).replace("{}", str(root))
    at, word = (
        rng.randrange(len(text) + 1),
        rng.choice((*WORDS, ":", "?", "&", "=", "+", "%41", "::", "[", ",", "\udcff")),
    )
    match rng.choice(("put in", "put in", "behind", "lose", "double", "exchange", "alone")):
        case "put in":
            text = text[:at] + word + text[at:]
        case "behind":
            text += word
        case "lose":
            text = text[:at] + text[at + rng.randrange(1, 6) :]
        case "double":
            text = text[:at] * 2
        case "exchange":
            text = text[at:] + text[:at]
        case _:
            text = word
    (root / "words.json").write_text(json.dumps({"model": MODELS[0], "data": DATA[0]} | {kind: text}))
    return Mutation(f"{kind}: {text!r:.120}")


def read(root: Path) -> Found:
    """All the words, by what takes them."""
    words = json.loads((root / "words.json").read_text())
    floors_of(words.get("fail_under"))
    settings = {"models": [words["model"]], "data": words["data"], "size": words.get("size", "64x96"), "split": "test"}
    settings |= {key: words[key] for key in ("input", "split") if key in words}
    config = with_task(make_config(wired(settings)))
    model_name(config.models[0])
    openers = {"segmentation": open_data, "detection": open_detection, "video": open_clips}
    split = config.split if config.data.startswith("scenes") else None
    task = "video" if config.data.startswith("video") else str(config.task)
    data = openers[task](config.data, split=split)
    if config.task == "segmentation" and config.models[0] != MODELS[0]:
        load_segmenter(config.models[0], image_size=config.size or (64, 96))
    return Found((), len(data.ids))


FAMILIES = (Family("specs", make, mutate, read),)
