"""A change made for several networks at once, for `foolscape transfer`: who falls to it that had no part in it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.engine.ensemble import Joint, joint
from foolscape.attacks.plan import Plan
from foolscape.errors import SampleError, SettingError, unknown
from foolscape.pixels import to_image
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import Kind, safe_name
from foolscape.records.row import AttackResult, Line, Row, failure
from foolscape.records.run import EnsembleRecord, Keep
from foolscape.records.types import Object
from foolscape.run.directory.store import RunStore, open_run
from foolscape.run.faults import FAULTS, attack_all, reason_of
from foolscape.run.listener import Listener
from foolscape.run.settings.inputs import members_of
from foolscape.run.setup import LoadedModel
from foolscape.tasks.base import task_named

ALL = "all"
"""The ensemble of every network."""


Attack = Callable[[RunStore, Callable[[str], None]], None]
"""What settles the images of an ensemble in its store, and tells of each."""


def ensemble_name(slugs: Sequence[str]) -> str:
    """What an ensemble of networks with these short names is called."""
    return f"ensemble of {', '.join(slugs[:-1])} and {slugs[-1]}"


def folder_of(slugs: Sequence[str]) -> str:
    """The name of the folder of an ensemble of networks with these short names."""
    return safe_name("+".join(slugs))


@dataclass(frozen=True)
class Ensemble:
    """Networks that are attacked together; `entries` with their `channels`, scores per target."""

    entries: tuple[LoadedModel, ...]
    channels: tuple[int, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """Of the networks."""
        return tuple(entry.subject.slug for entry in self.entries)

    @property
    def name(self) -> str:
        """As a line of the matrix is called."""
        return ensemble_name(self.slugs)

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return folder_of(self.slugs)

    @property
    def plan(self) -> Plan:
        """The attack of the first, with every network's own objective."""
        plans = [entry.plan for entry in self.entries if entry.plan is not None]
        objective = Joint(tuple(plan.ascent.objective for plan in plans))
        return replace(plans[0], ascent=replace(plans[0].ascent, objective=objective))

    @property
    def settings(self) -> Object:
        """As they are recorded; a step takes a gradient of every network."""
        return self.plan.settings | {"gradients_per_step": len(self.entries) * self.plan.ascent.gradients_per_step}


def ensembles_of(texts: Sequence[str], entries: Sequence[LoadedModel], tasks: Sequence[str]) -> list[Ensemble]:
    """The ensembles that a user asks for, each as `A+B` of specs or short names, or `all`.

    Raises:
        UnknownNameError: no such network.
        SettingError: fewer than two networks, an ensemble twice, or an attack that cannot be shared.
    """
    by_name = {entry.subject.slug: entry for entry in entries} | {entry.subject.spec: entry for entry in entries}
    kinds = {entry.subject.slug: task for entry, task in zip(entries, tasks, strict=True)}
    ensembles: list[Ensemble] = []
    for text in texts:
        names = [entry.subject.slug for entry in entries] if text == ALL else members_of(text, by_name)
        for name in names:
            if name not in by_name:
                raise unknown("network of an ensemble", name, [entry.subject.slug for entry in entries])
        slugs = {by_name[name].subject.slug for name in names}
        if len(slugs) < 2:
            raise SettingError(f"ensemble: expected two networks or more, such as A+B, got {text!r}")
        # Always in the order of the models, so that B+A is A+B.
        members = tuple(entry for entry in entries if entry.subject.slug in slugs)
        for entry in members:
            _check(entry.plan, kinds[entry.subject.slug])
        channels = (len(entry.classes) + task_named(kinds[entry.subject.slug]).background for entry in members)
        ensemble = Ensemble(members, tuple(channels))
        if ensemble.slugs in [other.slugs for other in ensembles]:
            raise SettingError(f"ensemble: expected each once, got {text!r} twice")
        ensembles.append(ensemble)
    return ensembles


def _check(plan: Plan | None, task: str) -> None:
    """`SettingError` where the attack is more than one ascent, or looks at what changes while it lasts."""
    assert plan is not None
    if (kind := task_named(task)).clips:
        raise SettingError(f"ensemble: is for networks that look at images, got a {kind.model}; leave it out")
    if not plan.single or plan.ascent.ladder or plan.variant == "released":
        raise SettingError(f"ensemble: {plan.name} in this form cannot be shared by networks; use mi-fgsm or pgd")
    if plan.ascent.resample_targets is not None:
        raise SettingError("ensemble: candidates stay those of the clean image; leave resample_candidates out")


