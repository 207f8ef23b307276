"""Every array of the reference vectors of STCN, made with the official network, within the stated tolerances."""

import copy
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from foolscape.models.trackers.stcn.memory import Memory, affinity, aggregate
from foolscape.models.trackers.stcn.network import KeyMaps, StcnNetwork
from foolscape.models.trackers.stcn.resizing import Resizing
from foolscape.models.trackers.stcn.tracker import Stcn

from .conftest import filled

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
FOUR = "two_obj_80x96_conv1_4ch"
VARIANTS = {
    "two_obj_96x128": ("me2", "me5", "me5_last", "me2_last"),
    "two_obj_90x123": ("me5", "me2_last", "me2_k40"),
    "one_obj_80x112": ("me2", "me2_last"),
    FOUR: ("me2",),
}
INTERMEDIATE = {
    *("f16_thin0", "f16_0_every4", "f8_0_every8", "f4_0_every32", "value_backbone0", "fuser_block1_0_every4"),
    *("fuser_attention_0_every4", "affinity1", "readout1", "object_sigmoid1"),
}


@dataclass(frozen=True)
class Vectors:
    """The arrays by name, and the description."""

    arrays: dict[str, Tensor]
    about: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]

    def frames(self, case: str) -> Tensor:
        return self[f"{case}.frames"].permute(0, 3, 1, 2).float() / 255

    def mask(self, case: str) -> Tensor:
        return self[f"{case}.first_mask"].long()

    def variant(self, case: str, name: str) -> dict[str, Any]:
        return self.about["cases"][case]["variants"][name]


@pytest.fixture(scope="module")
def vectors(conformance: Path) -> Vectors:
    with np.load(conformance / "stcn_vectors.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file}
    return Vectors(arrays, json.loads((conformance / "stcn_vectors.json").read_text()))


def for_one_object(network: StcnNetwork) -> StcnNetwork:
    """`network` as a checkpoint for one object makes it: four channels are filled, a fifth is zero."""
    other = copy.deepcopy(network)
    weight = filled("value_encoder.conv1.weight", (64, 4, 7, 7))
    other.value_encoder.conv1.weight = nn.Parameter(nn.functional.pad(weight, (0, 0, 0, 0, 0, 1)), requires_grad=False)
    return other


def close(got: Tensor, expected: Tensor, *, scaled: bool) -> None:
    """Within 1e-4, or, for features, 1e-4 of the largest magnitude if that is above 1."""
    assert got.shape == expected.shape
    tolerance = 1e-4 * (max(1.0, float(expected.abs().max())) if scaled else 1.0)
    deviation = float((got - expected).abs().max())
    print(f"largest deviation {deviation:.2e}, allowed {tolerance:.2e}")
    assert deviation <= tolerance


def normalised(frames: Tensor) -> Tensor:
    return (frames - MEAN[:, None, None]) / DEVIATION[:, None, None]


def test_no_array_is_left_out(vectors: Vectors) -> None:
    assert {case: tuple(about["variants"]) for case, about in vectors.about["cases"].items()} == VARIANTS
    of_a_case = {"frames", "first_mask", "k16", "value0", "prob", "labels", "labels_resized", "value_last"}
    of_a_step = {"in", "out"}
    assert {name.rsplit(".", 1)[1] for name in vectors.arrays} == of_a_case | of_a_step | INTERMEDIATE


def test_the_keys_and_shapes_are_the_official_ones(conformance: Path, network: StcnNetwork) -> None:
    lines = [line.split("\t") for line in (conformance / "stcn_state_dict.tsv").read_text().splitlines()]
    own = {
        key: ("x".join(map(str, value.shape)) or "scalar", str(value.dtype).removeprefix("torch."), str(value.numel()))
        for key, value in network.state_dict().items()
    }
    assert own == {key: (shape, dtype, count) for key, shape, dtype, count, *_ in lines[1:]}


def test_the_weights_are_those_of_the_vectors(conformance: Path, state: Mapping[str, Tensor]) -> None:
    lines = [line.split("\t") for line in (conformance / "stcn_state_dict.tsv").read_text().splitlines()]
    sums = {key: f"{zlib.crc32(value.numpy().tobytes()):08x}" for key, value in state.items()}
    assert sums == {line[0]: line[4] for line in lines[1:]}


def test_padding(vectors: Vectors) -> None:
    for example in vectors.about["padding_examples"]:
        resizing = Resizing.of(tuple(example["size"]), None, 16)
        assert resizing.padding == tuple(example["left_right_top_bottom"])


def test_soft_aggregation(vectors: Vectors) -> None:
    for name in ("aggregate1", "aggregate2", "aggregate3"):
        torch.testing.assert_close(aggregate(vectors[f"{name}.in"]), vectors[f"{name}.out"], rtol=0, atol=1e-6)


def padded(vectors: Vectors, case: str) -> tuple[Tensor, Tensor]:
    """Frames with a border of the mean colour and the first mask with one of background, at padded size.

    For these the network's padded size is their own, so that stored arrays can be compared whole.
    """
    left, right, top, bottom = vectors.about["cases"][case]["padding_left_right_top_bottom"]
    frames, mask = vectors.frames(case), vectors.mask(case)
    height, width = mask.shape
    canvas = MEAN[None, :, None, None].expand(len(frames), -1, top + height + bottom, left + width + right).clone()
    canvas[:, :, top : top + height, left : left + width] = frames
    return canvas, nn.functional.pad(mask, (left, right, top, bottom))


def check_case(vectors: Vectors, network: StcnNetwork, case: str, names: tuple[str, ...]) -> None:
    """Keys, the first value, probabilities, labels and the last permanent value of a case."""
    frames, mask = vectors.frames(case), vectors.mask(case)
    wide, wide_mask = padded(vectors, case)
    with torch.no_grad():
        features = Stcn(network).features(frames)
        close(torch.cat([feature.key for feature in features]), vectors[f"{case}.k16"], scaled=True)
        first = aggregate(torch.stack([wide_mask == i + 1 for i in range(int(mask.max()))]).float())[1:]
        value = network.value(normalised(wide[:1]), first, features[0].coarse)
        close(value, vectors[f"{case}.value0"], scaled=True)
        for name in names:
            about = vectors.variant(case, name)
            stcn = Stcn(network, about["mem_every"], about["top_k"], about["include_last"])
            whole = stcn.propagate(wide, wide_mask, features[1:])
            some = whole[about["prob_frame_indices"]].transpose(0, 1)
            close(some, vectors[f"{case}.{name}.prob"], scaled=False)
            compare_labels(vectors, f"{case}.{name}", cropped(vectors, case, whole))
            if f"{case}.{name}.value_last" in vectors.arrays:
                last = about["permanent_memory_frames"][-1]
                value = network.value(normalised(wide[last : last + 1]), whole[last, 1:], features[last].coarse)
                close(value, vectors[f"{case}.{name}.value_last"], scaled=True)


def cropped(vectors: Vectors, case: str, whole: Tensor) -> Tensor:
    """`whole` (T, C, h, w) without the border of `padded`."""
    left, _, top, _ = vectors.about["cases"][case]["padding_left_right_top_bottom"]
    height, width = vectors.mask(case).shape
    return whole[:, :, top : top + height, left : left + width]


def labels(probabilities: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """The largest channel, of probabilities resized to another size where one is given, as the official code does."""
    if size is not None:
        probabilities = nn.functional.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)
    return probabilities.argmax(dim=1)


def compare_labels(vectors: Vectors, name: str, probabilities: Tensor) -> None:
    """At most 0.1 % of the labels differ, at the frames' size and, where stored, at another."""
    wrong = labels(probabilities) != vectors[f"{name}.labels"]
    assert wrong.float().mean() <= 0.001
    if f"{name}.labels_resized" in vectors.arrays:
        expected = vectors[f"{name}.labels_resized"]
        wrong = labels(probabilities, tuple(expected.shape[1:])) != expected
        assert wrong.float().mean() <= 0.001


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("two_obj_96x128", ("me2_last",)),
        ("one_obj_80x112", VARIANTS["one_obj_80x112"]),
        pytest.param("two_obj_96x128", ("me2", "me5", "me5_last"), marks=pytest.mark.slow),
        pytest.param("two_obj_90x123", VARIANTS["two_obj_90x123"], marks=pytest.mark.slow),
    ],
)
def test_a_clip(vectors: Vectors, network: StcnNetwork, case: str, names: tuple[str, ...]) -> None:
    check_case(vectors, network, case, names)


