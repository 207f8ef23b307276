"""One model on one data set: attack every image, then measure the 8-bit images read back from the disk.

What a task knows of its own is in a `TaskRunner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.plan import Plan
from foolscape.errors import SampleError
from foolscape.records.conditions import CLEAN
from foolscape.records.places import Kind
from foolscape.records.row import Line, failure, rows_of
from foolscape.run.answers import Answers, Asking, answers_of, row_of, rows_of_attack
from foolscape.run.directory.album import Album
from foolscape.run.directory.ara_state import StoredNetwork
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, attack_all, reason_of
from foolscape.run.listener import never
from foolscape.run.pipeline import Finisher, Reader
from foolscape.run.tasks.base import EvalSample, P, R, TaskRunner


@dataclass(frozen=True)
class EvaluationSettings:
    """How a subject is measured.

    Attributes:
        plan: the attack; None measures the clean model alone.
        batch: images per call of the model during the attack.
        seed: of everything random.
        reader: gives what `TaskRunner.read` does.
        finisher: writes pictures and rows.
        fell_back: the plan is that of images which broke in bfloat16.
        bound: of the plan, where the run has several; the conditions of its rows have it too.
        opened: samples that were opened before; those that are opened now are added. None: each is opened once.
        enough: asked before each sample whether no further one is to be begun.
    """

    plan: Plan | None
    batch: int
    seed: int
    reader: Reader[Any]
    finisher: Finisher
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

    The finisher may still be at the last of them when this returns. Images on which an attack in bfloat16 breaks are
    attacked again in float32.
    """
    if setting.plan is None:
        for opened in _opened(subject, ids, setting, store, tick):
            setting.finisher.do(partial(_settle_clean, opened, subject, store, tick))
        return
    broken = _attack(subject, ids, setting, store, tick)
    if broken:
        setting.finisher.drain()
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
    smooth = True

    def remaining() -> list[str]:
        settled_ids = store.settled_ids(subject.spec) | store.settled_ids(None)
        return [name for name in ids if name not in settled_ids and name not in broken]

    def fail(name: str, reason: str) -> None:
        store.append([failure(subject.spec, name, reason)])
        tick(name)

    def attack(names: Sequence[str], in_progress: dict[str, Any]) -> None:
        nonlocal smooth
        before, smooth = smooth, False
        try:
            _attack_in_batches(subject, names, setting, store, tick, (in_progress, broken))
            smooth = before
        finally:
            if not smooth:  # what is settled must be known, to see what is left
                setting.finisher.drain()

    attack_all(remaining, attack, fail)
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
            rows = _rows_later(opened, outcome, subject, setting)
            setting.finisher.do(partial(_settle, opened, rows, outcome.seconds, memory, store, tick))
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
            case = subject.opened(setting.reader.take(name))
        except FAULTS as error:
            model = None if isinstance(error, SampleError) else subject.spec
            setting.finisher.do(partial(_give_up, failure(model, name, reason_of(error)), store, tick))
            continue
        opened = Opened(case, store.album(subject.spec))
        setting.finisher.do(partial(_keep, opened, subject))
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
            setting.finisher.do(partial(_give_up, failure(subject.spec, name, reason_of(error)), store, tick))
            continue
        in_progress[name] = opened
        yield item


def _settle_clean(
    opened: Opened[R, P], subject: TaskRunner[R, P], store: RunStore, tick: Callable[[str], None]
) -> None:
    """Write the row of an image that is not attacked, or why it could not be measured."""
    case = opened.case
    try:
        rows: list[Line] = [row_of(case, subject, CLEAN, case.prediction)]
    except SampleError as error:
        rows = [failure(None, case.id, str(error))]
    store.append(opened.album.named_in(rows))
    tick(case.id)


def _rows_later(
    opened: Opened[R, P], outcome: Outcome, subject: TaskRunner[R, P], setting: EvaluationSettings
) -> Callable[[], list[Line]]:
    """What makes the rows of one attacked image; the model is asked now, and tensors are let go."""
    plan, case = setting.plan, opened.case
    assert plan is not None
    if outcome.failure is not None:
        given_up = failure(subject.spec, case.id, f"the attack gave up: {outcome.failure}")
        return lambda: [given_up]
    asking = Asking(setting.batch, setting.seed, setting.fell_back)
    answers = answers_of(case, outcome, subject, plan, asking)
    return partial(_measured, opened, answers, subject, plan, setting.bound)


def _measured(
    opened: Opened[R, P], answers: Answers[P], subject: TaskRunner[R, P], plan: Plan, bound: str | None
) -> list[Line]:
    """The rows of one attacked image, or why it could not be measured."""
    try:
        return rows_of_attack(opened.case, opened.album, answers, subject, plan, bound)
    except FAULTS as error:
        model = None if isinstance(error, SampleError) else subject.spec
        return [failure(model, opened.case.id, reason_of(error))]


def _settle(
    opened: Opened[R, P],
    measured: Callable[[], list[Line]],
    seconds: float,
    memory: StoredNetwork,
    store: RunStore,
    tick: Callable[[str], None],
) -> None:
    """Write the rows of one attacked image, which took so many seconds."""
    rows, name = opened.album.named_in(measured()), opened.case.id
    store.append(memory.named_in(name, rows), seconds if rows_of(rows) else None)
    tick(name)


def _give_up(failed: Line, store: RunStore, tick: Callable[[str], None]) -> None:
    """Write why an image cannot be measured."""
    store.append([failed])
    tick(failed.id)


def _keep(opened: Opened[R, P], subject: TaskRunner[R, P]) -> None:
    """Keep what the report shows besides the attack's own files."""
    case, album = opened.case, opened.album
    album.save_image(album.layout.place(Kind.IMAGE, case.id), case.image)
    subject.keep(case, album)
    subject.keep_prediction(album, CLEAN, case.id, case.prediction)
