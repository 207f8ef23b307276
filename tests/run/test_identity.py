"""A run goes on with the same model, data and algorithms alone; what changed is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.attacks.registry import REGISTRY
from foolscape.errors import RunError
from foolscape.run.directory.agreement import differences
from foolscape.run.harden.config import make_harden_config
from foolscape.run.harden.execute import harden
from foolscape.run.listener import Listener
from foolscape.run.transfer.execute import transfer
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal

from .made import do_run, silent_progress, write_net, write_photos

NET = """
import torch
from blocks import gain

class Net(torch.nn.Module):
    classes = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
               "Bicyclist")
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.mix = torch.nn.Conv2d(3, 11, 3, padding=1)
    def forward(self, images):
        return self.mix(images * gain)

def build():
    return Net()
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "blocks.py").write_text("gain = 1.0\n")
    return f"{tmp_path}/net.py:build"


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    for number, split in enumerate(("train", "test")):
        images, labels = tmp_path / f"cam/{split}", tmp_path / f"cam/{split}annot"
        images.mkdir(parents=True)
        labels.mkdir()
        for n in range(2):
            picture = 90 + np.arange(16 * 24 * 3).reshape(16, 24, 3) % (7 + 2 * number + n)
            Image.fromarray(picture.astype(np.uint8)).save(images / f"{split}{n}.png")
            Image.fromarray(np.full((16, 24), n, np.uint8)).save(labels / f"{split}{n}.png")
    return tmp_path / "cam"


def listener() -> Listener:
    return Listener(lambda text: None, silent_progress)


def command(kind: str, net: str, camvid: Path, out: Path) -> Callable[[], Any]:
    """What does a small piece of work of a kind in `out`."""
    data = f"camvid:{camvid}"
    both = {"model": net, "data": data, "train_split": "train", "test_split": "test", "epochs": 1}
    if kind == "run":
        return lambda: do_run(out, models=[net], data=data, attack="fgsm", eps="4/255", probes=0)
    if kind == "transfer":
        other = write_net(out.parent) + ":net"
        settings = {
            "models": [net, other],
            "data": f"folder:{camvid / 'test'}",
            "attack": "fgsm",
            "eps": "4/255",
            "probes": 0,
        }
        return lambda: transfer(settings, out, [], listener())
    if kind == "universal":
        config = make_universal_config({**both, "target": "untargeted", "size": "16x24"})
        return lambda: universal(config, out, [], listener())
    hardened = make_harden_config({**both, "batch": 2, "steps": 1, "mirror": False})
    return lambda: harden(hardened, out, [], listener())


@pytest.mark.parametrize("kind", ["run", "transfer", "universal", pytest.param("harden", marks=pytest.mark.slow)])
def test_edited_code_and_data_are_refused_by_name(kind: str, net: str, camvid: Path, tmp_path: Path) -> None:
    do = command(kind, net, camvid, tmp_path / "out")
    do()
    blocks, image = tmp_path / "blocks.py", camvid / "test/test1.png"
    blocks.write_text("gain = 2.0\n")
    with pytest.raises(RunError, match=r"blocks\.py, a source file of .*net\.py:build, has changed"):
        do()
    blocks.write_text("gain = 1.0\n")
    content = image.read_bytes()
    Image.fromarray(np.full((16, 24, 3), 77, np.uint8)).save(image)
    with pytest.raises(RunError, match="the image or annotation of test1 has changed"):
        do()
    image.write_bytes(content)
    do()  # as it was: nothing is measured anew


def test_an_edited_annotation_is_refused_by_name(net: str, camvid: Path, tmp_path: Path) -> None:
    do = command("run", net, camvid, tmp_path / "out")
    do()
    Image.fromarray(np.full((16, 24), 5, np.uint8)).save(camvid / "testannot/test0.png")
    with pytest.raises(RunError, match="the image or annotation of test0 has changed") as told:
        do()
    assert "sha256 was" not in str(told.value)


def test_half_a_run_is_not_finished_by_another_network(net: str, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "p", 2)
    settings = {"models": [net], "data": f"folder:{photos}", "attack": "fgsm", "eps": "4/255", "probes": 0}
    out = tmp_path / "out"
    do_run(out, **settings)
    rows = (out / "rows.jsonl").read_text().splitlines(keepends=True)
    (out / "rows.jsonl").write_text("".join(rows[:4]))
    (out / "summary.json").unlink()
    Path(net.removesuffix(":build")).write_text(NET.replace("images * gain", "images * gain - 0.5"))
    with pytest.raises(RunError, match=r"net\.py, a source file"):
        do_run(out, **settings)
    assert (out / "rows.jsonl").read_text() == "".join(rows[:4])


def test_another_version_of_foolscape_goes_on_unless_an_algorithm_changed(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_photos(tmp_path / "p", 1)
    settings = {"models": [net], "data": f"folder:{photos}", "attack": "fgsm", "eps": "4/255", "probes": 0}
    do_run(tmp_path / "out", **settings)
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["algorithms"]["attack fgsm"] == 1
    (tmp_path / "out/run.json").write_text(json.dumps(record | {"foolscape": "0.0.1"}))
    do_run(tmp_path / "out", **settings)
    monkeypatch.setitem(REGISTRY, "pgd", replace(REGISTRY["pgd"], algorithm=9))  # no part of this run
    do_run(tmp_path / "out", **settings)
    monkeypatch.setitem(REGISTRY, "fgsm", replace(REGISTRY["fgsm"], algorithm=2))
    with pytest.raises(RunError, match=r"foolscape computes attack fgsm in another way now \(number 1, now 2\)"):
        do_run(tmp_path / "out", **settings)


def test_differences_name_what_changed() -> None:
    def record(**changes: Any) -> dict[str, Any]:
        model = {"model": "timm.py:net", "identity": {"libraries": {"timm": "1.0"}, "files": {"a.py": "1"}}}
        model["identity"] |= changes  # type: ignore[operator]
        return {"models": [model], "train": {"samples": 1, "sha256": "x", "images": {"one": "1"}}}

    assert differences(record(), record() | {"started": "now", "foolscape": "9"}) == []
    assert differences(record(), record(libraries={"timm": "1.1"})) == [
        "timm, a library of timm.py:net, was 1.0, is 1.1"
    ]
    assert differences(record(), record(files={"a.py": "1", "b.py": "2"})) == [
        "b.py, a source file of timm.py:net, is new"
    ]
    assert differences(record(), record(files={})) == ["a.py, a source file of timm.py:net, is gone"]
    changed = record() | {"train": {"samples": 1, "sha256": "y", "images": {"one": "2"}}}
    assert differences(record(), changed) == ["the image or annotation of one has changed"]
