"""The runs of schema 2 that are kept; `python -m tests.records.kept` makes them anew, which another schema alone needs.

`finished` is a whole run; `half` is the same run, killed while it wrote the rows of its second image.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Final

import torch

from foolscape.cli import main as foolscape
from tests.golden.reading import cpu

PLACE: Final = Path(__file__).parent / "schema2"
_LEFT_OUT: Final = ("report.html", ".lock")

COMMANDS: Final = {
    "segmentation": "run --model bundled:scenes-unet --data scenes: --split test --limit 2 --size 32x48 --attack pgd "
    "--eps 4/255 --steps 3 --probes 0 --batch 1 --device cpu",
    "detection": "run --model bundled:scenes-detector --data scenes: --split test --limit 2 --size 32x48 --attack pgd "
    "--eps 4/255 --steps 2 --probes 0 --batch 1 --device cpu",
}
"""By name: what is typed after `foolscape`, but for --out."""


def made(name: str, out: Path) -> Path:
    """The run of this name in `out`, begun or gone on with."""
    torch.set_num_threads(1)
    try:
        foolscape([*shlex.split(COMMANDS[name]), "--quiet", "--out", str(out)])
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{name} ended with {end.code}") from end
    return out


def main() -> None:
    for name in COMMANDS:
        folder = PLACE / name
        shutil.rmtree(folder, ignore_errors=True)
        finished = made(name, folder / "finished")
        for left_out in _LEFT_OUT:
            (finished / left_out).unlink(missing_ok=True)
        half = folder / "half"
        shutil.copytree(finished, half)
        (half / "summary.json").unlink()
        rows = (half / "rows.jsonl").read_bytes()
        (half / "rows.jsonl").write_bytes(rows[: len(rows) * 5 // 8])
    (PLACE / "cpu.txt").write_text(f"{cpu()}\n")


if __name__ == "__main__":
    main()
