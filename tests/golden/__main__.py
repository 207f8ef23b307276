"""Keep what the commands give now, or compare it: `python -m tests.golden [--compare] [NAME ...]`."""

from __future__ import annotations

import argparse
import gzip
import json
import shlex
import tempfile
from pathlib import Path
from typing import Any, Final

import torch

from foolscape.cli import main as foolscape

from .commands import COMMANDS
from .reading import cpu, kept

PLACE: Final = Path(__file__).parent / "golden.json.gz"


def made(name: str, folder: Path) -> dict[str, Any]:
    """What the command `name` gives in a folder of its own below `folder`."""
    torch.set_num_threads(1)
    out = folder / name
    try:
        foolscape([*shlex.split(COMMANDS[name]), "--quiet", "--out", str(out)])
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{name} ended with {end.code}") from end
    return kept(out)


def golden() -> dict[str, Any]:
    """What was kept: "cpu", and by command what `reading.kept` gives."""
    found: dict[str, Any] = json.loads(gzip.decompress(PLACE.read_bytes())) if PLACE.exists() else {}
    return found


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What was and is not any more, in words."""
    found = [
        f"{name}: {value} before, {now['figures'].get(name)} now"
        for name, value in before["figures"].items()
        if now["figures"].get(name) != value
    ]
    found += [
        f"{name}: {ok} before, {now['reasons'].get(name, 'not there')} now"
        for name, ok in before["reasons"].items()
        if now["reasons"].get(name, "not there") != ok
    ]
    lost = set(before["pictures"]) - set(now["pictures"])
    return [*found, *([f"{len(lost)} of {len(before['pictures'])} pictures are others"] if lost else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="some of the commands")
    parser.add_argument("--compare", action="store_true", help="change nothing, say what differs")
    options = parser.parse_args()
    before = golden()
    found: dict[str, Any] = {"cpu": cpu()}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or COMMANDS:
            found[name] = made(name, Path(folder))
            if options.compare:
                apart = differences(before[name], found[name])
                print(f"{name}: {len(apart)} differences", *apart[:5], sep="\n  ", flush=True)
    if not options.compare:
        text = json.dumps(before | found, sort_keys=True).encode()
        PLACE.write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main()
