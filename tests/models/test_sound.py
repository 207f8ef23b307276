"""Sound networks of many kinds are neither refused nor accused, at whatever size; of broken ones the truth is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from foolscape.cli import main
from foolscape.cli.console import DONE
from foolscape.errors import ModelError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.file import call
from foolscape.models.segmenters.adapter import adapt_segmenter
from foolscape.testing import check_segmenter

from .networks import Around, Strict, Tiny, images

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")

SIZES = ((48, 80), (45, 67))


class Net(nn.Module):
    """Classes that a run can use, and a normalisation; `inner` is what is tried."""

    classes = ("a", "b", "c", "d", "e")

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.inner((x - 0.45) / 0.22)
        return scores


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return make()


class Stairs(nn.Module):
    """An encoder of `strides` whose steps must fit again on the way up: sides divisible by their product."""

    def __init__(self, *strides: int, least: int = 1) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(3 if i == 0 else 6, 6, s, s) for i, s in enumerate(strides))
        self.up = nn.ModuleList(nn.ConvTranspose2d(6, 6, s, s) for s in strides)
        self.head, self.least = nn.Conv2d(9, 5, 1), least

    def forward(self, x: Tensor) -> Tensor:
        kept, y = [], x
        for step in self.down:
            kept.append(y)
            y = torch.tanh(step(y))
        if min(y.shape[2:]) < self.least:
            raise RuntimeError(f"the map of {tuple(y.shape[2:])} is too small")
        for step, before in zip(reversed(self.up), reversed(kept), strict=True):
            y = step(y)
            if y.shape[2:] != before.shape[2:]:
                raise RuntimeError(f"sizes {tuple(y.shape[2:])} and {tuple(before.shape[2:])} do not fit")
        scores: Tensor = self.head(torch.cat([y, x], 1))
        return scores


class Crops(Stairs):
    """One that rounds up and crops its result, so that sides one below a multiple fit, and others do not."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)))
        return y[:, :, : x.shape[2], : x.shape[3]]


class Patches(nn.Module):
    """Patches of `side`; rows and columns that fill none are left out and the map is stretched over them."""

    def __init__(self, side: int, fixed: int | None = None) -> None:
        super().__init__()
        self.cut, self.head, self.fixed = nn.Conv2d(3, 8, side, side), nn.Conv2d(8, 5, 1), fixed

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.cut(x))
        if self.fixed is not None and y[0, 0].numel() != self.fixed:
            raise RuntimeError(f"expected {self.fixed} tokens, got {y[0, 0].numel()}")
        return F.interpolate(self.head(y), size=x.shape[2:], mode="bilinear")


