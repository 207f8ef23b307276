from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from foolscape.errors import ModelError, SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.load import load_model
from tests.models.onnx_graphs import CLASSES, Small

SIZE = (20, 26)


def scripted(path: Path, net: nn.Module) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(net.eval(), torch.rand(1, 3, *SIZE)), str(path))
    return path


def exported(path: Path, net: nn.Module, **dims: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(net.eval(), (torch.rand(1, 3, *SIZE),), **dims), path)
    return path


def images(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(3))


def original(batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        scores: torch.Tensor = Small()(batch)
    return nn.functional.interpolate(scores, size=batch.shape[2:], mode="bilinear", align_corners=False)


def refused(spec: str, size: tuple[int, int] = SIZE) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(spec, image_size=size)
    return str(caught.value)


def test_torchscript(tmp_path: Path) -> None:
    spec = f"torchscript:{scripted(tmp_path / 'net.pt', Small())}"
    loaded: Any = load_model(spec, image_size=SIZE)
    torch.testing.assert_close(loaded.model.logits(images(2)), original(images(2)))
    assert check_gradient(loaded.model, images(), seed=0).ok
    assert "no pickle of Python is read" in loaded.model.notes[0]
    assert list(loaded.identity["files"]) == ["net.pt"]


def test_an_exported_program_and_the_batch_that_it_was_exported_for(tmp_path: Path) -> None:
    spec = f"exported:{exported(tmp_path / 'net.pt2', Small())}"
    loaded: Any = load_model(spec, image_size=SIZE)
    torch.testing.assert_close(loaded.model.logits(images(3)), original(images(3)))
    assert check_gradient(loaded.model, images(), seed=0).ok
    assert "--size 20x26" in refused(spec, (24, 32))


class Cut(Small):
    """Small, without a gradient to the images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images.detach())


def test_a_graph_without_a_gradient_is_found_out(tmp_path: Path) -> None:
    for spec in (
        f"torchscript:{scripted(tmp_path / 'a.pt', Cut())}",
        f"exported:{exported(tmp_path / 'a.pt2', Cut())}",
    ):
        loaded: Any = load_model(spec, image_size=SIZE)
        verdict = check_gradient(loaded.model, images(), seed=0)
        assert not verdict.ok
        assert verdict.kind in ("missing", "zero")


class Evil:
    """A pickle that would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_no_pickle_is_ever_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save(Evil(mark), tmp_path / "whole.pt")
    assert "a pickle of torch.save, weights or a whole module, which is not opened" in refused(
        f"torchscript:{tmp_path / 'whole.pt'}"
    )
    good = exported(tmp_path / "net.pt2", Small())
    buffer = io.BytesIO()
    torch.save(Evil(mark), buffer)
    inner = changed(good, tmp_path / "inputs.pt2", "sample_inputs", buffer.getvalue())
    assert "cannot be read" in refused(f"exported:{inner}")
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr("net/data/constants/opaque_obj_0", pickle.dumps(Evil(mark)))
    assert "would run the code in it" in refused(f"exported:{good}")
    assert not mark.exists()


def changed(source: Path, target: Path, part: str, content: bytes) -> Path:
    """A copy of an archive in which the files in whose name `part` is hold `content`."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        found = [name for name in before.namelist() if part in name]
        assert found
        for name in before.namelist():
            after.writestr(name, content if name in found else before.read(name))
    return target


def test_what_is_no_such_file(tmp_path: Path) -> None:
    assert "got nothing" in refused(f"torchscript:{tmp_path / 'none.pt'}")
    (tmp_path / "text.pt2").write_text("no archive")
    assert "cannot be read" in refused(f"exported:{tmp_path / 'text.pt2'}")
    torch.save(Small().state_dict(), tmp_path / "weights.pt")
    assert "net.py:build?weights=FILE" in refused(f"exported:{tmp_path / 'weights.pt'}")


def test_a_detector(tmp_path: Path) -> None:
    class Detecting(Small):
        def forward(self, images: torch.Tensor) -> Any:
            each = super().forward(images).flatten(2).transpose(1, 2)
            return {"boxes": each[..., :4] * 10, "scores": each.sigmoid()}

    path = exported(tmp_path / "net.pt2", Detecting())
    loaded: Any = load_model(f"exported:{path}?task=detection", image_size=SIZE)
    assert loaded.task == "detection"
    assert loaded.model.candidates(images(2)).scores.shape == (2, CLASSES + 1, 10 * 13)


@pytest.mark.filterwarnings("ignore")
def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    half = Small().half()
    batch = torch.rand(1, 3, *SIZE)
    torch.jit.save(torch.jit.trace(half, batch.half()), tmp_path / "net.pt")
    torch.export.save(torch.export.export(half, (batch.half(),)), tmp_path / "net.pt2")
    for spec in (f"torchscript:{tmp_path / 'net.pt'}", f"exported:{tmp_path / 'net.pt2'}"):
        model = load_model(spec, image_size=SIZE, data_classes=[f"class {i}" for i in range(CLASSES)]).model
        assert model.notes[0] == "weights of float16 in the file are taken as float32"
        assert torch.allclose(model.logits(batch), original(batch), atol=1e-2)


class Casting(Small):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images.half())


@pytest.mark.filterwarnings("ignore")
def test_a_program_that_casts_to_half_precision_itself_is_told(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(Casting().half(), torch.rand(1, 3, *SIZE)), tmp_path / "net.pt")
    assert "a program that casts by itself is to be saved in float32" in refused(f"torchscript:{tmp_path / 'net.pt'}")


def test_a_yolo_by_what_is_said_of_its_boxes(tmp_path: Path) -> None:
    class Yolo(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return nn.functional.avg_pool2d(images, 8).repeat(1, 3, 1, 1)[:, :7].flatten(2)

    (tmp_path / "names.txt").write_text("one\ntwo\nthree\n")
    program = torch.export.export(Yolo(), (torch.rand(1, 3, 32, 64),))
    torch.export.save(program, tmp_path / "net.pt2")
    spec = f"exported:{tmp_path / 'net.pt2'}?boxes=yolo&classes={tmp_path / 'names.txt'}"
    loaded = load_model(spec, image_size=SIZE)
    assert loaded.task == "detection"
    assert loaded.model.classes == ("one", "two", "three")
    assert loaded.model.candidates(images()).boxes.shape == (1, 32, 4)
    assert "images are letterboxed inside to 32 x 64, for which it was exported" in loaded.model.notes
    with pytest.raises(SettingError, match="expected a YOLO of one output"):
        load_model(f"exported:{tmp_path / 'net.pt2'}?conf=0.1", image_size=SIZE)
