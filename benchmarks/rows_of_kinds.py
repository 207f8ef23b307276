"""What it takes to sum up many images of other kinds of run than a plain one: made rows, no model and no pictures.

    python benchmarks/rows_of_kinds.py transfer --task detection --images 1000
    python benchmarks/rows_of_kinds.py universal --task segmentation --images 10000 --steps summary,page
    python benchmarks/rows_of_kinds.py clips --images 1000
    python benchmarks/rows_of_kinds.py run --task detection --images 10000 --steps slices
    python benchmarks/rows_of_kinds.py shards --task segmentation --images 100000 --steps merge

Rows are made as by `benchmarks/rows.py`: of 1,000 drawn images, which come again by other names. A transfer is between
two networks, with seven rows of an image and network; a universal perturbation is measured on one network, with four
rows of an image; a clip has two objects in 30 frames; a run in shards has 4. What slices take from pictures is drawn,
too. Each step runs in a process of its own, which tells its seconds and its largest resident memory, and the sha256 of
what it wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

from foolscape.api.evaluate import silent
from foolscape.records.chosen import chosen, scanned
from foolscape.records.conditions import CONDITIONS
from foolscape.records.places import MATRIX, ROWS, SLICES, SUMMARY
from foolscape.records.reader import read_record
from foolscape.records.run import RunRecord, TransferRecord, UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import ModelRecord
from foolscape.records.training import TrainingRecord
from foolscape.report import write_report
from foolscape.report.pages.transfer import write_transfer_report
from foolscape.report.pages.universal import write_universal_report
from foolscape.run.directory.store import open_run
from foolscape.run.merging.merge import merge
from foolscape.run.merging.parts import shards_in
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.write import write_slices
from foolscape.run.summary import summarise
from foolscape.run.transfer import matrix
from foolscape.run.universal import summary as universal
from foolscape.run.universal.config import MAIN
from foolscape.run.universal.targets import Hide
from made_kinds import NETS, RECORDS, UNIVERSAL, make

_TRUSTED: Final = {"verdict": "trusted", "reasons": [], "if": []}


def _network(model: ModelRecord) -> Any:
    subject = SimpleNamespace(spec=model.model, slug=model.slug)
    entry = SimpleNamespace(subject=subject, classes=model.classes, plan=None, plans=())
    config = SimpleNamespace(eval_classes=None, seed=0, data="made")
    return SimpleNamespace(
        entry=entry, config=config, slug=model.slug, task=model.task, labelled=model.channels is not None,
        setup=SimpleNamespace(entries=[entry], why=None), universal_task=SimpleNamespace(aim=Hide(0, "nearest")),
    )  # fmt: skip


def summed(directory: Path) -> Path:
    """The summary of whatever it is."""
    record = read_record(directory)
    if isinstance(record, RunRecord):
        with open_run(directory, record, record.conditions) as store:
            store.finish(SUMMARY, summarise(record, store.rows))
        return directory / SUMMARY
    networks = [_network(model) for model in record.models]
    if isinstance(record, TransferRecord):
        lines = matrix.disturbances_of(NETS, ())
        with open_run(directory, record, [one.name for one in lines]) as store:
            verdicts = dict.fromkeys(NETS, _TRUSTED)
            store.finish(MATRIX, matrix.summarise(store, networks, (), lines, verdicts))
        return directory / MATRIX
    epochs = SimpleNamespace(epochs=(SimpleNamespace(loss=1.0, moved=0.5, stayed=0.9),) * 2)
    setup: Any = SimpleNamespace(models=networks, test_ids=record.ids, train_ids=("a",))
    training = TrainingRecord(schema=SCHEMA, images=("a",), failures=(), showing=1)
    learnt: Any = {MAIN: epochs}
    with open_run(directory, record, CONDITIONS) as store:
        store.finish(SUMMARY, universal.summarise(UNIVERSAL, setup, training, learnt, store))
    return directory / SUMMARY


def sliced(directory: Path) -> Path:
    run = sliced_in(directory)
    assert run is not None
    write_slices(directory, run, Given({}), print)
    return directory / SLICES


def merged(directory: Path) -> Path:
    """The shards put together, without what the command does then."""
    merge(shards_in([directory]), directory / "whole", silent(None))
    return directory / "whole" / ROWS


def told(directory: Path) -> Path:
    """What `foolscape rows` does."""
    place = directory / "told.jsonl"
    with place.open("wb") as file:
        file.writelines(text for text, _ in chosen(scanned(directory), None, None, ()))
    return place


def paged(directory: Path) -> Path:
    record = read_record(directory)
    if isinstance(record, TransferRecord):
        return write_transfer_report(directory)
    return (write_universal_report if isinstance(record, UniversalRecord) else write_report)(directory)


STEPS: Final[dict[str, Callable[[Path], Path]]] = {
    "summary": summed, "slices": sliced, "page": paged, "merge": merged, "rows": told,
}  # fmt: skip


def largest_memory() -> float:
    """The most MB that this process held; `getrusage` counts what held the one that began it, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (one for one in status.read_text(encoding="ascii").splitlines() if one.startswith("VmHWM"))
    return float(line.split()[1]) / 1024


def timed(directory: Path, steps: Sequence[str]) -> Iterator[dict[str, object]]:
    """Each step in a process of its own."""
    for step in steps:
        command = [sys.executable, __file__, "--step", step, str(directory)]
        yield json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", help=f"{', '.join(RECORDS)}; with --step a directory")
    parser.add_argument("--task", default="detection", help="segmentation or detection; of clips it is video")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", default="summary,slices,page")
    parser.add_argument("--in", dest="folder", type=Path, help="where it is, or is to be; default: removed again")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        began, spent = time.perf_counter(), time.process_time()
        written = STEPS[options.step](Path(options.kind))
        peak = largest_memory()
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        digest = hashlib.sha256(written.read_bytes()).hexdigest()[:12]
        print(json.dumps({"step": options.step, "s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_MB": round(peak),
                          "sha256": digest}))  # fmt: skip
        return
    task = "video" if options.kind == "clips" else options.task
    with TemporaryDirectory() as temporary:
        directory = options.folder or Path(temporary) / "run"
        if not directory.exists():
            make(directory, options.kind, task, options.images)
        size = sum(path.stat().st_size for path in directory.rglob(ROWS)) / 1e6
        print(f"{options.kind}, {task}, {options.images:,} images, {size:,.0f} MB of rows", flush=True)
        for line in timed(directory, options.steps.split(",")):
            print("  ", line, flush=True)


if __name__ == "__main__":
    main()
