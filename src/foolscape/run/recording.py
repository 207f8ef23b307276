"""run.json of a run: everything that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from foolscape.attacks.names import NONE
from foolscape.attacks.plan import Plan
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import CLEAN_PREDICTION, TRUTH, DataRecord, SampleRecord, ShardRecord
from foolscape.records.types import Object
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.user_attack import sources_of
from foolscape.run.setup import Setup, notes_on_data


def record_of(
    config: RunConfig,
    setup: Setup,
    device: torch.device,
    batch: int,
    command: Sequence[str],
    shard: ShardRecord | None = None,
) -> RunRecord:
    """What run.json holds: everything that is needed to repeat the run; of a `shard` the hashes of its own samples."""
    data = setup.data
    loss = config.options.get("loss")
    own = setup.ids if shard is None else [setup.ids[place] for place in shard.samples]
    prints = {name: data.fingerprint(name) for name in own}
    return RunRecord(
        schema=SCHEMA,
        foolscape=version("foolscape"),
        command=tuple(command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config.model_dump(mode="json"),
        device=device.type,
        batch=batch,
        task=str(config.task),
        reference=CLEAN_PREDICTION if data.classes is None else TRUTH,
        seed=config.seed,
        models=tuple(
            entry.record(str(config.task), None if data.classes is None else config.task) for entry in setup.entries
        ),
        data=DataRecord(
            spec=data.spec,
            split=data.split,
            classes=None if data.classes is None else tuple(data.classes),
            samples=len(setup.ids),
            sha256=digest_of(prints),
            notes=notes_on_data(setup),
        ),
        samples=tuple(SampleRecord(id=name, sha256=prints.get(name)) for name in setup.ids),
        shard=shard,
        attack=recorded_attack(config, setup),
        algorithms=algorithms(config.attack, (str(config.task),), (*config.models, config.data)),
        attack_files=sources_of(config.attack, loss) or {},
        versions=versions(),
    )


def recorded_attack(config: RunConfig, setup: Setup) -> Object:
    """The attack's settings; the only_class by name, for models may number their classes differently."""
    largest, plans = setup.entries[0].plan, setup.entries[0].plans
    if largest is None:
        return {"name": NONE}
    choice = {} if setup.why is None else {"chosen": setup.why}
    only = {} if largest.goal is None else {"only_class": config.options.get("only_class")}
    return largest.settings | only | choice | ({"bounds": _bounds(plans)} if len(plans) > 1 else {})


def _bounds(plans: Sequence[Plan]) -> Object:
    """By bound the settings of an attack that are others there than at the largest, its step for one."""
    largest = plans[-1].settings
    return {
        str(plan.eps): {
            name: value for name, value in plan.settings.items() if name != "eps" and value != largest.get(name)
        }
        for plan in plans
    }
