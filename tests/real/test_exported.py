"""ESPNet, exported by PyTorch here and now: the same scores, gradients and attacks as those of the network itself."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from foolscape.data.load import open_data
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_model
from foolscape.pixels import to_unit
from tests.run.made import run_unprobed

SIZE = (120, 160)


def exported(spec: str, folder: Path) -> dict[str, str]:
    """The network that `spec` names as files of all three kinds; specs of them."""
    network: Any = load_model(spec, image_size=SIZE).model
    module, image = network.module, torch.rand(1, 3, *SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (image,), str(folder / "net.onnx"), dynamo=False, opset_version=17)
        torch.jit.save(torch.jit.trace(module, image), str(folder / "net.pt"))
        torch.export.save(torch.export.export(module, (image,)), folder / "net.pt2")
    return {
        "onnx": f"onnx:{folder}/net.onnx",
        "script": f"torchscript:{folder}/net.pt",
        "program": f"exported:{folder}/net.pt2",
    }


@pytest.mark.slow
def test_an_exported_network_is_attacked_as_the_network_itself(real: Path, tmp_path: Path) -> None:
    spec = f"{real / 'models/espnet.py'}:espnet_camvid"
    camvid = f"camvid:{real / 'data/camvid'}"
    data = open_data(camvid, split="test")
    image = functional.interpolate(to_unit(data.load(data.ids[0]).image), size=SIZE, mode="area")
    network: Any = load_model(spec, image_size=SIZE).model
    scores = network.logits(image)
    specs = exported(spec, tmp_path)
    for other in specs.values():
        model: Any = load_model(other, image_size=SIZE).model
        assert float((model.logits(image) - scores).abs().max() / scores.abs().max()) < 1e-5
    assert check_gradient(model, image, seed=0).ok
    found = [
        run_unprobed(tmp_path / name, models=[one], data=camvid, split="test", limit=2, size="120x160", attack="fgsm")[
            "models"
        ][0]["conditions"]
        for name, one in (("own", spec), ("file", specs["onnx"]))
    ]
    own, file = ({name: scores["mIoU"] for name, scores in one.items()} for one in found)
    assert file["clean"] == pytest.approx(own["clean"], abs=0.05)
    assert file["adversarial"] == pytest.approx(own["adversarial"], abs=0.5)
