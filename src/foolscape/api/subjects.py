"""What an evaluation is of: models and images in whatever form, brought to the specs that a run takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from foolscape.api.data import Dataset
from foolscape.api.live import Slice
from foolscape.api.model import Model, models_of
from foolscape.data import load as data_load
from foolscape.data.batches import first_of, has_places, is_one_batch, name_of, samples_of
from foolscape.data.dataset import DataSet
from foolscape.data.loaders import check_order, classes_named
from foolscape.data.maite import is_maite
from foolscape.data.own import data_set_of, is_data
from foolscape.data.own_samples import image_and_truth, pixels_of
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
        placed: whether these have places, by which some may be chosen; else they were gone through.
    """

    task: str
    models: Mapping[str, Model]
    data: str
    data_settings: Mapping[str, object] = field(default_factory=dict)
    held: DataSet | None = None
    placed: bool = False

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
    check_order(data)
    batch, rest = (None, data) if _is_ready(data) else peeked(data)
    opened = models_of(models, batch, task)
    _one_task(opened)
    return _of_live(opened, data, rest, device)


def _of_spec(models: Sequence[Model], data: str | Dataset) -> Subjects:
    by_spec, task = {model.spec: model for model in models}, _one_task(models)
    if isinstance(data, str):
        return Subjects(task, by_spec, data)
    given = {
        "split": data.split,
        "ids": list(data.ids) if data.limited else None,
        "size": None if data.size is None else f"{data.size[0]}x{data.size[1]}",
        "class_map": None if data.class_map is None else str(data.class_map),
    }
    settings = {name: value for name, value in given.items() if value is not None}
    return Subjects(task, by_spec, data.spec, settings, data.held, placed=True)


def _of_live(models: Sequence[Model], data: object, rest: object, device: str) -> Subjects:
    task, spec = _one_task(models), f"{IN_MEMORY}:{name_of(data)}"
    source: Any = data
    samples: Any = data
    if not _is_ready(data):
        samples = samples_of(rest, task)
        if not len(samples):
            raise SettingError("data: expected at least one image, got none")
        # What a loader gives has no attribute that names its labels: the loader has.
        source = Slice(
            samples, classes_for(classes_named(data), models, first_of(samples), task, device), 0, len(samples)
        )
    by_spec = {model.spec: model for model in models}
    return Subjects(task, by_spec, spec, held=data_set_of(spec, source), placed=samples is data)


def _is_ready(data: object) -> bool:
    """Whether `data` say themselves what they hold, by foolscape's protocol or by MAITE's."""
    return is_data(data) or is_maite(data)


def classes_for(
    own: tuple[str, ...] | None, models: Sequence[Model], sample: object, task: str, device: str
) -> tuple[str, ...]:
    """The names of the classes of live data: its own, else those of the first model that names them, else numbers."""
    if own is not None:
        return own
    if task == VIDEO.name:
        return ()
    names = next((model.classes for model in models if model.classes is not None), None)
    if names is not None:
        return names
    try:
        pixels = pixels_of(image_and_truth(sample, "data[0]")[0], "data[0]")
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
    if is_one_batch(data, None) or isinstance(data, dict):
        return data, data
    if has_places(data):
        return first_of(data), data
    if not hasattr(data, "__iter__"):
        return data, data
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
