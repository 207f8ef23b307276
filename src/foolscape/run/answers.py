"""What a model says of one attacked image, asked for by the attack's thread; and the rows that are made of it.

Whatever needs the model is in `Answers`, made before anything is written. Behind it come pictures, distortion, metrics
and rows, which take no model and may be made by another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.controls import noise_of_length, noise_within, shuffled
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.parts.constraints import Linf
from foolscape.attacks.plan import Plan
from foolscape.errors import RunError
from foolscape.metrics.distortion import distortion
from foolscape.pixels import to_image, to_unit
from foolscape.records.conditions import ADVERSARIAL, CLEAN, NOISE, PERMUTED, Condition
from foolscape.records.places import Kind
from foolscape.records.row import AnyRow, AttackResult, Line, Row, Tried
from foolscape.run.directory.album import Album
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.scores.controls import control_of
from foolscape.run.tasks.base import EvalSample, P, R, TaskRunner
from foolscape.seeds import generator_for
from foolscape.spec import is_black_box
from foolscape.strict import losses

Pixels = NDArray[np.uint8]

_FLOAT: Final = "in float"
"""The attacked image before it is rounded to 8 bits."""

_USUAL: Final = 4
"""Predictions of most images: attacked, before it is rounded, shuffled, noise."""


@dataclass(frozen=True)
class Asking:
    """How the model is asked.

    Attributes:
        batch: images that it takes at once during the attack.
        seed: of the controls.
        fell_back: see `AttackResult`.
    """

    batch: int
    seed: int
    fell_back: bool


@dataclass(frozen=True)
class Answers(Generic[P]):
    """What a model says of an attacked image.

    Attributes:
        images: the attacked image and its controls, 8 bits (H, W, 3).
        said: predictions: of these by their condition, of the image `_FLOAT`, of other results by their place.
        fault: why there are no further predictions, of `FAULTS`.
        candidates, within: names of other results, see `Outcome`.
        result: what the attack did; whether it succeeded is not known yet.
    """

    images: Mapping[Condition, Pixels]
    said: Mapping[Hashable, P]
    fault: Exception | None
    candidates: tuple[str, ...]
    within: tuple[str, ...]
    result: AttackResult

    def of(self, what: Hashable) -> P:
        """The prediction of an image; raises what the model raised in its place."""
        if what not in self.said:
            assert self.fault is not None
            raise self.fault
        return self.said[what]


def answers_of(
    case: EvalSample[R, P], outcome: Outcome, subject: TaskRunner[R, P], plan: Plan, asking: Asking
) -> Answers[P]:
    """Ask the model about the result of an attack and its controls; what it raises on them stands in the answers.

    Raises:
        Exception: no image is at fault, see `reason_of`.
    """

    def rounded(adversarial: Tensor) -> Pixels:
        return to_image(plan.ascent.constraint.quantise(adversarial, outcome.clean)[0])

    images = {ADVERSARIAL: rounded(outcome.adversarial)}
    images |= _controls(case, images[ADVERSARIAL], plan, asking.seed)
    questions: dict[Hashable, Callable[[], Tensor]] = {
        ADVERSARIAL: lambda: to_unit(images[ADVERSARIAL]),
        _FLOAT: lambda: outcome.adversarial,
    }
    for kind, others in (("candidates", outcome.candidates), ("within", outcome.within)):
        for place, one in enumerate(others):
            questions[kind, place] = lambda one=one: to_unit(rounded(one.adversarial))  # type: ignore[misc]
    for control in (PERMUTED, NOISE):
        questions[control] = lambda control=control: to_unit(images[control])  # type: ignore[misc]
    said, fault = _said(case, questions, subject, _together(asking.batch))
    return Answers(
        images,
        said,
        fault,
        tuple(one.name for one in outcome.candidates),
        tuple(one.name for one in outcome.within),
        AttackResult(
            success=None,
            claimed=outcome.claimed,
            iterations=outcome.iterations,
            remaining=outcome.remaining,
            targets=outcome.targets,
            fell_back=asking.fell_back,
            queries=outcome.iterations + 1 if is_black_box(subject.spec) else None,
        ),
    )


def _said(
    case: EvalSample[R, P], questions: Mapping[Hashable, Callable[[], Tensor]], subject: TaskRunner[R, P], together: int
) -> tuple[dict[Hashable, P], Exception | None]:
    """The predictions of images ((1, 3, H, W) each), so many in a call, up to where the model raises one of `FAULTS`.

    Each call is as wide as any other, so that the arithmetic of an image does not depend on how many others there are:
    gaps are filled with copies. Where a call fails, its images are asked for one by one, to see which is at fault.
    """
    said: dict[Hashable, P] = {}
    names = list(questions)
    for begin in range(0, len(names), together):
        group = names[begin : begin + together]
        try:
            if together == 1:
                said[group[0]] = subject.predict_float(case, questions[group[0]]())
                continue
            images = [questions[name]().to("cpu") for name in group]
            images += images[:1] * (together - len(images))
            said |= zip(group, subject.predict_several(case, torch.cat(images)), strict=False)
        except FAULTS as error:
            reason_of(error)
            if together == 1:
                return said, error
            single, fault = _said(case, {name: questions[name] for name in group}, subject, 1)
            said |= single
            if fault is not None:
                return said, fault
    return said, None


def _together(batch: int) -> int:
    """How many predictions share a call: all that most images have, or half of them, if a batch has room for them."""
    return max(width for width in (1, _USUAL // 2, _USUAL) if width <= batch)


def _controls(case: EvalSample[Any, Any], attacked: Pixels, plan: Plan, seed: int) -> dict[Condition, Pixels]:
    clean, changed = _levels(case.image), _levels(attacked)
    constraint, noise = plan.ascent.constraint, generator_for(seed, "noise", case.id)
    return {
        PERMUTED: to_image(shuffled(clean, changed, generator_for(seed, "permuted", case.id))),
        NOISE: to_image(
            noise_within(clean, constraint, noise)
            if isinstance(constraint, Linf)
            else noise_of_length(clean, changed, noise)
        ),
    }


def rows_of_attack(
    case: EvalSample[R, P],
    album: Album,
    answers: Answers[P],
    subject: TaskRunner[R, P],
    plan: Plan,
    bound: str | None,
) -> list[Line]:
    """The rows of one attacked image, with its pictures in the `album`; everything measured on what the PNG holds.

    Raises:
        RunError: a PNG does not hold the image that the model was asked about.
        Exception: one of `FAULTS`: it cannot be measured.
    """
    attacked = answers.images[ADVERSARIAL]
    place = album.layout.place(Kind.IMAGE, case.id, subject.slug, ADVERSARIAL.at(bound))
    if not np.array_equal(album.kept_image(place, attacked), attacked):
        raise RunError(
            f"expected to read back what was written to {place} in {album.directory}, got other pixels; look after the "
            "disk, or choose another --out"
        )

    def evaluated(condition: Condition) -> AnyRow:
        prediction = answers.of(condition)
        subject.keep_prediction(album, condition.at(bound), case.id, prediction)
        return row_of(case, subject, condition.at(bound), prediction)

    before, after = row_of(case, subject, CLEAN, case.prediction), evaluated(ADVERSARIAL)
    rows: list[Line] = [before, _attacked_row(after, before, case, answers, subject, plan)]
    for control in (PERMUTED, NOISE):
        size = control_of(control, case.image, attacked, answers.images[control])
        rows.append(replace(evaluated(control), control=size))
    return rows


def _attacked_row(
    row: AnyRow, clean: AnyRow, case: EvalSample[R, P], answers: Answers[P], subject: TaskRunner[R, P], plan: Plan
) -> AnyRow:
    """The `row` of the attacked image with what the attack did and found besides."""
    moved = distortion(case.image, answers.images[ADVERSARIAL])
    success = subject.succeeded(clean.sample, row.sample, plan)
    smallest = int(moved.linf_levels) if success and plan.ascent.ladder else None

    def others(kind: str, names: Sequence[str]) -> tuple[Tried[Any], ...]:
        found = (subject.measured(case, answers.of((kind, place))).measured for place in range(len(names)))
        return tuple(Tried(name=name, measured=measured) for name, measured in zip(names, found, strict=True))

    return replace(
        row,
        distortion=moved,
        attack=replace(answers.result, success=success, smallest_eps=smallest),
        in_float=subject.measured(case, answers.of(_FLOAT)).measured,
        candidates=others("candidates", answers.candidates),
        within=others("within", answers.within),
    )


def row_of(case: EvalSample[R, P], subject: TaskRunner[R, P], condition: Condition, prediction: P) -> AnyRow:
    """The row of a prediction alone."""
    height, width = case.image.shape[:2]
    sample = subject.measured(case, prediction)
    row: AnyRow = Row(
        model=subject.spec,
        id=case.id,
        condition=condition,
        size=(height, width),
        measured=sample.measured,
        truth=sample.truth,
    )
    if condition != CLEAN:
        return row
    return replace(row, frames=case.frames, notes=case.notes, lost=tuple(losses(case.notes)))


def _levels(image: Pixels) -> Tensor:
    """(H, W, 3) uint8 array -> (3, H, W) uint8 tensor on the CPU."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