class Unpooled(nn.Module):
    """A max-unpooling with nothing but a layer of 1 x 1 behind it: three of four places have its bias for scores."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, places = F.max_pool2d(self.first(x), 2, 2, return_indices=True)
        scores: Tensor = self.head(F.max_unpool2d(y, places, 2, 2, output_size=x.shape[2:]))
        return scores


def _casting(dtype: torch.dtype) -> Callable[[], nn.Module]:
    return lambda: Around(lambda net, x: net(x.to(dtype)).float(), Tiny().to(dtype))


def _exported() -> nn.Module:
    dynamic = torch.export.Dim.DYNAMIC
    shapes = ({0: dynamic, 2: dynamic, 3: dynamic},)
    network = Net(Tiny()).eval()
    found: nn.Module = torch.export.export(network, (torch.rand(2, 3, 48, 80),), dynamic_shapes=shapes).module()
    return found


class Stubborn(Tiny):
    """A network whose parameters may not be touched."""

    def requires_grad_(self, requires_grad: bool = True) -> Stubborn:
        raise RuntimeError("leave my parameters alone")

    def to(self, *_: object, **__: object) -> Stubborn:
        raise ValueError("a quantised network stays where it is")


def _lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(6, 3, padding=1), nn.LazyBatchNorm2d(), nn.Tanh(), nn.LazyConv2d(5, 1))


SOUND: dict[str, Callable[[], nn.Module]] = {
    "divisor 12": lambda: Stairs(2, 2, 3),
    "divisor 10": lambda: Stairs(5, 2),
    "divisor 14": lambda: Stairs(14),
    "divisor 8 with a least size": lambda: Stairs(2, 4, least=8),
    "crops": lambda: Crops(4, 2),
    "patches that floor": lambda: Patches(14),
    "max-unpooling": Unpooled,
    "in-place ReLU on the image": lambda: Around(lambda net, x: net(F.relu(x, inplace=True))),
    "float16 behind a cast": _casting(torch.float16),
    "bfloat16 behind a cast": _casting(torch.bfloat16),
    "TorchScript": lambda: torch.jit.script(Tiny().eval()),
    "exported": _exported,
    "lazy": _lazy,
    "refuses to be frozen": Stubborn,
}
BARE = ("exported", "in-place ReLU on the image", "TorchScript")
"""Those that a module around them would hide."""


def _network(kind: str) -> nn.Module:
    network = _seeded(SOUND[kind])
    return network if kind in BARE else Net(network)


@pytest.mark.parametrize("kind", SOUND)
def test_no_sound_network_is_refused_or_accused(kind: str) -> None:
    report = check_segmenter(_network(kind), sizes=SIZES)
    assert report.ok, report.lines()
    assert "nothing speaks against [0, 1]" in report.lines()[-1]


@pytest.mark.parametrize("kind", SOUND)
def test_images_of_other_sizes_have_scores_and_gradients(kind: str) -> None:
    segmenter = adapt_segmenter(_network(kind), image_size=SIZES[0])
    assert segmenter.only_size is None
    for height, width in (*SIZES, (64, 49), (53, 106)):
        x = images(1, height, width).requires_grad_()
        scores = segmenter.logits(x)
        assert scores.shape == (1, 5, height, width)
        (slope,) = torch.autograd.grad(scores.softmax(1)[:, 0].sum(), x)
        assert bool(torch.isfinite(slope).all())
        # The last pixels are attacked, too: none is cut off. (A max-pooling takes one of four.)
        assert bool(slope[..., -2:, :].any())
        assert bool(slope[..., -2:].any())


def test_a_run_on_photographs_of_two_sizes(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, size in enumerate(SIZES):
        pixels = (255 * images(1, *size)[0]).permute(1, 2, 0).byte().numpy()
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "photos" / f"{number}.png")
    command = ["run", "--data", f"folder:{tmp_path / 'photos'}", "--attack", "pgd", "--steps", "2", "--probes", "0"]
    (tmp_path / "net.py").write_text(
        "from tests.models.test_sound import _network\n\n\ndef build():\n    return _network('patches that floor')\n"
    )
    with pytest.raises(SystemExit) as caught:
        main([*command, "--model", f"{tmp_path / 'net.py'}:build", "--out", str(tmp_path / "out")])
    assert caught.value.code == DONE
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) >= len(SIZES)


@pytest.mark.parametrize(("divisor", "size"), [(3, (50, 80)), (6, (48, 60)), (20, (45, 67)), (256, (100, 140))])
def test_divisors_are_derived(divisor: int, size: tuple[int, int]) -> None:
    assert adapt_segmenter(Strict(divisor), image_size=size).multiple == divisor


@pytest.mark.parametrize("side", [14, 16])
@pytest.mark.parametrize("size", [(111, 127), (48, 80), (56, 70)])
def test_images_are_padded_to_patches_that_would_leave_out_their_ends(side: int, size: tuple[int, int]) -> None:
    assert adapt_segmenter(_seeded(lambda: Patches(side)), image_size=size).multiple == side


def test_strides_that_end_before_the_last_row_are_no_patches() -> None:
    strided = nn.Sequential(nn.Conv2d(3, 6, 3, 4, 1), nn.Conv2d(6, 5, 1))
    assert adapt_segmenter(strided, image_size=(48, 80)).multiple == 1


def test_a_network_of_squares_gets_squares() -> None:
    def square(net: nn.Module, x: Tensor) -> Tensor:
        assert x.shape[2] == x.shape[3]
        return net(x)

    segmenter = adapt_segmenter(Around(square), image_size=(24, 40))
    assert segmenter.multiple == 40
    assert segmenter.logits(images(1, 33, 53)).shape == (1, 5, 33, 53)


def test_one_size_is_told_after_a_larger_one_failed() -> None:
    assert adapt_segmenter(_seeded(lambda: Patches(16, fixed=15)), image_size=(48, 80)).only_size == (48, 80)
    with pytest.raises(ModelError, match=r"leaves out its last 4 rows and 12 columns .*; give --size 48x80"):
        adapt_segmenter(_seeded(lambda: Patches(16, fixed=15)), image_size=(52, 92))
    least = adapt_segmenter(_seeded(lambda: Stairs(8, least=8)), image_size=(64, 96))
    assert (least.only_size, least.multiple) == (None, 8)


def test_a_network_with_a_least_size_names_one_that_it_takes() -> None:
    picky = Around(lambda net, x: net(x) if x.shape[2] >= 200 else net(x).flatten(2).topk(10**6).values)
    with pytest.raises(ModelError, match=r"got RuntimeError: selected index k out of range.* It takes \d+ x \d+: give"):
        adapt_segmenter(picky, image_size=(24, 40))


def test_the_size_that_is_not_taken_is_refused_with_the_place() -> None:
    def change(net: nn.Module, x: Tensor) -> Tensor:
        if x.shape[2] % 2 == 0 and x.shape[2] > 60:
            raise ValueError("no such height")
        return net(x)

    segmenter = adapt_segmenter(Around(change), image_size=(24, 40))
    with pytest.raises(ModelError, match=r"ValueError: no such height.*test_sound\.py:\d+\)$"):
        segmenter.logits(images(1, 62, 40))


class Raises(Tiny):
    """A network that raises where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def eval(self) -> Raises:
        if self.where == "eval":
            raise TypeError("no eval")
        return super().eval()

    def to(self, *given: object, **more: object) -> Raises:
        if self.where == "to":
            raise RuntimeError("no to")
        return super().to(*given, **more)  # type: ignore[call-overload, no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        if self.where == "exit":
            raise SystemExit(1)
        return super().forward(x)


