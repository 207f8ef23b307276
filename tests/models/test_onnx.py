from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from foolscape.errors import CheckpointError, ModelError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.models.exported import onnx_torch
from foolscape.models.load import load_model
from foolscape.models.sources.names import check_names
from tests.models.onnx_graphs import CLASSES, Small, graph, node

SIZE = (20, 26)


def loaded(path: Path, options: str = "", size: tuple[int, int] = SIZE, task: str | None = None) -> Any:
    return load_model(f"onnx:{path}{options}", task, image_size=size)


def images(count: int = 1, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(3))


def original(batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        scores: torch.Tensor = Small()(batch)
    return torch.nn.functional.interpolate(scores, size=batch.shape[2:], mode="bilinear", align_corners=False)


def refused(path: Path, options: str = "", size: tuple[int, int] = SIZE) -> str:
    with pytest.raises(ModelError) as caught:
        loaded(path, options, size)
    return str(caught.value)


def test_its_scores_and_its_gradient_are_those_of_the_network(tmp_path: Path) -> None:
    model = loaded(graph(tmp_path / "net.onnx"))
    batch = images(2, (21, 33))  # another size than it was tried with, whose padding is another
    torch.testing.assert_close(model.model.logits(batch), original(batch), atol=1e-6, rtol=1e-5)
    assert check_gradient(model.model, images(), seed=0).ok
    assert model.model.notes[0].startswith("converted from ONNX: scores differ from onnxruntime's by at most ")
    assert model.identity["files"] == {"net.onnx": onnx_sha256(tmp_path / "net.onnx")}
    assert model.identity["libraries"]["onnx2torch"]


def onnx_sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "options",
    [
        {"opset": 21},
        {"constants": True},
        {"external": True},
        {"opset": 21, "constants": True, "sides": ("b", 3, 20, 26)},
    ],
)
def test_forms_of_the_same_graph(tmp_path: Path, options: dict[str, Any]) -> None:
    model = loaded(graph(tmp_path / "net.onnx", **options))
    torch.testing.assert_close(model.model.logits(images()), original(images()), atol=1e-6, rtol=1e-5)
    if "external" in options:
        assert set(model.identity["files"]) == {"net.onnx", "net.data"}


@pytest.mark.parametrize(
    "tail",
    [
        [node("Softmax", "scores", "last", axis=1)],
        [node("ArgMax", "scores", "top", axis=1, keepdims=0), node("Cast", "top", "last", to=TensorProto.FLOAT)],
    ],
)
def test_a_last_softmax_or_argmax_is_left_out(tmp_path: Path, tail: list[Any]) -> None:
    model = loaded(graph(tmp_path / "net.onnx", tail=tail, outputs=["last"]))
    assert f"the last {tail[0].op_type} of the graph is left out" in " ".join(model.model.notes)
    torch.testing.assert_close(model.model.logits(images()), original(images()), atol=1e-6, rtol=1e-5)


