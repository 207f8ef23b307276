"""Tiny detectors of text of transformers with random weights, their image processor, and folders of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from foolscape.models.common.huggingface import hub

from .detectors.queries import _hgnet

_STAGES: Final = ["stage1", "stage2", "stage3", "stage4"]
_BLOCKS: Final = [[[3, 8, 8, 1, False]], *([[3, 8, 8, 2, False]] for _ in range(3)), [[3, 8, 8, 2, True]]]
_PLAIN: Final[dict[str, Any]] = {"neck_out_channels": 16, "layer_list_out_channels": [8] * 4}
_SLIM: Final = {
    f"{kind}_{ratio}": [size, 1, padding]
    for ratio, wide in {"longratio": 7, "midratio": 5, "shortratio": 3}.items()
    for kind, size, padding in (
        ("vertical_long_to_small_conv", [wide, 1], [wide // 2, 0]),
        ("horizontal_small_to_long_conv", [1, wide], [0, wide // 2]),
        ("symmetric_conv_long", [wide, wide], [wide // 2, wide // 2]),
    )
}
_FUSED: Final[dict[str, Any]] = {
    "neck_out_channels": 16,
    "intraclass_block_config": {**_SLIM, "reduce_channel": [1, 1, 0], "return_channel": [1, 1, 0]},
    "scale_factor_list": [1, 2, 4, 8],
    "kernel_list": [3, 2, 2],
}


def _lcnet() -> Any:
    stages = [f"stage{i}" for i in range(2, 6)]
    return hub().PPLCNetV3Config(block_configs=_BLOCKS, stem_channels=8, out_features=stages)


CONFIGS: Final[dict[str, Callable[[], Any]]] = {
    "pp_ocrv5_mobile_det": lambda: hub().PPOCRV5MobileDetConfig(backbone_config=_lcnet(), **_PLAIN),
    "pp_ocrv5_server_det": lambda: hub().PPOCRV5ServerDetConfig(backbone_config=_hgnet(_STAGES), **_FUSED),
    "pp_ocrv6_small_det": lambda: hub().PPOCRV6SmallDetConfig(backbone_config=_lcnet(), **_PLAIN),
    "pp_ocrv6_medium_det": lambda: hub().PPOCRV6MediumDetConfig(backbone_config=_hgnet(_STAGES), **_FUSED),
}


def processor() -> Any:
    """The image processor of all of them, for sides of at most 96."""
    return hub().PPOCRV5ServerDetImageProcessor(limit_side_len=96)


def network(kind: str) -> Any:
    """The network with random weights, its batch norms fitted to random images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: Any = hub().AutoModelForObjectDetection.from_config(CONFIGS[kind]()).eval()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.1)
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for norm in norms:
                norm.train().momentum = 1.0
            module(pixel_values=torch.rand(2, 3, 64, 96))
    return module.eval()


def folder(kind: str, path: Path) -> Path:
    """`path` with config.json, preprocessor_config.json and model.safetensors."""
    network(kind).save_pretrained(path)
    processor().save_pretrained(path)
    return path
