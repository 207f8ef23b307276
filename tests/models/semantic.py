"""Tiny segmentation networks of transformers with random weights, their image processors, and folders of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from foolscape.models.common.huggingface import hub

NAMES: Final = ("road", "car", "person", "sky")
_LABELS: Final[dict[str, Any]] = {"id2label": dict(enumerate(NAMES)), "label2id": {n: i for i, n in enumerate(NAMES)}}
_STAGES: Final = ["stage1", "stage2", "stage3", "stage4"]
_VIT: Final[dict[str, Any]] = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 64,
    "patch_size": 16,
}
_SQUARE: Final = {"height": 64, "width": 64}
_EDGES: Final = {"shortest_edge": 48, "longest_edge": 90}


def _resnet() -> Any:
    return hub().ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1] * 4, layer_type="basic", out_features=_STAGES
    )


def _swin() -> Any:
    return hub().SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4, out_features=_STAGES, image_size=64
    )


def _mask2former(kind: str, **more: Any) -> Any:
    return getattr(hub(), f"{kind}Config")(
        backbone_config=_swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        dim_feedforward=16,
        num_attention_heads=2,
        num_queries=5,
        **more,
        **_LABELS,
    )


def _oneformer() -> Any:
    return _mask2former(
        "OneFormer", conv_dim=32, mask_dim=32, query_dec_layers=1, decoder_layers=2, is_training=False, task_seq_len=8,
        max_seq_len=8, text_encoder_vocab_size=20, text_encoder_context_length=8, text_encoder_width=16,
        text_encoder_num_layers=1, use_task_norm=True,
    )  # fmt: skip


CONFIGS: Final[dict[str, Callable[[], Any]]] = {
    "segformer": lambda: hub().SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16, num_attention_heads=[1, 1, 2, 2], **_LABELS
    ),
    "upernet": lambda: hub().UperNetConfig(
        backbone_config=_resnet(), hidden_size=16, auxiliary_channels=8, auxiliary_in_channels=16, **_LABELS
    ),
    "dpt": lambda: hub().DPTConfig(
        **_VIT, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16, **_LABELS
    ),
    "beit": lambda: hub().BeitConfig(
        **_VIT, out_indices=[1, 2, 3, 4], use_relative_position_bias=True, auxiliary_channels=8, **_LABELS
    ),
    "data2vec-vision": lambda: hub().Data2VecVisionConfig(
        **_VIT, out_indices=[0, 1, 2, 3], use_absolute_position_embeddings=True, auxiliary_channels=8, **_LABELS
    ),
    "mobilevit": lambda: hub().MobileViTConfig(
        image_size=64, hidden_sizes=[8, 8, 16], neck_hidden_sizes=[8, 8, 8, 16, 16, 16, 16], num_attention_heads=2,
        aspp_out_channels=16, atrous_rates=[2, 3, 4], **_LABELS,
    ),
    "mobilevitv2": lambda: hub().MobileViTV2Config(
        image_size=64, width_multiplier=0.25, aspp_out_channels=16, **_LABELS
    ),
    "mobilenet_v2": lambda: hub().MobileNetV2Config(image_size=64, depth_multiplier=0.25, **_LABELS),
    "maskformer": lambda: hub().MaskFormerConfig(
        backbone_config=_swin(), fpn_feature_size=32, mask_feature_size=32,
        decoder_config=hub().DetrConfig(
            d_model=16, decoder_layers=2, encoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=5,
        ), **_LABELS,
    ),
    "mask2former": lambda: _mask2former("Mask2Former", decoder_layers=3),
    "oneformer": _oneformer,
    "eomt": lambda: hub().EomtConfig(**_VIT, num_blocks=1, num_queries=5, num_register_tokens=1, **_LABELS),
    "eomt_dinov3": lambda: hub().EomtDinov3Config(
        **_VIT, num_blocks=1, num_queries=5, num_register_tokens=1, **_LABELS
    ),
    "tipsv2_dpt": lambda: hub().Tipsv2DptConfig(
        backbone_config=hub().Tipsv2VisionConfig(**_VIT, out_indices=[1, 2, 3, 4], reshape_hidden_states=False),
        neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16, **_LABELS,
    ),
    "sapiens2": lambda: hub().Sapiens2Config(
        **_VIT, num_register_tokens=1, num_key_value_attention_heads=1, num_first_full_attention_layers=1,
        num_last_full_attention_layers=1, head_config={"upsample_out_channels": [8], "conv_out_channels": [8]},
        **_LABELS,
    ),
    "detr": lambda: hub().DetrConfig(
        backbone_config=_resnet(), d_model=64, encoder_layers=1, decoder_layers=1, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=5, **_LABELS,
    ),
}  # fmt: skip
"""By the `model_type`."""

PROCESSORS: Final[dict[str, Callable[[], Any]]] = {
    "segformer": lambda: hub().SegformerImageProcessor(size=_SQUARE, do_reduce_labels=True),
    "upernet": lambda: hub().SegformerImageProcessor(size=_SQUARE),
    "dpt": lambda: hub().DPTImageProcessor(size=_SQUARE),
    "beit": lambda: hub().BeitImageProcessor(size={"height": 70, "width": 70}, crop_size=_SQUARE, do_center_crop=False),
    "data2vec-vision": lambda: hub().BeitImageProcessor(size=_SQUARE, crop_size=_SQUARE, do_center_crop=True),
    "mobilevit": lambda: hub().MobileViTImageProcessor(size={"shortest_edge": 64}, do_center_crop=False),
    "mobilevitv2": lambda: hub().MobileViTImageProcessor(size={"shortest_edge": 64}, do_center_crop=False),
    "mobilenet_v2": lambda: hub().MobileNetV2ImageProcessor(size={"shortest_edge": 50}, do_center_crop=False),
    "maskformer": lambda: hub().MaskFormerImageProcessor(size=_EDGES),
    "mask2former": lambda: hub().Mask2FormerImageProcessor(size=_EDGES),
    "oneformer": lambda: hub().OneFormerImageProcessor(size=_EDGES, class_info_file=None, num_text=0),
    "eomt": lambda: hub().EomtImageProcessor(size={"shortest_edge": 64, "longest_edge": None}, do_split_image=True),
    "eomt_dinov3": lambda: hub().EomtImageProcessor(
        size={"shortest_edge": 64, "longest_edge": None}, do_split_image=True
    ),
    "tipsv2_dpt": lambda: hub().Tipsv2DptImageProcessor(size=_SQUARE),
    "sapiens2": lambda: hub().Sapiens2ImageProcessor(size=_SQUARE),
    "detr": lambda: hub().DetrImageProcessor(size=_EDGES),
}
_UNIVERSAL: Final = ("maskformer", "mask2former", "oneformer", "eomt", "eomt_dinov3", "detr")

_SPREAD: Final = {"tipsv2_dpt": 0.02}
"""Of what is added to the weights, where 0.1 makes scores so far apart that a softmax is exactly 0 or 1."""


def network(kind: str) -> Any:
    """The network with random weights; batch norms are fitted to random images, or the scores would hardly differ."""
    auto = "AutoModelForUniversalSegmentation" if kind in _UNIVERSAL else "AutoModelForSemanticSegmentation"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: Any = getattr(hub(), auto).from_config(CONFIGS[kind]()).eval()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape) * _SPREAD.get(kind, 0.1))
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for norm in norms:
                norm.train().momentum = 1.0
            if norms:
                module(pixel_values=torch.rand(2, 3, 64, 64))
    return module.eval()


def processor(kind: str) -> Any:
    """What turns images into the network's input: the image processor, for OneFormer with its tokenizer."""
    images = PROCESSORS[kind]()
    if kind != "oneformer":
        return images
    words = {"<|startoftext|>": 0, "<|endoftext|>": 1, "the</w>": 2, "task</w>": 3, "is</w>": 4, "semantic</w>": 5}
    letters = {letter: 6 + i for i, letter in enumerate("thaskiemnc")}
    merges = [("t", "h"), ("th", "e</w>"), ("i", "s</w>")]
    tokenizer = hub().CLIPTokenizer(vocab={**words, **letters, "th": 18, "e</w>": 19, "s</w>": 20}, merges=merges)
    return hub().OneFormerProcessor(images, tokenizer, max_seq_length=8, task_seq_length=8)


def folder(kind: str, path: Path) -> Path:
    """`path` with config.json, preprocessor_config.json, model.safetensors and a tokenizer where there is one."""
    network(kind).save_pretrained(path)
    processor(kind).save_pretrained(path)
    return path
