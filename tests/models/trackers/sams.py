"""Tiny networks of transformers' SAM 2 and EdgeTAM with random weights, and folders that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from foolscape.models.common.huggingface import hub

if TYPE_CHECKING:
    from transformers.models.sam2.configuration_sam2 import Sam2VisionConfig

SIDE: Final = 64
KINDS: Final = ("sam2_video", "edgetam_video")
_WIDTH: Final = 128  # the library fixes 64 channels of memory, and wants more for the rest


def _vision() -> Sam2VisionConfig:
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig

    trunk = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 12, 16, 20],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 2, 2],
        window_positional_embedding_background_size=[2, 2],
        global_attention_blocks=[3],
        initializer_range=0.2,
    )
    return Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=[20, 16, 12, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=_WIDTH,
        initializer_range=0.1,
    )


def config(kind: str) -> Any:
    """Of one of KINDS; EdgeTAM with the image encoder of SAM 2, for its own needs timm."""
    settings: dict[str, Any] = {
        "vision_config": _vision(),
        "prompt_encoder_config": {"hidden_size": _WIDTH, "image_size": SIDE, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": _WIDTH,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 8,
        },
        "image_size": SIDE,
        "memory_attention_hidden_size": _WIDTH,
        "memory_attention_num_layers": 1,
        "memory_encoder_hidden_size": _WIDTH,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": _WIDTH,
        "memory_fuser_embed_dim": _WIDTH,
        "memory_fuser_intermediate_dim": 16,
        "memory_fuser_num_layers": 1,
        "memory_attention_rope_feat_sizes": [4, 4],
        "initializer_range": 0.1,
    }
    if kind == "sam2_video":
        return hub().Sam2VideoConfig(memory_attention_feed_forward_hidden_size=16, **settings)
    return hub().EdgeTamVideoConfig(
        memory_attention_mlp_hidden_size=16,
        memory_attention_rope_k_sizes=[2, 2],
        perceiver_resampler_num_latents=4,
        perceiver_resampler_num_latents_2d=4,
        perceiver_resampler_mlp_intermediate_size=16,
        perceiver_resampler_num_layers=1,
        **settings,
    )


def network(kind: str, *, there: bool = True) -> nn.Module:
    """Of one of KINDS, with random weights from seed 0; `there`: whether objects have a score above 0."""
    library: Any = hub()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: Any = {"sam2_video": library.Sam2VideoModel, "edgetam_video": library.EdgeTamVideoModel}[kind](
            config(kind)
        )
        for name, value in made.named_parameters():
            if "embedding" in name or "pointer" in name:  # zeros, where training leaves none
                nn.init.normal_(value, std=0.1)
    head = made.mask_decoder.pred_obj_score_head
    nn.init.constant_(head.proj_out.bias, 3.0 if there else -3.0)
    return made.eval()  # type: ignore[no-any-return]
