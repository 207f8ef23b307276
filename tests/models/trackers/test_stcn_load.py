from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from foolscape.errors import CheckpointError
from foolscape.models.trackers.stcn.tracker import Stcn, load_stcn

FIRST = "value_encoder.conv1.weight"


@pytest.fixture
def path(tmp_path: Path) -> object:
    """A place for 200 MB that are not kept."""
    yield tmp_path / "stcn.pth"
    for file in tmp_path.iterdir():
        file.unlink()


def check(stcn: Stcn, state: Mapping[str, Tensor]) -> None:
    own = stcn.network.state_dict()
    assert own.keys() == state.keys()
    assert all(torch.equal(own[key], state[key]) for key in own)
    assert not stcn.network.training
    assert not any(parameter.requires_grad for parameter in stcn.network.parameters())
    assert (stcn.mem_every, stcn.top_k, stcn.include_last, stcn.shorter_side) == (5, 20, False, None)


@pytest.mark.parametrize("nest", [dict, lambda s: {"it": 3, "network": dict(s), "optimizer": {"state": {}}}])
def test_what_the_official_training_saves_is_loaded(
    path: Path, state: Mapping[str, Tensor], nest: Callable[[Mapping[str, Tensor]], object]
) -> None:
    torch.save(nest(state), path)
    before = torch.random.get_rng_state()
    stcn = load_stcn(path)
    check(stcn, state)
    assert stcn.notes == ()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_safetensors_are_loaded(path: Path, state: Mapping[str, Tensor]) -> None:
    save_file(dict(state), path.with_suffix(".safetensors"))
    check(load_stcn(path.with_suffix(".safetensors")), state)


def test_four_channels_get_a_fifth_of_zeros(path: Path, state: Mapping[str, Tensor]) -> None:
    four = torch.randn(64, 4, 7, 7, generator=torch.Generator().manual_seed(0))
    save_file(dict(state) | {FIRST: four}, path.with_suffix(".safetensors"))
    stcn = load_stcn(path.with_suffix(".safetensors"))
    check(stcn, dict(state) | {FIRST: torch.cat([four, torch.zeros(64, 1, 7, 7)], dim=1)})
    assert stcn.notes == ("a checkpoint for one object: with several, none of them knows of the others",)


def test_counters_of_batch_norms_may_be_missing(path: Path, state: Mapping[str, Tensor]) -> None:
    torch.save({key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, path)
    check(load_stcn(path), state)


def test_another_network_is_refused(path: Path) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 3)).state_dict(), path)
    with pytest.raises(CheckpointError) as caught:
        load_stcn(path)
    assert str(caught.value) == (
        f"expected the 405 tensors of StcnNetwork in {path}, got 4: 347 missing (key_encoder.conv1.weight, "
        "key_encoder.bn1.weight, key_encoder.bn1.bias, ...), 4 unexpected (0.weight, 0.bias, 1.weight, ...); these "
        "weights are another network's or another number of classes"
    )


def test_other_shapes_are_refused(path: Path, state: Mapping[str, Tensor]) -> None:
    small = {key: value.flatten()[:1].clone() for key, value in state.items()}
    torch.save(small | {FIRST: torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"of another shape \(.*these weights are another network's") as caught:
        load_stcn(path)
    assert "key_encoder.conv1.weight (expected (64, 3, 7, 7), got (1,))" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a weights file at .*absent\.pth, got nothing"):
        load_stcn(tmp_path / "absent.pth")
