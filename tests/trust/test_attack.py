"""What rows and probes say against an attack: nothing where it is sound, and each sign by its name where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foolscape.metrics.boxes import Detected, Truth
from foolscape.records.conditions import ADVERSARIAL
from foolscape.run.trust.judge import by_model
from foolscape.verdict import Reason

from ..written import attack_result
from .made import Made, attacked, changed, controlled, reasons

SOUND = {"longer": [4.0] * 4, "stronger": [4.5] * 4, "larger": [0.0], "unbound": [0.0], "square": [60.0]}


def verdict_of(found: dict[str, Reason]) -> str:
    return str(by_model({"net": [reason.to_json() for reason in found.values()]})["verdict"])


def test_a_sound_attack_is_trusted() -> None:
    found = reasons(attacked({}, SOUND))
    assert [reason.ok for reason in found.values()] == [True] * 9
    assert verdict_of(found) == "trusted"


@pytest.mark.parametrize(
    ("stands", "probes", "name", "ok"),
    [
        ({"noise": [5.0] * 4}, SOUND, "beats-noise", False),  # 5 against 5 is not stronger
        ({"permuted": [4.0] * 4}, SOUND, "beats-shuffled", False),
        ({"noise": [5.0, 60.0] * 2}, SOUND, "beats-noise", None),  # four images that differ tell nothing
        ({"noise": [5.0, 60.0] + [5.0] * 8}, SOUND, "beats-noise", False),  # ten do
        ({"in_float": [1.0] * 4}, SOUND, "eight-bits", False),
        ({"in_float": [5.0, 5.0, 5.0, -5.0]}, SOUND, "eight-bits", None),  # more is left, but on one image alone
        ({}, SOUND | {"longer": [0.0, 1.0, 0.0, 1.0]}, "converged", False),
        ({}, SOUND | {"stronger": [0.0] * 4}, "converged", False),
        ({}, SOUND | {"stronger": [5.0, 5.0, 5.0, -20.0]}, "converged", None),  # more, but by one image alone
        ({}, SOUND | {"longer": [4.0] * 3, "stronger": [4.0] * 3}, "converged", None),  # too few
        ({}, {}, "converged", None),
        ({}, SOUND | {"larger": [8.0]}, "larger", False),
        ({}, SOUND | {"unbound": [8.0]}, "unbound", False),
        ({}, SOUND | {"square": [1.0]}, "square", False),
    ],
)
def test_each_sign_is_named(stands: Any, probes: Any, name: str, ok: bool | None) -> None:
    found = reasons(attacked(stands, probes))
    assert {reason.id: reason.ok for reason in found.values() if reason.ok is not True} == {name: ok}
    assert found[name].advice
    assert verdict_of(found) == ("not decided" if ok is None else "not trusted")


def test_two_points_less_are_within_chance() -> None:
    assert reasons(attacked({}, SOUND | {"stronger": [3.1] * 4}))["converged"].ok is True
    assert reasons(attacked({}, SOUND | {"stronger": [2.9] * 4}))["converged"].ok is False


def test_the_better_command_can_be_pasted() -> None:
    found = reasons(attacked({}, SOUND | {"stronger": [0.0] * 4}))["converged"]
    assert found.seen == "5.0 % of the targets still right on 4 image(s), under worst-case 5.0 less (5.0 to 5.0)"
    assert found.advice.endswith("foolscape run --model net.py:net --data folder:p --attack worst-case")


def test_a_bound_that_8_bits_cannot_use_and_a_short_control_are_named() -> None:
    below = reasons(attacked({}, SOUND, eps="0.5/255"))
    assert below["bound-below-a-level"].ok is False
    run = attacked({}, SOUND)
    run = controlled(run, of_attack=0.9)
    assert {one.id for one in reasons(run).values() if one.ok is False} == {"controls-as-large"}


def test_a_shuffled_change_that_is_the_attack_again_shows_nothing() -> None:
    run = attacked({"permuted": [5.0] * 8 + [88.0] * 2}, SOUND)
    assert reasons(run)["beats-shuffled"].ok is False
    run = controlled(run, 8, apart=0.1)
    others = reasons(run)["beats-shuffled"]
    assert (others.ok, others.seen) == (
        True,
        "5.0 % of the targets still right; the control leaves 83.0 more (83.0 to 83.0), 2 image(s)",
    )
    run = controlled(run, apart=0.1)
    none = reasons(run)["beats-shuffled"]
    assert none.ok is None
    assert none.assumed
    assert verdict_of(reasons(run)) == "trusted"


def test_a_task_that_was_said_is_part_of_the_better_command() -> None:
    run = attacked({}, SOUND | {"stronger": [0.0] * 4})
    for said in (["--task", "segmentation"], ["--task=segmentation"], ["--config", "run.yaml"]):
        told = replace(run, record=replace(run.record, command=("foolscape", "run", *said)))
        assert " --task segmentation " in reasons(told)["converged"].advice
    assert "--task" not in reasons(run)["converged"].advice


def test_one_image_says_nothing_of_its_controls() -> None:
    run = attacked({}, {})
    single = Made(run.record, run.spec, {name: found[:1] for name, found in run.rows.items()}, {})
    found = reasons(single)
    assert (found["beats-noise"].ok, found["beats-shuffled"].ok, found["converged"].ok) == (None, None, None)


def test_a_wrong_gradient_and_probes_that_failed_are_named() -> None:
    run = attacked({}, SOUND)
    wrong = replace(run, record=replace(run.record, gradient={"net.py:net": {"ok": False, "kind": "zero"}}))
    assert (reasons(wrong)["gradient"].ok, reasons(wrong)["gradient"].seen) == (False, "zero")
    failed = reasons(replace(run, probed={"failed": "out of memory"}))
    assert failed["converged"].ok is None
    assert "out of memory" in failed["converged"].seen


@pytest.mark.parametrize(("left", "stop", "ok"), [(1.0, 0.0, True), (9.0, 0.0, False), (9.0, 0.1, True)])
def test_without_a_bound_nothing_may_be_left(left: float, stop: float, ok: bool) -> None:
    found = reasons(attacked({"adversarial": [left] * 4, "in_float": [left] * 4}, {}, eps=None, stop=stop))
    assert found["converged"].ok is ok
    assert "larger" not in found


def test_an_attack_that_should_go_on_is_a_whole_command() -> None:
    run = attacked({"adversarial": [90.0] * 4, "in_float": [90.0] * 4}, {}, name="dag", eps=None, steps=3)
    options = {"steps": 3, "quantise_steps": False}
    config = {"data": "folder:my photos", "attack": "dag", "options": options, "limit": 4}
    advice = reasons(replace(run, record=replace(run.record, config=config)))["converged"].advice
    assert advice == (
        "let it go on: foolscape run --model net.py:net --data 'folder:my photos' --limit 4 --attack dag --steps 6 "
        "--no-quantise-steps"
    )


@pytest.mark.parametrize("what", ["larger", "unbound", "square"])
def test_a_probe_that_gave_up_is_not_known(what: str) -> None:
    run = attacked({}, SOUND)
    run.probed["images"]["0"][what] = None
    found = {one.id: one.ok for one in reasons(run).values() if one.ok is not True}
    assert found == {what: None}


@pytest.mark.parametrize("known", [0, 3])
def test_the_strongest_attack_must_have_been_tried_on_enough_images(known: int) -> None:
    run = attacked({}, SOUND)
    for name in list(run.probed["images"])[known:]:
        run.probed["images"][name]["stronger"] = None
    found = reasons(run)["converged"]
    assert found.ok is None
    assert "worst-case" in found.seen


def test_where_there_is_nothing_to_fool_that_is_the_reason() -> None:
    run = attacked({}, {})
    rows = {name: changed(found, truth={}) for name, found in run.rows.items()}
    found = reasons(replace(run, rows=rows))
    assert (found["converged"].ok, found["converged"].seen) == (None, "no image has anything to fool")


@pytest.mark.parametrize(("longer", "ok"), [([3, 3, 4, None], True), ([1, 2, 2, 30], False), ([1, 1, 1], None)])
def test_the_smallest_change_is_compared_in_levels(longer: list[int | None], ok: bool | None) -> None:
    run = attacked({}, {"longer": [0.0] * 4}, eps=None, largest="64/255")
    rows = [
        replace(row, attack=attack_result(smallest_eps=smallest))
        for row, smallest in zip(run.rows[ADVERSARIAL], (3, 4, 4, None), strict=True)
    ]
    run = replace(run, rows={**run.rows, ADVERSARIAL: rows})
    images = {str(i): {"longer": {"right": 0.0, "left": 0.0, "smallest": level}} for i, level in enumerate(longer)}
    found = reasons(replace(run, probed=dict(run.probed, images=images)))
    assert found["converged"].ok is ok


def test_an_attack_that_invents_boxes_is_judged_by_them() -> None:
    run = attacked({}, {}, goal="fabricate")
    no = np.zeros(1, np.bool_)
    truth = Truth(np.array([[0.0, 0, 9, 9]]), np.zeros(1, np.int64), no, no, np.array([81.0]))

    def seen(boxes: int) -> Detected:
        places = np.array([[20.0 + 9 * i, 20, 28 + 9 * i, 28] for i in range(boxes)]).reshape(-1, 4)
        return Detected(places, np.full(boxes, 0.9), np.zeros(boxes, np.int64))

    rows = {
        name: changed(found, truth=truth, measured=seen(4 * (name == ADVERSARIAL)), in_float=seen(4))
        for name, found in run.rows.items()
    }
    record = replace(run.record, task="detection")
    found = reasons(replace(run, record=record, rows=rows))
    assert found["beats-noise"].ok is True
    assert "free of invented boxes" in found["beats-noise"].seen
