"""What `foolscape download` fetches: addresses that their publishers document, with a checksum that they document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foolscape.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file of somebody else's.

    Attributes:
        name: as the command has it.
        file: its name in the folder it is put in.
        address: where it is.
        digest: `sha256:` or `md5:` and its hexadecimal digits, or the first ones of them, as its publisher has them.
        licence: under what it may be used.
        about: what it is.
        then: what is to be done with it, if anything.
    """

    name: str
    file: str
    address: str
    digest: str
    licence: str
    about: str
    then: str = ""


_FLICKR: Final = (
    "PASCAL VOC's terms: the images are flickr's, and their use must respect flickr's terms "
    "(host.robots.ox.ac.uk/pascal/VOC)"
)

DOWNLOADS: Final = (
    Download(
        name="lraspp",
        file="lraspp_mobilenet_v3_large-d234d4ea.pth",
        address="https://download.pytorch.org/models/lraspp_mobilenet_v3_large-d234d4ea.pth",
        digest="sha256:d234d4ea",
        licence="BSD-3-Clause (torchvision); trained on COCO, whose annotations are CC BY 4.0",
        about="weights of torchvision's LR-ASPP MobileNetV3, for universal/notebook-*",
    ),
    Download(
        name="voc2012",
        file="VOCtrainval_11-May-2012.tar",
        address="https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        digest="md5:6cd6e144f989b92b3379bac3b3de84fd",
        licence=_FLICKR,
        about="PASCAL VOC 2012, train and val, for dag/fcn-* and sea/voc-*",
        then="tar xf VOCtrainval_11-May-2012.tar",
    ),
    Download(
        name="voc2007-test",
        file="VOCtest_06-Nov-2007.tar",
        address="https://thor.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtest_06-Nov-2007.tar",
        digest="md5:b6e924de25625d8de591ea690078ad9f",
        licence=_FLICKR,
        about="PASCAL VOC 2007, test, for dag/fr-*",
        then="tar xf VOCtest_06-Nov-2007.tar",
    ),
)
"""Addresses and checksums are those of torchvision, which gives VOC's by MD5 alone."""


def download_named(name: str) -> Download:
    """The download of this name; raises `UnknownNameError` where there is none."""
    for one in DOWNLOADS:
        if one.name == name:
            return one
    raise unknown("download", name, [one.name for one in DOWNLOADS])
