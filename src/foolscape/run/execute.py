"""A run from its settings to its report: load, check, attack, measure, sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from foolscape.cluster.keeping import engines_kept
from foolscape.cluster.pool import Pool
from foolscape.data.costs import cost_of
from foolscape.memory import first_line, is_short, no_room
from foolscape.models.common.attention import attention
from foolscape.models.common.black_boxes import tally_of
from foolscape.pixels import to_unit
from foolscape.records.places import SUMMARY
from foolscape.records.run import Keep
from foolscape.records.types import Object
from foolscape.report import write_report
from foolscape.report.form import having_form
from foolscape.run.batch_size import batch_size_of
from foolscape.run.checks.bounds import bound_notes
from foolscape.run.checks.steady import keep_consistency
from foolscape.run.compiling import compiled
from foolscape.run.directory.shards import finish_shard
from foolscape.run.directory.store import open_run, run_record
from foolscape.run.directory.threads import own_threads
from foolscape.run.foresight import foresee, proven
from foolscape.run.listener import Listener
from foolscape.run.probing import try_other_attacks
from foolscape.run.recording import record_of
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import LoadedModel, Setup, open_setup, said_of
from foolscape.run.several_bounds import Measuring, evaluate, ordered
from foolscape.run.sharding import refuse_learning, shard_record
from foolscape.run.slices.given import Given, given_of
from foolscape.run.slices.kinds import sliced_run
from foolscape.run.slices.let_go import traits_of
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.spread.driver import measure_by_workers, workers
from foolscape.run.spread.engines import engine_of, import_ahead, refuse_no_engine
from foolscape.run.spread.run_job import RunJob, leases_of
from foolscape.run.summary import summarise
from foolscape.run.trust.judge import Evidence
from foolscape.run.under_way import RunUnderWay
from foolscape.run.wiring import check_wiring


def execute(
    config: RunConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    setup: Setup | None = None,
    *,
    page: bool = True,
    table: SliceTable | None = None,
    keep: Keep | None = None,
    resources: Resources = ALONE,
) -> Object:
    """Do or finish the run that `config` describes in the directory `out`, and write its report.

    Args:
        config: what to do.
        out: where.
        command: what run.json says that it was begun with.
        listener: whom to tell.
        setup: what was opened for it before, if it was; its first image need not be among the config's.
        page: whether the report is written, too, and with it slices; these also where a table is given.
        table: what is known of the images, to slice them by.
        keep: which pictures are to be there, as of `open_run`.
        resources: with what it is carried out.

    Returns:
        The summary, of a shard what `ShardDone` says; its `failures` are the samples that could not be used.

    Raises:
        FoolscapeError: nothing was measured that should not have been; what is in `out` can be continued.
    """
    refuse_no_engine(resources)
    device = ready_device(config.device)
    config, why = with_attack(with_task(config))
    with attention(config.attention):
        setup = setup or replace(open_setup(config, device), why=why)
        words = ""
        try:
            given = given_of(setup.data, setup.ids, table) if page or table is not None else None
            return _executed(config, setup, device, out, command, listener, resources, given, keep, page=page)
        except Exception as error:
            if not is_short(error):
                raise
            words = first_line(error)
        # Only here the traceback is gone, and with it the tensors that its frames held.
        raise no_room(setup.entries[0].scorer.logits, to_unit(setup.first).to(device), words)


def _executed(
    config: RunConfig,
    setup: Setup,
    device: torch.device,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    resources: Resources,
    given: Given | None,
    keep: Keep | None,
    *,
    page: bool,
) -> Object:
    """`execute`, from what was opened; raises whatever PyTorch does where one image is too large for the memory."""
    shard = shard_record(resources, setup.data, setup.ids, (entry.plan for entry in setup.entries))
    if resources.spread:
        refuse_learning("workers", (entry.plan for entry in setup.entries))
    if setup.why is not None:
        listener.say(f"attack: {config.attack}, the {setup.why}")
    batch = batch_size_of(config, setup, device, out, listener.say)
    if config.compile:
        setup = compiled(setup, batch)
    record = replace(
        record_of(config, setup, device, batch, command, shard),
        threads=resources.threads_of(own_threads()) if resources.spread else None,
    )
    of_models = (f"{entry.subject.spec}: {note}" for entry in setup.entries for note in said_of(entry))
    notes = (note for bound in record.bounds or (None,) for note in bound_notes(record.at(bound).attack))
    for note in (*notes, *setup.data.notes, *of_models):
        listener.say(note)
    with engines_kept(), open_run(out, record, record.conditions, listener.say, keep, traits_of) as store:
        store.heard = listener.heard
        listener.phase("checks")
        run = RunUnderWay(config, setup, device, listener, store)
        if left := resources.spread and run.left:
            import_ahead(resources, run_record(store).threads or own_threads(), RunJob)
        _check_models(run)
        with _foreseen(run, resources), _workers(run, resources) if left else nullcontext() as pool:
            for place, entry in enumerate(setup.entries):
                _measure_all(run, entry, place, pool)
            if shard is None:
                listener.phase("trying other attacks")
                for place, entry in enumerate(setup.entries):
                    try_other_attacks(run, entry, place, pool)
        _say_tallies(setup, listener)
        return _concluded(run, given, page=page) if shard is None else finish_shard(store)


def _foreseen(run: RunUnderWay, resources: Resources) -> AbstractContextManager[None]:
    """Tells what is still to be measured is estimated to take, and what it took, to a listener who wants to know."""
    told = run.listener.foreseen
    if told is None:
        return nullcontext()
    run.listener.phase("estimating")
    remaining = {entry.subject.spec: len(set(run.ids) - run.settled(entry)) for entry in run.setup.entries}
    batch = run_record(run.store).batch
    return proven(foresee(run.config, run.setup, run.device, remaining, batch, resources.shared_by), told)


def _check_models(run: RunUnderWay) -> None:
    """Whether the models are what they should be. How they are wired is looked at once for all shards, by the first."""
    shard = run.store.record.shard
    for entry in run.setup.entries:
        _keep_consistency(entry, run)
        run.room.halving(entry.subject.spec, partial(run.check, entry))
        if shard is None or shard.number == 1:
            check_wiring(entry.subject, run.setup.ids, run.config.seed, run.store, run.config.eval_classes, entry.known)


@contextmanager
def _workers(run: RunUnderWay, resources: Resources) -> Iterator[Pool]:
    """The workers that were asked for."""
    record = run_record(run.store)
    engine = engine_of(resources, str(run.device), record.threads or own_threads(), RunJob)
    job = RunJob(run.config, record, run.setup.remembers)
    with workers(job, engine, run.store, run.listener, leases_of(record)) as pool:
        yield pool


def _measure_all(run: RunUnderWay, entry: LoadedModel, place: int, pool: Pool | None) -> None:
    """What is still to be measured of a model, by workers, or with a batch that was checked before, or is now."""
    subject, ids, store = entry.subject, run.ids, run.store
    with _progress(run, entry) as tick:
        if pool is not None:
            measuring = Measuring(entry.plans, run_record(store).batch, run.config.seed)
            costs = {name: cost_of(run.setup.data, name) for name in ordered(subject, ids, measuring)}
            for _ in measure_by_workers(pool, (place, subject.spec), costs, store, tick, clean=subject.clean):
                run.listener.stop_if_enough()
            return

        def measure(batch: int) -> None:
            run.check(entry, batch)
            evaluate(subject, ids, Measuring(entry.plans, batch, run.config.seed, run.listener.enough), store, tick)

        run.room.halving(subject.spec, measure)
    run.listener.stop_if_enough()


def _progress(run: RunUnderWay, entry: LoadedModel) -> AbstractContextManager[Callable[[str], None]]:
    done = len(run.settled(entry) & set(run.ids))
    return run.listener.progress(f"{run.config.attack} on {entry.subject.spec}", len(run.ids), done)


def _concluded(run: RunUnderWay, given: Given | None, *, page: bool) -> Object:
    """The summary of a run of which everything is measured, written with what it is shown by."""
    store, out = run.store, run.store.directory
    run.listener.phase("summing up")
    slugs = (entry.subject.slug for entry in run.setup.entries)
    with having_form(out):
        summary = summarise(run_record(store), store.rows, Evidence.of(store, slugs))
    store.finish(SUMMARY, summary)
    if given is not None:
        with having_form(out):
            write_slices(out, sliced_run(out, run_record(store), store.rows), given, run.listener.say)
    if page:
        run.listener.phase("page")
        write_report(out)
    return summary


def _keep_consistency(entry: LoadedModel, run: RunUnderWay) -> None:
    """See `keep_consistency`; without what torch.compile made, for it would make another forward pass for the batch."""
    spec, pair, room = entry.subject.spec, (run.setup.first, run.setup.beside), run.room
    keep = partial(keep_consistency, known=entry.known)
    with torch.compiler.set_stance("force_eager") if run.config.compile else nullcontext():
        room.halving(spec, partial(keep, spec, entry.scorer, pair, run.device, room.store, room.say))


def _say_tallies(setup: Setup, listener: Listener) -> None:
    """How often black boxes were asked; it is written nowhere, for a run that goes on asks other questions."""
    for entry in setup.entries:
        if (tally := tally_of(entry.scorer)) is not None:
            listener.say(f"{entry.subject.spec} was asked: {tally}")
