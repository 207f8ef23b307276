"""What an evaluation is of: models and images in whatever form, brought to the specs that a run takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from foolscape.api.data import Dataset
from foolscape.api.live import Slice, first_of, held, is_data_set, is_one_batch, items_of, name_of
from foolscape.api.model import Model, models_of
from foolscape.data import load as data_load
from foolscape.data.dataset import DataSet
from foolscape.data.own import data_set_of, pixels_of
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.models import load as model_load
from foolscape.pixels import to_unit
from foolscape.run.settings.device import ready_device
from foolscape.spec import IN_MEMORY
from foolscape.tasks.base import VIDEO


@dataclass(frozen=True)
class Subjects:
    """Models and images by specs, and what of them is there already.

    Attributes:
        task: of all models.
        models: by spec.
        data: the spec of the images.
        data_settings: settings of a `RunConfig` that came with the images.
        held: the images, where they have no spec.
    """

    task: str
    models: Mapping[str, Model]
    data: str
    data_settings: Mapping[str, object] = field(default_factory=dict)
    held: DataSet | None = None

    @property
    def settings(self) -> dict[str, object]:
        """Their share of the settings of a `RunConfig`."""
        return {"models": list(self.models), "data": self.data, "task": self.task, **self.data_settings}

    @contextmanager
    def offered(self) -> Iterator[None]:
        """Within it the specs are known to who opens models and data."""
        with ExitStack() as stack:
            stack.enter_context(model_load.offered({spec: model.made for spec, model in self.models.items()}))
            if self.held is not None:
                stack.enter_context(data_load.offered({self.data: self.held}))
            yield


def subjects_of(models: object, data: object, task: str | None, device: str) -> Subjects:
    """Models and images in any mixture of specs, loaded and live ones.

    Raises:
        SettingError: one of them is nothing of the kind.
    """
    if isinstance(data, str | Dataset):
        opened = models_of(models, None, task)
        return _of_spec(opened, data)
    batch, rest = peeked(data)
    opened = models_of(models, batch, task)
    _one_task(opened)
    return _of_live(opened, rest, name_of(data), device)


def _of_spec(models: Sequence[Model], data: str | Dataset) -> Subjects:
    by_spec, task = {model.spec: model for model in models}, _one_task(models)
    if isinstance(data, str):
        return Subjects(task, by_spec, data)
    size = None if data.size is None else f"{data.size[0]}x{data.size[1]}"
    ids = list(data.ids) if data.limited else None
    settings = {
        name: value for name, value in (("split", data.split), ("ids", ids), ("size", size)) if value is not None
    }
    return Subjects(task, by_spec, data.spec, settings)


def _of_live(models: Sequence[Model], data: object, name: str, device: str) -> Subjects:
    task, spec = _one_task(models), f"{IN_MEMORY}:{name}"
    source: Any
    if is_data_set(data, task):
        own: Any = data
        count = len(own)
        if not count:
            raise SettingError("data: expected at least one image, got none")
        source = Slice(own, classes_for(own, models, first_of(own), task, device), 0, count)
    else:
        items = [item for batch in items_of(data, task) for item in batch]
        if not items:
            raise SettingError("data: expected at least one image, got none")
        source = held(items, classes_for(data, models, items[0], task, device))
    return Subjects(task, {model.spec: model for model in models}, spec, held=data_set_of(spec, source))


def classes_for(data: object, models: Sequence[Model], sample: object, task: str, device: str) -> tuple[str, ...]:
    """The names of the classes of live data: its own, else those of the first model that names them, else numbers."""
    own = getattr(data, "classes", None)
    if own is not None:
        return tuple(map(str, own))
    if task == VIDEO.name:
        return ()
    names = next((model.classes for model in models if model.classes is not None), None)
    if names is not None:
        return names
    image = sample[0] if isinstance(sample, tuple | list) else sample
    try:
        pixels = pixels_of(image, "data[0]")
    except SampleError as error:
        raise SettingError(str(error)) from error
    models[0].fitted(to_unit(pixels).to(ready_device(device)))
    assert models[0].classes is not None
    return models[0].classes


def _one_task(models: Sequence[Model]) -> str:
    tasks = {model.spec: model.task for model in models}
    if len(set(tasks.values())) > 1:
        by_model = "; ".join(f"{spec}: {task}" for spec, task in tasks.items())
        raise SettingError(f"models: expected models of one task, got {by_model}; evaluate them apart")
    return models[0].task


def peeked(data: object) -> tuple[object, object]:
    """The first batch or sample of `data`, and data that still have it."""
    if is_one_batch(data, None) or not hasattr(data, "__iter__") or isinstance(data, dict):
        return data, data
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return first_of(data), data
    iterator = iter(data)
    try:
        first = next(iterator, None)
    except Exception as error:
        raise DataError(f"data: expected a first batch, got {type(error).__name__}: {error}") from error
    if first is None:
        return None, ()

    def again() -> Iterator[object]:
        yield first
        yield from iterator

    return first, again()
