"""Further attacks on a few images of a run, to see whether the run's own attack has converged.

Twice the steps and the strongest attack of the catalogue are tried on enough images for a paired comparison; a larger
bound, no bound and an attack without gradients on the first of them alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from foolscape.attacks.default import STRONGEST
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.plan import ATTACK_PIXELS, Plan
from foolscape.attacks.registry import Settings
from foolscape.disk import append_file
from foolscape.errors import FoolscapeError, ModelError, SettingError
from foolscape.pixels import Levels, to_image
from foolscape.records.beside import AnyProbes
from foolscape.records.conditions import ADVERSARIAL, FAILED
from foolscape.records.places import TIMINGS
from foolscape.records.row import rows_of
from foolscape.records.timings import ProbeTiming, probe_timing_bytes
from foolscape.records.types import Object
from foolscape.run.directory.ara_state import StoredNetwork, Untouched
from foolscape.run.directory.store import RunStore, run_record
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.tasks.base import EvalSample, TaskRunner
from foolscape.run.trust.standing import standing

LONGER, STRONGER, LARGER, UNBOUND, SQUARE = "longer", "stronger", "larger", "unbound", "square"
"""The probes: twice the steps, the strongest attack, twice the bound, in effect no bound, no gradient."""

PAIRED: Final = (LONGER, STRONGER)
"""Those that are tried on every probe image and compared in pairs."""

FEWEST: Final = 4
"""Images that a paired comparison needs."""

_MOST, _SHARE = 16, 0.2
"""No more images than `_MOST` are probed, and beyond `FEWEST` no more than cost this share of the run's gradients."""

_QUERIES: Final = 200
"""Forward passes of Square."""

_PASSES_PER_GRADIENT: Final = 3
"""Forward passes that cost about as much as one gradient."""

_WIDE: Final = Levels.parse("64/255")
"""In effect no bound: a quarter of the range changes any picture beyond recognition."""

_THREAT: Final = ("eps", "norm", "goal", "only_class", "window", "sampling", "labels_from", "attack_pixels")
"""Options that say what an attacker may do and wants, not how it is searched for."""


@dataclass(frozen=True)
class Probe:
    """An attack that is tried beside the run's own.

    Attributes:
        plan: the attack.
        name, options: what a user would write for it; `options` holds what is set, as text or numbers.
    """

    plan: Plan
    name: str
    options: Mapping[str, object]

    def to_json(self) -> Object:
        """As it is stored beside its results."""
        return {"attack": self.name, **self.options}


Planner = Callable[[str, Settings], Plan]
"""From an attack's name and options to a plan; raises `SettingError`."""


def probes(run_plan: Plan, options: Settings, planned: Planner) -> dict[str, Probe]:
    """The probes of the attack `run_plan`, which was made from `options`, as far as they make sense for it.

    None for an attack without a bound: what it leaves says enough.
    """
    if run_plan.ascent.ladder:
        return dict(_plannable({LONGER: (run_plan.name, {**options, "steps": 2 * run_plan.steps})}, planned))
    if run_plan.eps is None:
        return {}
    recipes = {LONGER: (run_plan.name, _longer(run_plan, options))}
    if run_plan.single and not run_plan.ascent.blind:
        recipes[LARGER] = run_plan.name, {**options, "eps": Levels(2 * run_plan.eps.levels)}
        recipes[UNBOUND] = run_plan.name, {**options, "eps": _WIDE, "steps": 2 * run_plan.steps, "step": None}
    if run_plan.norm == "linf" and run_plan.variant != "released" and not run_plan.ascent.blind:
        recipes[SQUARE] = "square", {**_same_threat(run_plan, options), "steps": _QUERIES}
    return dict(_plannable(recipes, planned)) | _strongest(run_plan, options, planned)


def _longer(run_plan: Plan, options: Settings) -> Settings:
    """Twice the budget or twice the steps."""
    if run_plan.budget is not None:
        return {**options, "budget": 2 * run_plan.budget, "steps": None}
    return {**options, "steps": 2 * run_plan.steps}


def _strongest(run_plan: Plan, options: Settings, planned: Planner) -> dict[str, Probe]:
    """The strongest attack under the same threat; none where that is the run's own."""
    for name in STRONGEST:
        if name == run_plan.name:
            return {}
        # How a strong attack looks at a clip is its own business: only the window is the threat model's.
        own = {**_same_threat(run_plan, options), "attack_pixels": options.get("attack_pixels"), "sampling": None}
        if probe := dict(_plannable({STRONGER: (name, own)}, planned)):
            return probe
    return {}


def _same_threat(run_plan: Plan, options: Settings) -> Settings:
    """What the attacker of `run_plan` may do and wants, and nothing of how it is searched for."""
    attack_pixels = None if run_plan.window is None else ATTACK_PIXELS[run_plan.window.objects]
    threat = {name: options.get(name) for name in _THREAT}
    return threat | {"eps": run_plan.eps, "attack_pixels": attack_pixels}


def _plannable(recipes: Mapping[str, tuple[str, Settings]], planned: Planner) -> Iterator[tuple[str, Probe]]:
    """The probes that can be settled: one step is all that fgsm takes, an eps above 1 is none."""
    for what, (name, options) in recipes.items():
        try:
            plan = planned(name, options)
        except SettingError:
            continue
        values = {key: value for key, value in options.items() if value is not None}
        yield what, Probe(plan, name, {k: str(v) if isinstance(v, Levels) else v for k, v in values.items()})


def cost(plan: Plan) -> float:
    """Gradients that `plan` takes of an image at most; of an attack without any, forward passes as such."""
    if plan.ascent.blind:
        return plan.steps / _PASSES_PER_GRADIENT
    return plan.budget or plan.steps * plan.ascent.gradients_per_step


