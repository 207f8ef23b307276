"""The networks of SEA's table: the names of their published weights, and their parts against other libraries' own."""

from pathlib import Path

import pytest
import torch
from torch import nn

from foolscape.errors import CheckpointError, ModelError, SettingError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_segmenter
from foolscape.models.segmenters.sea import build as building
from foolscape.models.segmenters.sea.build import NAMES, build
from foolscape.models.segmenters.sea.pspnet import PspNet
from foolscape.models.segmenters.sea.segmenter import Block, Segmenter
from foolscape.models.segmenters.sea.upernet import DEPTHS, ConvNextBlock, UperNetConvNext, UperNetHead
from foolscape.models.sources import sea

SIZE = (33, 40)

PUBLISHED = {
    "upernet-convnext-t": {
        "backbone.downsample_layers.0.stem.0.weight": (48, 3, 3, 3),
        "backbone.downsample_layers.0.stem.3.weight": (96, 48, 3, 3),
        "backbone.downsample_layers.0.stem.4.bias": (96,),
        "backbone.downsample_layers.1.0.weight": (96,),
        "backbone.downsample_layers.3.1.weight": (768, 384, 2, 2),
        "backbone.stages.2.8.gamma": (384,),
        "backbone.stages.0.0.dwconv.weight": (96, 1, 7, 7),
        "backbone.stages.3.2.pwconv1.weight": (3072, 768),
        "backbone.norm3.weight": (768,),
        "decode_head.psp_modules.3.1.conv.weight": (512, 768, 1, 1),
        "decode_head.bottleneck.conv.weight": (512, 2816, 3, 3),
        "decode_head.lateral_convs.0.batch_norm.running_var": (512,),
        "decode_head.fpn_convs.2.conv.weight": (512, 512, 3, 3),
        "decode_head.fpn_bottleneck.conv.weight": (512, 2048, 3, 3),
        "decode_head.classifier.weight": (21, 512, 1, 1),
    },
    "segmenter-vit-s": {
        "encoder.cls_token": (1, 1, 384),
        "encoder.pos_embed": (1, 1025, 384),
        "encoder.patch_embed.proj.stem.0.weight": (48, 3, 3, 3),
        "encoder.patch_embed.proj.stem.10.weight": (384,),
        "encoder.patch_embed.proj.stem.12.weight": (384, 384, 1, 1),
        "encoder.blocks.11.attn.qkv.weight": (1152, 384),
        "encoder.blocks.0.mlp.fc1.weight": (1536, 384),
        "encoder.norm.bias": (384,),
        "decoder.cls_emb": (1, 21, 384),
        "decoder.proj_dec.weight": (384, 384),
        "decoder.proj_patch": (384, 384),
        "decoder.blocks.1.norm2.weight": (384,),
        "decoder.mask_norm.weight": (21,),
    },
    "pspnet-ddcat": {
        "layer0.0.weight": (64, 3, 3, 3),
        "layer0.6.weight": (128, 64, 3, 3),
        "layer0.7.running_mean": (128,),
        "layer1.0.downsample.0.weight": (256, 128, 1, 1),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "layer4.2.bn3.weight": (2048,),
        "ppm.features.3.1.weight": (512, 2048, 1, 1),
        "ppm.features.0.2.running_var": (512,),
        "cls1.0.weight": (512, 4096, 3, 3),
        "cls1.4.bias": (21,),
    },
}
"""Some of the names in each file, with their shapes for 21 classes."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_of_published_weights(name: str) -> None:
    with torch.device("meta"):
        state = building._maker(name, 21, 1)().state_dict()
    assert {key: tuple(state[key].shape) for key in PUBLISHED[name]} == PUBLISHED[name]


def drawn(*sides: int) -> torch.Tensor:
    return torch.randn(sides, generator=torch.Generator().manual_seed(5))


def filled(network: nn.Module) -> nn.Module:
    """`network` with statistics of its batch norms that are not 0 and 1."""
    generator = torch.Generator().manual_seed(2)
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            value.normal_(0, 0.2, generator=generator)
        if key.endswith("running_var") or (key.endswith("weight") and value.ndim == 1):
            value.abs_().add_(0.5)
    return network.eval()


def test_the_head_is_that_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    from transformers.models.upernet.modeling_upernet import UperNetHead as Theirs

    config = transformers.UperNetConfig(hidden_size=16, num_labels=5, backbone_config=transformers.ConvNextConfig())
    widths = (8, 12, 16, 20)
    theirs = filled(Theirs(config, in_channels=list(widths)))
    own = UperNetHead(widths, 16, 5).eval()
    own.load_state_dict(theirs.state_dict())
    maps = [drawn(2, width, 24 // 2**i, 20 // 2**i) for i, width in enumerate(widths)]
    assert torch.allclose(own(maps), theirs(maps), atol=1e-5)


def test_a_block_of_convnext_is_that_of_timm() -> None:
    timm = pytest.importorskip("timm.models.convnext")
    own, theirs = filled(ConvNextBlock(12)), timm.ConvNeXtBlock(12).eval()
    names = {"dwconv": "conv_dw", "pwconv1": "mlp.fc1", "pwconv2": "mlp.fc2"}
    theirs.load_state_dict({f"{names.get(k.split('.')[0], k.split('.')[0])}{k[len(k.split('.')[0]) :]}": v
                            for k, v in own.state_dict().items()})  # fmt: skip
    maps = drawn(2, 12, 9, 11)
    assert torch.allclose(own(maps), theirs(maps), atol=1e-5)


def test_a_block_of_segmenter_is_that_of_timm() -> None:
    timm = pytest.importorskip("timm.models.vision_transformer")
    own, theirs = filled(Block(24)), timm.Block(24, 6, qkv_bias=True, norm_layer=nn.LayerNorm).eval()
    theirs.load_state_dict(own.state_dict())
    tokens = drawn(2, 7, 24)
    assert torch.allclose(own(tokens), theirs(tokens), atol=1e-5)


def test_layers_of_pspnet_are_dilated_throughout() -> None:
    """Stride 8 in all; 3x3 convolutions of the third layer look 2 apart, those of the last 4, the first ones too."""
    network = PspNet(3, 16)
    for i, dilation in ((1, 1), (2, 1), (3, 2), (4, 4)):
        for block in network.get_submodule(f"layer{i}"):
            assert block.conv2.dilation == block.conv2.padding == (dilation, dilation)
    maps = torch.rand(1, 3, 65, 73)
    for i in range(5):
        maps = network.get_submodule(f"layer{i}")(maps)
    assert maps.shape == (1, 128, 9, 10)


def test_pspnet_pads_what_is_not_8_n_and_1() -> None:
    network = filled(PspNet(3, 16))
    image = drawn(1, 3, 20, 30)
    whole = torch.nn.functional.pad(image, (0, 3, 0, 5), mode="replicate")
    assert whole.shape[2:] == (25, 33)
    assert torch.allclose(network(image), network(whole)[..., :20, :30], atol=1e-5)


def test_positions_of_segmenter_are_resized() -> None:
    network = filled(Segmenter(3, 2, stem=False, thin=16))
    assert network.encoder._positions(2, 2) is network.encoder.pos_embed
    own = network.encoder._positions(4, 6)
    assert own.shape == (1, 25, 24)
    assert torch.equal(own[:, 0], network.encoder.pos_embed[:, 0])
    assert network(torch.rand(2, 3, 33, 50)).shape == (2, 3, 33, 50)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "upernet-convnext-s"])
def test_gradient(name: str) -> None:
    loaded = load_segmenter(f"sea:{name}?weights=none&thin=16", image_size=SIZE)
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    assert check_gradient(loaded.model, image, seed=0).ok
    assert loaded.model.classes[-1] == "tvmonitor"


def small(name: str) -> nn.Module:
    if name == "pspnet-ddcat":
        return filled(PspNet(5, 16))
    if name == "segmenter-vit-s":
        return filled(Segmenter(5, 3, stem=True, thin=16))
    return filled(UperNetConvNext(DEPTHS[name], 5, 16))


@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("upernet-convnext-t", {"auxiliary_head.classifier.weight": (5, 4)}),
        ("segmenter-vit-s", {"encoder.head.weight": (7, 24)}),
        ("pspnet-ddcat", {"mask1.4.weight": (2, 4), "cls2.4.bias": (5,), "aux_cls1.0.weight": (3, 3)}),
    ],
)
def test_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, training: dict[str, tuple[int, ...]]
) -> None:
    """Saved by DataParallel, with the parts that are for training; other networks' are refused."""
    network = small(name)
    state = network.state_dict() | {key: torch.zeros(shape) for key, shape in training.items()}
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path := tmp_path / "w.pth")
    maker = building._maker
    monkeypatch.setattr(building, "_maker", lambda name, classes, _, tensors=None: maker(name, classes, 16, tensors))
    image = drawn(1, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(
            load_segmenter(f"sea:{name}?weights={path}", image_size=SIZE).model.logits(image), network(image)
        )
    other = next(one for one in NAMES if one[:3] != name[:3])
    with pytest.raises(
        CheckpointError, match=f"expected weights of sea:{other} in .* these weights are another network's"
    ):
        build(other, str(path))


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("sea:upernet", UnknownNameError, "did you mean"),
        ("sea:upernet-convnext-t", CheckpointError, "expected a file of weights for sea:upernet-convnext-t, got none"),
        ("sea:pspnet-ddcat?weights=none&thin=3", SettingError, "thin: expected 2, 4, 8 or 16"),
        ("sea:pspnet-ddcat?weights=nowhere.pth", CheckpointError, r"expected a weights file at nowhere\.pth"),
        ("sea:pspnet-ddcat?weights=none&thin=16&classes=two.txt", ModelError, "one class name per output channel"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        load_segmenter(spec, image_size=SIZE)


def test_the_source_names_what_is_built() -> None:
    assert set(sea.NAMES) == set(NAMES)
