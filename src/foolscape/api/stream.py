"""`foolscape.evaluate_stream`: images measured as they come, in constant memory; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.api.data import AnyData, size_text
from foolscape.api.evaluate import config_of, silent
from foolscape.api.live import Slice
from foolscape.api.model import AnyModel, model_of, task_for
from foolscape.api.rows import ImageRow, image_rows
from foolscape.api.subjects import Subjects, classes_for, peeked
from foolscape.api.wording import in_its_words
from foolscape.attacks.registry import Attack, Recipe
from foolscape.data.batches import Samples, held, is_data_set, items_of, name_of
from foolscape.data.loaders import classes_named
from foolscape.data.maite import MaiteImages, is_maite
from foolscape.data.mapped import with_class_map
from foolscape.data.own import data_set_of
from foolscape.errors import SettingError
from foolscape.models.common.attention import attention
from foolscape.pixels import to_unit
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import Kind, place_of
from foolscape.records.row import Line
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.stored import StoredRows
from foolscape.records.subjects import TRUTH, DataRecord
from foolscape.run.directory.album import Album
from foolscape.run.directory.store import RunStore
from foolscape.run.gradient_check import check_input_gradient
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import LoadedModel, Setup, open_setup
from foolscape.run.several_bounds import Measuring, evaluate
from foolscape.spec import IN_MEMORY, parse
from foolscape.tasks.base import task_named

_NOWHERE: Final = Path("nowhere")


@dataclass(frozen=True)
class _Images(Album):
    """The pictures of a sample, kept in memory."""

    kept: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def save_image(self, place: str, image: NDArray[np.uint8], palette: Sequence[Sequence[int]] | None = None) -> None:
        """Keep the image; label maps are shown by no row."""
        if palette is None:
            self.kept[place] = image

    def kept_image(self, place: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image as a PNG would hold it, which is without loss."""
        self.kept[place] = image
        return image

    def save_photograph(self, place: str, image: NDArray[np.uint8]) -> None:
        """Nothing: no page shows it."""

    def save_truth(self, name: str, task: str, truth: object) -> None:
        """Nothing: the rows in memory hold it."""


@dataclass
class _Memory(RunStore):
    """The rows and pictures of one batch, in the place of a run's directory."""

    images: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def settled_ids(self, model: str | None) -> set[str]:
        """Ids of samples that are done or given up."""
        return {row.id for row in self.lines if row.model == model}

    def append(self, rows: Sequence[Line], seconds: float | None = None) -> None:
        """Add the rows of a sample."""
        del seconds
        self.lines.extend(rows)

    def album(self, model: str) -> Album:
        """For the pictures of a sample."""
        del model
        return _Images(self.directory, kept=self.images)

    def save_json(self, place: str, record: Mapping[str, Any]) -> None:
        """Nothing: there is no run.json."""


def _memory(task: str) -> _Memory:
    record = _unwritten(task)
    return _Memory(_NOWHERE, record, StoredRows(_NOWHERE, record))


def _unwritten(task: str) -> RunRecord:
    """The record of a run of which nothing is written."""
    return RunRecord(
        schema=SCHEMA,
        foolscape="",
        command=(),
        started="",
        config={},
        models=(),
        task=task,
        reference=TRUTH,
        data=DataRecord(spec="", split=None, classes=None, samples=0, sha256=""),
        attack={},
        device="",
        batch=1,
        seed=0,
        algorithms={},
        versions={},
    )


@dataclass(frozen=True)
class _Stream:
    """What every batch is measured with."""

    entry: LoadedModel
    config: RunConfig
    task: str

    def rows(self, source: Samples, spec: str, batch: int) -> Iterator[ImageRow]:
        """The rows of the samples of `source`, in their order."""
        kind, classes = data_set_of(spec, source), self.entry.classes or None
        opened = kind.openers[self.task](parse(spec, ()), None, classes)
        data: Any = with_class_map(opened, self.config.class_map)
        subject: Any = self.entry.subject
        store = _memory(self.task)
        with attention(self.config.attention):
            measuring = Measuring(self.entry.plans, batch, self.config.seed)
            evaluate(replace(subject, data=data), data.ids, measuring, store, _pass)
        only = None if self.entry.plan is None else self.entry.plan.only_class
        by_id: dict[str, list[ImageRow]] = {}
        for row in image_rows(store.lines, self.task, lambda _: only):
            by_id.setdefault(row.id, []).append(row)
        for name in data.ids:
            for row in by_id[name]:
                yield self._with_images(row, store.images)

    def _with_images(self, row: ImageRow, images: Mapping[str, NDArray[np.uint8]]) -> ImageRow:
        clean = images.get(place_of(Kind.IMAGE, row.id))
        adversarial = images.get(place_of(Kind.IMAGE, row.id, self.entry.subject.slug, ADVERSARIAL.at(row.eps)))
        return replace(
            row,
            clean=None if clean is None else to_unit(clean)[0],
            adversarial=None if adversarial is None else to_unit(adversarial)[0],
        )


