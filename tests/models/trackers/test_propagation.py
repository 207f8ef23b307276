"""Label propagation, and the backbones that it takes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, SampleError, SettingError, UnknownNameError
from foolscape.models.common.huggingface import hub
from foolscape.models.load import load_tracker
from foolscape.models.segmenters import torchvision
from foolscape.models.trackers.propagation.backbone_torchvision import of_torchvision
from foolscape.models.trackers.propagation.backbones import adapt_backbone
from foolscape.models.trackers.propagation.tracker import Backbone, Propagation
from foolscape.tasks.video import ReusingTracker, Start, Tracker, follow
from foolscape.testing import check_tracker

from .toys import Pixels, clip, mask

SIZE = (24, 40)
FILE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.models.trackers.toys import Pixels

def build():
    return Pixels()

def tokens():
    return lambda images: images.flatten(2)
"""


@pytest.fixture(scope="module")
def tracker() -> Propagation:
    return adapt_backbone(Backbone(Pixels()), Propagation(nn.Identity()), image_size=SIZE)


def test_the_contract(tracker: Propagation) -> None:
    assert isinstance(tracker, Tracker)
    assert isinstance(tracker, ReusingTracker)
    assert tracker.multiple == 4
    assert tracker.notes == (
        "labels are propagated on 12 features at 6 x 10 for 24 x 40",
        "image sides are padded to be divisible by 4",
    )
    report = check_tracker(tracker, sizes=(SIZE, (21, 37)))
    assert report.ok, report.lines()


def test_what_does_not_move_keeps_its_labels(tracker: Propagation) -> None:
    still = clip(1).expand(4, -1, -1, -1)
    found = follow(replace(tracker, tau=0.001), still, [Start(0, mask(2))])
    assert float((found == mask(2)).float().mean()) > 0.9  # but for the edges within cells


def test_labels_follow_what_moves() -> None:
    # By a cell from frame to frame, so that features move as they are.
    frames = torch.cat([clip(1).roll(4 * t, dims=3) for t in range(4)])
    given = torch.zeros(SIZE, dtype=torch.int64)
    given[8:16, 8:16] = 1
    tracker = adapt_backbone(Backbone(Pixels()), Propagation(nn.Identity(), top_k=1, stretch=False), image_size=SIZE)
    found = tracker.propagate(frames, given)
    for t in range(4):
        inside = found[t, 1, 8:16, 8 + 4 * t : 16 + 4 * t]
        assert float(inside[2:-2, 2:-2].min()) > 0.9
        assert float(found[t, 1].sum()) == pytest.approx(64, abs=1)


def test_only_so_many_frames_are_remembered(tracker: Propagation) -> None:
    """With recent=0 frame 3 hears of the frames between it and the first in no way."""
    frames = clip(4)
    other = torch.cat([frames[:1], frames[1:3].flip(3), frames[3:]])
    alone = Propagation(tracker.module, multiple=4, recent=0)
    torch.testing.assert_close(alone.propagate(frames, mask())[3], alone.propagate(other, mask())[3])
    assert not torch.equal(tracker.propagate(frames, mask())[3], tracker.propagate(other, mask())[3])


def test_the_radius_holds(tracker: Propagation) -> None:
    frames = clip(2)
    given = torch.zeros(SIZE, dtype=torch.int64)
    given[:, :8] = 1
    near = Propagation(tracker.module, multiple=4, radius=1, everywhere=False, stretch=False)
    found = near.propagate(frames, given)[1, 1]
    assert not found[:, 16:].any()
    assert found[:, :12].any()


def test_stretching_keeps_the_sum_and_what_is_constant(tracker: Propagation) -> None:
    found = tracker.propagate(clip(3), mask(2))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3, *SIZE))
    whole = torch.ones(SIZE, dtype=torch.int64)
    torch.testing.assert_close(tracker.propagate(clip(2), whole)[1, 1], torch.ones(SIZE))


def test_frames_are_resized_inside(tracker: Propagation) -> None:
    small = adapt_backbone(Backbone(Pixels()), Propagation(nn.Identity(), size=(16, 28)), image_size=SIZE)
    assert "frames are resized inside to 16 x 28" in small.notes
    assert len(small.features(clip(2))[0].features) == 4 * 7
    report = check_tracker(small, sizes=(SIZE, (21, 37)))
    assert report.ok, report.lines()


def test_a_wrong_mask_is_a_bad_sample(tracker: Propagation) -> None:
    with pytest.raises(SampleError, match="labels 1 to K"):
        tracker.propagate(clip(), 3 * mask())


def test_settings_out_of_range() -> None:
    for wrong in ({"top_k": 0}, {"tau": 0.0}, {"radius": -1}, {"recent": -1}, {"size": (0, 3)}):
        with pytest.raises(SettingError, match=f"^{next(iter(wrong))}: expected"):
            Propagation(nn.Identity(), **wrong)  # type: ignore[arg-type]


