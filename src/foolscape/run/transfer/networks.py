"""The networks of a transfer: each with its own run, on the images that all of them can use."""

from __future__ import annotations

from dataclasses import replace

from foolscape.data.drawing import chosen
from foolscape.errors import SettingError
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import task_of
from foolscape.run.setup import noted, open_setup
from foolscape.run.tasks.base import running_of
from foolscape.run.transfer.matrix import Network


def open_networks(config: RunConfig, *, shared: bool) -> tuple[list[Network], tuple[str, ...]]:
    """The networks, and the images: those that the data set has for the task of every one.

    `shared`: there are ensembles, which ask for an attack that can be shared.
    """
    if len(config.models) < 2:
        raise SettingError(f"models: expected two or more to transfer between, got {config.models[0]} alone")
    if config.task is not None:
        raise SettingError(
            "task: each model tells its own here, if need be by ?task=detection in its spec; leave it out"
        )
    if config.compile:
        raise SettingError("compile: is for foolscape run alone; leave it out")
    if not config.attacks:
        raise SettingError(f"attack: expected one whose changes can be transferred, got {config.attack}")
    device = ready_device(config.device)
    chosen_attacks = [with_attack(_own(config, spec), shared=shared) for spec in config.models]
    configs = [own for own, _ in chosen_attacks]
    _refuse_idle(config, {str(own.task) for own in configs})
    setups = [open_setup(own.model_copy(update={"limit": None, "sample": None}), device) for own in configs]
    everywhere = set[str].intersection(*(set(setup.ids) for setup in setups))
    usable = [name for name in setups[0].ids if name in everywhere][: config.limit]
    if not usable:
        raise SettingError(f"data: expected images that every model's task can use, got none in {config.data}")
    drawn = chosen(setups[0].data, usable, None, config.sample, seed=config.seed)
    usable_images = {"ids": drawn.ids, "limit": None, "sample": None}
    return [
        Network(own.model_copy(update=usable_images), replace(noted(setup, drawn), why=why))
        for (own, why), setup in zip(chosen_attacks, setups, strict=True)
    ], drawn.ids


def _own(config: RunConfig, spec: str) -> RunConfig:
    """The settings of one network's own run, without those that are for another task."""
    task = task_of(spec)
    foreign, fields = running_of(task).foreign, RunConfig.model_fields
    return config.model_copy(
        update={
            "models": (spec,),
            "task": task,
            "options": {name: value for name, value in config.options.items() if name not in foreign},
            **{name: fields[name].default for name in foreign if name in fields},
        }
    )


def _refuse_idle(config: RunConfig, tasks: set[str]) -> None:
    """`SettingError` if a setting is for a task that none of the models has."""
    if len(tasks) > 1:
        return
    (task,) = tasks
    for name in running_of(task).foreign:
        field = RunConfig.model_fields.get(name)
        if name in config.options or (field is not None and getattr(config, name) != field.default):
            raise SettingError(f"{name}: expected a model that takes it, got models for {task} alone; leave it out")