def probed_images(
    images: int, plans: Sequence[Plan], tried_probes: Mapping[str, Probe], user_count: int | None
) -> tuple[int, float]:
    """How many of a run's attacked `images` to probe, and the share of the run's gradients that this costs.

    Args:
        images: attacked in the run.
        plans: its attack, at each of its bounds.
        tried_probes: the probes.
        user_count: what the user asked for; None: `FEWEST`, or as many as a fifth of the run pays for.
    """
    paired = sum(cost(probe.plan) for what, probe in tried_probes.items() if what in PAIRED)
    single = sum(cost(probe.plan) for what, probe in tried_probes.items() if what not in PAIRED)
    own = images * sum(cost(plan) for plan in plans)
    if user_count is None:
        affordable = int((_SHARE * own - single) / paired) if paired else 1
        user_count = max(FEWEST, min(_MOST, affordable))
    count = min(images, user_count)
    return count, (count * paired + (single if count else 0.0)) / own if own else 0.0


def probe_stored(
    subject: TaskRunner[Any, Any],
    plans: Sequence[Plan],
    tried_probes: Mapping[str, Probe],
    user_count: int | None,
    store: RunStore,
    say: Callable[[str], None],
    results: Callable[[Sequence[str]], Object],
) -> None:
    """Try the probes on evenly spread attacked images, unless the run's directory holds the results already.

    Of several bounds they are for the largest. What `results` finds, as `results_of`, goes to `probes/SLUG.json`, a
    `ProbesRecord`.
    """
    place = place_of(subject.slug)
    attacked = _attacked(store, subject.spec)
    count, share = probed_images(len(attacked), plans, tried_probes, user_count)
    if not tried_probes or not count or store.load_json(place, AnyProbes):
        return
    if share > _SHARE:
        much = f"{share:.0%} of" if share < 2 else f"{share:.0f} times"
        images = f"{count} image{'s' * (count != 1)}"
        say(
            f"{subject.spec}: other attacks are tried on {images}, to see whether this one has converged; that takes "
            f"{much} the run's gradients"
        )
    began = time.perf_counter()
    ids = [attacked[i * len(attacked) // count] for i in range(count)]
    record: Object = {"probes": {what: probe.to_json() for what, probe in tried_probes.items()}}
    try:
        record["images"] = results(ids)
    except FAULTS as error:
        record = {FAILED: reason_of(error)}
    except FoolscapeError as error:
        record = {FAILED: str(error)}
    store.save_json(place, record)
    seconds = round(time.perf_counter() - began, 2)
    append_file(store.directory, TIMINGS, probe_timing_bytes(ProbeTiming(model=subject.spec, probes=seconds)))


def place_of(slug: str) -> str:
    """Where the results for the model with this folder are kept, below the run's directory."""
    return f"probes/{slug}.json"


def _attacked(store: RunStore, spec: str) -> list[str]:
    """The ids of the attacked images on which there is something to fool, in the run's order."""
    record = run_record(store)
    judge = standing(record, spec)
    attacked = ADVERSARIAL.at(record.largest)
    samples = (rows_of(lines, condition=attacked) for lines in store.rows.samples(spec))
    return [row.id for rows in samples for row in rows if judge(row.sample) is not None]


def pairs(tried_probes: Mapping[str, Probe], ids: Sequence[str]) -> list[tuple[str, str]]:
    """Which probe is tried on which of the images `ids`."""
    return [(what, name) for what in tried_probes for name in (ids if what in PAIRED else ids[:1])]


def results_of(
    subject: TaskRunner[Any, Any], tried_probes: Mapping[str, Probe], store: RunStore, ids: Sequence[str], batch: int
) -> Object:
    """What each probe leaves of each image, with images per call; null where the attack or the model gave up."""
    results: Object = {name: {} for name in ids}
    for what, probe in tried_probes.items():
        names = [name for _, name in pairs({what: probe}, ids)]
        cases: dict[str, EvalSample[Any, Any]] = {}
        memory = Untouched(StoredNetwork(store, subject.spec, subject.slug, run_record(store).largest))
        items = _items(subject, names, probe.plan, store, cases)
        for outcome in probe.plan.run(items, batch_size=batch, memory=memory):
            case = cases.pop(outcome.key)
            results[outcome.key][what] = None
            with suppress(ModelError):  # no numbers for what the probe made of it
                if outcome.failure is None:
                    results[outcome.key][what] = _measured(subject, case, outcome, probe.plan, store)
    return results


def _items(
    subject: TaskRunner[Any, Any],
    ids: Sequence[str],
    plan: Plan,
    store: RunStore,
    cases: dict[str, EvalSample[Any, Any]],
) -> Iterator[AttackItem]:
    """The samples as the driver asks for them, kept in `cases` meanwhile: clips are too large to hold them all."""
    for name in ids:
        cases[name] = case = subject.load(name)
        yield subject.attack_item(case, plan, run_record(store).seed)


def _measured(
    subject: TaskRunner[Any, Any], case: EvalSample[Any, Any], outcome: Any, plan: Plan, store: RunStore
) -> Object:
    """What is left of an image at 8 bits, and the size of the change where its smallest is looked for."""
    image = to_image(plan.ascent.constraint.quantise(outcome.adversarial, outcome.clean)[0])
    sample = subject.measured(case, subject.predict(case, image))
    levels = int(abs(image.astype(int) - case.image.astype(int)).max())
    clean = subject.measured(case, case.prediction)
    return {
        "right": standing(run_record(store), subject.spec)(sample),
        "left": outcome.remaining / max(outcome.targets, 1),
        **({"smallest": levels if subject.succeeded(clean, sample, plan) else None} if plan.ascent.ladder else {}),
    }
