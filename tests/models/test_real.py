"""The pretrained networks and photographs outside the repository, wherever they are."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_segmenter
from foolscape.tasks.segmentation import predict

from .networks import REAL, needs_real

NETWORKS = {
    "espnet.py:espnet_camvid": (8, 11),
    "espnetv2.py:espnetv2_voc_s10": (16, 21),
    "espnetv2.py:espnetv2_voc_s20": (16, 21),
}


def _photographs(count: int, height: int, width: int) -> Tensor:
    paths = sorted((REAL / "data" / "camvid" / "test").glob("*.png"))[:count]
    arrays = [np.asarray(Image.open(path).convert("RGB").resize((width, height))) for path in paths]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


@needs_real
@pytest.mark.parametrize("spec", NETWORKS)
def test_networks_as_users_bring_them(spec: str) -> None:
    multiple, count = NETWORKS[spec]
    loaded = load_segmenter(f"{REAL / 'models'}/{spec}", image_size=(90, 122))
    assert (loaded.model.multiple, len(loaded.model.classes)) == (multiple, count)
    assert loaded.model.notes[0].startswith(f"image sides must be divisible by {multiple}: 90 x 122 is padded to")
    assert predict(loaded.model, _photographs(1, 90, 122)).shape == (1, 90, 122)


@needs_real
@pytest.mark.parametrize("spec", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2])
def test_their_gradients_are_right(spec: str, batch: int) -> None:
    segmenter = load_segmenter(f"{REAL / 'models'}/{spec}", image_size=(32, 48)).model
    verdict = check_gradient(segmenter, _photographs(batch, 32, 48), seed=0)
    assert verdict.ok, verdict.message
    assert verdict.precision == "float64"