@in_its_words
def evaluate_stream(
    model: AnyModel,
    loader: AnyData,
    attack: str | Recipe | Attack | None = None,
    *,
    task: str | None = None,
    size: tuple[int, int] | str | None = None,
    class_map: str | Path | None = None,
    goal: str | None = None,
    only_class: str | None = None,
    options: Mapping[str, object] | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Iterator[ImageRow]:
    """Attack and measure images as they come: a row for each, a batch at a time, and nothing is written.

    Rows are those of `evaluate`, at each bound where there are several. There is no verdict: that takes all images.

    Args:
        model: as of `evaluate`, one.
        loader: any iterable of (images, labels), such as a `torch.utils.data.DataLoader`; a data set; one batch.
        attack, task, size, class_map, goal, only_class, options, batch_size, seed, device: as of `evaluate`.

    Raises:
        FoolscapeError: what is given does not fit, said at the call; or a later batch does not.
    """
    if isinstance(loader, str):
        raise SettingError(f"loader: expected an iterable of (images, labels), got {loader!r}; write load_data(..)")
    if is_maite(loader):
        loader = MaiteImages(name_of(loader), loader)
    first, rest = peeked(loader)
    opened = model_of(model, task_for(model, first, task))
    name = f"{IN_MEMORY}:{name_of(loader)}"
    sources = _sources(rest, classes_named(loader), opened.task, opened, device)
    begin = next(sources, None)
    if begin is None:
        raise SettingError("loader: expected at least one image, got none")
    subjects = Subjects(opened.task, {opened.spec: opened}, name, held=data_set_of(name, begin))
    settings = {
        "goal": goal,
        "only_class": only_class,
        "batch": batch_size,
        "size": size_text(size),
        "class_map": None if class_map is None else str(class_map),
        "seed": seed,
        "device": device,
    }
    config, _ = with_attack(config_of(subjects, attack, settings, options))
    torch_device = ready_device(config.device)
    with subjects.offered(), attention(config.attention):
        setup = open_setup(config, torch_device)
        stream = _checked(setup, config, opened.task)
    alone = torch_device.type == "cpu" or task_named(opened.task).clips
    return (
        row
        for source in chain([begin], sources)
        for row in stream.rows(source, name, batch_size or (1 if alone else len(source)))
    )


def _checked(setup: Setup, config: RunConfig, task: str) -> _Stream:
    """The one model of a stream, its input gradient checked as before a run."""
    (entry,) = setup.entries
    if entry.plan is not None and entry.plan.moves_context:
        raise SettingError(
            f"attack: expected one that looks at each image by itself, got {config.attack}, which learns from clip to "
            "clip; use foolscape.evaluate"
        )
    first = to_unit(setup.first).to(ready_device(config.device))
    store = _memory(task)
    check_input_gradient(
        first, config.seed, store, silent(), entry, config.batch if isinstance(config.batch, int) else 1
    )
    return _Stream(entry, config, task)


def _sources(data: object, named: tuple[str, ...] | None, task: str, model: Any, device: str) -> Iterator[Samples]:
    """The samples of each batch, with ids that count all of them; `named`: what the data call their classes."""
    if is_data_set(data, task):
        source: Any = data
        for index in range(len(source)):
            yield Slice(source, classes_for(named, (model,), source[0], task, device), index, 1)
        return
    done = 0
    for items in items_of(data, task):
        if items:
            yield held(items, classes_for(named, (model,), items[0], task, device), done)
        done += len(items)


def _pass(name: str) -> None:
    del name
