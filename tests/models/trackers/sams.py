"""Tiny networks of transformers' SAM 2, SAM 3 and EdgeTAM with random weights, and their processors."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import pytest
import torch
from torch import nn

from foolscape.models.common.huggingface import hub

if TYPE_CHECKING:
    from transformers.models.edgetam.configuration_edgetam import EdgeTamVisionConfig
    from transformers.models.sam2.configuration_sam2 import Sam2VisionConfig
    from transformers.models.sam3.configuration_sam3 import Sam3VisionConfig

SIDE: Final = 64
NAMES: Final = {"sam2_video": "Sam2Video", "sam3_tracker_video": "Sam3TrackerVideo", "edgetam_video": "EdgeTamVideo"}
"""How the names of their classes begin in transformers."""
KINDS: Final = (
    "sam2_video",
    "sam3_tracker_video",
    pytest.param("edgetam_video", marks=pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")),
)
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


def _repvit() -> EdgeTamVisionConfig:
    """EdgeTAM's own encoder, a RepViT of timm, narrow and short."""
    from transformers.models.edgetam.configuration_edgetam import EdgeTamVisionConfig

    shape = {"embed_dim": [8, 12, 16, 20], "depth": [1, 1, 1, 1]}
    trunk = hub().TimmWrapperConfig(
        architecture="repvit_m1",
        model_args={"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3], **shape},
    )
    return EdgeTamVisionConfig(
        backbone_config=trunk,
        backbone_channel_list=[20, 16, 12, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=_WIDTH,
        initializer_range=0.1,
    )


def _vit() -> Sam3VisionConfig:
    from transformers.models.sam3.configuration_sam3 import Sam3VisionConfig, Sam3ViTConfig

    trunk = Sam3ViTConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=16,
        window_size=2,
        global_attn_indexes=[1],
        pretrain_image_size=SIDE // 2,
        initializer_range=0.2,
    )
    return Sam3VisionConfig(
        backbone_config=trunk,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=_WIDTH,
        initializer_range=0.1,
    )


def config(kind: str) -> Any:
    """Of one of KINDS."""
    settings: dict[str, Any] = {
        "prompt_encoder_config": {
            "hidden_size": _WIDTH,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
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
    if kind == "edgetam_video":
        return hub().EdgeTamVideoConfig(
            vision_config=_repvit(),
            memory_attention_mlp_hidden_size=16,
            memory_attention_rope_k_sizes=[2, 2],
            perceiver_resampler_num_latents=4,
            perceiver_resampler_num_latents_2d=4,
            perceiver_resampler_mlp_intermediate_size=16,
            perceiver_resampler_num_layers=1,
            **settings,
        )
    made, vision = (
        (hub().Sam2VideoConfig, _vision()) if kind == "sam2_video" else (hub().Sam3TrackerVideoConfig, _vit())
    )
    return made(vision_config=vision, memory_attention_feed_forward_hidden_size=16, **settings)


def whole_sam3() -> Any:
    """SAM 3 as it is published: its detector, which is told by words, and its tracker."""
    library: Any = hub()
    part = {"hidden_size": _WIDTH, "intermediate_size": 16, "num_layers": 1, "num_attention_heads": 2}
    words = {
        "model_type": "clip_text_model",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 32,
        "projection_dim": 16,
        "max_position_embeddings": 8,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    detector = library.Sam3Config(
        vision_config=_vit(),
        text_config=words,
        geometry_encoder_config=part,
        detr_encoder_config=part,
        detr_decoder_config=part | {"num_queries": 3},
        mask_decoder_config={"hidden_size": _WIDTH, "num_attention_heads": 2},
    )
    made = library.Sam3VideoConfig(detector_config=detector, tracker_config=config("sam3_tracker_video"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return library.Sam3VideoModel(made)


def processor(kind: str) -> Any:
    """The library's own for a network of `kind`; it takes frames in [0, 1]."""
    library: Any = hub()
    size = {"height": SIDE, "width": SIDE}
    third = kind == "sam3_tracker_video"
    images = (library.Sam3ImageProcessor if third else library.Sam2ImageProcessor)(size=size, do_rescale=False)
    videos = library.Sam2VideoVideoProcessor(size=size, do_rescale=False)
    return (library.Sam3TrackerVideoProcessor if third else library.Sam2VideoProcessor)(images, videos)


def network(kind: str, *, there: bool = True) -> nn.Module:
    """Of one of KINDS, with random weights from seed 0; `there`: whether objects have a score above 0."""
    library: Any = hub()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: Any = getattr(library, f"{NAMES[kind]}Model")(config(kind))
        for name, value in made.named_parameters():
            if "embedding" in name or "pointer" in name:  # zeros, where training leaves none
                nn.init.normal_(value, std=0.1)
    head = made.mask_decoder.pred_obj_score_head
    nn.init.constant_(head.proj_out.bias, 3.0 if there else -3.0)
    return made.eval()  # type: ignore[no-any-return]