@torch.no_grad()
def test_a_clip_whose_sides_are_padded(vectors: Vectors, network: StcnNetwork) -> None:
    case = "two_obj_90x123"
    found = Stcn(network).propagate(vectors.frames(case), vectors.mask(case))
    whole = vectors[f"{case}.me5.prob"].transpose(0, 1)
    close(found, cropped(vectors, case, whole), scaled=False)
    compare_labels(vectors, f"{case}.me5", found)


def test_a_clip_with_a_checkpoint_for_one_object(vectors: Vectors, network: StcnNetwork) -> None:
    check_case(vectors, for_one_object(network), FOUR, VARIANTS[FOUR])


@torch.no_grad()
def test_intermediate_results(vectors: Vectors, network: StcnNetwork) -> None:
    case = "two_obj_96x128"
    images, mask = normalised(vectors.frames(case)), vectors.mask(case)
    maps = network.encode(images[:1])
    check_maps(vectors, network, maps)

    masks = aggregate(torch.stack([mask == 1, mask == 2]).float())[1:]
    given = torch.cat([images[:1].expand(2, -1, -1, -1), masks[:, None], masks.flip(0)[:, None]], dim=1)
    backbone = network.value_encoder.backbone(given)
    close(backbone, vectors[f"{case}.value_backbone0"], scaled=True)
    joined = network.value_encoder.fuser.block1(torch.cat([backbone, maps.f16.expand(2, -1, -1, -1)], dim=1))
    close(joined[:, ::4], vectors[f"{case}.fuser_block1_0_every4"], scaled=True)
    gated = network.value_encoder.fuser.attention(joined)
    close(gated[:, ::4], vectors[f"{case}.fuser_attention_0_every4"], scaled=True)

    later = network.encode(images[1:2])
    key, query = network.key(maps.f16), network.key(later.f16)
    found = affinity(key.flatten(2)[0].T, query.flatten(2)[0].T, 20)
    dense = torch.zeros(48, 48).scatter(1, found.index, found.weights).T
    close(dense, vectors[f"{case}.affinity1"], scaled=False)
    readout = Memory((key,), (network.value(images[:1], masks, maps.f16),)).read(query, 20)
    close(readout, vectors[f"{case}.readout1"], scaled=True)
    close(network.decode(readout, network.query(later)), vectors[f"{case}.object_sigmoid1"], scaled=False)


def check_maps(vectors: Vectors, network: StcnNetwork, maps: KeyMaps) -> None:
    close(maps.f16[:, ::4], vectors["two_obj_96x128.f16_0_every4"], scaled=True)
    close(maps.f8[:, ::8], vectors["two_obj_96x128.f8_0_every8"], scaled=True)
    close(maps.f4[:, ::32], vectors["two_obj_96x128.f4_0_every32"], scaled=True)
    close(network.query(maps).thin, vectors["two_obj_96x128.f16_thin0"], scaled=True)
