"""When a run's figure should not be trusted: what its own numbers, and a few more attacks, say against it.

The signs are those by which Carlini et al. 2019 (On Evaluating Adversarial Robustness, arXiv 1902.06705, section 5)
and Athalye et al. 2018 (Obfuscated Gradients, arXiv 1802.00420, section 3.1) know an attack that is weaker than it
looks: random changes do as well, a larger bound or more steps do worse, no bound at all leaves something right, and an
attack without gradients, or a change made for another network, does better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from foolscape.attacks.plan import AGAINST, Options, Plan
from foolscape.errors import FoolscapeError, SettingError
from foolscape.pixels import Levels
from foolscape.run.store import FAILED, Record, RunStore
from foolscape.run.stored_network import StoredNetwork
from foolscape.run.subject import ADVERSARIAL, Subject

LARGER, LONGER, UNBOUND = "twice the bound", "twice the steps", "no bound"
"""The probes: the same attack with one thing changed."""

QUERIES: Final = 200
SQUARE: Final = f"Square, {QUERIES} queries"
"""One more probe: an attack that knows nothing of gradients, under the same bound. It costs forward passes alone."""

_WIDE: Final = Levels.parse("64/255")
"""In effect no bound: a quarter of the range changes any picture beyond recognition."""

_SLACK, _LITTLE, _ROUNDING, _CHANCE = 0.02, 0.05, 2.0, 1.0
"""Shares of the targets that are within chance, and that count as nothing left; points that rounding may cost, and that
are within chance."""

_HEADLINES: Final = ("mIoU", "AP50", "J&F", "G")


def probes(settled: Plan, options: Options, planned: Callable[[str, Options], Plan]) -> dict[str, Plan]:
    """The attack `settled` under other bounds and numbers of steps, and Square, as far as they make sense for it.

    Args:
        settled: the attack; none is probed that has no bound, or takes no gradient.
        options: that it was settled from.
        planned: from an attack's name and options to a plan.
    """
    if settled.eps is None or settled.ascent.blind:
        return {}
    return _changed(settled, options, planned) | _blind(settled, options, planned)


def _blind(settled: Plan, options: Options, planned: Callable[[str, Options], Plan]) -> dict[str, Plan]:
    """Square at the bound of `settled`, where both count the same targets as left."""
    if settled.norm != "linf" or settled.variant == "released" or settled.ascent.refresh:
        return {}
    own = ("eps", "goal", "victim", "window", "sampling", "supervision")
    against = None if settled.window is None else AGAINST[settled.window.objects]
    same = {name: getattr(options, name) for name in own} | {"against": against}
    return {SQUARE: planned("square", Options(steps=QUERIES, **same))}


def _changed(settled: Plan, options: Options, planned: Callable[[str, Options], Plan]) -> dict[str, Plan]:
    """The same attack with one thing changed; none of one that is more than one ascent."""
    if settled.runner is not None:
        return {}
    assert settled.eps is not None
    wanted: dict[str, dict[str, Any]] = {
        LARGER: {"eps": Levels(2 * settled.eps.levels)},
        LONGER: {"steps": 2 * settled.steps},
        UNBOUND: {"eps": _WIDE, "steps": 2 * settled.steps, "step": None},
    }
    if settled.ascent.refresh:  # what is left is of the targets found last, which are others in every attack
        wanted = {UNBOUND: wanted[UNBOUND]}
    found = {}
    for name, changed in wanted.items():
        try:
            found[name] = planned(settled.name, replace(options, **changed))
        except SettingError:  # one step is all that fgsm takes; an eps above 1 is none
            continue
    return found


def probe(
    subject: Subject[Any, Any], ids: Iterable[str], plans: Mapping[str, Plan], store: RunStore, seed: int
) -> Record:
    """The share of the targets that each of `plans` leaves on each of `ids`, or why there is none."""
    found: Record = {}
    for name in ids:
        case = subject.load(name)
        found[name] = {}
        for what, plan in plans.items():
            entrant = subject.entrant(case, plan, seed)
            keeper = StoredNetwork(store, subject.spec, subject.slug)
            (outcome,) = plan.run([entrant], width=1, keeper=keeper)
            found[name][what] = None if outcome.failure else outcome.left / max(outcome.targets, 1)
    return found


def probe_stored(subject: Subject[Any, Any], count: int, plans: Mapping[str, Plan], store: RunStore, seed: int) -> None:
    """`probe` the first `count` samples that were attacked, unless the run's directory has it already."""
    place = store.directory / "probes" / f"{subject.slug}.json"
    if place.exists() or not plans or not count:
        return
    order = {sample["id"]: i for i, sample in enumerate(store.record["samples"])}
    attacked = {r["id"] for r in store.rows if r["model"] == subject.spec and r["condition"] == ADVERSARIAL}
    try:
        found = probe(subject, sorted(attacked, key=order.__getitem__)[:count], plans, store, seed)
    except FoolscapeError as error:
        found = {FAILED: str(error)}
    store.save_json(f"probes/{subject.slug}.json", found)