class Odd(nn.Module):
    """A backbone of stride 4 by two convolutions of odd kernel: cell i stands for pixel 4 i."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(images))


def test_where_features_lie_is_found() -> None:
    # Strides of odd kernels: pixel 4 i, which is 1.5 before the middle of the cell; rounded down.
    assert adapt_backbone(Backbone(Odd()), Propagation(nn.Identity()), image_size=SIZE).shift == 1
    assert adapt_backbone(Backbone(Pixels()), Propagation(nn.Identity()), image_size=SIZE).shift == 0


def test_a_backbone_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FILE)
    loaded = load_tracker(f"propagation:{tmp_path / 'net.py'}:build?top_k=3&radius=2&size=24x32", image_size=SIZE)
    assert isinstance(loaded.model, Propagation)
    assert (loaded.model.top_k, loaded.model.radius, loaded.model.size) == (3, 2, (24, 32))
    assert loaded.slug.startswith("build-")
    assert loaded.sha256 is not None
    with pytest.raises(ModelError, match=r"to return a torch\.nn\.Module"):
        load_tracker(f"propagation:{tmp_path / 'net.py'}:tokens")
    with pytest.raises(UnknownNameError, match="did you mean top_k"):
        load_tracker(f"propagation:{tmp_path / 'net.py'}:build?topk=3")
    with pytest.raises(SettingError, match="size: expected HEIGHTxWIDTH"):
        load_tracker(f"propagation:{tmp_path / 'net.py'}:build?size=24")
    with pytest.raises(SettingError, match="expected a backbone behind propagation:, one of torchvision:NAME"):
        load_tracker("propagation:resnet50")


def test_what_is_no_map_of_features() -> None:
    with pytest.raises(ModelError, match=r"expected the backbone to return features \(N, C, h, w\)"):
        adapt_backbone(Backbone(nn.Flatten()), Propagation(nn.Identity()), image_size=SIZE)


def test_layers_of_torchvision(tmp_path: Path) -> None:
    found = of_torchvision("resnet18", "none")
    assert found.notes == ("features of the layer layer2", "random weights from seed 0")
    assert found.module(torch.rand(1, 3, 64, 96)).shape == (1, 128, 8, 12)
    assert of_torchvision("resnet18", "none", "layer3").module(torch.rand(1, 3, 64, 96)).shape == (1, 256, 4, 6)
    with pytest.raises(UnknownNameError, match="did you mean layer3"):
        of_torchvision("resnet18", "none", "layr3")
    with pytest.raises(UnknownNameError, match="resnet18"):
        of_torchvision("resnet-18", "none")


def test_channels_that_come_last_and_networks_that_segment() -> None:
    assert of_torchvision("swin_t", "none").module(torch.rand(1, 3, 64, 96)).shape == (1, 192, 8, 12)
    segments = of_torchvision("lraspp_mobilenet_v3_large", "none")
    assert segments.notes[0].startswith("features of the layer backbone.")
    assert segments.module(torch.rand(1, 3, 64, 96)).shape[2:] == (4, 6)


def test_weights_of_a_file_may_lack_the_head(tmp_path: Path) -> None:
    network = torchvision.library().get_model("resnet18", weights=None)
    body = {name: value for name, value in network.state_dict().items() if not name.startswith("fc.")}
    save_file(body, tmp_path / "body.safetensors")
    found = of_torchvision("resnet18", str(tmp_path / "body.safetensors"))
    images = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    network.eval()
    maps = network.maxpool(network.relu(network.bn1(network.conv1((images - mean) / std))))
    torch.testing.assert_close(found.module.eval()(images), network.layer2(network.layer1(maps)))
    save_file({"conv1.weight": body["conv1.weight"]}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="missing"):
        of_torchvision("resnet18", str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
def test_patch_tokens_of_transformers(tmp_path: Path, kind: str) -> None:
    settings = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    network: nn.Module = (
        hub().ViTModel(hub().ViTConfig(intermediate_size=16, **settings), add_pooling_layer=False)
        if kind == "vit"
        else hub().Dinov2Model(hub().Dinov2Config(mlp_ratio=1, **settings))
    )
    network.save_pretrained(tmp_path)  # type: ignore[operator]
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}')
    loaded = load_tracker(f"propagation:transformers:{tmp_path}", image_size=(32, 32))
    assert isinstance(loaded.model, Propagation)
    images = torch.rand(1, 3, 32, 32)
    maps = loaded.model.module(images)
    tokens = network.eval()(pixel_values=2 * images - 1).last_hidden_state[0, 1:]
    torch.testing.assert_close(maps[0, :, 1, 2], tokens[1 * 4 + 2])
    assert loaded.model.module(torch.rand(1, 3, 24, 40)).shape == (1, 16, 3, 5)
    assert loaded.model.multiple == 8
    report = check_tracker(loaded.model, sizes=((32, 48), (29, 43)))
    assert report.ok, report.lines()
    with pytest.raises(SettingError, match="layer: expected a number from -3 to 2"):
        load_tracker(f"propagation:transformers:{tmp_path}?layer=5")
