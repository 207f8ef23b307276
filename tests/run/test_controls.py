"""How large the controls are beside the attack, and when one is too short to be one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from foolscape.attacks.controls import shuffled
from foolscape.records.conditions import NOISE, PERMUTED, Condition
from foolscape.records.row import AnyRow, Control, Row
from foolscape.run.scores.controls import ControlSizes, control_of, short_reason, sized

from ..written import lines_of
from .made import do_run, write_net, write_photos


def row_of(name: str, control: Control | None) -> AnyRow:
    return Row(model="m", id=name, condition=PERMUTED, size=(1, 1), measured=None, control=control)


def rows(*shares: float, kind: Condition = PERMUTED) -> list[AnyRow]:
    return [row_of(f"{i}", sized(kind, 100 * share, 100)) for i, share in enumerate(shares)]


def sizes_of(rows: Iterable[AnyRow]) -> ControlSizes:
    found = ControlSizes()
    for row in rows:
        found.add(row)
    return found


def test_the_length_is_of_the_images() -> None:
    clean = np.full((2, 2, 3), 100, np.uint8)
    attacked, control = clean.copy(), clean.copy()
    attacked[0, 0] = (104, 100, 97)
    control[1] = 97
    found = control_of(NOISE, clean, attacked, control)
    shares = {"of_attack": pytest.approx(54**0.5 / 5), "apart": pytest.approx(79**0.5 / 5)}
    assert asdict(found) == {"kind": NOISE, "l2": pytest.approx(54**0.5 / 255), **shares}
    assert control_of(NOISE, clean, clean, control).of_attack is None


def test_sizes_are_means_with_the_worst_image() -> None:
    found = sizes_of(
        [*rows(1.0, 0.8), *rows(0.5, kind=NOISE), row_of("old", None), row_of("x", sized(NOISE, 0, 0))]
    ).sizes()
    assert found == {
        PERMUTED: {"of_attack": pytest.approx(0.9), "least": 0.8, "worst": "1"},
        NOISE: {"of_attack": 0.5, "least": 0.5, "worst": "0"},
    }
    assert sizes_of([row_of("old", None)]).sizes() == {}


@pytest.mark.parametrize(("shares", "ok"), [((1.0, 1.0), True), ((1.0, 0.91), True), ((1.0, 0.89), False)])
def test_a_control_a_twentieth_shorter_is_none(shares: tuple[float, ...], ok: bool) -> None:
    reason = short_reason(sizes_of(rows(*shares)).sizes())
    assert (reason.id, reason.ok) == ("controls-as-large", ok)
    assert bool(reason.advice) is not ok
    assert f"{100 * min(shares):.1f} % on 1" in reason.seen or ok


def test_rows_that_do_not_tell_leave_it_open() -> None:
    reason = short_reason(sizes_of([row_of("a", None), *rows(0.1, kind=NOISE)]).sizes())
    assert reason.ok is None
    assert reason.assumed


def test_a_change_that_is_the_same_in_any_order_is_found() -> None:
    clean = np.zeros((16, 16, 3), np.uint8)
    clean[::2] = 255
    inwards = np.where(clean == 0, 8, -8)
    half = inwards * np.random.default_rng(0).integers(0, 2, clean.shape)
    found = []
    for name, change in (("all", inwards), ("half", half)):
        images = [torch.from_numpy(image).permute(2, 0, 1) for image in (clean, (clean + change).astype(np.uint8))]
        moved = shuffled(*images, torch.Generator().manual_seed(0)).permute(1, 2, 0).numpy()
        found.append(row_of(name, control_of(PERMUTED, clean, (clean + change).astype(np.uint8), moved)))
    assert found[0].control.apart == 0
    sizes = sizes_of([*found, row_of("old", sized(PERMUTED, 1, 1)), row_of("older", None)])
    assert sizes.again == {PERMUTED: {"all"}}


def test_a_run_records_its_controls(tmp_path: Path) -> None:
    nets, photos, out = write_net(tmp_path), write_photos(tmp_path / "photos", 2), tmp_path / "out"
    summary = do_run(out, models=[f"{nets}:net"], data=f"folder:{photos}", attack="fgsm")
    found = lines_of(out)
    l2 = {row.id: row.distortion.l2 for row in found if row.distortion}
    told = [row for row in found if row.control]
    assert [row.condition for row in told] == [row.control.kind for row in told] == [PERMUTED, NOISE] * 2
    for row in told:
        assert row.control.of_attack == pytest.approx(row.control.l2 / l2[row.id])
    (model,) = summary["models"]
    assert model["controls"] == sizes_of(found).sizes()
    assert model["controls"][PERMUTED]["least"] == pytest.approx(1)
    assert 0.5 < model["controls"][NOISE]["of_attack"] < 0.7  # uniform within the bound, against its ends: 1 / sqrt(3)
    assert short_reason(sizes_of(found).sizes()).ok
