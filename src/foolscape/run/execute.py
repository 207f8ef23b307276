"""A run from its settings to its report: load, check, attack, measure, sum up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from foolscape.attacks.names import NONE
from foolscape.attacks.plan import Plan
from foolscape.errors import GradientError
from foolscape.memory import first_line, halving, is_short, no_room
from foolscape.models.checks.gradient import check_gradient, raise_unless_ok
from foolscape.models.common.attention import attention
from foolscape.models.common.bf16 import likeness
from foolscape.models.common.black_boxes import tally_of
from foolscape.models.common.compiled import compile_networks
from foolscape.pixels import to_unit
from foolscape.records.places import SUMMARY
from foolscape.records.run import CLEAN_PREDICTION, TRUTH, DataRecord, Keep, RunRecord, SampleRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.types import Object
from foolscape.report import write_report
from foolscape.report.form import having_form
from foolscape.run.batch_size import Room, batch_size_of, trial
from foolscape.run.checks.bounds import bound_notes
from foolscape.run.checks.firsts import first_usable
from foolscape.run.checks.steady import keep_consistency
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.directory.store import RunStore, open_run, run_record
from foolscape.run.listener import Listener
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.settings.user_attack import sources_of
from foolscape.run.setup import LoadedModel, Setup, notes_on_data, open_setup, said_of
from foolscape.run.several_bounds import Measuring, evaluate
from foolscape.run.slices.given import Given, given_of
from foolscape.run.slices.kinds import sliced_run
from foolscape.run.slices.let_go import traits_of
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.summary import summarise
from foolscape.run.tasks.base import running_of
from foolscape.run.trust.judge import Evidence
from foolscape.run.trust.probes import probe_stored
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

    Returns:
        The summary; its `failures` are the samples that could not be used.

    Raises:
        FoolscapeError: nothing was measured that should not have been; what is in `out` can be continued.
    """
    device = ready_device(config.device)
    config, why = with_attack(with_task(config))
    with attention(config.attention):
        setup = setup or replace(open_setup(config, device), why=why)
        words = ""
        try:
            given = given_of(setup.data, setup.ids, table) if page or table is not None else None
            return _executed(config, setup, device, out, command, listener, given, keep, page=page)
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
    given: Given | None,
    keep: Keep | None,
    *,
    page: bool,
) -> Object:
    """`execute`, from what was opened; raises whatever PyTorch does where one image is too large for the memory."""
    if setup.why is not None:
        listener.say(f"attack: {config.attack}, the {setup.why}")
    batch = batch_size_of(config, setup, device, out, listener.say)
    if config.compile:
        setup = _compiled(setup, batch)
    record = _record(config, setup, device, batch, command)
    of_models = (f"{entry.subject.spec}: {note}" for entry in setup.entries for note in said_of(entry))
    notes = (note for bound in record.bounds or (None,) for note in bound_notes(record.at(bound).attack))
    for note in (*notes, *setup.data.notes, *of_models):
        listener.say(note)
    with open_run(out, record, record.conditions, listener.say, keep, traits_of) as store:
        room = Room(store, listener.say)
        check = partial(check_input_gradient, to_unit(setup.first).to(device), config.seed, store, listener)
        for entry in setup.entries:
            _keep_consistency(entry, setup, config, device, room)
            room.halving(entry.subject.spec, partial(check, entry))
            check_wiring(entry.subject, setup.ids, config.seed, store, config.eval_classes)
        for entry in setup.entries:
            subject = entry.subject
            done = len((store.settled_ids(subject.spec) | store.settled_ids(None)) & set(setup.ids))
            with listener.progress(f"{config.attack} on {subject.spec}", len(setup.ids), done) as tick:
                room.halving(subject.spec, partial(_measure, entry, setup.ids, config.seed, store, tick, check))
            if entry.plan is not None:
                probe = partial(probe_stored, subject, entry.plans, entry.probes, config.probes, store, listener.say)
                room.halving(subject.spec, probe)
        _say_tallies(setup, listener)
        with having_form(out):
            summary = summarise(
                run_record(store), store.rows, Evidence.of(store, (e.subject.slug for e in setup.entries))
            )
        store.finish(SUMMARY, summary)
        if given is not None:
            with having_form(out):
                write_slices(out, sliced_run(out, run_record(store), store.rows), given, listener.say)
        if page:
            write_report(out)
    return summary