@pytest.mark.parametrize(("where", "got"), [("eval", "TypeError: no eval"), ("exit", "SystemExit: 1")])
def test_what_a_model_raises_is_told_with_its_place(where: str, got: str) -> None:
    with pytest.raises(ModelError, match=rf"got {got}.*test_sound\.py:\d+\)$"):
        adapt_segmenter(Raises(where), image_size=(24, 40))


def test_attributes_that_raise_are_told_with_their_place() -> None:
    class Secretive(Tiny):
        @property
        def classes(self) -> tuple[str, ...]:
            raise ValueError("not yet")

    with pytest.raises(ModelError, match=r"got ValueError: not yet \(.*test_sound\.py:\d+\)$"):
        call(Secretive, "the factory")


def test_a_network_that_is_where_it_should_be_need_not_move() -> None:
    assert adapt_segmenter(Raises("to"), image_size=(24, 40)).channels == 5


def test_weights_without_values_are_told() -> None:
    network = Tiny().to("meta")
    with pytest.raises(ModelError, match=r"got 11 of 11 tensors on the device meta, .*\(stem.weight is the first\)"):
        adapt_segmenter(network, image_size=(24, 40))


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "bfloat16"), (torch.float64, "float64")])
def test_another_type_is_not_told_as_a_size(dtype: torch.dtype, name: str) -> None:
    with pytest.raises(ModelError, match=rf"weights are {name} and that takes {name} alone .*call \.float\(\)"):
        adapt_segmenter(Tiny().to(dtype), image_size=(24, 40))


def test_one_channel_is_not_told_as_a_size() -> None:
    with pytest.raises(ModelError) as caught:
        adapt_segmenter(Around(lambda net, x: net(x)[:, :1]), image_size=(24, 40))
    assert str(caught.value).startswith("Segmenter.logits must return (B, C, H, W)")


def test_half_precision_that_leaves_no_gradient_is_told_as_such() -> None:
    # A sum over all pixels loses the small change of each of them in bfloat16.
    def lossy(net: nn.Module, x: Tensor) -> Tensor:
        y = (x + 200).to(torch.bfloat16).to(torch.float32) - 200
        return net(y.bfloat16()).float()

    verdict = check_gradient(adapt_segmenter(Around(lossy, Tiny().bfloat16()), image_size=(24, 40)), images(), seed=0)
    assert verdict.ok or verdict.kind == "half precision", verdict.message


def test_the_weights_of_lazy_layers_are_always_the_same_and_said() -> None:
    one, other = (adapt_segmenter(_lazy(), image_size=(24, 40)) for _ in range(2))
    assert torch.equal(one.logits(images()), other.logits(images()))
    assert "weights that its lazy layers had not made yet are random (seed 0)" in one.notes[0]


@pytest.mark.parametrize("steps", [4, 40])
def test_rounding_is_still_told_from_places_that_nothing_reaches(steps: int) -> None:
    part = Around(lambda net, x: torch.where(x[:, :1] > 0.35, (net(x) * steps).round() / steps, net(x)))
    assert check_gradient(adapt_segmenter(part, image_size=(24, 40)), images(), seed=0).kind == "rounded"
