"""Figures of a command at work for Prometheus, in the form that a node exporter takes from text files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from foolscape.disk import write_passing
from foolscape.records.progress import Progress
from foolscape.run.watching.tally import FAILED, Tally

Samples = Iterable[tuple[Mapping[str, str], float | None]]
"""Labels and values; without a value there is no line."""


class MetricsFile:
    """Writes the figures of a command to the file at `path`; a `Sink`.

    Args:
        path: of the file, whose name ends in `.prom` for a node exporter.
        run: the name of the run's directory.
        tally: counts what the command tells.
    """

    def __init__(self, path: Path, run: str, tally: Tally) -> None:
        self._path, self._run, self._tally = path, run, tally

    def __call__(self, progress: Progress) -> None:
        """Write it anew."""
        text = metrics_text(progress, self._run, self._tally.outcomes_now())
        write_passing(self._path.parent, self._path.name, text.encode("utf-8", "backslashreplace"))


def metrics_text(progress: Progress, run: str, outcomes: Mapping[tuple[str, str], int]) -> str:
    """The figures of a command.

    Args:
        progress: how far it is.
        run: the label of all of them.
        outcomes: images settled, by model and by what came of them.
    """
    own, whole = {"run": run}, progress.whole
    models = sorted({model for model, _ in outcomes})
    done = [({**own, "model": model}, sum(n for (of, _), n in outcomes.items() if of == model)) for model in models]
    failed = [({**own, "model": model}, outcomes.get((model, FAILED), 0)) for model in models]
    each = [({**own, "model": model, "outcome": what}, n) for (model, what), n in sorted(outcomes.items())]
    parts = [({**own, "part": part.title}, part) for part in progress.parts]
    families: tuple[tuple[str, str, str, Samples], ...] = (
        ("images_done_total", "counter", "Images settled by this process.", done),
        ("images_failed_total", "counter", "Of these, images that could not be measured.", failed),
        ("images_outcome_total", "counter", "Images settled by what came of them.", each),
        ("part_images_done", "gauge", "Images settled of a part.", [(labels, part.done) for labels, part in parts]),
        ("part_images", "gauge", "Images of a part.", [(labels, part.total) for labels, part in parts]),
        ("images_per_second", "gauge", "By the last images.", [(own, progress.rate)]),
        ("part_seconds_left", "gauge", "Of the part under way.", [(own, progress.left)]),
        ("runs_done", "gauge", "Runs done, of several.", [(own, None if whole is None else whole.done)]),
        ("runs", "gauge", "Runs, of several.", [(own, None if whole is None else whole.total)]),
        ("workers", "gauge", "Workers that take part.", [(own, len(progress.workers))]),
        ("workers_lost_total", "counter", "Workers that died or were not let in.", [(own, progress.gone_count)]),
        ("memory_bytes", "gauge", "The most memory held by the process.", [(own, progress.memory)]),
        ("running", "gauge", "1 at work, 0 ended.", [(own, int(progress.state == "running"))]),
        ("finished", "gauge", "1 when all is done.", [(own, int(progress.state == "finished"))]),
        ("updated_timestamp_seconds", "gauge", "When this was written.",
         [(own, datetime.fromisoformat(progress.updated).timestamp())]),
    )  # fmt: skip
    return "".join(line for family in families for line in _lines(*family))


def _lines(name: str, kind: str, about: str, samples: Samples) -> Iterator[str]:
    lines = [f"foolscape_{name}{{{_labels(labels)}}} {value}\n" for labels, value in samples if value is not None]
    if lines:
        yield f"# HELP foolscape_{name} {about}\n# TYPE foolscape_{name} {kind}\n"
        yield from lines


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
