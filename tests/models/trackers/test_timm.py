"""Networks of timm as backbones of label propagation, without a connection."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from foolscape.errors import CheckpointError, MissingExtraError, ModelError, SettingError, UnknownNameError
from foolscape.models.load import Loaded, load_tracker
from foolscape.models.sources.names import check_names
from foolscape.models.trackers.propagation.tracker import Propagation
from foolscape.testing import check_tracker

timm: Any = pytest.importorskip("timm")

SIZE = (32, 48)
HALF = (0.5, 0.5, 0.5)
"""Mean and deviation of the images of timm's small test networks; most others have ImageNet's."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("nothing is asked of the hub")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


def drawn(name: str, **settings: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made: nn.Module = timm.create_model(name, **settings)
        return made.eval()


def loaded(spec: str, size: tuple[int, int] = SIZE) -> Loaded[Any]:
    found = load_tracker(f"propagation:timm:{spec}", image_size=size)
    assert isinstance(found.model, Propagation)
    return found


def maps(network: nn.Module, images: Tensor, mean: tuple[float, ...] = HALF, std: tuple[float, ...] = HALF) -> Any:
    shift, scale = (images.new_tensor(values)[:, None, None] for values in (mean, std))
    return network((images - shift) / scale)


def saved(network: nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save({"state_dict": network.state_dict()}, path)
    return path


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth.tar"])
def test_a_stage_is_that_of_features_only(tmp_path: Path, file: str) -> None:
    path = saved(drawn("test_resnet", num_classes=7), tmp_path / file)  # another head than ImageNet's
    found = loaded(f"test_resnet?weights={path}&layer=layer3")
    whole = timm.create_model("test_resnet", features_only=True, out_indices=[3]).eval()
    whole.load_state_dict(drawn("test_resnet", num_classes=7).state_dict(), strict=False)
    images = torch.rand(2, 3, *SIZE)
    torch.testing.assert_close(found.model.module(images), maps(whole, images)[0])
    assert found.model.notes[0] == "features of the stage layer3 of timm's test_resnet"
    assert "mean 0.5, 0.5, 0.5 taken away" in found.model.notes[1]
    assert "timm" in found.identity["libraries"]
    assert found.identity["files"] == {}


def test_tokens_of_a_vision_transformer_at_any_size(tmp_path: Path) -> None:
    network = drawn("test_vit")
    found = loaded(f"test_vit?weights={saved(network, tmp_path / 'w.safetensors')}").model
    side = network.patch_embed.img_size[0]  # type: ignore[union-attr, index]
    images = torch.rand(1, 3, side, side)
    tokens = maps(network.forward_features, images)[0, network.num_prefix_tokens :]  # type: ignore[arg-type]
    torch.testing.assert_close(found.module(images)[0].flatten(1).T, tokens)
    earlier = loaded("test_vit?weights=none&layer=blocks.1").model
    assert earlier.module(torch.rand(1, 3, *SIZE)).shape[2:] == (2, 3)
    report = check_tracker(found, sizes=((64, 96), (60, 90)))
    assert report.ok, report.lines()


def test_where_none_is_named_the_stage_has_a_stride_of_8() -> None:
    state = torch.random.get_rng_state()
    found = loaded("test_convnext?weights=none").model
    assert torch.equal(torch.random.get_rng_state(), state)
    assert found.module(torch.rand(1, 3, *SIZE)).shape[2:] == (4, 6)
    assert "random weights from seed 0" in found.notes
    other = loaded("test_convnext?weights=none").model
    assert all(torch.equal(a, b) for a, b in zip(found.module.parameters(), other.module.parameters(), strict=True))


def test_a_folder_that_timm_saved(tmp_path: Path) -> None:
    network = drawn("test_resnet")
    network.pretrained_cfg = {**network.pretrained_cfg, "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.5, 0.5)}  # type: ignore[assignment, dict-item]
    timm.models.save_for_hf(network, str(tmp_path))
    found = loaded(f"{tmp_path}?layer=layer1")
    assert found.model.notes[0] == "features of the stage layer1 of timm's test_resnet"
    images = torch.rand(1, 3, *SIZE)
    stages = drawn("test_resnet", features_only=True, out_indices=[1])
    torch.testing.assert_close(found.model.module(images), maps(stages, images, (0.1, 0.2, 0.3), (0.5, 0.5, 0.5))[0])
    plain = loaded(f"{tmp_path}?layer=layer1&mean=0,0,0&std=1,1,1").model
    torch.testing.assert_close(plain.module(images), stages(images)[0])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "expected a folder that timm saved, with an architecture"),
        ({"architecture": 7}, "expected a folder that timm saved, with an architecture"),
        ({"pretrained_cfg": "x"}, "pretrained_cfg: expected an object in the config.json"),
        ({"model_args": [1]}, "model_args: expected an object in the config.json"),
        ({"pretrained_cfg": {"mean": [1]}}, "mean: expected three numbers in pretrained_cfg"),
        ({"pretrained_cfg": {"std": [1, 0, 1]}}, "std: expected three numbers above 0 in pretrained_cfg"),
        ({"model_args": {"zzz": 1}}, "expected timm to make test_vit, got TypeError"),
    ],
)
def test_a_folder_that_cannot_be_read(tmp_path: Path, said: dict[str, Any], expected: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_vit", **said} if said else said))
    with pytest.raises((SettingError, ModelError), match=expected):
        loaded(f"{tmp_path}?weights=none")


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"none are downloaded, got nothing: add \?weights=FILE"):
        loaded("test_resnet")
    with pytest.raises(SettingError, match="expected a network or a folder behind timm:"):
        loaded("")
    with pytest.raises(UnknownNameError, match="unknown network of timm 'resnt18'; did you mean resnet18"):
        loaded("resnt18?weights=none")
    with pytest.raises(
        UnknownNameError, match=r"unknown network of timm '7'; timm\.list_models\(\) has the names of all"
    ):
        loaded("7?weights=none")
    with pytest.raises(UnknownNameError, match=r"unknown weights of timm's resnet18 .* did you mean resnet18\.a1_in1k"):
        loaded("resnet18.a9_in1k?weights=none")
    with pytest.raises(UnknownNameError, match="unknown stage of timm's test_resnet 'layer9'; did you mean layer1"):
        loaded("test_resnet?weights=none&layer=layer9")
    with pytest.raises(UnknownNameError, match="unknown option"):
        loaded("test_resnet?weights=none&features=layer3")
    with pytest.raises(ModelError, match=r"with a stride of 8 to 16, got blocks\.0 \(32\)"):
        loaded("vit_small_patch32_224?weights=none")
    path = saved(drawn("test_convnext"), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"75 missing \(conv1\.0\.weight, .* 101 unexpected \(head\."):
        loaded(f"test_resnet?weights={path}")


def test_without_timm_what_is_to_be_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    check_names(["propagation:timm:resnet18?weights=none"])
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match="pip install timm"):
        loaded("test_resnet?weights=none")