def attack_together(
    ensemble: Ensemble,
    ids: Sequence[str],
    place: Path,
    record: EnsembleRecord,
    listener: Listener,
    keep: Keep,
    attack: Attack,
) -> None:
    """Make the change of `ensemble` for the images `ids`; those in `place` already are skipped.

    Args:
        ensemble: the networks.
        ids: of the images.
        place: its directory: run.json, rows.jsonl, images/NAME.png.
        record: for run.json.
        listener: told of the progress.
        keep: which pictures are to be there, as of `open_run`.
        attack: attacks what is left, and settles it.
    """
    with open_run(place, record, [ADVERSARIAL], listener.say, keep) as store:
        store.heard = listener.heard
        settled_ids = store.settled_ids(ensemble.name)
        with listener.progress(f"{ensemble.plan.name} on {ensemble.name}", len(ids), len(settled_ids)) as tick:
            attack(store, tick)
    listener.stop_if_enough()


def attack_here(
    ensemble: Ensemble,
    ids: Sequence[str],
    setting: tuple[int, int],
    store: RunStore,
    tick: Callable[[str], None],
    enough: Callable[[], bool],
) -> None:
    """Attack those of the images `ids` that `store` does not hold yet.

    Args:
        ensemble: the networks.
        ids: of the images.
        setting: images per call of the networks, and the seed.
        store: where they are settled.
        tick: told of each that is settled.
        enough: whether no further one is to be begun.
    """
    under_way = _UnderWay(ensemble, setting, store, tick, enough)

    def remaining() -> list[str]:
        settled_ids = store.settled_ids(ensemble.name)
        return [name for name in ids if name not in settled_ids]

    attack_all(
        remaining,
        lambda names, in_progress: _attack_in_batches(under_way, names, in_progress),
        under_way.fail,
    )


@dataclass(frozen=True)
class _UnderWay:
    """An attack on an ensemble: with images per call and seed, where it is written, whom to tell, when to stop."""

    ensemble: Ensemble
    setting: tuple[int, int]
    store: RunStore
    tick: Callable[[str], None]
    enough: Callable[[], bool]

    def fail(self, name: str, reason: str) -> None:
        """Settle an image that cannot be attacked."""
        self.store.append([failure(self.ensemble.name, name, reason)])
        self.tick(name)


def _attack_in_batches(under_way: _UnderWay, ids: Sequence[str], in_progress: dict[str, None]) -> None:
    """Attack the images `ids`; `in_progress` gets those that are on their way."""
    batch, _ = under_way.setting
    ensemble, store = under_way.ensemble, under_way.store
    plan = ensemble.plan
    for outcome in ascend(_items(under_way, ids, in_progress), plan.ascent, batch_size=batch):
        store.append(_outcome_rows(ensemble, outcome, plan, store), outcome.seconds)
        under_way.tick(outcome.key)
        del in_progress[outcome.key]


def _items(under_way: _UnderWay, names: Sequence[str], in_progress: dict[str, None]) -> Iterator[AttackItem]:
    _, seed = under_way.setting
    for name in names:
        if under_way.enough():
            return
        try:
            item = _item(under_way.ensemble, name, seed)
        except FAULTS as error:
            under_way.fail(name, reason_of(error))
            continue
        in_progress[name] = None
        yield item


def _item(ensemble: Ensemble, name: str, seed: int) -> AttackItem:
    """The image as all networks are to be fooled on it."""
    cases = [entry.subject.load(name) for entry in ensemble.entries]
    if any(not np.array_equal(case.image, cases[0].image) for case in cases):
        raise SampleError("expected the same pixels for every network of an ensemble, got others; give one --size")
    own = [
        entry.subject.attack_item(case, entry.plan, seed)
        for entry, case in zip(ensemble.entries, cases, strict=True)
        if entry.plan is not None
    ]
    return AttackItem(name, joint([item.problem for item in own], ensemble.channels), own[0].generator)


def _outcome_rows(ensemble: Ensemble, outcome: Outcome, plan: Plan, store: RunStore) -> list[Line]:
    if outcome.failure is not None:
        return [failure(ensemble.name, outcome.key, f"the attack gave up: {outcome.failure}")]
    image = to_image(plan.ascent.constraint.quantise(outcome.adversarial, outcome.clean)[0])
    album = store.album(ensemble.name)
    album.save_image(album.layout.place(Kind.IMAGE, outcome.key, condition=ADVERSARIAL), image)
    result = AttackResult(
        success=None,
        claimed=outcome.claimed,
        iterations=outcome.iterations,
        remaining=outcome.remaining,
        targets=outcome.targets,
    )
    height, width = image.shape[:2]
    row = Row[None, None](
        model=ensemble.name,
        id=outcome.key,
        condition=ADVERSARIAL,
        size=(height, width),
        measured=None,
        attack=result,
    )
    return album.named_in([row])
