"""One network of a transfer on one image, under every disturbance, which the networks' own runs have made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.controls import shuffled
from foolscape.disk import is_there
from foolscape.errors import SampleError
from foolscape.metrics.distortion import distortion
from foolscape.pixels import to_image
from foolscape.records.conditions import ADVERSARIAL, PERMUTED, Condition
from foolscape.records.places import Kind, Layout
from foolscape.records.row import AnyRow, Line, Row, failure
from foolscape.run.directory.album import read_image
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.scores.controls import sized
from foolscape.run.transfer.ensemble import folder_of
from foolscape.run.transfer.matrix import Disturbance, Network
from foolscape.run.transfer.places import joint_place, own_place
from foolscape.seeds import generator_for

Pixels = NDArray[np.uint8]


def rows_of_image(
    name: str, network: Network, disturbances: Sequence[Disturbance], out: Path, layout: Layout
) -> list[Line]:
    """One network on one image under every disturbance."""
    subject = network.entry.subject
    try:
        case = subject.load(name)
        images = list(_disturbed(case.image, name, disturbances, out, network.config.seed, layout))
    except FAULTS as error:
        return [failure(subject.spec, name, reason_of(error))]
    rows: list[Line] = []
    lengths: dict[tuple[tuple[str, ...], bool], float] = {}
    for disturbance, image in zip(disturbances, images, strict=True):
        try:
            prediction = subject.predict(case, image) if disturbance.sources else case.prediction
        except FAULTS as error:
            return [failure(subject.spec, name, reason_of(error))]
        sample, (height, width) = subject.measured(case, prediction), image.shape[:2]
        row: AnyRow = Row(
            model=subject.spec,
            id=name,
            condition=Condition(disturbance.name),
            size=(height, width),
            measured=sample.measured,
            truth=sample.truth,
        )
        if disturbance.sources:
            moved = distortion(case.image, image)
            # Every change comes before its own control.
            own = lengths.setdefault((disturbance.sources, disturbance.joint), moved.l2)
            size = sized(PERMUTED, moved.l2, own) if disturbance.permuted else None
            row = replace(row, distortion=moved, control=size)
        rows.append(row)
    return rows


def _disturbed(
    clean: Pixels, name: str, disturbances: Sequence[Disturbance], out: Path, seed: int, layout: Layout
) -> Iterator[Pixels]:
    """The 8-bit image of every disturbance; sums are clipped to the pixel range."""
    slugs = {slug for disturbance in disturbances for slug in disturbance.sources}
    changes = {slug: _change(out, slug, name, clean, layout) for slug in slugs}
    for disturbance in disturbances:
        if disturbance.joint:
            change = _joint_change(out, disturbance, name, clean, layout)
        else:
            change = sum((changes[slug] for slug in disturbance.sources), np.zeros(clean.shape, np.int16))
        image = np.clip(clean + change, 0, 255).astype(np.uint8)
        if disturbance.permuted:
            # A network's own change is shuffled as in its own run, so that both say the same.
            kind = "ensemble" if disturbance.joint else "transfer"
            used_for = (kind, *disturbance.sources) if len(disturbance.sources) > 1 else ("permuted",)
            generator = generator_for(seed, *used_for, name)
            image = to_image(shuffled(_planes(clean), _planes(image), generator))
        yield image


def _change(out: Path, slug: str, name: str, clean: Pixels, layout: Layout) -> NDArray[np.int16]:
    """What the attack on the network `slug` changed in an image, in levels."""
    run = own_place(out, slug)
    path = run / layout.found(run, Kind.IMAGE, name, slug, ADVERSARIAL)
    if not is_there(path):
        raise SampleError(f"expected the image that {slug} was attacked on, got none: its own run gave it up")
    if not np.array_equal(read_image(run / layout.found(run, Kind.IMAGE, name)), clean):
        raise SampleError(f"expected the same pixels for every network, got others for {slug}; give one --size")
    return read_image(path).astype(np.int16) - clean


def _joint_change(out: Path, disturbance: Disturbance, name: str, clean: Pixels, layout: Layout) -> NDArray[np.int16]:
    """What the attack on an ensemble changed in an image, in levels."""
    folder = joint_place(out, folder_of(disturbance.sources))
    path = folder / layout.found(folder, Kind.IMAGE, name, condition=ADVERSARIAL)
    if not is_there(path):
        raise SampleError(f"expected the image that the {disturbance.name} was attacked on, got none: it was given up")
    return read_image(path).astype(np.int16) - clean


def _planes(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
