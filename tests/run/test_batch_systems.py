"""The examples for SLURM and Kubernetes, under stand-ins of both: parts, a part that is queued again, the merge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .made import write_net, write_photos

EXAMPLES = Path(__file__).parents[2] / "examples"
MEASURE, MERGE = EXAMPLES / "slurm" / "measure.sbatch", EXAMPLES / "slurm" / "merge.sbatch"
JOB = EXAMPLES / "kubernetes" / "job.yaml"

STANDING_IN = 'echo "$@" >> asked\nexit $(cat code)\n'
"""For foolscape: notes what it is asked, and leaves with the code that a file holds."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with `bin`, which holds what a cluster has."""
    (tmp_path / "bin").mkdir()
    for name, text in {"srun": 'exec "$@"\n', "scontrol": 'echo "$@" >> requeued\n', "foolscape": STANDING_IN}.items():
        program(tmp_path, name, text)
    return tmp_path


def program(place: Path, name: str, text: str) -> None:
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}")
    (place / "bin" / name).chmod(0o755)


def shell(place: Path, *words: str | Path, **environment: str) -> int:
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(words, cwd=place, env=env, capture_output=True).returncode


def array(place: Path, *words: str, number: int = 1, script: Path = MEASURE) -> int:
    """The exit code of a task of an array of two."""
    task = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_JOB_ID": f"7_{number}"}
    return shell(place, "bash", script, *words, FOOLSCAPE_OUT="runs/array", **task)


@pytest.mark.parametrize(
    ("code", "left", "requeued"), [(0, 0, False), (3, 0, False), (2, 2, False), (1, 1, False), (6, 0, True),
                                   (143, 0, True)]
)  # fmt: skip
def test_an_array_task_is_queued_again_where_its_part_is_not_done(
    place: Path, code: int, left: int, requeued: bool
) -> None:
    (place / "code").write_text(str(code))
    assert array(place, "--model", "net.py:build", number=2) == left
    asked = (place / "asked").read_text().split()
    assert " ".join(asked) == "run --model net.py:build --out runs/array --shard 2/2 --time-budget 50m"
    assert (place / "requeued").exists() == requeued
    if requeued:
        assert (place / "requeued").read_text() == "requeue 7_2\n"


def pods() -> tuple[dict[str, Any], dict[str, Any]]:
    """The job, and its container."""
    spec: dict[str, Any] = yaml.safe_load(JOB.read_text())["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    return spec, container


def test_the_pods_of_an_indexed_job_are_the_parts(place: Path) -> None:
    spec, container = pods()
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", 16)
    for index, code, left in ((0, 0, 0), (15, 3, 0), (3, 2, 2), (3, 143, 143)):
        (place / "code").write_text(str(code))
        assert shell(place, *container["command"], *container["args"], JOB_COMPLETION_INDEX=str(index)) == left
    asked = (place / "asked").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == ["1/16", "16/16", "4/16", "4/16"]
    (fatal,) = [rule for rule in spec["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
    assert fatal["onExitCodes"]["values"] == [2]
    assert fatal["onExitCodes"]["containerName"] == container["name"]


@pytest.mark.slow
def test_with_foolscape_itself_both_give_a_whole(place: Path) -> None:
    write_net(place)
    write_photos(place / "photos", 3)
    program(place, "foolscape", f'exec "{sys.executable}" -m foolscape "$@"\n')
    options = ["--model", f"{place}/nets.py:net", "--data", f"folder:{place}/photos", "--attack", "pgd", "--steps", "1",
               "--probes", "0", "--quiet"]  # fmt: skip
    hasty = place / "measure.sbatch"  # with so short a time that a part ends after each image
    hasty.write_text(MEASURE.read_text().replace("--time-budget 50m", "--time-budget 0.001s").replace("=8\n", "=1\n"))
    merge = place / "merge.sbatch"
    merge.write_text(MERGE.read_text().replace("=8\n", "=1\n"))
    requeued = place / "requeued"
    for number, expected in ((1, 3), (2, 2)):
        ends = []
        while not ends or (ends[-1] and len(ends) < 9):
            requeued.write_text("")
            assert array(place, *options, number=number, script=hasty) == 0
            ends.append(requeued.read_text())
        assert len(ends) == expected
    assert shell(place, "bash", merge, FOOLSCAPE_OUT="runs/array") == 0
    _, container = pods()
    (text,) = container["args"]
    ours = text.replace("--model /data/net.py:build --data coco:/data/coco", " ".join(options))
    ours = ours.replace("/data/runs/array", "runs/pods").replace("/16", "/2")
    for index in ("0", "1"):
        assert shell(place, *container["command"], ours, JOB_COMPLETION_INDEX=index) == 0
    assert shell(place, "foolscape", "merge", "runs/pods") == 0
    one, other = (json.loads((place / "runs" / name / "summary.json").read_text()) for name in ("array", "pods"))
    assert one == other
    assert one["data"]["samples"] == 3
