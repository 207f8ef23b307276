from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from foolscape.errors import CheckpointError, ModelError, UnknownNameError
from foolscape.models.load import load_segmenter
from foolscape.models.segmenters import torchvision as adapter
from foolscape.models.sources.torchvision import SEGMENTERS

LRASPP = "lraspp_mobilenet_v3_large"
SIZE = (64, 72)


def _save(network: torch.nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save({"model": network.state_dict(), "epoch": 1}, path)
    return path


def test_every_segmentation_network_of_torchvision_is_there() -> None:
    assert adapter.names() == tuple(sorted(adapter.library().list_models(module=adapter.library().segmentation)))
    assert LRASPP in adapter.names()


@pytest.mark.parametrize(
    "name", [LRASPP, *(pytest.param(n, marks=pytest.mark.slow) for n in SEGMENTERS if n != LRASPP)]
)
def test_random_weights_run(name: str) -> None:
    before = torch.random.get_rng_state()
    loaded = load_segmenter(f"torchvision:{name}?weights=none", image_size=SIZE)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert loaded.model.notes[0] == "random weights, seed 0"
    assert len(loaded.model.classes) == 21
    assert (loaded.model.classes[0], loaded.model.classes[15]) == ("background", "person")
    x = torch.rand(2, 3, *SIZE, requires_grad=True)
    scores = loaded.model.logits(x)
    assert scores.shape == (2, 21, *SIZE)
    assert float(torch.autograd.grad(scores.square().sum(), x)[0].abs().max()) > 0


def test_random_weights_are_always_the_same() -> None:
    first, second = (load_segmenter(f"torchvision:{LRASPP}?weights=none", image_size=SIZE).sha256 for _ in range(2))
    assert first == second


def test_the_images_are_normalised() -> None:
    network = adapter.build(LRASPP, "none").module.eval()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    x = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(network(x), network.network((x - mean) / std)["out"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("count", [21, 4])
def test_a_file_sets_the_number_of_classes(tmp_path: Path, suffix: str, count: int) -> None:
    network = adapter.library().get_model(LRASPP, weights=None, weights_backbone=None, num_classes=count)
    path = _save(network, tmp_path / f"w{suffix}")
    loaded = load_segmenter(f"torchvision:{LRASPP}?weights={path}", image_size=SIZE)
    assert loaded.model.logits(torch.rand(1, 3, *SIZE)).shape == (1, count, *SIZE)
    want = "background" if count == 21 else "class 0"
    assert loaded.model.classes[0] == want
    assert loaded.model.notes == ()


def test_a_file_of_lightning_is_that_of_the_network_in_it(tmp_path: Path) -> None:
    state = adapter.library().get_model(LRASPP, weights=None, weights_backbone=None, num_classes=4).state_dict()
    kept = {f"model.{name}": value for name, value in state.items()}
    torch.save({"state_dict": {**kept, "loss.weight": torch.ones(4)}, "global_step": 7}, tmp_path / "last.ckpt")
    built = adapter.build(LRASPP, str(tmp_path / "last.ckpt"))
    found = built.module.network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    ("name", "aux"),
    [
        ("fcn_resnet50", True),
        pytest.param("fcn_resnet50", False, marks=pytest.mark.slow),
        pytest.param("deeplabv3_mobilenet_v3_large", True, marks=pytest.mark.slow),
    ],
)
def test_a_file_says_whether_there_is_an_auxiliary_head(tmp_path: Path, name: str, aux: bool) -> None:
    network = adapter.library().get_model(name, weights=None, weights_backbone=None, num_classes=3, aux_loss=aux)
    built = adapter.build(name, str(_save(network, tmp_path / "w.pth")))
    assert (built.module.network.aux_classifier is not None) is aux
    assert built.classes is None


def test_class_names_can_be_given(tmp_path: Path) -> None:
    network = adapter.library().get_model(LRASPP, weights=None, weights_backbone=None, num_classes=2)
    path = _save(network, tmp_path / "w.pth")
    (tmp_path / "names.txt").write_text("road\nrest\n")
    spec = f"torchvision:{LRASPP}?weights={path}&classes={tmp_path / 'names.txt'}"
    assert load_segmenter(spec, image_size=SIZE).model.classes == ("road", "rest")
    with pytest.raises(ModelError, match=r"one class name per output channel \(21\), got 2"):
        load_segmenter(f"torchvision:{LRASPP}?weights=none&classes={tmp_path / 'names.txt'}", image_size=SIZE)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="got 1 tensors without a last classifier layer"):
        adapter.build(LRASPP, str(tmp_path / "w.pth"))
    torch.save({"classifier.4.weight": torch.zeros(2, 512, 1, 1)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="1 unexpected"):
        adapter.build(LRASPP, str(tmp_path / "w.pth"))
    with pytest.raises(CheckpointError, match="got nothing"):
        adapter.build(LRASPP, str(tmp_path / "absent.pth"))


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean fcn_resnet50"):
        adapter.build("fcn_resnet5")
    with pytest.raises(UnknownNameError, match="did you mean COCO_WITH_VOC_LABELS_V1"):
        adapter.build(LRASPP, "COCO_WITH_VOC_LABELS_V2")


@pytest.mark.parametrize("weights", [None, "DEFAULT", "COCO_WITH_VOC_LABELS_V1"])
def test_without_a_connection_a_file_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: str | None
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(ModelError, match=rf"no route to host.*torchvision:{LRASPP}\?weights=FILE") as caught:
        adapter.build(LRASPP, weights)
    assert isinstance(caught.value.__cause__, URLError)


def test_default_weights_are_torchvisions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    state = adapter.library().get_model(LRASPP, weights=None, weights_backbone=None).state_dict()
    monkeypatch.setattr("torchvision._internally_replaced_utils.load_state_dict_from_url", None, raising=False)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: state)
    built = adapter.build(LRASPP)
    assert torch.equal(
        built.module.network.state_dict()["classifier.low_classifier.bias"], state["classifier.low_classifier.bias"]
    )
    assert built.classes is not None
    assert built.classes[0] == "background"
    assert built.notes == ()


def test_a_torchvision_that_does_not_import_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchvision.models.segmentation", None)
    with pytest.raises(ModelError, match="pip install -U torch torchvision"):
        adapter.build(LRASPP)
