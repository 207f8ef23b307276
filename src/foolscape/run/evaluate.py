"""One model on one data set: attack every image, then measure the 8-bit images read back from the disk.

What a task knows of its own is in a `TaskRunner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.controls import noise_of_length, noise_within, shuffled
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Candidate, Outcome
from foolscape.attacks.parts.constraints import Linf
from foolscape.attacks.plan import Plan
from foolscape.errors import SampleError
from foolscape.metrics.distortion import distortion
from foolscape.pixels import to_image
from foolscape.records.conditions import ADVERSARIAL, CLEAN, NOISE, PERMUTED, Condition
from foolscape.records.places import Kind
from foolscape.records.row import AnyRow, AttackResult, Line, Row, Tried, failure, rows_of
from foolscape.run.directory.album import Album
from foolscape.run.directory.ara_state import StoredNetwork
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, attack_all, reason_of
from foolscape.run.listener import never
from foolscape.run.scores.controls import control_of
from foolscape.run.tasks.base import EvalSample, P, R, TaskRunner
from foolscape.seeds import generator_for
from foolscape.spec import is_black_box
from foolscape.strict import losses


@dataclass(frozen=True)
class EvaluationSettings:
    """How a subject is measured.

    Attributes:
        plan: the attack; None measures the clean model alone.
        batch: images per call of the model during the attack.
        seed: of everything random.
        fell_back: the plan is that of images which broke in bfloat16.
        bound: of the plan, where the run has several; the conditions of its rows have it too.
        opened: samples that were opened before; those that are opened now are added. None: each is opened once.
        enough: asked before each sample whether no further one is to be begun.
    """

    plan: Plan | None
    batch: int
    seed: int
    fell_back: bool = False
    bound: str | None = None
    opened: dict[str, Opened[Any, Any]] | None = None
    enough: Callable[[], bool] = never


@dataclass(frozen=True)
class Opened(Generic[R, P]):
    """A sample that is on its way, and the files that it has so far."""

    case: EvalSample[R, P]
    album: Album


def evaluate_at_bound(
    subject: TaskRunner[R, P],
    ids: Sequence[str],
    setting: EvaluationSettings,
    store: RunStore,
    tick: Callable[[str], None],
) -> None:
    """Measure `subject` on the samples `ids` that `store` does not hold yet; `tick` is told of every one settled.

    Images on which an attack in bfloat16 breaks are attacked again in float32.
    """
    if setting.plan is None:
        for opened in _opened(subject, ids, setting, store, tick):
            store.append(opened.album.named_in(_measured_clean(opened.case, subject)))
            tick(opened.case.id)
        return
    broken = _attack(subject, ids, setting, store, tick)
    if broken:
        exact = setting.plan.at_precision(bf16=False)
        _attack(subject, broken, replace(setting, plan=exact, fell_back=True), store, tick)


def _attack(
    subject: TaskRunner[R, P],
    ids: Sequence[str],
    setting: EvaluationSettings,
    store: RunStore,
    tick: Callable[[str], None],
) -> list[str]:
    """Attack and settle the samples `ids`; returns those that broke in bfloat16 and are left for float32."""
    broken: list[str] = []

    def remaining() -> list[str]:
        settled_ids = store.settled_ids(subject.spec) | store.settled_ids(None)
        return [name for name in ids if name not in settled_ids and name not in broken]

    def fail(name: str, reason: str) -> None:
        store.append([failure(subject.spec, name, reason)])
        tick(name)

    attack_all(
        remaining,
        lambda names, in_progress: _attack_in_batches(subject, names, setting, store, tick, (in_progress, broken)),
        fail,
    )
    return broken


def _attack_in_batches(
    subject: TaskRunner[R, P],
    ids: Sequence[str],
    setting: EvaluationSettings,
    store: RunStore,
    tick: Callable[[str], None],
    under_way: tuple[dict[str, Opened[R, P]], list[str]],
) -> None:
    """Attack the samples `ids`; `under_way` gets those that are on their way, and those that broke in bfloat16."""
    plan = setting.plan
    assert plan is not None
    in_progress, broken = under_way
    items = _items(_opened(subject, ids, setting, store, tick), in_progress, subject, setting, store, tick)
    memory = StoredNetwork(store, subject.spec, subject.slug, setting.bound)
    for outcome in plan.run(items, batch_size=setting.batch, memory=memory):
        if outcome.failure is not None and plan.ascent.bf16:
            broken.append(outcome.key)
        else:
            opened = in_progress[outcome.key]
            rows = opened.album.named_in(_outcome_rows(opened, outcome, subject, setting))
            store.append(memory.named_in(outcome.key, rows), outcome.seconds if rows_of(rows) else None)
            tick(outcome.key)
        del in_progress[outcome.key]


def _opened(
    subject: TaskRunner[R, P],
    ids: Sequence[str],
    setting: EvaluationSettings,
    store: RunStore,
    tick: Callable[[str], None],
) -> Iterator[Opened[R, P]]:
    """The samples that are still to be done; one that cannot be loaded is recorded with its reason."""
    settled_ids = store.settled_ids(subject.spec) | store.settled_ids(None)
    before = {} if setting.opened is None else setting.opened
    for name in ids:
        if name in settled_ids:
            continue
        if setting.enough():
            return
        if name in before:
            yield before[name]
            continue
        try:
            case = subject.load(name)
        except FAULTS as error:
            store.append([failure(None if isinstance(error, SampleError) else subject.spec, name, reason_of(error))])
            tick(name)
            continue
        opened = Opened(case, store.album(subject.spec))
        _keep(opened, subject)
        if setting.opened is not None:
            setting.opened[name] = opened
        yield opened


def _items(
    todo: Iterator[Opened[R, P]],
    in_progress: dict[str, Opened[R, P]],
    subject: TaskRunner[R, P],
    setting: EvaluationSettings,
    store: RunStore,
    tick: Callable[[str], None],
) -> Iterator[AttackItem]:
    """The samples as the driver takes them, kept in `in_progress` until they are done; not what breaks the model."""
    assert setting.plan is not None
    for opened in todo:
        name = opened.case.id
        try:
            item = subject.attack_item(opened.case, setting.plan, setting.seed)
        except FAULTS as error:
            store.append([failure(subject.spec, name, reason_of(error))])
            tick(name)
            continue
        in_progress[name] = opened
        yield item


def _measured_clean(case: EvalSample[R, P], subject: TaskRunner[R, P]) -> list[Line]:
    """The row of an image that is not attacked, or why it could not be measured."""
    try:
        return [_row(case, subject, CLEAN, case.prediction)]
    except SampleError as error:
        return [failure(None, case.id, str(error))]


def _outcome_rows(
    opened: Opened[R, P], outcome: Outcome, subject: TaskRunner[R, P], setting: EvaluationSettings
) -> list[Line]:
    """The rows of one attacked image, or why it could not be measured."""
    try:
        return _measure(opened, outcome, subject, setting)
    except FAULTS as error:
        model = None if isinstance(error, SampleError) else subject.spec
        return [failure(model, opened.case.id, reason_of(error))]


def _measure(
    opened: Opened[R, P], outcome: Outcome, subject: TaskRunner[R, P], setting: EvaluationSettings
) -> list[Line]:
    """The rows of one attacked image, everything measured on what the PNG holds."""
    case, album = opened.case, opened.album
    if outcome.failure is not None:
        return [failure(subject.spec, case.id, f"the attack gave up: {outcome.failure}")]
    plan = setting.plan
    assert plan is not None
    constraint = plan.ascent.constraint
    quantised = to_image(constraint.quantise(outcome.adversarial, outcome.clean)[0])
    place = album.layout.place(Kind.IMAGE, case.id, subject.slug, ADVERSARIAL.at(setting.bound))
    attacked = album.save_image(place, quantised)
    clean, changed = _levels(case.image), _levels(attacked)
    noise = generator_for(setting.seed, "noise", case.id)
    controls = {
        PERMUTED: to_image(shuffled(clean, changed, generator_for(setting.seed, "permuted", case.id))),
        NOISE: to_image(
            noise_within(clean, constraint, noise)
            if isinstance(constraint, Linf)
            else noise_of_length(clean, changed, noise)
        ),
    }

    def evaluated(condition: Condition, image: NDArray[np.uint8]) -> AnyRow:
        prediction = subject.predict(case, image)
        subject.keep_prediction(album, condition, case.id, prediction)
        return _row(case, subject, condition, prediction)

    before, after = _row(case, subject, CLEAN, case.prediction), evaluated(ADVERSARIAL.at(setting.bound), attacked)
    rows: list[Line] = [before, _attacked_row(after, before, opened, attacked, outcome, subject, setting)]
    for condition, image in controls.items():
        size = control_of(condition, case.image, attacked, image)
        rows.append(replace(evaluated(condition.at(setting.bound), image), control=size))
    return rows


def _attacked_row(
    row: AnyRow,
    clean: AnyRow,
    opened: Opened[R, P],
    image: NDArray[np.uint8],
    outcome: Outcome,
    subject: TaskRunner[R, P],
    setting: EvaluationSettings,
) -> AnyRow:
    """The `row` of the attacked `image` with what the attack did and found besides."""
    plan, case = setting.plan, opened.case
    assert plan is not None
    moved, success = distortion(case.image, image), subject.succeeded(clean.sample, row.sample, plan)
    return replace(
        row,
        distortion=moved,
        attack=AttackResult(
            success=success,
            claimed=outcome.claimed,
            iterations=outcome.iterations,
            remaining=outcome.remaining,
            targets=outcome.targets,
            smallest_eps=int(moved.linf_levels) if success and plan.ascent.ladder else None,
            fell_back=setting.fell_back,
            queries=outcome.iterations + 1 if is_black_box(subject.spec) else None,
        ),
        in_float=subject.measured(case, subject.predict_float(case, outcome.adversarial)).measured,
        candidates=_others(case, outcome.candidates, outcome, subject, plan),
        within=_others(case, outcome.within, outcome, subject, plan),
    )


def _others(
    case: EvalSample[R, P], candidates: Sequence[Candidate], outcome: Outcome, subject: TaskRunner[R, P], plan: Plan
) -> tuple[Tried[Any], ...]:
    """What other results for an image measure at 8 bits: those of several objectives, or within smaller bounds."""

    def measured(one: Candidate) -> Any:
        image = to_image(plan.ascent.constraint.quantise(one.adversarial, outcome.clean)[0])
        return subject.measured(case, subject.predict(case, image)).measured

    return tuple(Tried(name=one.name, measured=measured(one)) for one in candidates)


def _row(case: EvalSample[R, P], subject: TaskRunner[R, P], condition: Condition, prediction: P) -> AnyRow:
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


def _keep(opened: Opened[R, P], subject: TaskRunner[R, P]) -> None:
    """Keep what the report shows besides the attack's own files."""
    case, album = opened.case, opened.album
    album.save_image(album.layout.place(Kind.IMAGE, case.id), case.image)
    subject.keep(case, album)
    subject.keep_prediction(album, CLEAN, case.id, case.prediction)


def _levels(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 array -> (3, H, W) uint8 tensor on the CPU."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
