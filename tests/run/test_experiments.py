"""The experiment files, tried on random weights and small images: every setting in them is carried out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from foolscape.cli import main
from foolscape.cli.console import DONE
from foolscape.data.load import open_data
from foolscape.models.load import load_segmenter
from foolscape.models.trackers.stcn.network import StcnNetwork
from foolscape.pixels import to_unit
from foolscape.run.universal.tile_file import read_tile
from foolscape.tasks.segmentation import predict

from ..data.made import note
from .made_clips import write_clips

NOTEBOOK = Path(__file__).parents[2] / "experiments/universal-notebook"
MODEL = "torchvision:lraspp_mobilenet_v3_large?weights=none"


@pytest.fixture
def coco(tmp_path: Path) -> str:
    """Six photographs with a person each, in COCO's layout."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    (tmp_path / "coco/val2017").mkdir(parents=True)
    (tmp_path / "coco/annotations").mkdir()
    for i in range(1, 7):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8))
        coarse.resize((96, 64)).save(tmp_path / f"coco/val2017/{i:06d}.png")
        images.append({"id": i, "file_name": f"{i:06d}.png", "height": 64, "width": 96})
        annotations.append(note(i, 1, 5, 5, 20, 40))
    categories = [{"id": 1, "name": "person", "supercategory": "person"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "coco/annotations/instances_val2017.json").write_text(json.dumps(content))
    return f"coco:{tmp_path / 'coco'}?classes=voc"


def _class_seen(coco: str) -> str:
    """One that the random network sees in every image."""
    net = load_segmenter(MODEL, image_size=(64, 96)).model
    data = open_data(coco, split="val2017")
    seen = [set(predict(net, to_unit(data.load(name).image)).unique().tolist()) for name in data.ids]
    return net.classes[min(set.intersection(*seen) - {0})]


def test_ara_on_stcn_is_repeated(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights, out = tmp_path / "stcn.safetensors", tmp_path / "out"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(StcnNetwork().state_dict(), weights)
    given = ["--config", str(NOTEBOOK.parent / "ara-davis/stcn.yaml"), "--model", f"stcn:{weights}"]
    davis = write_clips(tmp_path / "davis", count=1, frames=3, objects=1)
    with pytest.raises(SystemExit) as caught:
        main(["run", *given, "--data", f"davis2017:{davis}", "--steps", "2", "--probes", "0", "--out", str(out)])
    weights.unlink()
    assert caught.value.code == DONE
    assert "J&F" in capfd.readouterr().out
    settings = json.loads((out / "run.json").read_text())
    assert settings["attack"]["variant"] == "released"
    assert (settings["attack"]["eps"], settings["attack"]["window"]) == ("8/255", 3)
    (learnt,) = (out / "learnt").rglob("*.safetensors")
    assert learnt.stat().st_size > 3 * 4 * 2_000_000  # 512 channels and Adam's two means


@pytest.mark.parametrize(("name", "tile"), [("hide-people", (256, 256)), ("write-foo", (384, 384))])
def test_the_notebook_is_repeated(
    name: str, tile: tuple[int, int], coco: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--config", str(NOTEBOOK / f"{name}.yaml"), "--model", MODEL, "--data", coco, "--epochs", "2"]
    if name == "hide-people":
        given += ["--target", f"hide:{_class_seen(coco)}->background"]
    with pytest.raises(SystemExit) as caught:
        main(["universal", *given, "--out", str(out)])
    assert caught.value.code == DONE
    assert ("success %" if name == "write-foo" else "hidden %") in capfd.readouterr().out
    learnt = read_tile(out / "perturbation.safetensors")
    assert learnt.values.shape == (3, *tile)
    settings = json.loads((out / "run.json").read_text())
    assert (settings["train"]["samples"], settings["test"]["samples"]) == (4, 2)
    assert settings["config"]["preset"] == "notebook"
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["training"]["images"], summary["test"]["measured"], summary["failures"]) == (4, 2, [])
    # Two full-batch steps of one level each, as the notebook takes them.
    assert float(learnt.values.abs().max()) * 255 == pytest.approx(2)


@pytest.mark.slow
def test_a_two_stage_detector_is_trained_and_attacked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights, script = tmp_path / "faster.safetensors", NOTEBOOK.parent / "refresh/faster.py"
    asked = ["--weights", str(weights), "--scenes", "2", "--epochs", "1", "--batch", "2"]
    trained = subprocess.run([sys.executable, str(script), *asked], capture_output=True, text=True, check=True)
    assert trained.stdout.startswith("pass 1: loss ")
    with pytest.raises(SystemExit) as caught:
        main([
            "run", "--model", f"{script}:faster?weights={weights}", "--data", "scenes:", "--limit", "1", "--size",
            "64x96", "--attack", "dag", "--steps", "2", "--resample-candidates", "1", "--out", str(tmp_path / "out"),
        ])  # fmt: skip
    assert caught.value.code == DONE
    assert "AP50" in capfd.readouterr().out
