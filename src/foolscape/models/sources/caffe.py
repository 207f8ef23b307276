"""`caffe:NAME`: the networks of the published tables that were made for Caffe, with their published weights."""

from __future__ import annotations

from typing import Final

from foolscape.errors import SettingError, unknown
from foolscape.models.common import options
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.spec import Spec

SEGMENTERS: Final = ("fcn-8s", "fcn-16s", "fcn-32s", "fcn-8s-atonce", "fcn-alexnet")
DETECTORS: Final = ("faster-rcnn-vgg16", "faster-rcnn-zf")

_SIDES: Final = ("shorter", "longest")
"""Options of detectors: pixels of an image's shorter side, and the most that its longer one may have."""

_MATLAB: Final = ("rpn", "mean_image")

_FILE: Final = "?weights=FILE.caffemodel (or .pth, .safetensors)"


def _task(spec: Spec) -> TaskName:
    return DETECTION if spec.rest in DETECTORS else SEGMENTATION


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    """The network; options are weights, classes, thin (divides the channels of one with random weights), and of a
    detector shorter and longest, the sides that images are resized to, rpn, the proposals of a network that the MATLAB
    release has in two files, and its mean_image."""
    refuse(spec, task, SEGMENTATION, DETECTION)
    if spec.rest not in (*SEGMENTERS, *DETECTORS):
        raise unknown("network of Caffe's", spec.rest, (*SEGMENTERS, *DETECTORS))
    refuse(spec, task, _task(spec))
    spec.only("weights", "classes", "thin", *((*_SIDES, *_MATLAB) if _task(spec) == DETECTION else ()))
    weights, thin = spec.options.get("weights"), options.thinned(spec)
    if _task(spec) == SEGMENTATION:
        from foolscape.models.segmenters import caffe_fcn, ready

        built = caffe_fcn.build(spec.rest, weights, thin)
        return SourceModel(SEGMENTATION, lambda wanted: ready.of_library(built, spec, wanted), built.classes)
    from foolscape.models.detectors import ready as detectors
    from foolscape.models.detectors.caffe import adapter, build

    sides = _sides(spec, adapter.SHORTER, adapter.LONGEST)
    rpn, mean_image = (spec.options.get(name) for name in _MATLAB)
    if rpn is not None:
        network = build.build_two(spec.rest, weights, rpn, mean_image, thin)
    elif mean_image is None:
        network = build.build(spec.rest, weights, thin)
    else:
        raise SettingError(
            f"mean_image: expected it with rpn=FILE, for the two networks of the MATLAB release, got {spec.text}"
        )

    def ready_detector(wanted: Conditions) -> object:
        return detectors.of_caffe(network, wanted, sides)

    return SourceModel(DETECTION, ready_detector, network.classes)


def _sides(spec: Spec, shorter: int, longest: int) -> tuple[int, int]:
    """The sides that images are resized to, those of the network itself where nothing is said."""
    given = options.read(spec, options.whole, *_SIDES)
    sides = given.get("shorter", shorter), given.get("longest", max(longest, given.get("shorter", 0)))
    if not 32 <= sides[0] <= sides[1]:
        raise SettingError(f"shorter, longest: expected 32 at least and the longer one not below, got {sides}")
    return sides


def _listed() -> tuple[Listed, ...]:
    two = f"{_FILE}, &rpn=FILE beside it for the MATLAB release's two networks"
    named = ((SEGMENTATION, SEGMENTERS, _FILE), (DETECTION, DETECTORS, two))
    return tuple(Listed(f"caffe:{name}", f"{task}; {files}") for task, names, files in named for name in names)


RECORD: Final = Source(_task, _open, _listed, "caffe:fcn-8s?weights=fcn8s-heavy-pascal.caffemodel", says_all=True)
