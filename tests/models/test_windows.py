"""Images in windows: the same scores and gradients as of the whole where the network does not look over their edges."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_model, open_model
from foolscape.models.segmenters.adapter import adapt_segmenter
from foolscape.models.segmenters.windows import WindowedSegmenter, Windows, windows_of
from foolscape.run.settings.task_of import task_of
from foolscape.spec import parse

from .networks import images

SIZE = (41, 70)
WINDOWS = Windows((16, 24), (11, 16))


def network(kernel: int) -> nn.Module:
    """Three classes; looks (kernel - 1) pixels far."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 8, kernel, padding=kernel // 2), nn.Tanh(), nn.Conv2d(8, 3, kernel, padding=kernel // 2))
        return nn.Sequential(*layers)


def pair(kernel: int) -> tuple[WindowedSegmenter, object]:
    whole = adapt_segmenter(network(kernel), classes=("a", "b", "c"), image_size=SIZE)
    inner = adapt_segmenter(network(kernel), classes=("a", "b", "c"), image_size=WINDOWS.size)
    return WindowedSegmenter(inner, WINDOWS), whole


def gradient(segmenter: object, given: Tensor) -> tuple[Tensor, Tensor]:
    given = given.clone().requires_grad_(True)
    scores = segmenter.logits(given)
    loss = nn.functional.cross_entropy(scores, torch.arange(scores[:, 0].numel()).view_as(scores[:, 0]) % 3)
    return scores.detach(), torch.autograd.grad(loss, given)[0]


def test_where_windows_lie() -> None:
    """1024 x 2048 in windows of 512 x 1024, 341 x 683 apart, as mmsegmentation's slide inference lays them."""
    parts = Windows((512, 1024), (341, 683)).parts(1024, 2048)
    assert sorted({(rows.start, rows.stop) for rows, _ in parts}) == [(0, 512), (341, 853), (512, 1024)]
    assert sorted({(columns.start, columns.stop) for _, columns in parts}) == [(0, 1024), (683, 1707), (1024, 2048)]
    assert Windows((512, 1024), (512, 1024)).parts(300, 1024) == [(slice(0, 300), slice(0, 1024))]


def test_a_network_that_looks_at_one_pixel_sees_the_whole_image() -> None:
    parts, whole = pair(1)
    for found, wanted in zip(gradient(parts, images(2, *SIZE)), gradient(whole, images(2, *SIZE)), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)
    with torch.no_grad():
        assert torch.equal(parts.logits(images(1, 16, 24)), whole.logits(images(1, 16, 24)))


def test_scores_are_averaged_and_the_gradient_is_theirs() -> None:
    parts, whole = pair(3)
    given = images(1, *SIZE)
    with torch.no_grad():
        scores, wanted = parts.logits(given), whole.logits(given)
        by_hand = torch.stack([_spread(parts.inner.logits(given[:, :, r, c]), r, c) for r, c in WINDOWS.parts(*SIZE)])
    torch.testing.assert_close(scores, by_hand.nansum(0) / (~by_hand.isnan()).sum(0))
    # (5, 5) lies 6 pixels from the edges of the windows over it, the network looks 2 far.
    torch.testing.assert_close(scores[..., 5, 5], wanted[..., 5, 5])
    assert not torch.allclose(scores[..., 11, 5], wanted[..., 11, 5])
    assert check_gradient(parts, given, seed=0).ok
    assert str(WINDOWS) in parts.notes


def _spread(scores: Tensor, rows: slice, columns: slice) -> Tensor:
    spread = torch.full((*scores.shape[:2], *SIZE), torch.nan)
    spread[:, :, rows, columns] = scores
    return spread


def test_no_window_leaves_anything_behind_for_the_backward_pass() -> None:
    """Memory of one window: what autograd keeps of the whole image is the image, not what the layers made of it."""
    kept = []
    parts, whole = pair(3)
    for segmenter in (parts, whole):
        sizes: list[int] = []

        def keep(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            segmenter.logits(images(1, *SIZE).requires_grad_(True))
        kept.append(sum(sizes))
    pixels = SIZE[0] * SIZE[1]
    assert kept[0] == 3 * pixels + pixels  # the image, and in how many windows each pixel is
    assert kept[1] > 3 * kept[0]


def test_mixed_precision_is_that_of_the_forward_pass() -> None:
    parts, _ = pair(3)
    given = images(1, *SIZE).requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        scores = parts.logits(given)
    (found,) = torch.autograd.grad(scores.float().square().sum(), given)
    _, exact = gradient(parts, images(1, *SIZE))
    assert torch.isfinite(found).all()
    assert found.dtype == exact.dtype


def test_a_spec_says_it(tmp_path: Path) -> None:
    code = (
        "import torch\n\ndef build():\n    torch.manual_seed(0)\n    return torch.nn.Conv2d(3, 3, 3, padding=1)\n\n\n"
        "class Boxes(torch.nn.Module):\n    def forward(self, x):\n        return x\n\n"
        "    def detect(self, x, t):\n        return []\n"
    )
    (tmp_path / "net.py").write_text(code)
    spec = f"{tmp_path / 'net.py'}:build?window=16x24&mean=0.5,0.5,0.5"
    assert windows_of(parse(spec))[1] == Windows((16, 24), (11, 16))
    assert task_of(spec) == "segmentation"
    loaded = load_model(f"{spec}&stride=16x24", image_size=SIZE)
    assert loaded.model.windows == Windows((16, 24), (16, 24))
    assert loaded.sha256 is not None
    assert loaded.model.logits(images(1, *SIZE)).shape == (1, 3, *SIZE)
    for wrong in ("stride=17x24", "stride=0x1"):
        with pytest.raises(SettingError, match="stride: expected one of 1x1 to the window, 16x24, which leaves no"):
            open_model(f"{spec}&{wrong}")
    with pytest.raises(SettingError, match=r"\?window= is for segmentation, got .*, which is for detection"):
        open_model(f"{tmp_path / 'net.py'}:Boxes?window=16x24")
