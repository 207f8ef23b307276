"""Tiny networks of transformers with random weights that depend on the image, and folders that hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from foolscape.models.common.huggingface import hub

NAMES: Final = ("cat", "dog", "N/A", "car", "bus")
SIZES: Final = {"shortest_edge": 64, "longest_edge": 90}
_LABELS: Final[dict[str, Any]] = {"id2label": dict(enumerate(NAMES)), "label2id": {n: i for i, n in enumerate(NAMES)}}
_MAPS: Final = ["stage2", "stage3", "stage4"]
_TRUNK: Final[dict[str, Any]] = {
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
}
_DETR: Final[dict[str, Any]] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "num_queries": 9,
}
_RT_DETR: Final[dict[str, Any]] = {
    "freeze_backbone_batch_norms": False,
    "encoder_hidden_dim": 16,
    "encoder_in_channels": [8, 16, 16],
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "encoder_layers": 1,
    "d_model": 16,
    "num_queries": 9,
    "decoder_in_channels": [16, 16, 16],
    "decoder_ffn_dim": 16,
    "decoder_layers": 2,
    "decoder_attention_heads": 2,
    "num_feature_levels": 3,
    "feat_strides": [8, 16, 32],
    "decoder_n_points": 2,
}
_WINDOWED: Final[dict[str, Any]] = {
    "d_model": 16,
    "num_queries": 9,
    "group_detr": 1,
    "decoder_layers": 2,
    "decoder_ffn_dim": 16,
    "decoder_self_attention_heads": 2,
    "decoder_cross_attention_heads": 2,
    "decoder_n_points": 2,
}


def _resnet(stages: list[str]) -> Any:
    return hub().ResNetConfig(**_TRUNK, out_features=stages)


def _rt_resnet() -> Any:
    return hub().RTDetrResNetConfig(**_TRUNK, out_features=_MAPS)


def _hgnet(stages: list[str] = _MAPS) -> Any:
    return hub().HGNetV2Config(
        hidden_sizes=[8, 8, 16, 16],
        stem_channels=[3, 4, 8],
        stage_in_channels=[8, 8, 8, 16],
        stage_mid_channels=[4, 4, 8, 8],
        stage_out_channels=[8, 8, 16, 16],
        stage_num_blocks=[1] * 4,
        stage_downsample=[False, True, True, True],
        stage_light_block=[False] * 4,
        stage_kernel_size=[3] * 4,
        stage_numb_of_layers=[1] * 4,
        embedding_size=8,
        depths=[1] * 4,
        out_features=stages,
    )


def _deformable(**more: Any) -> Any:
    return hub().DeformableDetrConfig(
        backbone_config=_resnet(_MAPS),
        num_feature_levels=3,
        encoder_n_points=2,
        decoder_n_points=2,
        with_box_refine=True,
        **_DETR,
        **_LABELS,
        **more,
    )


CONFIGS: Final[dict[str, Callable[[], Any]]] = {
    "detr": lambda: hub().DetrConfig(backbone_config=_resnet(["stage4"]), **_DETR, **_LABELS),
    "conditional_detr": lambda: hub().ConditionalDetrConfig(backbone_config=_resnet(["stage4"]), **_DETR, **_LABELS),
    "deformable_detr": _deformable,
    "deformable_detr, two stages": lambda: _deformable(two_stage=True, two_stage_num_proposals=9),
    "rt_detr": lambda: hub().RTDetrConfig(backbone_config=_rt_resnet(), **_RT_DETR, **_LABELS),
    "rt_detr_v2": lambda: hub().RTDetrV2Config(backbone_config=_rt_resnet(), **_RT_DETR, **_LABELS),
    "d_fine": lambda: hub().DFineConfig(
        backbone_config=_hgnet(), **{**_RT_DETR, "decoder_n_points": [2, 2, 2]}, **_LABELS
    ),
    "dab-detr": lambda: hub().DabDetrConfig(
        backbone_config=_resnet(["stage4"]),
        hidden_size=32,
        **{key: value for key, value in _DETR.items() if key != "d_model"},
        **_LABELS,
    ),
    "table-transformer": lambda: hub().TableTransformerConfig(backbone_config=_resnet(["stage4"]), **_DETR, **_LABELS),
    "lw_detr": lambda: hub().LwDetrConfig(
        backbone_config=hub().LwDetrViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=64,
            pretrain_image_size=64,
            num_windows=4,
            window_block_indices=[0],
            out_indices=[1, 2],
        ),
        projector_scale_factors=[1.0],
        **_WINDOWED,
        **_LABELS,
    ),
    "rf_detr": lambda: hub().RfDetrConfig(
        backbone_config=hub().RfDetrDinov2Config(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
            num_windows=2,
            out_indices=[1, 2],
        ),
        **_WINDOWED,
        **_LABELS,
    ),
    "deimv2": lambda: hub().Deimv2Config(
        backbone_config=_hgnet(), **{**_RT_DETR, "decoder_n_points": [2, 2, 2]}, lqe_hidden_dim=8, **_LABELS
    ),
    "pp_doclayout_v2": lambda: hub().PPDocLayoutV2Config(
        backbone_config=_hgnet(),
        class_thresholds=[0.5] * 5,
        class_order=[0, 1, 2, 3, 4],
        reading_order_config={
            "hidden_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "intermediate_size": 16,
            "num_classes": 5,
            "max_position_embeddings": 40,
            "relation_bias_embed_dim": 8,
            "global_pointer_head_size": 8,
        },
        **_RT_DETR,
        **_LABELS,
    ),
    "pp_doclayout_v3": lambda: hub().PPDocLayoutV3Config(
        backbone_config=_hgnet(["stage1", *_MAPS]),
        mask_feature_channels=[8, 8],
        x4_feat_dim=8,
        num_prototypes=4,
        global_pointer_head_size=8,
        **_RT_DETR,
        **_LABELS,
    ),
    "pp_doclayout_v4": lambda: hub().PPDocLayoutV4Config(
        backbone_config=_hgnet(), global_pointer_head_size=8, **_RT_DETR, **_LABELS
    ),
    "yolos": lambda: hub().YolosConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[48, 64],
        patch_size=16,
        num_detection_tokens=9,
        use_mid_position_embeddings=False,
        **_LABELS,
    ),
}


def processor(kind: str) -> Any:
    """The image processor of a network, set to small images."""
    if kind.startswith(("rt_detr", "d_fine", "deimv2")):
        return hub().RTDetrImageProcessor(size={"height": 64, "width": 96})
    if kind.startswith("pp_doclayout"):
        name = f"PPDocLayout{kind[-2:].upper()}ImageProcessor"
        return getattr(hub(), name)(size={"height": 64, "width": 96})
    if kind == "rf_detr":
        return hub().RfDetrImageProcessor(size={"height": 64, "width": 64})
    if kind == "lw_detr":
        return hub().DeformableDetrImageProcessor(size={"height": 64, "width": 64})
    names = {"yolos": "Yolos", "detr": "Detr", "table-transformer": "Detr"}
    name = names.get(kind, "ConditionalDetr" if kind in ("conditional_detr", "dab-detr") else "DeformableDetr")
    return getattr(hub(), f"{name}ImageProcessor")(size=SIZES)


def network(kind: str) -> Any:
    """The network with random weights; batch norms are fitted to random images, or the scores would hardly differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: Any = hub().AutoModelForObjectDetection.from_config(CONFIGS[kind]()).eval()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.2)
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for norm in norms:
                norm.train().momentum = 1.0
            if norms:
                module(pixel_values=torch.rand(2, 3, 64, 96))
    return module.eval()


def folder(kind: str, path: Path) -> Path:
    """`path` with config.json, preprocessor_config.json and model.safetensors."""
    network(kind).save_pretrained(path)
    processor(kind).save_pretrained(path)
    return path
