"""Models and data of a sweep, opened once for all cells that have both, for as long as memory has room for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import torch

from foolscape.attacks.names import NONE
from foolscape.memory import give_back
from foolscape.models.common.attention import attention
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import Setup, open_setup, plans_and_probes

_OF_ATTACKS: Final = ("attack", "options", "probes")
"""Settings of which opening a model and its data knows nothing."""

_FREE: Final = 0.25
"""The share of the memory that stays free while others than the one in use are held."""


def pair_of(config: RunConfig) -> str:
    """What cells have in common that have the same model on the same images: all settings but those of the attack.

    A sample of images is drawn by the seed, so that cells with different seeds have not the same images then.
    """
    content = with_task(config).model_dump(mode="json")
    others = (*_OF_ATTACKS, *(() if config.sample is not None else ("seed",)))
    return json.dumps({name: value for name, value in content.items() if name not in others}, sort_keys=True)


@dataclass(frozen=True)
class Opened:
    """What is held, by `pair_of`, the one that was used last at the end.

    Attributes:
        held: without an attack.
        free: the share of the memory of a device that is free.
    """

    held: dict[str, Setup] = field(default_factory=dict)
    free: Callable[[torch.device], float] = lambda device: free_share(device)

    def setup_of(self, config: RunConfig) -> Setup:
        """What a run of these settings works on; raises as `open_setup`.

        A model that is compiled is opened anew: what was compiled for one batch is not for another.
        """
        device = ready_device(config.device)
        resolved, why = with_attack(with_task(config))
        with attention(config.attention):
            if config.compile:
                return replace(open_setup(resolved, device), why=why)
            return replace(attacked(self._bare(resolved, device), resolved), why=why)

    def let_go(self) -> bool:
        """Let go of all that is held; whether there was anything besides the one that was used last."""
        several = len(self.held) > 1
        self.held.clear()
        give_back()
        return several

    def _bare(self, config: RunConfig, device: torch.device) -> Setup:
        """Model and data without an attack."""
        pair = pair_of(config)
        setup = self.held.pop(pair, None)
        if setup is None:
            bare = config.model_copy(update={"attack": NONE, "options": {}})
            setup = open_setup(bare, device).remembering()
        self.held[pair] = setup
        while len(self.held) > 1 and self.free(device) < _FREE:
            self.held.pop(next(iter(self.held)))
            give_back()
        return setup


def attacked(setup: Setup, config: RunConfig) -> Setup:
    """`setup`, which was opened without an attack, with that of `config`."""
    entries = []
    for entry in setup.entries:
        plans, probes = plans_and_probes(config, entry.subject.spec, entry.classes)
        entries.append(replace(entry, plans=plans, probes=probes))
    return replace(setup, entries=tuple(entries))


def free_share(device: torch.device) -> float:
    """The share of a device's memory that is free; 1 where nobody tells."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return free / total
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
        return kilobytes["MemAvailable"] / kilobytes["MemTotal"]
    except (OSError, ValueError, KeyError):
        return 1.0
