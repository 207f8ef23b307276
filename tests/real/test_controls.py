"""PERM on photographs: nothing is clipped, also where much of a picture is white."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.attacks.controls import shuffled
from foolscape.records.conditions import PERMUTED
from foolscape.run.scores.controls import control_of
from foolscape.seeds import generator_for


@pytest.mark.parametrize(
    "place",
    ["data/camvid/test/Seq05VD_f03360.png", "data/coco_val_mini/val2017/000000005001.jpg"],
)
def test_a_shuffled_change_is_as_long_as_the_attack(real: Path, place: str) -> None:
    clean = np.array(Image.open(real / place).convert("RGB"))
    signs = np.random.default_rng(0).choice((-8, 8), clean.shape)  # as an attack ends, mostly
    attacked = np.clip(clean + signs, 0, 255).astype(np.uint8)

    def plane(image: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(image).permute(2, 0, 1).contiguous()

    moved = shuffled(plane(clean), plane(attacked), generator_for(0)).permute(1, 2, 0).numpy()
    assert control_of(PERMUTED, clean, attacked, moved).of_attack == pytest.approx(1, abs=1e-9)
    assert (moved != attacked).any(-1).mean() > 0.5  # most pixels have another one's change
    # In the order of chance the same change is shorter: this picture is one that shows it.
    chance = np.random.default_rng(1).permutation((attacked.astype(int) - clean).reshape(-1, 3)).reshape(clean.shape)
    clipped = np.clip(clean + chance, 0, 255).astype(np.uint8)
    assert control_of(PERMUTED, clean, attacked, clipped).of_attack < 0.96