def test_what_a_file_is_exported_for_is_honoured(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", sides=(1, 3, 20, 26))
    model = loaded(path)
    batch = images(3)
    torch.testing.assert_close(model.model.logits(batch), original(batch), atol=1e-6, rtol=1e-5)
    assert "takes no other image size than 20 x 26" in " ".join(model.model.notes)
    assert "--size 20x26" in refused(path, size=(24, 32))


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    model = loaded(graph(tmp_path / "net.onnx", kind=TensorProto.FLOAT16, weights=np.float16))
    assert "weights in half precision are made float32" in " ".join(model.model.notes)
    torch.testing.assert_close(model.model.logits(images()), original(images()), atol=2e-3, rtol=1e-2)
    assert check_gradient(model.model, images(), seed=0).ok


def test_levels_with_the_channels_last_get_a_gradient(tmp_path: Path) -> None:
    head = [
        node("Cast", "images", "floats", to=TensorProto.FLOAT),
        node("Transpose", "floats", "turned", perm=[0, 3, 1, 2]),
        node("Constant", "", "levels", value=onnx.numpy_helper.from_array(np.float32(255))),
        node("Div", "turned levels", "pixels"),
    ]
    path = graph(tmp_path / "net.onnx", sides=("b", "h", "w", 3), kind=TensorProto.UINT8, head=head)
    model = loaded(path)
    torch.testing.assert_close(model.model.logits(images()), original(images()), atol=1e-5, rtol=1e-4)
    assert check_gradient(model.model, images(), seed=0).ok


def test_one_channel_is_two_classes(tmp_path: Path) -> None:
    tail = [node("ReduceMean", "scores", "mean", axes=[1], keepdims=1), node("Sigmoid", "mean", "last")]
    model = loaded(graph(tmp_path / "net.onnx", tail=tail, outputs=["last"]))
    scores = model.model.logits(images())
    torch.testing.assert_close(scores[:, 1:], original(images()).mean(1, keepdim=True), atol=1e-5, rtol=1e-4)
    assert not scores[:, 0].any()
    assert "made two classes" in model.model.notes[-1]


def test_the_wiring_of_own_networks_holds(tmp_path: Path) -> None:
    model: Any = loaded(graph(tmp_path / "net.onnx"), "?range=255&input=bgr&normalise=imagenet")
    assert isinstance(model.model, ModuleSegmenter)
    expected = original(model.model.wiring.images(images()))
    torch.testing.assert_close(model.model.logits(images()), expected, atol=1e-4, rtol=1e-3)


def test_a_detector_by_its_outputs(tmp_path: Path) -> None:
    shape = onnx.numpy_helper.from_array(np.array([0, CLASSES, -1]), "shape")
    tail = [
        node("Constant", "", "shape", value=shape),
        node("Reshape", "scores shape", "flat"),
        node("Transpose", "flat", "each", perm=[0, 2, 1]),
        node("Slice", "each one five two", "some"),
        node("Sigmoid", "each", "chances"),
        *(
            node("Constant", "", name, value=onnx.numpy_helper.from_array(np.array([value])))
            for name, value in (("one", 0), ("five", 4), ("two", 2))
        ),
    ]
    tail = [*tail[5:], *tail[:5]]
    model = loaded(graph(tmp_path / "net.onnx", tail=tail, outputs=["some", "chances"]), task="detection")
    candidates = model.model.candidates(images())
    expected = original_flat(images())
    torch.testing.assert_close(candidates.scores[:, :CLASSES], expected.transpose(1, 2), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(candidates.boxes, expected[..., :4], atol=1e-4, rtol=1e-3)


def original_flat(batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        flat: torch.Tensor = Small()(batch).flatten(2).transpose(1, 2)
    return flat


def test_what_cannot_be_had_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    unknown = graph(
        path, tail=[node("Det", "scores", "odd"), node("Ours", "scores", "last", domain="ours")], outputs=["last"]
    )
    assert "got ours.Ours; export" in refused(unknown)
    assert f"onnxruntime:{path} --attack square" in refused(unknown)
    scale = node("Constant", "", "scale", value=onnx.numpy_helper.from_array(np.float32(0.1)))
    rounded = graph(path, tail=[scale, node("QuantizeLinear", "scores scale", "last")], outputs=["last"])
    assert "a quantised one (1 QuantizeLinear)" in refused(rounded)
    chosen = graph(path, tail=[node("NonMaxSuppression", "scores scores", "last")], outputs=["last"])
    assert "NonMaxSuppression in the graph" in refused(chosen)
    several = graph(path, tail=[node("Tanh", "scores", "one"), node("Relu", "scores", "two")], outputs=["one", "two"])
    assert "?output=one" in refused(several)
    assert "expected outputs of" in refused(several, "?output=three")
    assert loaded(several, "?output=two").model.channels == CLASSES


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert "got nothing" in refused(path)
    path.write_bytes(b"")
    assert "got an empty file" in refused(path)
    path.write_bytes(b"\x08\x09no graph at all")
    assert "expected" in refused(path)
    graph(path, external=True)
    (tmp_path / "net.data").unlink()
    with pytest.raises(CheckpointError, match=r"external data of net\.onnx at .*, got nothing"):
        loaded(path)
    graph(path, sides=("b", 1, "h", "w"))
    assert "expected an input (B, 3, H, W) or (B, H, W, 3)" in refused(path)


def test_other_scores_than_those_of_onnxruntime_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graph(tmp_path / "net.onnx")
    other = onnx.load(graph(tmp_path / "other.onnx", seed=1))
    real = onnx_torch.session_of
    monkeypatch.setattr(onnx_torch, "session_of", lambda proto: real(other))
    assert "expected the scores of onnxruntime, within 0.001 of the largest" in refused(path)


def test_a_file_without_its_scheme_is_told_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"name it onnx:net\.onnx"):
        check_names(["net.onnx"])


def test_outputs_of_one_operator_are_told_apart(tmp_path: Path) -> None:
    tail = [
        node("Constant", "", "shape", value=onnx.numpy_helper.from_array(np.array([0, CLASSES, -1]))),
        node("Constant", "", "parts", value=onnx.numpy_helper.from_array(np.array([4, 1]))),
        node("Reshape", "scores shape", "flat"),
        node("Transpose", "flat", "each", perm=[0, 2, 1]),
        node("Split", "each parts", "some chances", axis=2),
    ]
    model = loaded(graph(tmp_path / "net.onnx", tail=tail, outputs=["some", "chances"]), task="detection")
    candidates = model.model.candidates(images())
    torch.testing.assert_close(candidates.boxes, original_flat(images())[..., :4], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(candidates.scores[:, 0], original_flat(images())[..., 4], atol=1e-4, rtol=1e-3)


def test_half_precision_out_of_order_becomes_float32(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", kind=TensorProto.FLOAT, weights=np.float16)
    proto = onnx.load(str(path))
    last = proto.graph.node[-1]
    proto.graph.node.insert(0, last)  # as converters to half precision put their casts last
    del proto.graph.node[-1]
    proto.graph.node[1].input[0] = "half"
    proto.graph.node.append(node("Cast", "images", "half", to=TensorProto.FLOAT16))
    onnx.save(proto, str(path))
    model = loaded(path).model
    torch.testing.assert_close(model.logits(images()), original(images()), atol=2e-3, rtol=0)
    assert any("half precision" in note for note in model.notes)
