"""The command that would do better, written out so that it can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields

from foolscape.attacks.plan import Options
from foolscape.run.config import RunConfig
from foolscape.run.store import Record

_OF_THE_ATTACK = ("attack", *(field.name for field in fields(Options)))


def with_attack(record: Record, model: str, probe: Mapping[str, object]) -> str:
    """The run `record` on `model` alone with another attack.

    Args:
        record: run.json.
        model: its spec.
        probe: `attack` and its options, as `Probe.to_json` writes them.
    """
    # The task is settled in every config; only where it was said the model does not tell it.
    left_out = (*_OF_THE_ATTACK, "models", *(() if "--task" in record.get("command", ()) else ("task",)))
    kept = {name: value for name, value in record["config"].items() if name not in left_out}
    words = ["foolscape", "run", "--model", model]
    for name, value in (*_given(kept), *probe.items()):
        words += _option(name, value)
    return shlex.join(words)


def _given(config: Record) -> Iterator[tuple[str, object]]:
    """What differs from the defaults."""
    defaults = RunConfig.model_fields
    for name, value in config.items():
        if name in defaults and value is not None and value != defaults[name].default:
            yield name, value


def _option(name: str, value: object) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
