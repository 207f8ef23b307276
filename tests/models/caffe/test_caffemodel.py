"""Files of weights of Caffe: the same tensors as were written, and one clear error for everything that is none."""

import resource
from pathlib import Path

import pytest
import torch
from torch import nn

from foolscape.errors import CheckpointError
from foolscape.models.common.caffemodel import as_shaped, read_caffemodel
from foolscape.models.common.checkpoint import load_weights, read_state_dict

from .written import blob, counted, layer, numbers, one_by_one, shape, varint, whole, write


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1_1 = nn.Conv2d(3, 4, 3)
        self.fc6 = nn.Linear(8, 5)
        self.upscore = nn.ConvTranspose2d(2, 2, 4, bias=False)


@pytest.mark.parametrize("former", [False, True])
def test_what_is_written_is_read(tmp_path: Path, former: bool) -> None:
    network = Small()
    path = write(tmp_path / "w.caffemodel", network.state_dict(), former=former)
    found = as_shaped(read_caffemodel(path), network)
    assert {name: value.shape for name, value in found.items()} == {n: v.shape for n, v in Small().state_dict().items()}
    assert all(torch.equal(found[name], value) for name, value in network.state_dict().items())


def test_any_network_may_be_given_one(tmp_path: Path) -> None:
    network, other = Small(), Small()
    load_weights(other, write(tmp_path / "w.caffemodel", network.state_dict()))
    assert torch.equal(other.fc6.weight, network.fc6.weight)


def test_other_ways_to_write_the_same(tmp_path: Path) -> None:
    value = numbers(2, 3)
    layers = [
        layer("doubles", [blob(value, double=True)]),
        layer("one", [one_by_one(value), blob(value[0]), blob(value[1])]),
        layer("sides", [counted(5, value.numpy().tobytes()) + counted(7, whole(1, 2) + whole(1, 3))]),
        layer("halves", [b"".join(counted(5, row.numpy().tobytes()) for row in value) + shape((2, 3))]),
    ]
    (path := tmp_path / "w.caffemodel").write_bytes(b"".join(layers))
    found = read_state_dict(path)
    assert found["doubles.weight"].dtype == torch.float64
    assert list(found) == ["doubles.weight", "one.weight", "one.bias", "one.blob2", "sides.weight", "halves.weight"]
    for name in ("doubles.weight", "one.weight", "sides.weight", "halves.weight"):
        assert torch.equal(found[name].float(), value)
    assert torch.equal(found["one.blob2"], value[1])


SOUND = layer("conv", [blob(torch.ones(2, 3)), blob(torch.ones(2))])
HUGE = (1 << 62, 1 << 62)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SOUND[:-3], r"bytes where \d+ are left"),
        (SOUND[:1], "a number that does not end"),
        (SOUND + varint(100 << 3 | 2) + varint(1 << 50), "field 100 of 1,125,899,906,842,624 bytes where 0 are left"),
        (SOUND + b"\xff" * 12, "a number that does not end"),
        (SOUND + varint(7 << 3 | 3), "wire type 3"),
        (SOUND + SOUND, "twice, conv"),
        (layer("", [blob(torch.ones(2))]), "without a name"),
        (layer("conv", [shape(HUGE * 16)]), "0 values in conv.weight where its shape asks for more values than any"),
        (layer("conv", [shape([1] * 40) + counted(5, bytes(4))]), "a shape of more than 32 axes"),
        (layer("conv", [shape([(1 << 64) - 2]) + counted(5, bytes(8))]), "2 values in conv.weight"),
        (layer("conv", [shape([3]) + counted(5, bytes(8))]), "2 values in conv.weight where its shape asks for 3"),
        (layer("conv", [shape([2]) + counted(5, bytes(7))]), "1 values in conv.weight where its shape asks for 2"),
        (layer("conv", [shape([0])]), "0 values in conv.weight"),
        (layer("conv", [b""]), "0 values in conv.weight where its shape asks for 1"),
        (b"name: 'VGG'\nlayer { name: 'conv1_1' }\n", "cannot be read as such"),
        (layer("relu", ()), "a network without any"),
        (counted(1, b"VGG"), "a network without any"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (path := tmp_path / "w.caffemodel").write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=said):
        read_state_dict(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_every_cut_of_a_file_is_refused_or_read_in_part(tmp_path: Path) -> None:
    content = SOUND + layer("fc", [blob(torch.ones(3))])
    path = tmp_path / "w.caffemodel"
    for end in range(1, len(content)):
        path.write_bytes(content[:end])
        if end == len(SOUND):
            assert set(read_caffemodel(path)) == {"conv.weight", "conv.bias"}  # whole layers: told by what is missing
            continue
        with pytest.raises(CheckpointError):
            read_caffemodel(path)


@pytest.mark.parametrize("content", [b"", None])
def test_no_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.caffemodel"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"got (nothing|an empty file)"):
        read_state_dict(path)
