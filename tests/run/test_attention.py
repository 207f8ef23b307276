"""`--attention math`: offered where fused kernels have a wrong gradient, recorded, in force for the whole command."""

import json
from pathlib import Path

import pytest

from foolscape.errors import GradientError, SettingError
from foolscape.run.settings.config import make_config

from .made import do_run, write_net, write_photos

NETS = """
class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        ctx.wrong = torch.backends.cuda.flash_sdp_enabled()
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.flip(3) if ctx.wrong else gradient

def fused():
    class Attending(Net):
        def forward(self, images):
            return super().forward(Fused.apply(images))
    return Attending()
"""


def test_a_run_with_the_math_kernel(tmp_path: Path) -> None:
    nets = Path(write_net(tmp_path))
    nets.write_text(nets.read_text() + NETS)
    photos = f"folder:{write_photos(tmp_path / 'photos', 1)}"
    settings = {"models": [f"{nets}:fused"], "data": photos, "attack": "fgsm", "probes": 0}
    with pytest.raises(GradientError, match="Right with --attention math"):
        do_run(tmp_path / "auto", **settings)
    do_run(tmp_path / "math", **settings, attention="math")
    record = json.loads((tmp_path / "math/run.json").read_text())
    assert record["config"]["attention"] == "math"
    assert record["gradient"][f"{nets}:fused"]["ok"]


def test_another_kernel_is_refused() -> None:
    with pytest.raises(SettingError, match="attention"):
        make_config({"models": ["bundled:scenes-unet"], "data": "scenes:", "attention": "flash"})
