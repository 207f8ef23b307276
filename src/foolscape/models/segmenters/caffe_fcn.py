"""The fully convolutional networks of Long, Shelhamer and Darrell (CVPR 2015, PAMI 2017), as published for Caffe.

Layers, paddings and crops are those of the prototxt files of shelhamer/fcn.berkeleyvision.org; the names are Caffe's,
which wkentaro/pytorch-fcn keeps in its `fcn8s_from_caffe.pth`. The first layer pads by 100 pixels, so that the scores
of an image of any size reach beyond it, and crops lay them over it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import unknown
from foolscape.models.common.caffe import (
    VOC_CLASSES,
    bgr,
    max_pool,
    norm_across,
    read_weights,
    rows_of,
    vgg16_layers,
    vgg16_stage,
    with_random_weights,
    with_weights,
)
from foolscape.models.segmenters.torchvision import Built

MEANS: Final = (104.00699, 116.66877, 122.67892)
"""B, G, R in grey levels, of the published networks."""


@dataclass(frozen=True)
class Skip:
    """A finer map that is added to the scores.

    Attributes:
        pool: after which stage of VGG16 it is taken.
        upscore: the deconvolution (kernel 4, stride 2) that enlarges the scores up to it.
        crop: rows and columns of it that lie before the scores'.
        scale: what it is multiplied by first: 1, but for networks that were trained at once.
    """

    pool: int
    upscore: str
    crop: int
    scale: float = 1.0

    @property
    def score(self) -> str:
        """The name of the layer that makes scores of it."""
        return f"score_pool{self.pool}"


@dataclass(frozen=True)
class Form:
    """What tells the networks on VGG16 apart: the skips, and the last deconvolution with its crop."""

    skips: tuple[Skip, ...]
    upscore: str
    kernel: int
    stride: int
    crop: int


FORMS: Final = {
    "fcn-32s": Form((), "upscore", 64, 32, 19),
    "fcn-16s": Form((Skip(4, "upscore2", 5),), "upscore16", 32, 16, 27),
    "fcn-8s": Form((Skip(4, "upscore2", 5), Skip(3, "upscore_pool4", 9)), "upscore8", 16, 8, 31),
    "fcn-8s-atonce": Form(
        (Skip(4, "upscore2", 5, 0.01), Skip(3, "upscore_pool4", 9, 0.0001)), "upscore8", 16, 8, 31
    ),
}  # fmt: skip

NAMES: Final = (*FORMS, "fcn-alexnet")


class FcnVgg16(nn.Module):
    """FCN-32s, FCN-16s or FCN-8s on VGG16; `thin` divides the channels of all layers but those of scores."""

    def __init__(self, form: Form, classes: int, thin: int = 1) -> None:
        super().__init__()
        self.form = form
        hidden = 4096 // thin
        for name, layer in vgg16_layers(100, thin):
            self.add_module(name, layer)
        self.fc6 = nn.Conv2d(512 // thin, hidden, 7)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        for skip in form.skips:
            self.add_module(skip.score, nn.Conv2d((512 if skip.pool > 3 else 256) // thin, classes, 1))
            self.add_module(skip.upscore, nn.ConvTranspose2d(classes, classes, 4, 2, bias=False))
        self.add_module(form.upscore, nn.ConvTranspose2d(classes, classes, form.kernel, form.stride, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class scores (B, C, H, W)."""
        maps, pooled = bgr(images, MEANS), {}
        for stage in range(1, 6):
            maps = pooled[stage] = max_pool(vgg16_stage(self, maps, stage))
        maps = functional.relu(self.fc7(functional.relu(self.fc6(maps))))
        scores: Tensor = self.score_fr(maps)
        for skip in self.form.skips:
            scores = self.get_submodule(skip.upscore)(scores)
            finer = self.get_submodule(skip.score)(pooled[skip.pool] * skip.scale)
            scores = scores + cropped(finer, scores, skip.crop)
        return cropped(self.get_submodule(self.form.upscore)(scores), images, self.form.crop)


class FcnAlexNet(nn.Module):
    """FCN-AlexNet: the convolutions of Caffe's AlexNet, in two groups where that has two."""

    def __init__(self, classes: int, thin: int = 1) -> None:
        super().__init__()
        wide = [width // thin for width in (96, 256, 384, 384, 256, 4096)]
        self.conv1 = nn.Conv2d(3, wide[0], 11, 4, 100)
        self.conv2 = nn.Conv2d(wide[0], wide[1], 5, 1, 2, groups=2)
        self.conv3 = nn.Conv2d(wide[1], wide[2], 3, 1, 1)
        self.conv4 = nn.Conv2d(wide[2], wide[3], 3, 1, 1, groups=2)
        self.conv5 = nn.Conv2d(wide[3], wide[4], 3, 1, 1, groups=2)
        self.fc6 = nn.Conv2d(wide[4], wide[5], 6)
        self.fc7 = nn.Conv2d(wide[5], wide[5], 1)
        self.score_fr = nn.Conv2d(wide[5], classes, 1)
        self.upscore = nn.ConvTranspose2d(classes, classes, 63, 32, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class scores (B, C, H, W)."""
        maps = functional.relu(self.conv1(bgr(images, MEANS)))
        maps = functional.relu(self.conv2(norm_across(max_pool(maps, 3))))
        maps = functional.relu(self.conv3(norm_across(max_pool(maps, 3))))
        for layer in (self.conv4, self.conv5):
            maps = functional.relu(layer(maps))
        maps = functional.relu(self.fc7(functional.relu(self.fc6(max_pool(maps, 3)))))
        return cropped(self.upscore(self.score_fr(maps)), images, 18)


def cropped(maps: Tensor, like: Tensor, first: int) -> Tensor:
    """Caffe's crop layer: as many rows and columns of `maps` as `like` has, from `first` on."""
    return maps[..., first : first + like.shape[2], first : first + like.shape[3]]


def build(name: str, weights: str | None, thin: int = 1) -> Built:
    """The network `name`, with the names of VOC's classes where it has as many channels.

    Args:
        name: one of `NAMES`.
        weights: a .caffemodel, .pth or .safetensors file, which also sets the number of classes; "none": random ones.
        thin: what channels are divided by; for random weights alone.

    Raises:
        UnknownNameError: no such network.
        CheckpointError: the file is not there, unreadable or another network's.
    """
    if name not in NAMES:
        raise unknown("network of Caffe's that segments", name, NAMES)
    tensors = read_weights(f"caffe:{name}", weights)
    if tensors is None or weights is None:
        return Built(with_random_weights(_maker(name, 21, thin)), _names(21), ("random weights, seed 0",))
    count = rows_of(tensors, "score_fr.weight", f"caffe:{name}", weights)
    return Built(with_weights(_maker(name, count, 1), tensors, weights), _names(count))


def _maker(name: str, classes: int, thin: int) -> Callable[[], FcnVgg16 | FcnAlexNet]:
    if name in FORMS:
        return partial(FcnVgg16, FORMS[name], classes, thin)
    return partial(FcnAlexNet, classes, thin)


def _names(count: int) -> tuple[str, ...] | None:
    return ("background", *VOC_CLASSES) if count == len(VOC_CLASSES) + 1 else None
