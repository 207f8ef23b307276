"""Help, lists and mistyped words are answered at once: none of them imports torch."""

import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

SHOWN = (
    "--help",  # first: what it loads is what a fresh process loads
    "--version",
    *(f"{name} -h" for name in ("run", "transfer", "universal", "apply", "harden", "report", "check", "list", "demo")),
    "list models",
    "list attacks",
    "list data",
)
"""Command lines that print what is asked for."""

REFUSED = (
    "list nothing",
    "runs",
    "run --epss 8/255",
    "run --model bundled:scenes-unet --data scenes: --limit many",
    "run --model bundled:scenes-unet --data scenes: --eps 8",
    "run --model bundled:scenes-unet --data scenes: --size 12",
    "run --model bundled:scenes-unet --data scenes: --task segmentatoin",
    "run --model bundeled:scenes-unet --data scenes:",
    "run --data scenes:",
    "run --model bundled:scenes-unet --data scene:",
    "run --model bundled:scenes-unet --data scenes: --attack pdg",
    "run --model bundled:scenes-unet --data scenes: --attack pgd?ep=8/255",
    "transfer --model bundled:scenes-unet --data scene:",
    "harden --model bundled:scenes-unet --data scene: --train-split train --test-split test",
    "universal --model bundled:scenes-unet --data scene: --train-split train --test-split test --target x",
    "transfer --model bundled:scenes-unet --data scenes: --eps 8",
    "harden --model bundled:scenes-unet --data scenes: --attack segpg",
    "universal --model bundled:scenes-unet --data scenes: --train-split train --test-split test --target x --eps 8",
    "check --model bundled:scenes-unet --size 12",
    "report nowhere",
)
"""Command lines with a word that does not fit."""

SCRIPT = """
import json, sys
import foolscape

found = {"import foolscape": [0, sorted(sys.modules)]}
from foolscape.cli import main

for command in sys.argv[1:]:
    try:
        main(command.split())
    except SystemExit as end:
        found[command] = [end.code, sorted(sys.modules)]
print(json.dumps(found))
"""

FEW = {
    "annotated_doc",
    "attr",
    "foolscape",
    "markdown_it",
    "mdurl",
    "pydantic",
    "pydantic_core",
    "pygments",
    "rich",
    "shellingham",
}
FEW |= {"typer", "typing_extensions", "typing_inspection", "annotated_types", "yaml"}
"""Packages that print help and read settings. Any other, such as numpy, would be waited for: torch for seconds."""


def test_what_is_answered_without_torch(tmp_path: Path) -> None:
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="")
    script = [sys.executable, "-c", SCRIPT, *SHOWN, *REFUSED]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert [name for name, (_, modules) in found.items() if "torch" in modules] == []
    assert {name: found[name][0] for name in SHOWN} == dict.fromkeys(SHOWN, 0)
    assert [name for name in REFUSED if found[name][0] not in (1, 2)] == []
    packages = {module.split(".")[0] for module in found["--help"][1]} & set(packages_distributions())
    assert {name for name in packages if not name.startswith("_")} <= FEW
    assert list(tmp_path.iterdir()) == []


def test_help_whose_reader_leaves(tmp_path: Path) -> None:
    """`foolscape --help | head -1` is no error, and prints no traceback."""
    for command, code in (("--help", 0), ("run --epss 1", 2)):
        with subprocess.Popen(
            [sys.executable, "-c", "from foolscape.cli import main; main()", *command.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if code == 0 else subprocess.STDOUT,
            cwd=tmp_path,
        ) as process:
            assert process.stdout is not None
            process.stdout.close()  # before anything is written
            told = process.stderr.read() if process.stderr is not None else b""
        assert (process.returncode, told) == (code, b""), command
