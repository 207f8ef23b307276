"""The same question before a run: one more line of `foolscape check --model M --data D`."""

from __future__ import annotations

from collections.abc import Mapping

from foolscape.attacks.names import NONE
from foolscape.run.settings.config import make_config
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import open_setup
from foolscape.run.wiring.check import examine
from foolscape.run.wiring.reasons import wiring_reasons
from foolscape.testing import Check


def check_on_data(settings: Mapping[str, object]) -> Check:
    """Whether the one model of `settings`, those of a `RunConfig` without an attack, is right on the data.

    Raises:
        FoolscapeError: the model or the data cannot be opened, or their classes do not fit.
    """
    values = {name: value for name, value in settings.items() if value is not None}
    config = with_task(make_config(values | {"attack": NONE}))
    setup = open_setup(config, ready_device(config.device))
    (reason,) = wiring_reasons(examine(setup.entries[0].subject, setup.ids, config.seed))
    return Check(reason.check, reason.ok, reason.seen, reason.advice)
