"""What `--dry-run` says: what a command would do with its settings, and what that would cost; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import torch

from foolscape.attacks.names import NONE, TASK_OPTIONS
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import REGISTRY
from foolscape.models.common.attention import attention
from foolscape.models.common.class_match import ClassMatch
from foolscape.pixels import to_unit
from foolscape.records.conditions import CLEAN, conditions_at
from foolscape.report.tables.table import duration
from foolscape.run.foresight import Estimate, foresee, gradient_seconds
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.foresight import foresee_harden, training_gradients
from foolscape.run.harden.setup import check_batch, open_network
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import LoadedModel, Setup, open_setup
from foolscape.run.transfer.ensemble import ensembles_of
from foolscape.run.transfer.foresight import foresee_transfer
from foolscape.run.transfer.matrix import disturbances_of
from foolscape.run.transfer.networks import open_networks
from foolscape.run.trust.probes import cost, probed_images
from foolscape.run.universal.config import UniversalConfig
from foolscape.run.universal.foresight import foresee_universal, learning_gradients
from foolscape.run.universal.setup import open_universal
from foolscape.run.watching.words import of_estimate
from foolscape.tasks.base import task_named

_SHOWN: Final = 5
"""Ids of images that are named."""

_MODELS: Final = "models"

Lines = tuple[tuple[str, str], ...]
"""What is said of, and what."""


@dataclass(frozen=True)
class Section:
    """A part of what is said: a title and lines."""

    title: str
    lines: Lines


def preview_run(config: RunConfig, origins: Mapping[str, str]) -> list[Section]:
    """What `execute` would do.

    Args:
        config: the settings.
        origins: by option of the attack, where its value comes from; one that is not there is a default.

    Raises:
        FoolscapeError: what `execute` would raise before the first image.
    """
    device = ready_device(config.device)
    config, why = with_attack(with_task(config))
    with attention(config.attention):
        run_setup = replace(open_setup(config, device), why=why)
        costs = _cost([(config, run_setup)], device)
        remaining = {entry.subject.spec: len(run_setup.ids) for entry in run_setup.entries}
        batch = config.batch if isinstance(config.batch, int) else 1
        estimate = foresee(config, run_setup, device, remaining, batch)
        return [*_opened(config, run_setup, origins), replace(costs, lines=(*costs.lines, *_told(estimate)))]


def preview_transfer(config: RunConfig, ensemble_names: Sequence[str], origins: Mapping[str, str]) -> list[Section]:
    """The same of a transfer with these ensembles; see `preview_run`."""
    device = ready_device(config.device)
    with attention(config.attention):
        networks, ids = open_networks(config, shared=bool(ensemble_names))
        ensembles = ensembles_of(ensemble_names, [n.entry for n in networks], [n.task for n in networks])
        lines = disturbances_of([n.slug for n in networks], [ensemble.slugs for ensemble in ensembles])
        sections = _joined({n.slug: list(_opened(n.config, n.setup, origins)) for n in networks})
        matrix: Lines = (
            ("networks", ", ".join(network.slug for network in networks)),
            ("ensembles", ", ".join(ensemble.name for ensemble in ensembles) or "none"),
            ("predictions", f"{len(networks)} networks x {len(lines)} changes x {len(ids)} images"),
        )
        left = dict.fromkeys([*(n.slug for n in networks), *(one.slug for one in ensembles)], len(ids))
        estimate = foresee_transfer(networks, ensembles, left, left, len(lines))
        costs = _cost([(n.config, n.setup) for n in networks], device)
        return [*sections, Section("transfer", matrix), replace(costs, lines=(*costs.lines, *_told(estimate)))]


def preview_universal(config: UniversalConfig) -> list[Section]:
    """The same of a universal perturbation."""
    device = ready_device(config.device)
    with attention(config.attention):
        setup = open_universal(config, device)
        recipes = {point.name: config.recipe(point, setup.task) for point in config.points}
        pattern: Lines = (
            ("target", config.target),
            ("preset", config.preset),
            ("tile", f"{setup.tile.shape[1]}x{setup.tile.shape[2]}"),
            *((point.name, f"eps {point.eps}, omega {point.omega:g}") for point in config.points),
            ("epochs", str(recipes[config.points[0].name].epochs)),
        )
        data: Lines = (
            (f"learnt on {config.train_split}", _ids(setup.train_ids)),
            (f"measured on {config.test_split}", _ids(setup.test_ids)),
        )
        gradients, estimate = learning_gradients(config, setup, {}), foresee_universal(config, setup, {}, {})
        models = tuple(_model(model.entry) for model in setup.models)
        return [
            Section("pattern", pattern),
            Section(_MODELS, models),
            Section("images", data),
            Section("cost", (("learning", f"{_many(gradients)}, at most"), *_told(estimate))),
        ]


def preview_harden(config: HardenConfig, origins: Mapping[str, str]) -> list[Section]:
    """The same of a hardening."""
    device = ready_device(config.device)
    with attention(config.attention):
        network = open_network(config, device, None)
        check_batch(config, len(network.train_ids), len(network.train_ids))
        plan, batches = network.plan, len(network.train_ids) // config.batch
        training: Lines = (
            ("attack", f"{config.attack} ({origins.get('attack', 'default')})"),
            *_options(plan, origins, config.attack),
            ("epochs", f"{config.epochs}, of {batches} batches of {config.batch}, {config.clean} of each left clean"),
            ("measured under", "worst-case, before and after"),
        )
        data: Lines = (
            (f"trained on {config.train_split}", _ids(network.train_ids)),
            (f"measured on {config.test_split}", _ids(network.test_ids)),
        )
        steps = training_gradients(config, network, config.epochs)
        before, *_ = with_attack(config.on_test(config.model))
        run_setup = open_setup(before, device)
        measuring = 2 * _gradients(run_setup)
        estimate = foresee_harden(config, network, run_setup, device, (config.epochs, 2))
        return [
            Section("training", training),
            Section(_MODELS, (_model(network.entry),)),
            Section("images", data),
            Section("cost", (("training", f"{_many(steps)}, of part of an image each where there is a crop"),
                             ("measuring", _many(measuring)), *_told(estimate))),
        ]  # fmt: skip


def _joined(of_each: Mapping[str, Sequence[Section]]) -> Iterator[Section]:
    """The sections of several networks: the models in one, and of the others each that they share once."""
    for title in dict.fromkeys(section.title for sections in of_each.values() for section in sections):
        named: dict[Section, list[str]] = {}
        for slug, sections in of_each.items():
            for section in sections:
                if section.title == title:
                    named.setdefault(section, []).append(slug)
        if title == _MODELS:
            yield Section(title, tuple(dict.fromkeys(line for section in named for line in section.lines)))
        elif len(named) == 1:
            yield next(iter(named))
        else:
            yield from (replace(section, title=f"{title}, {', '.join(slugs)}") for section, slugs in named.items())


def _opened(config: RunConfig, run_setup: Setup, origins: Mapping[str, str]) -> Iterator[Section]:
    """Attack, models, images and conditions of a run."""
    (first, *_) = run_setup.entries
    if first.plan is None:
        yield Section("attack", ((NONE, "the clean model alone is measured"),))
    else:
        why = run_setup.why or origins.get("attack", "")
        attack: Lines = ((first.plan.name, f"{first.plan.source}{f' ({why})' if why else ''}"),)
        yield Section("attack", attack + _options_at_bounds(first.plans, origins))
    yield Section(_MODELS, tuple(_model(entry) for entry in run_setup.entries))
    for entry in run_setup.entries:
        if entry.match is not None:
            yield Section(f"classes of the data in {entry.subject.spec}", class_lines(entry.match))
    height, width = run_setup.first.shape[:2]
    size = f"{height}x{width}, as --size says" if config.size else f"each its own, the first {height}x{width}"
    unit = task_named(str(config.task)).unit
    where = (config.data, f"split {run_setup.data.split}" if run_setup.data.split else "")
    images: Lines = (
        ("data", ", ".join(part for part in where if part)),
        (f"{unit}s", _ids(run_setup.ids)),
        ("size", size),
        ("scores against", "labels" if run_setup.data.classes is not None else "the clean prediction"),
        *(("note", note) for note in run_setup.data.notes),
    )
    yield Section("images", images)
    probes = tuple((what, " ".join(_words_of(probe.to_json()))) for what, probe in first.probes.items())
    count, share = probed_images(len(run_setup.ids), first.plans, first.probes, config.probes)
    on = f"on {count} {unit}{'s' * (count != 1)}, {_share(share)} the run's gradients" if probes and count else "none"
    bounds = [str(plan.eps) for plan in first.plans] if len(first.plans) > 1 else []
    conditions = conditions_at(bounds) if first.plans else (CLEAN,)
    yield Section("conditions", (("measured", ", ".join(conditions)), ("probes", on), *(probes if count else ())))


def class_lines(match: ClassMatch) -> Lines:
    """How each class of the data meets one of the model's, and which of the model's the data do not have."""
    met = tuple((theirs, ", ".join(filter(None, (ours, how)))) for theirs, ours, how in match.rows)
    return (*met, *((("not in the data", ", ".join(match.idle)),) if match.idle else ()))


def _options_at_bounds(plans: Sequence[Plan], origins: Mapping[str, str]) -> Lines:
    """The options of an attack; one that its bounds do not share has a value for each, in their order."""
    by_bound = [dict(_options(plan, origins, plan.name)) for plan in plans]
    return tuple((name, ", ".join(dict.fromkeys(each[name] for each in by_bound))) for name in by_bound[-1])


def _options(plan: Plan, origins: Mapping[str, str], attack: str) -> Lines:
    """Every option of an attack and of what it does to its task, as it is settled, and where the value comes from."""
    settings = plan.settings
    own = {name: settings.get(name, option.default) for name, option in REGISTRY[attack].options.items()}
    of_task: dict[str, object] = {name: value for name, value in settings.items() if name in TASK_OPTIONS}
    if plan.only_class is not None:
        of_task["only_class"] = f"class {plan.only_class}"
    return tuple((name, f"{_word(value)} ({origins.get(name, 'default')})") for name, value in (own | of_task).items())


def _model(entry: LoadedModel) -> tuple[str, str]:
    classes = f"{len(entry.classes)} classes" if entry.classes else "no classes of its own"
    return entry.subject.spec, "; ".join([entry.subject.task.model, classes, *entry.notes])


def _cost(runs: Sequence[tuple[RunConfig, Setup]], device: torch.device) -> Section:
    """What runs take, at most, and how long that is where a gradient's time says it."""
    lines: list[tuple[str, str]] = []
    total, timed = 0.0, True
    for config, run_setup in runs:
        for entry in run_setup.entries:
            if entry.plan is None:
                lines.append((entry.subject.spec, f"{len(run_setup.ids)} predictions"))
                continue
            each_image = sum(cost(plan) for plan in entry.plans)
            gradients = len(run_setup.ids) * each_image
            count, share = probed_images(len(run_setup.ids), entry.plans, entry.probes, config.probes)
            each = f"{each_image:g} x {len(run_setup.ids)} = {_many(gradients)}"
            probing = f", {_share(share)} that for the probes" if count else ""
            lines.append((entry.subject.spec, f"{each}{probing}, at most"))
            if entry.subject.task.clips:
                timed = False
                continue
            total += gradients * (1 + share) * gradient_seconds(entry, to_unit(run_setup.first).to(device))
    return Section("cost", (*lines, *((("time", f"about {duration(total)}, at most"),) if timed and total else ())))


def _gradients(run_setup: Setup) -> float:
    return sum(len(run_setup.ids) * cost(entry.plan) for entry in run_setup.entries if entry.plan is not None)


def _told(estimate: Estimate | None) -> Lines:
    return () if estimate is None else (("estimate", of_estimate(estimate.foreseen)),)


def _share(share: float) -> str:
    return f"{share:.0%} of" if share < 2 else f"{share:.0f} times"


def _many(gradients: float) -> str:
    return f"{gradients:,.0f} gradients"


def _ids(ids: Sequence[str]) -> str:
    """How many, and the first of them."""
    more = ", ..." if len(ids) > _SHOWN else ""
    return f"{len(ids)}: {', '.join(islice(ids, _SHOWN))}{more}"


def _words_of(options: Mapping[str, object]) -> Iterator[str]:
    for name, value in options.items():
        yield str(value) if name == "attack" else f"{name} {_word(value)}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
