"""Weights in half precision are made float32 and said, quantised ones refused, and what wants a GPU says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from foolscape.errors import CheckpointError, FoolscapeError
from foolscape.models.common.checkpoint import load_weights, remarks_of
from foolscape.models.common.guard import wants_gpu
from foolscape.models.load import load_model

from .semantic import folder

SIZE = (32, 32)


def refused(spec: str, **more: Any) -> str:
    with pytest.raises(FoolscapeError) as caught:
        load_model(spec, image_size=SIZE, **more)
    return str(caught.value)


@pytest.fixture(scope="module")
def segformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder("segformer", tmp_path_factory.mktemp("segformer"))


def configured(place: Path, **more: Any) -> Path:
    """The folder at `place`, with more in its configuration."""
    path = place / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    return place


def copied(source: Path, target: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    if change is not None:
        tensors = change(load_file(source / "model.safetensors"))
        save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_a_folder_in_half_precision_runs_in_float32(segformer: Path, tmp_path: Path) -> None:
    half = copied(segformer, tmp_path / "half", lambda all_: {name: value.bfloat16() for name, value in all_.items()})
    model = load_model(f"transformers:{half}", image_size=SIZE).model
    assert model.notes[0] == "weights of bfloat16 in the file are taken as float32"
    assert next(model.module.parameters()).dtype == torch.float32
    double = copied(segformer, tmp_path / "double", lambda all_: {name: one.double() for name, one in all_.items()})
    assert next(load_model(f"transformers:{double}", image_size=SIZE).model.module.parameters()).dtype == torch.float32
    whole = load_model(f"transformers:{segformer}", image_size=SIZE).model
    assert not any("float" in note for note in whole.notes)


def test_a_folder_of_quantised_weights_is_refused(segformer: Path, tmp_path: Path) -> None:
    said = configured(copied(segformer, tmp_path / "said"), quantization_config={"quant_method": "awq", "bits": 4})
    assert "got quantised ones (awq in config.json)" in refused(f"transformers:{said}")

    def short(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors | {name: value.to(torch.int8) for name, value in tensors.items() if "classifier" in name}

    silent = copied(segformer, tmp_path / "silent", short)
    message = refused(f"transformers:{silent}")
    assert "got i8 for 2 of" in message
    assert "--attack square" in message


def test_attention_for_gpus_alone_is_calculated_by_pytorch(segformer: Path, tmp_path: Path) -> None:
    flash = configured(copied(segformer, tmp_path / "flash"), _attn_implementation="flash_attention_2")
    assert "flash_attention_2" in load_model(f"transformers:{flash}", image_size=SIZE).model.notes[0]


def test_a_folder_whose_configuration_fits_its_weights_or_code_not(segformer: Path, tmp_path: Path) -> None:
    more = configured(copied(segformer, tmp_path / "more"), id2label={str(i): f"class {i}" for i in range(9)})
    assert "decode_head.classifier.bias is (4,) there, not (9,); these weights" in refused(f"transformers:{more}")
    code = configured(
        copied(segformer, tmp_path / "code"), model_type="ours", architectures=["Ours"], auto_map={"AutoConfig": "c.C"}
    )
    assert "?trust=remote-code" in refused(f"transformers:{code}")


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_weights_without_their_scales_are_refused(kind: torch.dtype, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    state = net.state_dict() | {"0.weight": torch.ones(4, 3, 3, 3).to(kind)}
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"for 1 of 6 \(0.weight\)"):
        load_weights(net, tmp_path / "weights.safetensors")


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors_are_refused(tmp_path: Path) -> None:
    net = nn.Conv2d(3, 4, 3)
    state = net.state_dict() | {"weight": torch.quantize_per_tensor(net.weight.detach(), 0.1, 0, torch.qint8)}
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="got qint8 for 1 of 2"):
        load_weights(net, tmp_path / "weights.pth")


def test_half_precision_in_a_file_is_remembered(tmp_path: Path) -> None:
    net = nn.Conv2d(3, 4, 3)
    torch.save(net.half().state_dict(), tmp_path / "weights.pth")
    net.float()
    load_weights(net, tmp_path / "weights.pth")
    assert net.weight.dtype == torch.float32
    assert remarks_of(nn.Sequential(net)) == ("weights of float16 in the file are taken as float32",)


GPU = """
import torch

class Net(torch.nn.Module):
    classes = ("one", "two")
    def __init__(self, message):
        super().__init__()
        self.conv, self.message = torch.nn.Conv2d(3, 2, 1), message
    def forward(self, images):
        if self.message:
            raise NotImplementedError(self.message)
        return self.conv(images.cuda())

def moved():
    return Net("")

def kernel():
    return Net("Could not run 'ours::attend' with arguments from the 'CPU' backend.")
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["moved", "kernel"])
def test_what_wants_a_gpu_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(GPU)
    message = refused(f"{tmp_path / 'net.py'}:{name}")
    assert "a part wants a GPU" in message
    assert "--device cuda" in message
    assert "net.py:" in message
    assert "padded" not in message


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("FlashAttention only supported on CUDA", True),
        ("q must be a CUDA tensor", True),
        ("expected scalar type Half but found Float", False),
        ("\"slow_conv2d_cpu\" not implemented for 'Long'", False),
    ],
)
def test_who_wants_a_gpu(message: str, wanted: bool) -> None:
    assert wants_gpu(RuntimeError(message)) is wanted


CHOSEN = """
import torch

class Net(torch.nn.Module):
    classes = ("one", "two")
    def forward(self, images):
        found = {"boxes": images.new_ones(3, 4), "scores": images.new_ones(3), "labels": torch.ones(3).long()}
        return [found] * len(images)

class One(Net):
    def forward(self, images):
        return super().forward(images)[0]
"""


@pytest.mark.parametrize("name", ["Net", "One"])
def test_boxes_that_are_chosen_already_have_a_way_on(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(CHOSEN)
    message = refused(f"{tmp_path / 'net.py'}:{name}", task="detection")
    assert "(3, 4) with labels, which are chosen already" in message
    assert "blackbox:file.py:function --attack square" in message
    assert "Say --task detection" in refused(f"{tmp_path / 'net.py'}:{name}")
    (tmp_path / "dense.py").write_text(CHOSEN.replace("[found] * len(images)", "images"))
    assert "leave the task out" in refused(f"{tmp_path / 'dense.py'}:Net", task="detection")
