"""The rows of the published tables of DAG, universal perturbations, ARA and SEA: one record each.

Figures are those of the papers, in percent. Nothing here was measured by foolscape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.errors import unknown
from foolscape.published.base import DataPlace, Figure, Row, is_level

CAFFE_SERVER: Final = "http://dl.caffe.berkeleyvision.org"

_DAG: Final = "Xie et al., Adversarial Examples for Semantic Segmentation and Object Detection, ICCV 2017, Table 1"
_YEAR_2012: Final = (("year", "2012"),)
_SEGVALID: Final = DataPlace(
    "voc", "VOCdevkit", "VOCdevkit/VOC2012/ImageSets/Segmentation/seg11valid.txt",
    "PASCAL VOC 2012, with data/pascal/seg11valid.txt of shelhamer/fcn.berkeleyvision.org among its lists", _YEAR_2012,
)  # fmt: skip
_VOC07: Final = DataPlace(
    "voc", "VOCdevkit", "VOCdevkit/VOC2007/ImageSets/Main/test.txt", "PASCAL VOC 2007, test", (("year", "2007"),)
)
_OF_OWN_IMAGES: Final = (
    "on the images of the network's own published evaluation; ADVR before rounding to 8 bits; PERM: foolscape permutes "
    "pixels one by one, inside their range"
)
_NO_FILE: Final = "not published; a file of the same layers of your own"


def _dag(
    name: str, network: str, model: str, weights: str, source: str, values: tuple[float, float, float], rpn: str = ""
) -> Row:
    boxes = model.startswith("caffe:faster")
    score = "mAP_voc07" if boxes else "mIoU"
    columns = zip(("ORIG", "ADVR", "PERM"), ("clean", "adversarial", "permuted"), values, strict=True)
    return Row(
        name=f"dag/{name}", table=_DAG, network=network, task="detection" if boxes else "segmentation", model=model,
        weights=weights, source=source, beside={"rpn": rpn} if rpn else {}, data=_VOC07 if boxes else _SEGVALID,
        settings={"split": "test" if boxes else "seg11valid", "task": "detection" if boxes else "segmentation",
                  "attack": "dag", "quantise_steps": "no"},
        figures=tuple(Figure(column, score, value, condition) for column, condition, value in columns),
        remark=_OF_OWN_IMAGES,
    )  # fmt: skip


_RCNN: Final = "faster_rcnn_models.tgz of py-faster-rcnn"
_MATLAB: Final = "faster_rcnn_final_model.zip of ShaoqingRen/faster_rcnn"
_ZF: Final = "faster_rcnn_VOC0712_ZF"
_VGG: Final = "faster_rcnn_VOC0712_vgg_16layers"
"""Its folders."""

_DAG_ROWS: Final = (
    _dag("fcn-alexnet", "FCN-Alex", "caffe:fcn-alexnet", "fcn-alexnet-pascal.caffemodel",
         f"{CAFFE_SERVER}/fcn-alexnet-pascal.caffemodel", (48.04, 3.98, 48.04)),
    _dag("fcn-alexnet-star", "FCN-Alex*", "caffe:fcn-alexnet", "fcn-alexnet-star.caffemodel", _NO_FILE,
         (48.92, 3.98, 48.91)),
    _dag("fcn-vgg", "FCN-VGG", "caffe:fcn-8s", "fcn8s-heavy-pascal.caffemodel",
         f"{CAFFE_SERVER}/fcn8s-heavy-pascal.caffemodel", (65.49, 4.09, 65.47)),
    _dag("fcn-vgg-star", "FCN-VGG*", "caffe:fcn-8s", "fcn8s-star.caffemodel", _NO_FILE, (67.09, 4.18, 67.08)),
    _dag("fr-zf-07", "FR-ZF-07", "caffe:faster-rcnn-zf", "ZF_faster_rcnn_final.caffemodel", _RCNN,
         (58.70, 3.61, 58.33)),
    _dag("fr-zf-0712", "FR-ZF-0712", "caffe:faster-rcnn-zf", f"{_ZF}/detection_final", _MATLAB,
         (61.07, 1.95, 60.94), f"{_ZF}/proposal_final"),
    _dag("fr-vgg-07", "FR-VGG-07", "caffe:faster-rcnn-vgg16", "VGG16_faster_rcnn_final.caffemodel", _RCNN,
         (69.14, 5.92, 68.68)),
    _dag("fr-vgg-0712", "FR-VGG-0712", "caffe:faster-rcnn-vgg16", f"{_VGG}/detection_final", _MATLAB,
         (72.07, 3.36, 71.97), f"{_VGG}/proposal_final"),
)  # fmt: skip

_METZEN: Final = "Metzen et al., Universal Adversarial Perturbations Against Semantic Image Segmentation, ICCV 2017"
_CITYSCAPES: Final = DataPlace(
    "cityscapes", "Cityscapes", "Cityscapes/leftImg8bit/train", "cityscapes-dataset.com: leftImg8bit and gtFine"
)
_COCO_IMAGES: Final = DataPlace("folder", "coco/val2017", "coco/val2017", "cocodataset.org: 2017 Val images")
_IN_PLOTS: Final = "success is published in plots, of which no number was read"
_PAPER: Final = {"preset": "paper", "eps": "10/255", "train_split": "train", "test_split": "val", "size": "512x1024"}


def _universal(name: str, target: str, settings: Mapping[str, str] = _PAPER) -> Row:
    return Row(
        name=f"universal/{name}", table=_METZEN, network="FCN-8s", task="segmentation", command="universal",
        model="caffe:fcn-8s", weights="fcn8s-cityscapes.pth",
        source="not published; FCN-8s trained on Cityscapes, by the names of fcn8s_from_caffe.pth", data=_CITYSCAPES,
        settings={**settings, "target": target}, remark=_IN_PLOTS,
    )  # fmt: skip


_NOTEBOOK: Final = {"preset": "notebook", "eps": "10/255", "train_split": "[:80%]", "test_split": "[80%:]"}


def _notebook(name: str, target: str, tile: str, more: Mapping[str, str]) -> Row:
    return Row(
        name=f"universal/{name}", table="tomtseng/adversarial-segmentation, a notebook after Metzen et al.",
        network="LR-ASPP MobileNetV3", task="segmentation", command="universal",
        model="torchvision:lraspp_mobilenet_v3_large", weights="lraspp_mobilenet_v3_large-d234d4ea.pth",
        source="foolscape download lraspp", data=_COCO_IMAGES,
        settings={**_NOTEBOOK, "target": target, "tile": tile, **more}, remark="no number is published",
    )  # fmt: skip


_UNIVERSAL_ROWS: Final = (
    _universal("hide-pedestrians", "hide:person->nearest"),
    _universal("static", "scene:monchengladbach/monchengladbach_000000_026602_leftImg8bit"),
    _notebook("notebook-hide", "hide:person->background", "256x256", {"showing": "yes"}),
    _notebook("notebook-static", "text:foo:person:background", "384x384", {}),
)

_ARA: Final = "Li et al., Adversarial Attacks on Video Object Segmentation with Hard Region Discovery, TCSVT 2024"
_DAVIS17: Final = DataPlace(
    "davis2017", "DAVIS", "DAVIS/ImageSets/2017/val.txt", "davischallenge.org: DAVIS 2017, TrainVal, 480p"
)


_TRACKER_WEIGHTS: Final[Mapping[str, str]] = {
    "stcn:": "stcn.pth",
    "stm:": "STM_weights.pth",
    "hmmn:": "HMMN_weights.pth",
}


def _ara(name: str, network: str, figures: tuple[Figure, ...], remark: str, source: str, model: str) -> Row:
    return Row(
        name=f"ara/{name}", table=_ARA, network=network, task="video",
        model=model, weights=_TRACKER_WEIGHTS[model], source=source, data=_DAVIS17,
        settings={"split": "val", "attack": "ara", "variant": "released"}, figures=figures, remark=remark,
    )  # fmt: skip


def _jf(column: str, value: float, condition: str) -> Figure:
    return Figure(column, "J&F", value, condition)


_CLEAN_ALONE: Final = "clean: the network's own paper, on DAVIS 2017 val; ARA's figures were not to be had"

_ARA_ROWS: Final = (
    _ara("stcn", "STCN", (_jf("clean", 85.4, "clean"), _jf("ARA", 81.3, "adversarial")),
         "README of the code, whose first frame leaves the bound; ARA before rounding to 8 bits",
         "stcn.pth of hkchengrex/STCN (s012)", "stcn:"),
    _ara("stm", "STM", (_jf("clean", 81.8, "clean"),), _CLEAN_ALONE, "STM_weights.pth of seoungwugoh/STM", "stm:"),
    _ara("hmmn", "HMMN", (_jf("clean", 84.7, "clean"),), _CLEAN_ALONE, "HMMN_weights.pth of Hongje/HMMN", "hmmn:"),
)  # fmt: skip

_SEA: Final = (
    "Croce, Singh and Hein, Towards Reliable Evaluation and Fast Training of Robust Semantic Segmentation Models, ECCV "
    "2024, Table 1"
)
_VOC12: Final = DataPlace(
    "voc", "VOCdevkit", "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", "PASCAL VOC 2012, trainval", _YEAR_2012
)
_ADE: Final = DataPlace(
    "ade20k", "ADEChallengeData2016", "ADEChallengeData2016/images/validation", "ADE20K's scene parsing benchmark"
)
_SEA_REMARK: Final = (
    "figures before rounding to 8 bits; foolscape's APGD keeps to the bound from the start, SEA's shrinks it from "
    "twice as much; SEA resizes and crops images to 473x473 (VOC) and 512x512 (ADE20K), here they are whole"
)

_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "CosPGD": {"attack": "pgd", "loss": "cospgd-sigmoid", "steps": "300"},
    "SegPGD": {"attack": "segpgd", "steps": "300"},
    "JS": {"attack": "apgd", "loss": "js", "steps": "300"},
    "MCE": {"attack": "apgd", "loss": "masked-ce", "steps": "300"},
    "MCE-Bal": {"attack": "apgd", "loss": "balanced-ce", "steps": "300"},
    "SEA": {"attack": "worst-case", "budget": "900"},
}
"""The attack that stands for each column; SEA's is the worst of its three, for which `worst-case` stands."""

