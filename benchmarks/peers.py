"""Foolscape beside torchattacks, foolbox, captum, ART, cospgd and adv-lib on dense scores.

    python -m pip install --no-deps --no-build-isolation -r benchmarks/requirements-peers.txt
    python benchmarks/peers.py [--model bundled:scenes-unet] [--data scenes:] [--limit 4] [--budget 60]
        [--eps 0.5/255,1/255,2/255,4/255,8/255] [--suite strength,cost,memory,dag] [--only foolscape,ART]
        [--rounds 5] [--json FILE] [--plot FILE.png]

The same network, images, labels and number of gradients for all. Strength is the mIoU that is left, pooled, in float
and rounded to 8 bits inside the bound. Cost is per gradient, over that of a bare loop of forward pass and gradient in
the same process, by turns; memory is the peak of a process of its own. A library that is not installed is listed with
the reason, and so is what cannot run on dense scores. --suite dag is DAG alone, over images of differing difficulty.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from comparison import tables
from comparison.adversary import Goal, compare
from comparison.contender import Absent, Contender
from comparison.cost import memory, times
from comparison.field import field, versions
from comparison.own import LIBRARY, WORST_CASE
from comparison.stand import Settings, open_stand
from comparison.strength import Score, clean, measure, verdicts
from foolscape.errors import FoolscapeError, SettingError, unknown
from foolscape.pixels import Levels
from foolscape.run.settings.config import size_of

SUITES = ("strength", "cost", "memory", "dag")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--suite", default="strength,cost,memory", help=f"some of {','.join(SUITES)}")
    add("--model", default="bundled:scenes-unet", help="any spec of a segmentation network")
    add("--data", default="scenes:")
    add("--split")
    add("--limit", type=int, default=4, help="images")
    add("--size", help="HEIGHTxWIDTH to resize to")
    add("--crop", help="HEIGHTxWIDTH of the part from the middle of each image that is attacked")
    add("--classes", type=Path, help="a file with the names of the output channels")
    add("--budget", type=int, default=60, help="gradients per image, for every attack")
    add("--eps", default="0.5/255,1/255,2/255,4/255,8/255")
    add("--only", default="", help="beginnings of the names of attacks or libraries")
    add("--rounds", type=int, default=5, help="of the cost; repetitions of --suite dag")
    add("--cost-steps", type=int, default=30, help="gradients per run of the cost and the memory")
    add("--batch", type=int, default=1, help="images per call, for cost, memory and dag")
    add(
        "--left",
        type=float,
        default=0.1,
        help="dag: the share of pixels still right at which an image counts as fooled",
    )
    add("--device", default="cpu")
    add("--threads", type=int, default=1)
    add("--seed", type=int, default=0)
    add("--json", type=Path)
    add("--plot", type=Path)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 for a setting that does not fit."""
    try:
        _compare(parsed(arguments))
    except FoolscapeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _compare(options: argparse.Namespace) -> None:
    suites = options.suite.split(",")
    for suite in suites:
        if suite not in SUITES:
            raise unknown("suite", suite, SUITES)
    bounds = [Levels.parse(text) for text in options.eps.split(",")]
    crop = None if options.crop is None else cast(tuple[int, int], size_of("crop")(options.crop))
    settings = Settings(
        model=options.model,
        data=options.data,
        split=options.split,
        limit=options.limit,
        size=options.size,
        crop=crop,
        device=options.device,
        threads=options.threads,
        seed=options.seed,
        classes=options.classes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries' own
        contenders, absent = field([name for name in options.only.split(",") if name])
    if not contenders and suites != ["dag"]:
        raise SettingError(f"only: expected the beginning of some attack's name, got {options.only!r}")
    record: dict[str, Any] = {
        "settings": {name: str(value) for name, value in vars(options).items() if value is not None},
        "versions": versions(contenders),
        "absent": {one.name: one.reason for one in absent},
    }
    print(tables.taking_part(contenders, absent, record["versions"]), flush=True)
    if "strength" in suites:
        record |= _strength(options, settings, contenders, bounds)
        _save(options, record)
    if "cost" in suites:
        record |= _cost(options, settings, contenders, bounds[-1])
        _save(options, record)
    if "memory" in suites:
        record |= _memory(options, settings, contenders, bounds[-1])
        _save(options, record)
    if "dag" in suites:
        record |= _dag(options, settings)
    _save(options, record)


def _save(options: argparse.Namespace, record: dict[str, Any]) -> None:
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _strength(
    options: argparse.Namespace, settings: Settings, contenders: Sequence[Contender], bounds: Sequence[Levels]
) -> dict[str, Any]:
    stand = open_stand(settings)
    untouched = clean(stand)
    scores: list[Score] = []
    for score in measure(stand, contenders, bounds, options.budget, options.seed):
        if isinstance(score, Absent):
            print(f"- not measured: {score.name}: {score.reason}", flush=True)
            continue
        scores.append(score)
        print(f"{score.attack} {score.eps:g}/255: {score.miou_float:.2f} {score.miou:.2f}", file=sys.stderr, flush=True)
    print(f"\n{options.model}, {len(stand.pictures)} images of {options.data}, {options.budget} gradients each\n")
    print(tables.strength(scores, untouched) + "\n")
    for name, where in (("miou_float", "float"), ("miou", "8 bits")):
        judged = verdicts(scores, WORST_CASE, name, lambda attack: attack.startswith(LIBRARY))
        if judged:
            print(tables.verdict(judged, where), flush=True)
    if options.plot:
        # Matplotlib takes its time.
        from comparison.figure import draw

        title = f"{options.model}, {len(stand.pictures)} images, {options.budget} gradients each"
        draw(scores, untouched[0], title, options.plot)
    return {"clean": {"miou": untouched[0], "accuracy": untouched[1]}, "strength": [s.to_json() for s in scores]}


def _cost(
    options: argparse.Namespace, settings: Settings, contenders: Sequence[Contender], eps: Levels
) -> dict[str, Any]:
    steps, batch = options.cost_steps, options.batch
    costs = times(open_stand(settings), contenders, eps, steps, batch, options.rounds)
    print(f"\n{options.model}, batch {batch}, {steps} gradients, {options.rounds} rounds, {options.threads} threads\n")
    print(tables.cost(costs), flush=True)
    return {"cost": [one.to_json() for one in costs]}


def _memory(
    options: argparse.Namespace, settings: Settings, contenders: Sequence[Contender], eps: Levels
) -> dict[str, Any]:
    names = [contender.name for contender in contenders]
    peaks: dict[str, float | None] = {}
    for name, peak in memory(settings, names, eps, options.cost_steps, options.batch):
        peaks[name] = peak
        print(f"{name}: {peak} MiB", file=sys.stderr, flush=True)
    print(f"\n{options.model}, batch {options.batch}\n\n{tables.memory(peaks)}", flush=True)
    return {"memory_mib": peaks}


def _dag(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    goal = Goal(left=options.left, steps=200, step=Levels.parse("0.5/255"), width=options.batch)
    passes = compare(open_stand(settings), goal, options.rounds)
    print(
        f"\n{options.model}, {options.limit} images, batch {goal.width}, at most {goal.steps} steps of {goal.step}; "
        f"fooled: at most {goal.left:.0%} of the pixels right\n"
    )
    print(tables.adversary(passes), flush=True)
    return {"dag": [one.to_json() for one in passes]}


if __name__ == "__main__":
    sys.exit(main())
