"""A network whose weights follow from the names of its keys, and where the reference vectors are."""

import copy
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from foolscape.models.trackers.stcn.network import StcnNetwork

ROOT = Path(__file__).resolve().parents[3]

GAINS = {"value_encoder.conv1.weight": 6.0, "decoder.pred.weight": 4.0, "key_proj.key_proj.weight": 1.5}


def filled(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The weights that the reference vectors were made with; masks spread over 0 to 1 with them."""
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    values = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape)
    if key.endswith("running_var"):
        values = 1 + 0.1 * np.abs(values)
    elif key.endswith(("running_mean", ".bias")):
        values = 0.1 * values
    elif len(shape) == 1:
        values = 1 + 0.1 * values
    else:
        values *= GAINS.get(key, 1.0) / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="session")
def state() -> Mapping[str, torch.Tensor]:
    with torch.device("meta"):
        network = StcnNetwork()
    return {key: filled(key, tuple(value.shape)) for key, value in network.state_dict().items()}


@pytest.fixture(scope="session")
def network(state: Mapping[str, torch.Tensor]) -> StcnNetwork:
    with torch.device("meta"):
        network = StcnNetwork()
    network.load_state_dict(dict(state), assign=True)
    return network.requires_grad_(False)


@pytest.fixture(scope="session")
def network64(network: StcnNetwork) -> StcnNetwork:
    return copy.deepcopy(network).double()


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of reference vectors: `conformance` beside the one that $FOOLSCAPE_REAL names, or ../shared's."""
    path = (ROOT / os.environ.get("FOOLSCAPE_REAL", "../shared/real")).resolve().parent / "conformance"
    if not (path / "stcn_vectors.npz").is_file():
        pytest.skip(f"no reference vectors at {path}; set FOOLSCAPE_REAL to the folder beside it")
    return path
