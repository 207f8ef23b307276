"""The driver's side of a run that workers measure: what they answer is written here alone, each sample as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from foolscape.cluster.engine import Engine
from foolscape.cluster.job import Answer, Difference, GivenUp, Job, Loss, Refusal
from foolscape.cluster.leases import LeaseSettings
from foolscape.cluster.pool import Inputs, Pool
from foolscape.disk import append_file, digest, write_file
from foolscape.errors import RunError
from foolscape.records.places import WORKERS
from foolscape.records.row import Line, failure
from foolscape.records.workers import WorkerNote, note_bytes, told
from foolscape.run.directory.store import RunStore
from foolscape.run.listener import Listener
from foolscape.run.spread.clean_inputs import clean_inputs
from foolscape.run.spread.collected import beside, rows_in
from foolscape.run.spread.samples import key_of, named_by
from foolscape.run.tasks.clean import NOTHING_KEPT, CleanPredictions


@contextmanager
def workers(
    job: Job, engine: Engine, store: RunStore, listener: Listener, settings: LeaseSettings | None = None
) -> Iterator[Pool]:
    """The workers of a run; what is lost of them on the way is told, and added to workers.jsonl, when it is."""

    def note(one: Loss | Refusal | Difference) -> None:
        noted = _note_of(one)
        append_file(store.directory, WORKERS, note_bytes(noted))
        listener.say(told(noted))

    with Pool(job, engine, settings, note) as pool:
        listener.crew(pool)
        try:
            yield pool
        finally:
            listener.crew(None)
            for difference in pool.differences:
                note(difference)


def measure_by_workers(
    pool: Pool,
    model: tuple[int, str],
    costs: Mapping[str, float],
    store: RunStore,
    tick: Callable[[str], None],
    inputs: Inputs | None = None,
    clean: CleanPredictions = NOTHING_KEPT,
) -> Iterator[str]:
    """Measure a model on those samples that `store` does not hold yet.

    Args:
        pool: the workers.
        model: its place in the run, and its spec.
        costs: of each sample, by id, in the order in which they are leased.
        store: of the run.
        tick: told of each that is settled.
        inputs: see `Pool.answers`.
        clean: predictions that workers need not make; those that they have made are added.

    Yields:
        The id of each as it is settled, so that whoever iterates may stop between two.

    Raises:
        FoolscapeError: no worker is left, or one has met what ends the whole run.
    """
    place, spec = model
    settled = store.settled_ids(spec) | store.settled_ids(None)
    keys = {key_of(place, name): cost for name, cost in costs.items() if name not in settled}
    known = clean_inputs(clean, place, lambda key: named_by(key)[1])
    for answer in pool.answers(list(keys), costs=keys, inputs=inputs or known):
        _, name = named_by(answer.key)
        if isinstance(answer, GivenUp):
            store.append([failure(spec, name, f"expected a worker to answer, got none: {answer.reason}")])
        else:
            _write(answer, store)
            if packed := beside(answer).clean:
                clean.put(name, packed)
        tick(name)
        yield name


def _write(answer: Answer, store: RunStore) -> None:
    """The files of a sample, and then its rows, which name them."""
    lines = rows_in(answer)
    expected = {place: one for line in lines for place, one in line.files.items()}
    for place, content in answer.files.items():
        if place not in expected or digest(content) != tuple(expected[place]):
            raise RunError(f"expected {place} as the rows of its sample name it, got other bytes from a worker")
        write_file(store.directory, place, content)
    store.append(lines, beside(answer).seconds if _measured(lines) else None)


def _measured(lines: Sequence[Line]) -> bool:
    return lines[0].model is not None


def _note_of(one: Loss | Refusal | Difference) -> WorkerNote:
    """What became of a worker that is gone, or was never let in; or an answer that was not the same twice."""
    if isinstance(one, Loss):
        return WorkerNote(
            event="lost", worker=one.worker, node=one.node, reason=one.reason, samples=_samples(one.keys),
            seconds=round(one.when, 1),
        )  # fmt: skip
    if isinstance(one, Refusal):
        return WorkerNote(event="refused", worker=one.worker, node=one.node, reason=one.reason)
    return WorkerNote(event="differs", worker=one.second, node="", reason=one.first, samples=_samples((one.key,)))


def _samples(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(named_by(key)[1] for key in keys)
