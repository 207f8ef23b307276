"""Directories of runs: to be gone on with, and to be reported."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from foolscape.report.run_kinds import kind_of, unfinished
from foolscape.run.partial import write_partial
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_tree
from tests.report import fake_detection, fake_harden, fake_run, fake_transfer, fake_universal, fake_video
from tests.run.made import do_run, write_net, write_photos


def _mutate(rng: Random, root: Path, texts: tuple[str, ...]) -> Mutation:
    """A file of JSON, or of JSON lines, of those that are called one of `texts`; or the tree."""
    kind = rng.random()
    if kind < 0.25:
        return mutate_tree(rng, root, "run")
    path = rng.choice(
        [path for path in sorted(root.glob("run/**/*.json*")) if path.name in texts and path.stat().st_size]
    )
    content = path.read_bytes()
    if kind < 0.5:
        mutated, mutation = mutate_bytes(rng, content)
    elif path.suffix == ".jsonl":
        lines = content.split(b"\n")
        at = rng.randrange(len(lines) - 1)  # behind the last end of a line stands nothing, or half a row
        lines[at], mutation = mutate_json(rng, json.loads(lines[at]))
        mutated = b"\n".join(lines)
    else:
        mutated, mutation = mutate_json(rng, json.loads(content))
    path.write_bytes(mutated)
    return Mutation(f"{path.name}: {mutation.what}")


def make_resume(root: Path) -> None:
    """A run of two images that was stopped when the second was under way."""
    write_net(root)
    write_photos(root / "photos", 2)
    do_run(root / "run", **_settings(root))
    (root / "whole.json").write_text(json.dumps(_figures(json.loads((root / "run/summary.json").read_text()))))
    for name in ("summary.json", "report.html"):
        (root / "run" / name).unlink()
    rows = (root / "run/rows.jsonl").read_bytes()
    (root / "run/rows.jsonl").write_bytes(rows[: rows.index(b"photo1") + 9])


def _settings(root: Path) -> dict[str, Any]:
    return {"models": [f"{root}/nets.py:net"], "data": f"folder:{root / 'photos'}", "attack": "fgsm", "probes": 0}


def _figures(summary: dict[str, Any]) -> Any:
    """What was measured, without what depends on the clock or the folder."""
    kept = [{key: one[key] for key in ("conditions", "samples", "distortion")} for one in summary["models"]]
    return [kept, summary["failures"]]


def mutate_resume(rng: Random, root: Path) -> Mutation:
    """What the run has written; nobody wrote it but the run, so that another figure in it counts as no fault here."""
    return _mutate(rng, root, ("run.json", "rows.jsonl", "nets-net.json"))


def read_resume(root: Path) -> Found:
    """The same command again: the totals are its images, all of them measured or given up."""
    said: list[str] = []
    summary = do_run(root / "run", said, **_settings(root))
    model = summary["models"][0]
    reasons = [f"failed: {one['reason']}" for one in summary["failures"]]
    missing = [
        place
        for place in ("clean", f"images/{model['slug']}", f"predictions/{model['slug']}/adversarial")
        for photo in ("photo0", "photo1")
        if not _is_picture(root / "run" / place / f"{photo}.png")
    ]
    return Found((model["samples"], len(missing)), json.dumps(_figures(summary), sort_keys=True), (*said, *reasons))


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:4] == b"\x89PNG"


def held_resume(root: Path) -> tuple[int, ...]:
    """Both images, and no picture missing."""
    del root
    return 2, 0


def _maker(write: Callable[[Path], Path]) -> Callable[[Path], None]:
    return lambda root: (write(root / "run"), None)[1]


REPORTS: dict[str, Callable[[Path], Path]] = {
    "masks": lambda folder: fake_run.write(folder, fake_run.Plan(fake_run.pictures(["a", "b"], 16, 24))),
    "boxes": lambda folder: fake_detection.write(folder, fake_detection.Plan(ids=("a", "b"), size=(24, 32))),
    "clips": lambda folder: fake_video.write(folder, fake_video.Plan(ids=("a",), size=(24, 32), frames=3)),
    "transfer": lambda folder: fake_transfer.write(folder, fake_transfer.matrix()),
    "universal": fake_universal.write,
    "harden": fake_harden.write,
}
"""What writes a finished run of each kind."""


def mutate_report(rng: Random, root: Path) -> Mutation:
    """What a stranger may have written."""
    return _mutate(rng, root, ("run.json", "summary.json", "transfer.json", "rows.jsonl"))


def read_report(root: Path) -> Found:
    """The page, the texts and the tables, as `foolscape report` makes them."""
    directory, console = root / "run", Console(file=io.StringIO(), width=100)
    if unfinished(directory):
        write_partial(directory)
    kind = kind_of(directory)
    kind.write_page(directory)
    kind.write_texts(directory)
    kind.print_tables(directory, console)
    return Found(())


FAMILIES = (
    Family("resume", make_resume, mutate_resume, read_resume, held_resume, weight=10),
    *(
        Family(f"report {kind}", _maker(write), mutate_report, read_report, weight=12)
        for kind, write in REPORTS.items()
    ),
)
