"""`foolscape.evaluate`: what `foolscape run` does, for models and images that are there already or have a spec."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from foolscape.api.data import AnyData, size_text
from foolscape.api.given import check_ids, check_options, check_place, check_texts, merged
from foolscape.api.means import Devices, means_of, refuse_live
from foolscape.api.model import AnyModel
from foolscape.api.recipes import attack_settings
from foolscape.api.report import OwnedDirectory, Report
from foolscape.api.subjects import Subjects, subjects_of
from foolscape.api.wording import in_its_words
from foolscape.api.written import at_work_in, load_run, read_files
from foolscape.attacks.registry import Attack, Recipe
from foolscape.errors import OutOfTimeError, SettingError
from foolscape.report.run_kinds import unfinished
from foolscape.run.directory.lock import reserved
from foolscape.run.directory.retry import forget_failures
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.partial import page_of_part
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.given_resources import seconds_of, shard_place
from foolscape.run.settings.keep import keep_of
from foolscape.run.settings.words import CALL, in_python
from foolscape.run.slices.table import table_of
from foolscape.stores.path import StorePath


@in_its_words
def evaluate(
    model: AnyModel | Sequence[AnyModel],
    data: AnyData,
    attack: str | Recipe | Attack | None = None,
    out: str | Path | None = None,
    *,
    task: str | None = None,
    split: str | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    sample: int | None = None,
    size: tuple[int, int] | str | None = None,
    class_map: str | Path | None = None,
    eval_classes: Sequence[str] | None = None,
    slices: str | Path | None = None,
    keep: Literal["all", "shown", "none"] | None = None,
    retry_failed: bool = False,
    goal: str | None = None,
    only_class: str | None = None,
    options: Mapping[str, object] | None = None,
    batch_size: int | Literal["auto"] | None = None,
    probes: int | None = None,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    devices: Devices | None = None,
    cluster: str | None = None,
    shard: str | None = None,
    time_budget: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Attack every image and measure the 8-bit result, with controls and a verdict, as `foolscape run` does.

    Args:
        model: one, or a list: a `torch.nn.Module`, a function of images, a spec, or what `load_model` gave.
        data: a spec, what `load_data` gave, a data set with `__len__` and `__getitem__`, or batches: one tensor of
            images, (images, labels), or an iterable of these, which is gone through once and kept in 8 bits.
        attack: such as "worst-case?eps=4/255"; None: the strongest for the task; "none": the clean model alone.
        out: a directory to write the run to, or to go on with; None: nothing is left but the report.
        task: segmentation, detection or video, where model and data do not tell.
        split, ids, limit, sample: which images of a spec; `sample`: so many, drawn evenly over folders and classes.
        size: (height, width) or "384x512" to resize to.
        class_map: a file that renames, merges and leaves out the data's classes, see `foolscape run --help`.
        eval_classes: the classes that scores are over; None: all.
        slices: a table of what is known of the images, to show scores by, see `foolscape run --help`.
        keep: which pictures stay, where `out` is given: all, those that the page shows, or none; None: all, or as the
            run in `out` was begun. Figures are the same. A part keeps all: `merge` takes `keep`.
        retry_failed: try the images of the run in `out` again that failed, say because a store did not answer.
        goal, only_class: of an attack on a detector, see `foolscape run --help`.
        options: further ones of the attack and the task, by the names that `foolscape run` has.
        batch_size: images per call of the model during the attack; "auto": found by trying.
        probes: on how many images other attacks are tried, for the verdict.
        seed: of everything random.
        device: as PyTorch names it, or auto.
        workers: processes that measure, of models and data that have a spec; the result is that of one.
        devices: "cuda:0" or 0, a worker for each unless `workers` says more.
        cluster: "ray", "ray:HOST:PORT" or "ray:local", for workers on the nodes of a Ray cluster.
        shard: "3/16": that part of the images alone, into `out`/shards; `merge` makes a whole of all.
        time_budget: "30m", after which no other image is begun: the report is of those that are done, and the same
            call with `out` goes on.
        say: takes a remark, one line; None: nobody is told.

    Raises:
        FoolscapeError: what is given does not fit; the message says what was expected and what to write.
    """
    table, kept_pictures, seconds = table_of(slices), keep_of(keep), seconds_of(time_budget, "time_budget")
    resources = means_of(workers, devices, cluster, shard, kept_pictures)
    subjects = subjects_of(model, data, task, device)
    refuse_live(resources, (*subjects.models, subjects.data))
    own = {
        "split": split,
        "ids": check_ids(ids),
        "limit": limit,
        "sample": sample,
        "class_map": None if class_map is None else str(class_map),
        "eval_classes": check_texts("eval_classes", eval_classes),
        "size": size_text(size),
        "batch": batch_size,
        "probes": probes,
        "goal": goal,
        "only_class": only_class,
    }
    config = config_of(subjects, attack, {**own, "seed": seed, "device": device}, options)
    words = (*subjects.models, subjects.data, config.attack or "", *(() if out is None else (f"out={out}",)))
    command = [f"{CALL}evaluate({', '.join(json.dumps(str(word)) for word in words)})"]
    where = shard_place(None if out is None else check_place("out", out), resources.shard)
    with subjects.offered(), _place(where, say) as (place, kept):
        if retry_failed:
            with reserved(place):
                forget_failures(place, silent(say).say)
        with suppress(OutOfTimeError):
            execute(config, place, command, silent(say).within(seconds), page=kept is None, table=table,
                    keep=kept_pictures, resources=resources)  # fmt: skip
        if kept is None and unfinished(place):
            page_of_part(place)
        if not isinstance(where, StorePath):
            return Report(read_files(place), kept)
    return load_run(where)


def config_of(
    subjects: Subjects,
    attack: str | Recipe | Attack | None,
    settings: Mapping[str, object],
    options: Mapping[str, object] | None = None,
) -> RunConfig:
    """The settings of a run; those that are None are not given.

    Raises:
        SettingError: one does not fit, or is given twice.
    """
    task_options = merged(settings, check_options(options))
    if (
        subjects.held is not None
        and not subjects.placed
        and (wrong := [name for name in _OF_SPECS if name in task_options])
    ):
        raise SettingError(
            f"{wrong[0]}: is for images that a spec names, or a data set by their places, and these are there; "
            "leave it out"
        )
    if doubled := [name for name in task_options if name in subjects.settings]:
        raise SettingError(f"{doubled[0]}: expected it once, got it here and with the model or the data; leave it out")
    return make_config({**subjects.settings, **attack_settings(attack), **task_options})


_OF_SPECS: Final = ("split", "ids", "limit", "sample")
"""Settings that choose among the images that a spec names."""


@contextmanager
def _place(out: Path | None, say: Callable[[str], None] | None) -> Iterator[tuple[Path, OwnedDirectory | None]]:
    """Where the run is written, and what removes it again."""
    if out is not None:
        with at_work_in(out, silent(say).say) as place:
            yield place, None
        return
    kept = OwnedDirectory()
    try:
        yield kept.path, kept
    except BaseException:
        kept.remove()
        raise


def silent(say: Callable[[str], None] | None = None) -> Listener:
    """Tells `say` of remarks, or nobody, and nobody of progress."""

    @contextmanager
    def progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        del title, total, done
        yield lambda _: None

    def told(text: str) -> None:
        if say is not None:
            say(in_python(text))

    return Listener(told, progress)
