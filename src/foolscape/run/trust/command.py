"""The command that would do better, written out so that it can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from foolscape.attacks.names import TASK_OPTIONS
from foolscape.records.run import RunRecord
from foolscape.run.settings.bounds import EPS, bounds_in
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.words import call, from_python, is_live
from foolscape.spec import written

_REPEATED = ("transfer_to",)
"""Settings whose option is given once for each of their values."""


def with_attack(record: RunRecord, model: str, probe: Mapping[str, object]) -> str:
    """The run `record` on `model` alone with another attack.

    Args:
        record: run.json.
        model: its spec.
        probe: `attack` and its options, as `Probe.to_json` writes them; of several bounds, at the largest, where the
            command is for all of them.
    """
    if len(bounds := bounds_in(record.config.get("options", {}))) > 1:
        probe = {**probe, EPS: ",".join(bounds)}
    if from_python(record.command) or is_live(model) or is_live(str(record.config["data"])):
        return _call(record, model, probe)
    # The task is settled in every config; only where it was said the model does not tell it.
    task_given = any(word.startswith(("--task", "--config")) for word in record.command)
    left_out = ("attack", "options", "models", *(() if task_given else ("task",)))
    settings = {name: value for name, value in record.config.items() if name not in left_out}
    return command("run", {"model": model, **dict(_changed(settings, RunConfig)), **_attack(probe)})


def with_options(record: RunRecord, model: str, changes: Mapping[str, object]) -> str:
    """The run `record` on `model` alone with its own attack, some options of which are others."""
    config = record.config
    return with_attack(record, model, {"attack": config["attack"], **config["options"], **changes})


def again(name: str, kind: type[BaseModel], config: Mapping[str, object], changes: Mapping[str, object]) -> str:
    """`foolscape NAME` with the settings `config` of a `kind`, some of which are others."""
    return command(name, {**dict(_changed(config, kind)), **changes})


def _attack(probe: Mapping[str, object]) -> Mapping[str, object]:
    """`attack` and its options; those of a user's own attack stand in its spec, for they have no flags."""
    return {"attack": _spec(probe)} if ":" in str(probe["attack"]) else probe


def _spec(probe: Mapping[str, object]) -> str:
    values = {name: value for name, value in probe.items() if name != "attack" and value is not None}
    options = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return written("", str(probe["attack"]), options)


def _call(record: RunRecord, model: str, probe: Mapping[str, object]) -> str:
    """The call that makes a run with another attack; what belongs to the task stands beside its spec."""
    data = str(record.config["data"])
    of_task = {name: value for name, value in probe.items() if name in TASK_OPTIONS and value is not None}
    own = {name: value for name, value in probe.items() if name not in TASK_OPTIONS}
    left_out = ("attack", "options", "models", "data", "task", *(("split", "ids", "limit") if is_live(data) else ()))
    settings = {name: value for name, value in record.config.items() if name not in left_out}
    return call(model, data, _spec(own), {**dict(_changed(settings, RunConfig)), **of_task})


def command(name: str, settings: Mapping[str, object]) -> str:
    """`foolscape NAME` with an option for each of `settings`."""
    words = ["foolscape", name]
    for option, value in settings.items():
        words += _option(option, value)
    return shlex.join(words)


def _changed(config: Mapping[str, object], kind: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """What differs from the defaults."""
    defaults = kind.model_fields
    for name, value in config.items():
        if name in defaults and value is not None and value != [] and value != defaults[name].default:
            yield name, value


def _option(name: str, value: object) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    if isinstance(value, list) and name in _REPEATED:
        return [word for one in value for word in (f"--{flag}", str(one))]
    return [f"--{flag}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
