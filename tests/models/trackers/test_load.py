"""From specs to trackers."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from foolscape.errors import CheckpointError, ModelError, SettingError, UnknownNameError
from foolscape.models.bundled import load as bundled
from foolscape.models.load import load_segmenter, load_tracker
from foolscape.models.sources import bundled as source
from foolscape.models.sources import list_models, source_of
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.spec import parse

from .toys import Thing, scores


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("stcn:weights.pth", "video"),
        ("stcn:dir/weights.pth?top_k=5", "video"),
        ("propagation:torchvision:resnet50", "video"),
        ("propagation:transformers:facebook/dino-vits8", "video"),
        ("propagation:../x.py:factory?tau=0.1", "video"),
        ("propagation:resnet50", "video"),
        ("bundled:scenes-unet", "segmentation"),
        ("bundled:scenes-detector", "detection"),
        ("bundled:scenes-tracker", "video"),
        ("torchvision:fcn_resnet50", "segmentation"),
        ("torchvision:ssd300_vgg16", "detection"),
        ("transformers:nobody/knows", None),
        ("../x.py:factory", None),
        ("../x.py:factory?task=video", "video"),
        ("package.module:factory", None),
    ],
)
def test_what_a_name_tells(spec: str, answer: str | None) -> None:
    assert source_of(parse(spec)).task(parse(spec)) == answer


def test_stcn(tmp_path: Path, state: Mapping[str, Tensor]) -> None:
    path = tmp_path / "stcn.safetensors"
    save_file(dict(state), path)
    options = "mem_every=3&top_k=7&include_last=1&shorter_side=48&checkpointed=1"
    loaded = load_tracker(f"stcn:{path}?{options}")
    stcn = loaded.model
    assert isinstance(stcn, Stcn)
    settings = (stcn.mem_every, stcn.top_k, stcn.include_last, stcn.shorter_side, stcn.checkpointed)
    assert settings == (3, 7, True, 48, True)
    assert loaded.sha256 is not None
    assert loaded.slug.startswith("stcn.safetensors-")
    path.unlink()


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("stcn:none.pth", CheckpointError, "expected a weights file at none.pth"),
        ("stcn:none.pth?top_k=0", SettingError, "top_k: expected a whole number of at least 1"),
        ("stcn:none.pth?top_k=x", SettingError, "top_k: expected a whole number, got 'x'"),
        ("stcn:none.pth?include_last=yes", SettingError, "include_last: expected 0 or 1"),
        ("stcn:none.pth?memevery=3", UnknownNameError, "did you mean mem_every"),
        ("stcn:", SettingError, "expected the file of a checkpoint behind stcn:"),
        ("bundled:scenes-trackr", UnknownNameError, "unknown bundled tracker"),
        ("stnc:none.pth", UnknownNameError, "unknown model 'stnc:none.pth'; did you mean stcn:none.pth"),
        ("propagation:torchvision:resnet51", UnknownNameError, "resnet50"),
        ("propagation:torchvision:resnet18?tau=0", SettingError, "tau: expected a number above 0"),
    ],
)
def test_what_is_wrong_is_said(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_tracker(spec)


def test_a_bundled_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(source.NAMES, "toy", "video")
    monkeypatch.setattr(bundled, "bundled_tracker", lambda name: Thing(scores))
    assert source_of(parse("bundled:toy")).task(parse("bundled:toy")) == "video"
    loaded = load_tracker("bundled:toy")
    assert isinstance(loaded.model, Thing)
    assert loaded.slug == "toy"
    assert "bundled:toy" in [one.name for one in list_models()]


def test_a_tracker_does_not_segment(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class T:\n    def propagate(self, a, b): ...\n")
    with pytest.raises(ModelError, match="expected a network or a Segmenter, got the tracker T"):
        load_segmenter(f"{tmp_path / 'mine.py'}:T", image_size=(32, 32))
    assert torch.is_grad_enabled()
