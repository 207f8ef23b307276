"""Networks of segmentation-models-pytorch: by architecture and encoder, and in folders that save_pretrained wrote."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from foolscape.errors import CheckpointError, ModelError, SettingError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_model, open_model
from foolscape.models.segmenters.smp import library
from foolscape.models.sources.smp import ARCHITECTURES

from .networks import images

SIZE = (40, 72)
MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(scope="module")
def network() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return (
            library()
            .Unet("mobileone_s0", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 8, 8), classes=4)
            .eval()
        )


@pytest.fixture(scope="module")
def file(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small Unet with resnet18, three levels deep."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        unet = library().create_model("linknet", "resnet18", None, classes=4, encoder_depth=3)
    path = tmp_path_factory.mktemp("smp") / "weights.safetensors"
    save_file(unet.state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks the hub fails at once."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", refuse)


def test_the_list_is_that_of_the_library() -> None:
    assert {kind.__name__ for kind in library().MODEL_ARCHITECTURES_MAPPING.values()} == set(ARCHITECTURES)


def test_a_folder_is_the_network_that_was_saved(network: Any, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    model = load_model(f"smp:{tmp_path}", image_size=SIZE).model
    given = images(1, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(given), network((given - MEAN) / STD))
    assert "Unet with the encoder mobileone_s0" in model.notes
    assert any("ImageNet's; where the encoder wants others, give ?mean= and ?std=" in note for note in model.notes)
    assert check_gradient(model, given, seed=0).ok
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(
        json.dumps({**config, "activation": "softmax2d", "mean": [0.5] * 3, "std": [0.5] * 3})
    )
    other = load_model(f"smp:{tmp_path}", image_size=SIZE).model
    assert "its activation, softmax2d, is left out: attacks want logits" in other.notes
    with torch.no_grad():
        torch.testing.assert_close(other.logits(given), network((given - 0.5) / 0.5))
        plain = load_model(f"smp:{tmp_path}?mean=0,0,0", image_size=SIZE).model
        torch.testing.assert_close(plain.logits(given), network(given))


def test_weights_say_how_many_classes_there_are(file: Path, tmp_path: Path) -> None:
    spec = f"smp:linknet?encoder=resnet18&depth=3&weights={file}"
    model = load_model(spec, image_size=SIZE, data_classes=("a", "b", "c", "d")).model
    assert model.classes == ("a", "b", "c", "d")
    (tmp_path / "names.txt").write_text("e\nf\ng\nh\n")
    assert load_model(f"{spec}&classes={tmp_path / 'names.txt'}", image_size=SIZE).model.classes == ("e", "f", "g", "h")
    assert load_model(f"{spec}&classes=4", image_size=SIZE).model.classes[0] == "class 0"
    with pytest.raises(CheckpointError, match=r"expected 5 classes in .*, got 4"):
        open_model(f"{spec}&classes=5")
    with pytest.raises(CheckpointError, match=r"expected the .* tensors of Linknet in .* missing .* another network's"):
        open_model(f"smp:linknet?encoder=resnet34&depth=3&weights={file}")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"without segmentation_head\.0\.weight"):
        open_model(f"smp:unet?weights={tmp_path / 'other.safetensors'}")


def test_weights_of_a_trainer(file: Path, tmp_path: Path) -> None:
    """As Lightning writes them, with a loss beside the network; and two networks in one file."""
    tensors = {f"net.{name}": value for name, value in load_file(file).items()}
    torch.save({"state_dict": {**tensors, "loss.weight": torch.ones(4)}, "epoch": 3}, tmp_path / "lightning.ckpt")
    spec = "smp:Linknet?encoder=resnet18&depth=3&weights="
    one, other = (load_model(f"{spec}{path}", image_size=SIZE) for path in (file, tmp_path / "lightning.ckpt"))
    assert one.sha256 == other.sha256
    averaged = {f"ema.{name.removeprefix('net.')}": value for name, value in tensors.items()}
    torch.save({"state_dict": {**tensors, **averaged}}, tmp_path / "two.ckpt")
    with pytest.raises(CheckpointError, match=r"got 2, behind net\. and ema\.; save those that are meant alone"):
        open_model(f"{spec.replace('Linknet?', 'Linknet?classes=4&')}{tmp_path / 'two.ckpt'}")


def test_random_weights_and_one_channel() -> None:
    spec = "smp:Linknet?encoder=resnet18&depth=3&weights=none&classes=1"
    first, second = (load_model(spec, image_size=SIZE) for _ in range(2))
    assert first.sha256 == second.sha256
    assert first.model.classes == ("class 0", "class 1")
    logits = first.model.logits(images(1, *SIZE))
    assert not logits[:, 0].any()
    assert logits[:, 1].any()
    assert "one channel, a sigmoid: the background is its logit 0 and comes first" in first.model.notes
    assert any("image sides must be divisible by" in n for n in load_model(spec, image_size=(41, 72)).model.notes)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("smp:Unet", SettingError, r"expected \?weights=FILE for smp:Unet, or \?weights=none"),
        ("smp:Unet?weights=none", SettingError, r"expected \?classes=NUMBER for smp:Unet with random weights"),
        ("smp:Unt?weights=none&classes=2", UnknownNameError, "architecture .* 'Unt'.*Unet"),
        ("smp:Unet?encoder=resnet19&weights=none&classes=2", UnknownNameError, "encoder .* 'resnet19'.*resnet18"),
        ("smp:Unet?depth=9&weights=none&classes=2", ModelError, "expected Unet to be made with .*encoder_depth.*9"),
        ("smp:Unet?weight=none", UnknownNameError, "option in .*weights"),
    ],
)
def test_what_is_refused(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_model(spec)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ModelError, match="expected a folder that save_pretrained of segmentation-models-pytorch wrote"):
        open_model(f"smp:{tmp_path}")
    with pytest.raises(SettingError, match="task: expected segmentation"):
        open_model(f"smp:{tmp_path}", "detection")
