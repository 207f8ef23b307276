import collections
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from foolscape.errors import CheckpointError
from foolscape.models.common.checkpoint import load_weights, read_state_dict, weights_sha256

from .networks import Tiny


@pytest.mark.parametrize(
    "nest",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda s: {"model": {"state_dict": s}},
        lambda s: {"it": 3, "network": s},
        lambda s: {"model_state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: collections.OrderedDict((f"module._orig_mod.{k}", v) for k, v in s.items()),
        lambda s: {f"_orig_mod.module.{k}": v for k, v in s.items()},
        lambda s: {
            "model_ema": {"n_averaged": torch.tensor(9), **{f"module.{k}": v for k, v in s.items()}},
            "epoch": 3,
        },
        lambda s: {"ema": s, "step": 3},
    ],
)
def test_what_training_scripts_save_is_read(tmp_path: Path, nest: Callable[[dict], dict]) -> None:
    state = Tiny().state_dict()
    torch.save(nest(state), tmp_path / "w.pth")
    found = read_state_dict(tmp_path / "w.pth")
    assert list(found) == list(state)
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_safetensors_are_read(tmp_path: Path) -> None:
    state = Tiny().state_dict()
    save_file({f"module.{name}": value for name, value in state.items()}, tmp_path / "w.safetensors")
    assert set(read_state_dict(tmp_path / "w.safetensors")) == set(state)


def test_a_flipped_bit_in_an_archive_is_found(tmp_path: Path) -> None:
    torch.save(Tiny().state_dict(), path := tmp_path / "w.pth")
    content, weight = bytearray(path.read_bytes()), next(iter(Tiny().state_dict().values())).numpy().tobytes()
    content[content.index(weight) + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"the checksum of \S+/data/\d+ in it does not hold"):
        read_state_dict(path)


def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(Tiny().state_dict(), tmp_path / "w.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert set(read_state_dict(tmp_path / "w.pth")) == set(Tiny().state_dict())


class Malicious:
    """Runs code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("way", ["torch.save", "legacy torch.save", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, way: str) -> None:
    content = {"weight": torch.zeros(2) if way != "pickle" else 0, "extra": Malicious(tmp_path / "pwned")}
    path = tmp_path / "w.pth"
    if way == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "torch.save")
    with pytest.raises(CheckpointError, match="refused, because reading it would run the code in it") as caught:
        read_state_dict(path)
    assert "safetensors.torch.save_file(model.state_dict()" in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_a_whole_network_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"a pickle that needs torch\.nn\.modules\.conv\.Conv2d; refused"):
        read_state_dict(tmp_path / "w.pth")


def test_numpy_values_are_refused_or_named(tmp_path: Path) -> None:
    torch.save({"state_dict": Tiny().state_dict(), "miou": np.float64(0.5)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="refused"):
        read_state_dict(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="a TorchScript program; refused"):
        read_state_dict(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_missing_empty_and_damaged_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(CheckpointError, match=f"expected a weights file at .*{name}, got nothing"):
        read_state_dict(path)
    with pytest.raises(CheckpointError, match="got a folder"):
        read_state_dict(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="got an empty file"):
        read_state_dict(path)
    state = Tiny().state_dict()
    if path.suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"<html>not found</html>", b"\x00" * 100, b"garbage" * 50):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="it may be damaged or cut off"):
            read_state_dict(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([torch.zeros(1)], "expected a dict of tensors in .*, got list"),
        ({"epoch": 3, "lr": 0.1}, "got other things under 'epoch', 'lr'"),
        ({}, "got an empty dict"),
        ({"state_dict": {}}, "got an empty dict"),
    ],
)
def test_what_holds_no_state_dict(tmp_path: Path, content: object, text: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=text):
        read_state_dict(tmp_path / "w.pth")


def test_weights_are_loaded(tmp_path: Path) -> None:
    trained, fresh = Tiny(), Tiny()
    with torch.no_grad():
        trained.head.weight.add_(1)
    torch.save(trained.state_dict(), tmp_path / "w.pth")
    load_weights(fresh, tmp_path / "w.pth")
    assert torch.equal(fresh.head.weight, trained.head.weight)


def test_a_part_of_what_was_trained_is_taken_out(tmp_path: Path) -> None:
    """As of a LightningModule, which keeps the network behind a name and its loss beside it."""
    state = {f"task.net.{name}": value for name, value in Tiny().state_dict().items()}
    torch.save({"state_dict": {**state, "loss.weight": torch.ones(3)}}, tmp_path / "one.ckpt")
    net = Tiny()
    load_weights(net, tmp_path / "one.ckpt")
    assert all(torch.equal(value, state[f"task.net.{name}"]) for name, value in net.state_dict().items())
    torch.save({**state, "task.net.more": torch.ones(3)}, tmp_path / "more.ckpt")
    with pytest.raises(CheckpointError, match=r"1 unexpected \(more\)"):
        load_weights(net, tmp_path / "more.ckpt")
    both = {**state, **{name.replace("task", "average"): value for name, value in state.items()}}
    torch.save(both, tmp_path / "two.ckpt")
    with pytest.raises(CheckpointError, match=r"got 2, behind task\.net\. and average\.net\."):
        load_weights(net, tmp_path / "two.ckpt")


def test_the_counter_of_old_batch_norms_may_be_missing(tmp_path: Path) -> None:
    state = {name: value for name, value in Tiny().state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "w.pth")
    fresh = Tiny()
    load_weights(fresh, tmp_path / "w.pth")
    loaded = fresh.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_weights_of_another_network_are_accounted_for(tmp_path: Path) -> None:
    state = Tiny(classes=7).state_dict()
    del state["stem.weight"], state["stem.bias"]
    state.update({f"extra{i}": torch.zeros(1) for i in range(4)})
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError) as caught:
        load_weights(Tiny(), tmp_path / "w.pth")
    text = str(caught.value)
    assert "2 missing (stem.weight, stem.bias)" in text
    assert "4 unexpected (extra0, extra1, extra2, ...)" in text
    assert "6 of another shape (head.weight (expected (5, 8, 1, 1), got (7, 8, 1, 1)), " in text
    assert "of Tiny in" in text


def test_missing_names_alone_are_enough_to_refuse(tmp_path: Path) -> None:
    state = Tiny().state_dict()
    del state["head.bias"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"got 10: 1 missing \(head.bias\); these weights"):
        load_weights(Tiny(), tmp_path / "w.pth")


def test_the_fingerprint_sees_every_value() -> None:
    first, second = Tiny(), Tiny()
    assert weights_sha256(first) == weights_sha256(second)
    second.norm.running_mean[0] += 1e-6
    assert weights_sha256(first) != weights_sha256(second)
    assert weights_sha256(Tiny().bfloat16()) != weights_sha256(Tiny())
    assert len(weights_sha256(first)) == 64
