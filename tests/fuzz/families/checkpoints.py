"""Weights in files of safetensors and of torch.save."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from torch import nn

from foolscape.models.common.checkpoint import load_weights, weights_sha256
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_tree

RAN = "ran"
"""A file that code in a checkpoint would make."""


def _network(fill: float | None) -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    for number, value in enumerate(net.state_dict().values()):
        value.fill_(number + 1 if fill is None else fill)
    return net


class _Runs:
    """A pickle that runs code where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def make_safetensors(root: Path) -> None:
    """Weights of a network."""
    save_file(_network(None).state_dict(), root / "weights.safetensors")


def make_pth(root: Path) -> None:
    """Weights of a network."""
    torch.save({"state_dict": _network(None).state_dict(), "epoch": 3}, root / "weights.pth")


def mutate_safetensors(rng: Random, root: Path) -> Mutation:
    """Its header, or its bytes, or what stands in its place."""
    path, kind = root / "weights.safetensors", rng.random()
    if kind < 0.1:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    if kind < 0.5:
        mutated, mutation = mutate_bytes(rng, content)
        path.write_bytes(mutated)
        return mutation
    header, mutation = mutate_json(rng, json.loads(content[8 : 8 + size]))
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])
    return mutation


def mutate_pth(rng: Random, root: Path) -> Mutation:
    """Its bytes, its pickle in a sound archive, code, another content, or what stands in its place."""
    path, kind = root / "weights.pth", rng.choice(("bytes", "bytes", "pickle", "code", "content", "tree"))
    if kind == "tree":
        return mutate_tree(rng, root)
    content = path.read_bytes()
    if kind == "bytes":
        mutated, mutation = mutate_bytes(rng, content)
        path.write_bytes(mutated)
        return Mutation(mutation.what, legit=False)  # the archive holds a checksum of each of its files
    if kind == "pickle":
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, mutate_bytes(rng, part)[0] if name.endswith("data.pkl") else part)
        return Mutation("the pickle's bytes")
    if kind == "code":
        torch.save({"state_dict": _Runs(root / RAN)}, path)
        if rng.random() < 0.5:
            path.write_bytes(pickle.dumps(_Runs(root / RAN)))
        return Mutation("a pickle that runs code")
    others = [
        None,
        [1],
        "x",
        {},
        {"state_dict": None},
        {1: torch.zeros(2)},
        torch.zeros(3),
        {"a": {"b": torch.zeros(1)}},
    ]
    state = _network(None).state_dict()
    name = rng.choice(list(state))
    shapes = [torch.zeros(0), torch.zeros(2, 2).to_sparse(), state[name].to(torch.complex64), state[name].half()]
    others += [state | {name: other} for other in shapes] + [{f"module.{key}": value for key, value in state.items()}]
    torch.save(rng.choice(others), path)
    return Mutation("other content")


def read(root: Path) -> Found:
    """A network whose weights are all loaded; the totals are the tensors that were not."""
    net = _network(-77.0)
    load_weights(net, next(iter(sorted(root.glob("weights.*"))), root / "weights.pth"))
    assert not (root / RAN).exists(), "code in the file was run"
    left = sum(bool((value == -77).any()) for value in net.state_dict().values())
    return Found((left,), weights_sha256(net))


def none_left(root: Path) -> tuple[int, ...]:
    """No tensor may be left as it was."""
    del root
    return (0,)


FAMILIES = (
    Family("safetensors", make_safetensors, mutate_safetensors, read, none_left),
    Family("pth", make_pth, mutate_pth, read, none_left),
)
