"""Which task a model is for, as far as its name or the model itself tells."""

from __future__ import annotations

from collections.abc import Sequence

from foolscape.errors import SettingError
from foolscape.models.load import offered_model
from foolscape.models.segmenters.windows import windows_of
from foolscape.models.sources import source_of
from foolscape.run.settings.config import RunConfig, Task
from foolscape.spec import parse


def task_of(text: str) -> Task:
    """The task of the model that the spec `text` names: what its source answers.

    A model of a library tells by its name or configuration. A user's model by ?task=detection in its spec; else its
    factory is called, see `models.sources.own`.

    Raises:
        UnknownNameError: no such model or task.
        SettingError, ModelError: the factory cannot be called.
    """
    if (held := offered_model(text)) is not None:
        return held.source.task
    spec, _ = windows_of(parse(text))
    source = source_of(spec)
    return source.task(spec) or source.open(spec, None).task


def common_task(models: Sequence[str]) -> Task:
    """The one task of all `models`; raises `SettingError` where they differ, and what `task_of` does."""
    tasks = {text: task_of(text) for text in models}
    if len(set(tasks.values())) > 1:
        listed = "; ".join(f"{text}: {task}" for text, task in tasks.items())
        raise SettingError(
            f"models: expected models of one task, got {listed}; run them apart, or use foolscape transfer, which "
            "measures across tasks. Where a model of yours is taken for the wrong one, --task says which it is"
        )
    return next(iter(tasks.values()))


def with_task(config: RunConfig) -> RunConfig:
    """`config` with the task that its models are for, unless it says one."""
    return config if config.task else config.model_copy(update={"task": common_task(config.models)})