_Scores = tuple[float, float]
_Table = Mapping[str, tuple[_Scores, ...]]


@dataclass(frozen=True)
class _Attacked:
    """A network of SEA's table: its name here and there, foolscape's spec, the file, its data, its clean scores."""

    short: str
    network: str
    model: str
    weights: str
    source: str
    data: DataPlace
    clean: _Scores


_UPERNET, _RELEASED = "sea:upernet-convnext-t", "a checkpoint of nmndeep/robust-segmentation"

_SEA_TABLE: Final[Mapping[_Attacked, _Table]] = {
    _Attacked("voc-convnext", "UPerNet ConvNeXt-T", _UPERNET, "upernet_convnext_t_voc.pth",
              _RELEASED, _VOC12, (93.4, 77.2)): {
        "0.25/255": ((76.6, 48.0), (74.0, 43.7), (72.4, 41.9), (71.2, 39.6), (76.6, 40.3), (70.0, 36.9)),
        "0.5/255": ((46.9, 24.0), (43.0, 18.6), (36.7, 16.3), (33.2, 13.0), (37.9, 10.1), (31.1, 8.6)),
        "1/255": ((17.2, 8.1), (12.9, 4.2), (8.2, 3.4), (5.9, 1.6), (6.9, 0.8), (4.9, 0.6)),
    },
    _Attacked("voc-pspnet-ddcat", "PSPNet, DDC-AT", "sea:pspnet-ddcat", "pspnet_ddcat_voc.pth",
              "a checkpoint of dvlab-research/Robust-Semantic-Segmentation", _VOC12, (92.8, 76.0)): {
        "2/255": ((7.1, 3.9), (3.9, 2.2), (1.2, 0.8), (0.5, 0.3), (2.1, 1.0), (0.2, 0.1)),
        "8/255": ((4.5, 3.2), (2.1, 1.3), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    },
    _Attacked("voc-convnext-pirat", "UPerNet ConvNeXt-T, PIR-AT", _UPERNET, "upernet_convnext_t_voc_pirat.pth",
              _RELEASED, _VOC12, (92.7, 75.9)): {
        "4/255": ((89.0, 65.6), (88.7, 64.8), (88.7, 64.9), (89.2, 65.9), (90.4, 67.4), (88.6, 64.9)),
        "8/255": ((77.8, 47.3), (74.2, 41.4), (73.9, 41.3), (74.0, 40.6), (77.4, 38.4), (71.7, 34.6)),
        "12/255": ((56.6, 26.4), (45.3, 15.8), (38.6, 15.1), (31.5, 10.3), (36.9, 6.7), (28.1, 5.5)),
    },
    _Attacked("ade-convnext-pirat", "UPerNet ConvNeXt-T, PIR-AT", _UPERNET, "upernet_convnext_t_ade_pirat.pth",
              _RELEASED, _ADE, (70.5, 31.7)): {
        "8/255": ((37.6, 9.9), (28.5, 7.4), (28.5, 7.2), (28.5, 6.6), (31.1, 5.3), (26.4, 4.9)),
    },
    _Attacked("ade-segmenter-pirat", "Segmenter ViT-S, PIR-AT", "sea:segmenter-vit-s", "segmenter_vit_s_ade_pirat.pth",
              _RELEASED, _ADE, (69.1, 28.7)): {
        "8/255": ((41.7, 9.7), (38.5, 8.6), (34.2, 7.7), (36.2, 8.5), (37.8, 5.6), (33.3, 5.4)),
    },
}  # fmt: skip
"""By network: by bound the pixel accuracy and mIoU under the attacks of `_COLUMNS`."""


def _pair(column: str, scores: _Scores, condition: str, bound: str | None = None) -> tuple[Figure, ...]:
    accuracy, miou = scores
    return (
        Figure(column, "pixel_accuracy", accuracy, condition, bound),
        Figure(column, "mIoU", miou, condition, bound),
    )


def _sea(one: _Attacked, table: _Table, place: int) -> Row:
    column = list(_COLUMNS)[place]
    figures = _pair("clean", one.clean, "clean")
    for bound, columns in table.items():
        figures += _pair(column, columns[place], "adversarial", bound)
    return Row(
        name=f"sea/{one.short}/{column.lower()}", table=_SEA, network=one.network, task="segmentation", model=one.model,
        weights=one.weights, source=one.source, data=one.data,
        settings={"split": "validation" if one.data is _ADE else "val", **_COLUMNS[column],
                  "eps": ",".join(filter(is_level, table))},
        figures=figures, remark=_SEA_REMARK,
    )  # fmt: skip


ROWS: Final = (
    *_DAG_ROWS,
    *_UNIVERSAL_ROWS,
    *_ARA_ROWS,
    *(_sea(one, table, place) for one, table in _SEA_TABLE.items() for place in range(len(_COLUMNS))),
)
"""Every row, method by method."""


def rows_of(name: str | None) -> tuple[Row, ...]:
    """The rows of this name, or whose names begin with it and a slash; all for None.

    Raises:
        UnknownNameError: there are none.
    """
    if name is None:
        return ROWS
    found = tuple(row for row in ROWS if row.name == name or row.name.startswith(f"{name}/"))
    if not found:
        raise unknown("published table", name, [row.name for row in ROWS])
    return found
