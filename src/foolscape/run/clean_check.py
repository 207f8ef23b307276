"""The same question before a run: one more line of `foolscape check --model M --data D`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from foolscape.attacks.names import NONE
from foolscape.errors import ClassMatchError, SettingError
from foolscape.models.common.class_match import ClassMatch
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import open_setup
from foolscape.run.wiring.check import examine
from foolscape.run.wiring.reasons import wiring_reasons
from foolscape.testing import Check


def check_on_data(settings: Mapping[str, object], on_match: Callable[[ClassMatch], None]) -> Check:
    """Whether the one model of `settings`, those of a `RunConfig` without an attack, is right on the data.

    How its classes meet those of the data is told to `on_match` first.

    Raises:
        FoolscapeError: the model or the data cannot be opened, or their classes do not fit.
    """
    config = _config(settings)
    setup = open_setup(config, ready_device(config.device))
    match = setup.entries[0].match
    if match is not None:
        on_match(match)
    (reason,) = wiring_reasons(examine(setup.entries[0].subject, setup.ids, config.seed, config.eval_classes))
    return Check(reason.check, reason.ok, reason.seen, reason.advice)


def match_of(settings: Mapping[str, object]) -> ClassMatch:
    """How the classes of the one model of `settings` meet those of the data, whether they fit or not.

    Raises:
        SettingError: the data have no classes.
        FoolscapeError: the model or the data cannot be opened.
    """
    config = _config(settings)
    try:
        match = open_setup(config, ready_device(config.device)).entries[0].match
    except ClassMatchError as error:
        if isinstance(error.match, ClassMatch):
            return error.match
        raise
    if match is None:
        raise SettingError(f"expected data with classes, got {config.data}, which has none; a class map needs them")
    return match


def _config(settings: Mapping[str, object]) -> RunConfig:
    values = {name: value for name, value in settings.items() if value is not None}
    return with_task(make_config(values | {"attack": NONE}))
