"""From names and files of weights to Faster R-CNN's networks of Caffe: one network, or the MATLAB release's two."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from torch import Tensor

from foolscape.errors import CheckpointError, SettingError, unknown
from foolscape.models.common.caffe import (
    RANDOM,
    VOC_CLASSES,
    read_weights,
    rows_of,
    with_random_weights,
    with_weights,
)
from foolscape.models.detectors.caffe.mean_image import MEAN, read_mean_image
from foolscape.models.detectors.caffe.network import (
    RENAMED,
    VGG16,
    ZF,
    FasterRcnn,
    ProposalNetwork,
    RegionNetwork,
    TwoNetworks,
)
from foolscape.models.segmenters.torchvision import Built

NAMES: Final = {"faster-rcnn-zf": ZF, "faster-rcnn-vgg16": VGG16}

_PROPOSING: Final = ("rpn_conv", "rpn_cls_score", "rpn_bbox_pred")
_DETECTING: Final = ("fc6", "fc7", "cls_score", "bbox_pred")
"""Layers that stand on the trunk, of each of the two networks."""

_RANDOM_NOTE: Final = "random weights, seed 0"


def build(name: str, weights: str | None, thin: int = 1) -> Built:
    """The network `name` of py-faster-rcnn, with the names of its channels; see `caffe_fcn.build`.

    Raises:
        UnknownNameError, CheckpointError: there is no such network, or its weights are not in the file.
    """
    trunk = _trunk(name)
    tensors = _read(f"caffe:{name}", weights)
    if tensors is None or weights is None:
        return Built(with_random_weights(partial(FasterRcnn, trunk, 21, thin)), _names(21), (_RANDOM_NOTE,))
    if not _has(tensors, _PROPOSING) and _has(tensors, _DETECTING):
        raise CheckpointError(
            f"expected proposals and regions of caffe:{name} in {weights}, got regions alone, as in the MATLAB "
            "release (detection_final); name its proposals (proposal_final), too: &rpn=FILE"
        )
    if _has(tensors, _PROPOSING) and not _has(tensors, _DETECTING):
        raise CheckpointError(
            f"expected proposals and regions of caffe:{name} in {weights}, got proposals alone, as in the MATLAB "
            f"release (proposal_final); name it as ?rpn={weights} and its regions (detection_final) as &weights=FILE"
        )
    count = rows_of(tensors, "cls_score.weight", f"caffe:{name}", weights)
    return Built(with_weights(partial(FasterRcnn, trunk, count), tensors, weights), _names(count))


def build_two(name: str, weights: str | None, rpn: str, mean_image: str | None = None, thin: int = 1) -> Built:
    """The two networks `name` of the MATLAB release, regions from `weights` and proposals from `rpn`.

    Args:
        name, weights, thin: as of `build`.
        rpn: a file, or "none" with `weights`.
        mean_image: a file, see `read_mean_image`; None: the mean of ImageNet's pixels, as DAG's release has it.

    Raises:
        UnknownNameError, CheckpointError: as `build`.
        SettingError: one of the networks is to be random and the other not.
    """
    trunk = _trunk(name)
    mean = MEAN if mean_image is None else read_mean_image(mean_image)
    if (rpn == RANDOM) != (weights == RANDOM):
        raise SettingError(
            f"weights, rpn: expected files for both networks of caffe:{name}, or none for both, got {weights} and {rpn}"
        )
    regions, proposals = _read(f"caffe:{name}", weights), _read(f"caffe:{name}", rpn)
    if regions is None or proposals is None or weights is None:
        proposing = with_random_weights(partial(ProposalNetwork, trunk, thin))
        detecting = with_random_weights(partial(RegionNetwork, trunk, 21, thin))
        return Built(TwoNetworks(proposing, detecting, mean).eval(), _names(21), (_RANDOM_NOTE,))
    if _has(regions, _PROPOSING):
        what = "a whole network; leave &rpn= out" if _has(regions, _DETECTING) else "proposals; swap the two files"
        raise CheckpointError(f"weights: expected regions of caffe:{name} alone (detection_final), got {what}")
    if not _has(proposals, _PROPOSING):
        raise CheckpointError(
            f"rpn: expected proposals of caffe:{name} (proposal_final) in {rpn}, got {len(proposals)} tensors without "
            f"conv_proposal1.weight ({', '.join(list(proposals)[:3])}, ..)"
        )
    count = rows_of(regions, "cls_score.weight", f"caffe:{name}", weights)
    proposals = {key: value for key, value in proposals.items() if key.rpartition(".")[0] not in _DETECTING}
    proposing = with_weights(partial(ProposalNetwork, trunk), proposals, rpn)
    detecting = with_weights(partial(RegionNetwork, trunk, count), regions, weights)
    return Built(TwoNetworks(proposing, detecting, mean).eval(), _names(count))


def _trunk(name: str) -> str:
    if name not in NAMES:
        raise unknown("detector of Caffe's", name, NAMES)
    return NAMES[name]


def _read(spec: str, weights: str | None) -> dict[str, Tensor] | None:
    tensors = read_weights(spec, weights)
    return None if tensors is None else {_renamed(key): value for key, value in tensors.items()}


def _has(tensors: Mapping[str, Tensor], layers: tuple[str, ...]) -> bool:
    return any(f"{layer}.weight" in tensors for layer in layers)


def _renamed(key: str) -> str:
    layer, _, part = key.rpartition(".")
    return f"{RENAMED.get(layer, layer)}.{part}"


def _names(count: int) -> tuple[str, ...] | None:
    return ("__background__", *VOC_CLASSES) if count == len(VOC_CLASSES) + 1 else None
