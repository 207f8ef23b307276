"""What a whole run costs over the bare gradients that it takes, and reading and writing its files.

    python benchmarks/end_to_end.py [--only unet,espnet,fastestdet] [--limit 24] [--rounds 3] [--batch 1] [--probes 0]
        [--profile] [--json FILE]

PGD with 20 steps, as `foolscape run` makes it from the settings to the page. Beside it, in the same process and in
turns with it, what nobody can save: reading each image and its annotation, 20 forward and backward passes of the same
network on it, and writing the very pictures that the run has written, as Pillow does by default. The figures are ratios
of CPU time, of all threads; wall time stands beside them. Other attacks that are tried for the verdict stand on their
own line. What a run does once, however many images there are, is counted once for so many as `--of` says.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch.nn import functional

from foolscape.errors import SettingError
from foolscape.problem import IGNORE
from foolscape.records.places import ROWS, is_picture
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import LoadedModel, Setup, open_setup

STEPS: Final = 20  # as many as PGD takes by default
OPENING, PROBES, MEASURING = "opening", "trying other attacks", "measuring"
ONCE: Final = (OPENING, "checks", "summing up", "page")
"""Phases of a run whose cost does not grow with the images, or hardly."""

REAL: Final = Path(os.environ.get("FOOLSCAPE_REAL", "../shared/real"))
CASES: Final[dict[str, dict[str, object]]] = {
    "unet": {"models": ["bundled:scenes-unet"], "data": "scenes:", "split": "test"},
    "espnet": {
        "models": [f"{REAL / 'models/espnet.py'}:espnet_camvid"],
        "data": f"camvid:{REAL / 'data/camvid'}",
        "split": "test",
    },
    "fastestdet": {
        "models": [f"{REAL / 'models/fastestdet.py'}:fastestdet_coco"],
        "data": f"coco:{REAL / 'data/coco_val_mini'}",
        "size": "352x352",
    },
}
"""By name: a network and its images. The two that are not bundled are read from FOOLSCAPE_REAL."""


@dataclass(frozen=True)
class Spent:
    """Seconds of one piece of work: of the CPU, all threads together, and by the clock on the wall."""

    cpu: float
    wall: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def over(self, other: Spent) -> Spent:
        """The ratios."""
        return Spent(self.cpu / other.cpu, self.wall / other.wall)


NOTHING: Final = Spent(0.0, 0.0)


@dataclass
class Watch:
    """Splits the time that passes between phases.

    Attributes:
        phases: what each took, in the order in which they came.
    """

    phases: dict[str, Spent] = field(default_factory=dict)
    _now: str | None = None
    _began: Spent = NOTHING

    def begin(self, phase: str | None) -> None:
        """End the phase that is on, and begin the next one, if there is one."""
        now = Spent(time.process_time(), time.perf_counter())
        if self._now is not None:
            spent = Spent(now.cpu - self._began.cpu, now.wall - self._began.wall)
            self.phases[self._now] = self.phases.get(self._now, NOTHING) + spent
        self._now, self._began = phase, now

    @contextmanager
    def measuring(self, title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        """The images of a run, as `Listener.progress`."""
        del title, total, done
        self.begin(MEASURING)
        yield unheard


def pictures_of(directory: Path) -> dict[str, list[Image.Image]]:
    """The pictures that the run in `directory` has written, decoded, by image."""
    found: dict[str, list[Image.Image]] = {}
    for line in (directory / ROWS).read_text().splitlines():
        row = json.loads(line)
        for place in row.get("files", {}):
            if is_picture(place):
                with Image.open(directory / place) as picture:
                    found.setdefault(row["id"], []).append(picture.copy())
    return found


def unheard(text: str) -> None:
    """For nobody."""
    del text


def whole(config: RunConfig, out: Path) -> Watch:
    """A run from its settings to its page."""
    watch = Watch()
    watch.begin(OPENING)
    execute(config, out, (), Listener(unheard, watch.measuring, phase=watch.begin))
    watch.begin(None)
    return watch


def bare(entry: LoadedModel, setup: Setup, pictures: Mapping[str, list[Image.Image]], out: Path) -> Watch:
    """What the run cannot do without, image by image."""
    watch = Watch()
    for name in setup.ids:
        images, labels = _targets(entry, name)
        watch.begin("reading")
        setup.data.load(name)
        watch.begin("gradients")
        for _ in range(STEPS):
            inputs = images.clone().requires_grad_(True)
            loss = functional.cross_entropy(entry.scorer.logits(inputs), labels, ignore_index=IGNORE, reduction="sum")
            torch.autograd.grad(loss, inputs)
        watch.begin("writing")
        for place, picture in enumerate(pictures[name]):
            picture.save(out / f"{name.replace('/', '-')}-{place}.png")
        watch.begin(None)
    return watch


def _targets(entry: LoadedModel, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """An image (1, 3, H, W) and its labels, made outside of all figures."""
    assert entry.plan is not None
    problem = entry.subject.attack_item(entry.subject.load(name), entry.plan, 0).problem
    return problem.images, problem.labels


def _warm(entry: LoadedModel, name: str) -> None:
    """Take a gradient as attacks take it, for which PyTorch imports modules the first time: 1.5 s, once a process."""
    images, _ = _targets(entry, name)
    inputs = images.clone().requires_grad_(True)
    scores = entry.scorer.logits(inputs)
    torch.autograd.grad(scores, inputs, torch.ones_like(scores))


@dataclass(frozen=True)
class Round:
    """One run, and the bare work beside it, by phase."""

    run: dict[str, Spent]
    least: dict[str, Spent]

    @property
    def whole_least(self) -> Spent:
        """All of the bare work."""
        return sum(self.least.values(), NOTHING)

    def factor(self, images: int, of: int) -> Spent:
        """What a run of `of` images costs over the bare work on them, from one of `images`; without other attacks."""
        share = images / of
        once = sum((spent for phase, spent in self.run.items() if phase in ONCE), NOTHING)
        whole = Spent(once.cpu * share, once.wall * share) + self.run[MEASURING]
        return whole.over(self.whole_least)


def measured(name: str, given: argparse.Namespace) -> list[Round]:
    """The rounds of one case."""
    config = settled(name, given)
    setup = open_setup(config, torch.device("cpu"))
    (entry,) = setup.entries
    _warm(entry, setup.ids[0])
    rounds = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            out, beside = Path(folder) / "run", Path(folder) / "bare"
            beside.mkdir()
            run = whole(config, out).phases
            rounds.append(Round(run, bare(entry, setup, pictures_of(out), beside).phases))
    return rounds


def settled(name: str, given: argparse.Namespace) -> RunConfig:
    """The settings of a case."""
    settings = CASES[name] | {
        "attack": "pgd", "steps": STEPS, "limit": given.limit, "batch": given.batch, "probes": given.probes,
        "device": "cpu",
    }  # fmt: skip
    return with_attack(with_task(make_config(settings)))[0]


def said(name: str, rounds: Sequence[Round], given: argparse.Namespace) -> dict[str, object]:
    """Print the medians of a case, in shares of the bare work, and give them back."""
    shares: dict[str, Spent] = {}
    for phase in {**rounds[0].least, **rounds[0].run}:
        parts = [(one.least | one.run)[phase] for one in rounds]
        shares[phase] = middle([s.over(one.whole_least) for s, one in zip(parts, rounds, strict=True)])
    factor = middle([one.factor(given.limit, given.of) for one in rounds])
    print(f"{name}, {given.limit} images, batch {given.batch}: shares of the bare work, CPU time (wall time)")
    for phase, spent in shares.items():
        print(f"  {phase:22} {spent.cpu:6.3f} ({spent.wall:.3f})")
    print(f"  a run of {given.of} images without other attacks: {factor.cpu:.3f} ({factor.wall:.3f})", flush=True)
    return {"case": name, "factor": asdict(factor), **{phase: asdict(spent) for phase, spent in shares.items()}}


def middle(ratios: Sequence[Spent]) -> Spent:
    """The medians."""
    return Spent(statistics.median(one.cpu for one in ratios), statistics.median(one.wall for one in ratios))


def profiled(name: str, given: argparse.Namespace) -> None:
    """Print where the time of a run goes: of the attack's thread, for a profiler sees no other."""
    config = settled(name, given)
    with tempfile.TemporaryDirectory() as folder, cProfile.Profile() as profile:
        whole(config, Path(folder) / "run")
    pstats.Stats(profile).sort_stats("cumulative").print_stats(80)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--only", default=",".join(CASES))
    add("--limit", type=int, default=24, help="images")
    add("--of", type=int, default=200, help="images that the factor is of")
    add("--rounds", type=int, default=3)
    add("--batch", type=int, default=1)
    add("--probes", type=int, help="images that other attacks are tried on, by default as `foolscape run` has it")
    add("--profile", action="store_true", help="where the run's time goes, from one run of each")
    add("--json", type=Path, help="a file for the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parsed(arguments)
    torch.set_num_threads(1)
    ready_device("cpu")  # as every run does; the bare work has the same of it
    names = given.only.split(",")
    if strange := [name for name in names if name not in CASES]:
        raise SettingError(f"only: expected some of {', '.join(CASES)}, got {', '.join(strange)}")
    if given.profile:
        for name in names:
            profiled(name, given)
        return
    found = [said(name, measured(name, given), given) for name in names]
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