def findings(
    conditions: Mapping[str, Record], rows: Sequence[Record], gradient: Record | None, probed: Record
) -> list[Record]:
    """What there is to say, `{"check", "ok", "detail"}` each; `ok` is null where a check could not be made.

    Args:
        conditions: scores as in summary.json.
        rows: of the attacked images.
        gradient: the verdict on the input gradient in run.json.
        probed: what `probe` found.
    """
    key = next(name for name in _HEADLINES if name in conditions["clean"])
    score = {name: found.get(key) for name, found in conditions.items()}
    # Not the message, which names the batch: a summary does not depend on it.
    found = [] if gradient is None else [_finding("right in its gradient", bool(gradient["ok"]), str(gradient["kind"]))]
    for name, what in (("noise", "noise of its size"), ("permuted", "its own change shuffled")):
        found.append(_weaker(f"stronger than {what}", key, score, name))
    found.append(_rounded(key, score))
    return [*found, *_probed(rows, probed)]


def _weaker(check: str, key: str, score: Mapping[str, float | None], control: str) -> Record:
    attacked, other = score.get("adversarial"), score.get(control)
    if attacked is None or other is None:
        return _finding(check, None, f"{key} is not defined")
    return _finding(check, attacked < other, f"{key} {attacked:.1f} against {other:.1f}")


def _rounded(key: str, score: Mapping[str, float | None]) -> Record:
    check = "holds at 8 bits"
    attacked, exact = score.get("adversarial"), score.get("adversarial_float")
    if attacked is None or exact is None:
        return _finding(check, None, f"{key} is not defined")
    return _finding(check, attacked <= exact + _ROUNDING, f"{key} {attacked:.1f} at 8 bits, {exact:.1f} in float")


def _probed(rows: Sequence[Record], probed: Record) -> Iterator[Record]:
    if FAILED in probed:
        yield _finding("probes", None, str(probed[FAILED]))
        return
    own = {row["id"]: row["attack"]["left"] / max(row["attack"]["targets"], 1) for row in rows}
    checks = {LARGER: "no worse with", LONGER: "no worse with", UNBOUND: "nothing is left with", SQUARE: "as strong as"}
    for what, says in checks.items():
        left = {name: found[what] for name, found in probed.items() if found.get(what) is not None}
        if not left:
            continue
        if what == SQUARE:  # here the attack itself is not to leave more than the probe
            worst = max(left, key=lambda name: own[name] - left[name])
            ok = own[worst] <= left[worst] + _SLACK
        elif what == UNBOUND:
            worst = max(left, key=left.__getitem__)
            ok = left[worst] <= _LITTLE
        else:
            worst = max(left, key=lambda name: left[name] - own[name])
            ok = left[worst] <= own[worst] + _SLACK
        yield _finding(
            f"{says} {what}",
            ok,
            f"{100 * left[worst]:.1f} % of the targets left on {worst}, {100 * own[worst]:.1f} % by the attack itself",
        )


def transferred(slug: str, key: str, settled: Plan | None, lines: Sequence[Record]) -> Record:
    """Whether the change made for the network `slug` does more to it than those made for others.

    Args:
        slug: of the network.
        key: the name of its score.
        settled: its attack.
        lines: of the matrix of a transfer.
    """
    check = "stronger than what was made for others"
    if settled is None or settled.eps is None:
        return _finding(check, None, "without a bound changes are of different size")
    if settled.victim is not None or (settled.goal is not None and settled.goal.name != "untargeted"):
        return _finding(check, None, f"{key} is not what the attack is after")
    own: float | None = None
    foreign: dict[str, float] = {}
    for line in lines:
        score = line["scores"][slug]
        if score is None or line["permuted"]:
            continue
        if list(line["sources"]) == [slug]:
            own = score
        elif slug not in line["sources"] and (line["joint"] or len(line["sources"]) == 1):
            foreign[line["name"]] = score
    if own is None or not foreign:
        return _finding(check, None, f"{key} is not defined")
    best = min(foreign, key=foreign.__getitem__)
    detail = f"{key} {own:.1f} against {foreign[best]:.1f} by {best}"
    return _finding(check, own <= foreign[best] + _CHANCE, detail)


def _finding(check: str, ok: bool | None, detail: str) -> Record:
    return {"check": check, "ok": ok, "detail": detail}
