"""The help has every option once, in its panel and with its default; a shell completes names."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foolscape.cli import main
from foolscape.run.settings.attack_options import known_options
from foolscape.run.settings.former_names import FORMER_NAMES
from foolscape.run.settings.shown import PANELS


def helped(capfd: pytest.CaptureFixture[str], command: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert not caught.value.code
    return capfd.readouterr().out


@pytest.mark.parametrize("command", ["run", "transfer"])
def test_every_option_of_an_attack_is_in_the_help_once(
    command: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = helped(capfd, command)
    flags = re.findall(r"^\u2502 (--[a-z-]+)", said, re.MULTILINE)
    assert len(set(flags)) == len(flags)
    assert {f"--{name.replace('_', '-')}" for name in known_options()} <= set(flags)
    assert not {f"--{name}" for name in FORMER_NAMES} & set(flags)
    panels = [panel for panel in PANELS if f"\u2500 {panel} \u2500" in said]
    assert panels == sorted(panels, key=lambda panel: said.index(f"\u2500 {panel} \u2500"))
    assert {"Models and data", "Attack", "Options of the attack", "Attacks on detectors", "Output"} <= set(panels)


def test_defaults_are_told_with_the_attacks_that_have_another(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    said = helped(capfd, "run")
    for option, default in (
        ("--eps ", "(8/255; dag-min, pgd-min: 64/255; dag: none)"),
        ("--norm ", "linf"),
        ("--resample-candidates ", "never"),
        ("--probes ", "4, more where"),
        ("--seed ", "0"),
        ("--goal ", "untargeted"),
    ):
        (line,) = (line for line in said.splitlines() if line.startswith(f"\u2502 {option}"))
        assert default in line[line.index("[default: ") :]


@pytest.mark.parametrize("command", ["universal", "harden"])
def test_other_commands_have_panels_too(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    said = helped(capfd, command)
    assert all(
        f"\u2500 {panel} \u2500" in said for panel in ("Models and data", "Attack", "Learning", "Measurement", "Output")
    )


COMPLETED = {
    "run --attack pg": ["pgd", "pgd-min"],
    "run --attack pgd?ste": ["pgd?step=", "pgd?steps="],
    "run --data sc": ["scenes:"],
    "run --data scenes: --split t": ["train", "test"],
    "transfer --norm l": ["linf", "l2"],
    "run --task v": ["video"],
    "run --goal vanish": ["vanish", "vanish-only"],
    "universal --preset n": ["notebook"],
    "harden --attack s": ["segpgd"],
    "run --resample": ["--resample-candidates"],
    "run --loss c": ["ce", "cospgd", "cospgd-sigmoid"],
    "transfer --loss j": ["js"],
}
"""What a shell offers for the beginning of a command line."""

SCRIPT = """
import contextlib, io, json, os, sys
from foolscape.cli import main

found = {}
for typed in sys.argv[1:]:
    words = f"foolscape {typed}"
    os.environ |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main([])
    found[typed] = said.getvalue().split()
print(json.dumps([found, "torch" in sys.modules]))
"""


def test_a_shell_completes(tmp_path: Path) -> None:
    script = tmp_path / "foolscape"  # the program's name is part of what completion reads
    script.write_text(SCRIPT)
    environment = {**os.environ, "_FOOLSCAPE_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, str(script), *COMPLETED], capture_output=True, text=True, check=True, env=environment
    )
    found, torch = json.loads(done.stdout)
    assert {typed: sorted(words) for typed, words in found.items()} == {k: sorted(v) for k, v in COMPLETED.items()}
    assert not torch