def _record(config: RunConfig, setup: Setup, device: torch.device, batch: int, command: Sequence[str]) -> RunRecord:
    """What run.json holds: everything that is needed to repeat the run."""
    data = setup.data
    loss = config.options.get("loss")
    prints = {name: data.fingerprint(name) for name in setup.ids}
    return RunRecord(
        schema=SCHEMA,
        foolscape=version("foolscape"),
        command=tuple(command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config.model_dump(mode="json"),
        device=device.type,
        batch=batch,
        task=str(config.task),
        reference=CLEAN_PREDICTION if data.classes is None else TRUTH,
        seed=config.seed,
        models=tuple(
            entry.record(str(config.task), None if data.classes is None else config.task) for entry in setup.entries
        ),
        data=DataRecord(
            spec=data.spec,
            split=data.split,
            classes=None if data.classes is None else tuple(data.classes),
            samples=len(setup.ids),
            sha256=digest_of(prints),
            notes=notes_on_data(setup),
        ),
        samples=tuple(SampleRecord(id=name, sha256=prints[name]) for name in setup.ids),
        attack=recorded_attack(config, setup),
        algorithms=algorithms(config.attack, (str(config.task),), (*config.models, config.data)),
        attack_files=sources_of(config.attack, loss) or {},
        versions=versions(),
    )


def recorded_attack(config: RunConfig, setup: Setup) -> Object:
    """The attack's settings; the only_class by name, for models may number their classes differently."""
    largest, plans = setup.entries[0].plan, setup.entries[0].plans
    if largest is None:
        return {"name": NONE}
    choice = {} if setup.why is None else {"chosen": setup.why}
    only = {} if largest.goal is None else {"only_class": config.options.get("only_class")}
    return largest.settings | only | choice | ({"bounds": _bounds(plans)} if len(plans) > 1 else {})


def _bounds(plans: Sequence[Plan]) -> Object:
    """By bound the settings of an attack that are others there than at the largest, its step for one."""
    largest = plans[-1].settings
    return {
        str(plan.eps): {
            name: value for name, value in plan.settings.items() if name != "eps" and value != largest.get(name)
        }
        for plan in plans
    }


def _compiled(setup: Setup, batch: int) -> Setup:
    """The setup with its networks compiled, where that goes well; the notes of the models say whether it did."""

    def compiled(entry: LoadedModel) -> LoadedModel:
        attack = trial(entry, setup.ids)

        def attempt() -> None:
            first_usable(setup.data, setup.ids, entry.subject.load)
            if attack is not None:  # a batch that memory does not hold is halved in the run, too
                halving(attack, batch, lambda *_: None)

        return replace(entry, notes=(*entry.notes, compile_networks(entry.scorer, attempt)))

    return replace(setup, entries=tuple(compiled(entry) for entry in setup.entries))


def _keep_consistency(entry: LoadedModel, setup: Setup, config: RunConfig, device: torch.device, room: Room) -> None:
    """See `keep_consistency`; without what torch.compile made, for it would make another forward pass for the batch."""
    spec, pair = entry.subject.spec, (setup.first, setup.beside)
    with torch.compiler.set_stance("force_eager") if config.compile else nullcontext():
        room.halving(spec, partial(keep_consistency, spec, entry.scorer, pair, device, room.store, room.say))


def _say_tallies(setup: Setup, listener: Listener) -> None:
    """How often black boxes were asked; it is written nowhere, for a run that goes on asks other questions."""
    for entry in setup.entries:
        if (tally := tally_of(entry.scorer)) is not None:
            listener.say(f"{entry.subject.spec} was asked: {tally}")


def _measure(
    entry: LoadedModel,
    ids: Sequence[str],
    seed: int,
    store: RunStore,
    tick: Callable[[str], None],
    check: Callable[[LoadedModel, int], None],
    batch: int,
) -> None:
    """What is still to be measured of a model, with a batch that was checked before, or is now."""
    check(entry, batch)
    evaluate(entry.subject, ids, Measuring(entry.plans, batch, seed), store, tick)


def check_input_gradient(
    first: Tensor, seed: int, store: RunStore, listener: Listener, entry: LoadedModel, batch: int
) -> None:
    """Refuse a model whose input gradient is wrong: it would look robust. The verdict goes into run.json.

    A verdict on the same batch that is there already stands. An attack in bfloat16 is refused where its gradient has
    another direction than the float32 one. An attack that takes no gradient needs none that is right.
    """
    if entry.plan is None or entry.plan.ascent.blind:
        return
    spec, record = entry.subject.spec, run_record(store)
    if record.gradient.get(spec, {}).get("batch") == batch:
        return
    images = first.expand(batch, -1, -1, -1).contiguous()
    verdict = check_gradient(entry.scorer, images, seed=seed, clamps=running_of(record.task).clamps)
    try:
        raise_unless_ok(verdict)
    except GradientError as error:
        raise GradientError(f"{error}. Or attack it without: --attack square") from error
    listener.say(f"{spec}: {verdict.message}")
    fields: Object = asdict(verdict)
    if entry.plan.ascent.bf16:
        cosine = fields["bf16_cosine"] = likeness(entry.scorer, images)
        agreement = "not finite" if cosine is None else f"cosine {cosine:.3f} with the one in float32"
        listener.say(f"{spec}: input gradient in bfloat16: {agreement}")
    store.keep(gradient={**record.gradient, spec: fields})
