"""Two workers of one thread, one process of two threads, one process of one: images per second of one run each.

    python benchmarks/workers.py [--images 40] [--steps 20] [--rounds 3] [--model SPEC] [--data SPEC] [--size HxW]
        [--json FILE]

Each is a process of its own that does what `foolscape run --attack pgd --probes 0` does; they take turns, `--rounds`
times, and medians are printed. The rate is that of the images between the first that is settled and the last, so that
neither what goes before nor what follows is in it. The other columns are seconds by the clock: `start` until models and
data are open, `checks` of the model, `to first` until the first image is settled, in which workers begin, `attack` from
there to the last image, `rest` summary, slices and page. `cpu` is the CPU time of the process and its workers in all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

SETUPS: Final = {"one process, 1 thread": (1, None), "one process, 2 threads": (2, None), "2 workers, 1 thread": (2, 2)}
"""Threads that the command may take, and its workers."""

COLUMNS: Final = ("rate", "start", "checks", "to first", "attack", "rest", "cpu")


@dataclass
class Watch:
    """When what happened, in seconds of the clock from the start of the process on."""

    began: float
    phases: dict[str, float] = field(default_factory=dict)
    settled: list[float] = field(default_factory=list)

    def now(self) -> float:
        return time.time() - self.began

    def phase(self, what: str) -> None:
        self.phases.setdefault(what, self.now())

    @contextmanager
    def progress(self, title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        del title, total, done
        self.phases.setdefault("attack", self.now())
        yield lambda _: self.settled.append(self.now())


def child(given: dict[str, Any]) -> dict[str, float]:
    """Do a run, and say what took how long."""
    watch = Watch(given["began"])
    from foolscape.run.execute import execute
    from foolscape.run.listener import Listener
    from foolscape.run.settings.config import make_config
    from foolscape.run.settings.resources import Resources

    listener = Listener(lambda _: None, watch.progress, phase=watch.phase)
    with tempfile.TemporaryDirectory() as out:
        resources = Resources(workers=given["workers"])
        execute(make_config(given["settings"]), Path(out) / "run", ["benchmark"], listener, resources=resources)
    end = watch.now()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    first, last = watch.settled[0], watch.settled[-1]
    return {
        "rate": (len(watch.settled) - 1) / (last - first),
        "start": watch.phases["checks"],
        "checks": watch.phases["attack"] - watch.phases["checks"],
        "to first": first - watch.phases["attack"],
        "attack": last - first,
        "rest": end - last,
        "cpu": sum(one.ru_utime + one.ru_stime for one in used),
    }


def measured(settings: dict[str, Any], threads: int, workers: int | None) -> dict[str, float]:
    """`child` in a process of its own."""
    given = {"settings": settings, "workers": workers, "began": time.time()}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command = [sys.executable, __file__, "--child", json.dumps(given)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(name: str, figures: dict[str, float]) -> str:
    return f"{name:24}" + "".join(f"{figures[key]:10.2f}" for key in COLUMNS)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="bundled:scenes-unet")
    parser.add_argument("--data", default="scenes:")
    parser.add_argument("--size")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(child(json.loads(given.child))))
        return
    settings = {"models": [given.model], "data": given.data, "attack": "pgd", "steps": given.steps, "probes": 0,
                "limit": given.images, "size": given.size}  # fmt: skip
    settings = {name: value for name, value in settings.items() if value is not None}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SETUPS}
    print(" " * 24 + "".join(f"{heading:>10}" for heading in COLUMNS))
    for _ in range(given.rounds):
        for name, (threads, workers) in SETUPS.items():
            found[name].append(measured(settings, threads, workers))
            print(_line(name, found[name][-1]), flush=True)
    print("\nmedians")
    medians = {name: {key: median(one[key] for one in runs) for key in COLUMNS} for name, runs in found.items()}
    for name, one in medians.items():
        print(_line(name, one))
    if given.json is not None:
        given.json.write_text(json.dumps({"settings": settings, "runs": found, "medians": medians}, indent=1))


if __name__ == "__main__":
    main()
