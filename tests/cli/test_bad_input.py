"""Options that do not fit, over the command line: what was expected, what was got, what to write, in one message."""

from pathlib import Path

import pytest

from foolscape.attacks.registry import REGISTRY
from foolscape.cli import main
from foolscape.cli.console import ERROR, USAGE

RUN = ("run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--limit", "1", "--size", "64x96", "--probes", "0")

MINE = """
import foolscape as fs
from foolscape.attacks.parts.constraints import Linf
from foolscape.attacks.parts.updates import Sign

EPS = fs.levels("8/255")

def ascent(step, steps=2):
    return fs.Ascent(objective=fs.cross_entropy, update=Sign(), constraint=Linf(8 / 255), step=step, steps=steps,
                     stop=fs.never)

def raises(*, eps: fs.Levels = EPS):
    raise ValueError("no luck")

def ends(*, eps: fs.Levels = EPS):
    raise SystemExit(0)

def nothing(*, eps: fs.Levels = EPS):
    return None

def text(*, eps: fs.Levels = EPS):
    return ascent("8/255")

def idle(*, eps: fs.Levels = EPS):
    return ascent(eps.unit, 0)

def untyped(*, eps):
    return ascent(eps)

def listed(*, eps: list = ()):
    return ascent(eps)

def sound(*, eps: fs.Levels = EPS, warm: float = 0.5):
    return ascent(warm * eps.unit)

number = 4
"""


def told(capfd: pytest.CaptureFixture[str], *arguments: str, code: int = USAGE) -> str:
    """What a command line that ends with `code` says of it, with single spaces."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capfd.readouterr().err
    assert caught.value.code == code
    assert "Traceback" not in said
    return " ".join(said.replace("\u2502", " ").split())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--attack", "pgd?ep=8/255"), ("unknown option of pgd 'ep'", "did you mean eps")),
        (("--attack", "pgd?budget=8"), ("budget: is for worst-case, got 8 for pgd",)),
        (("--attack", "pgd", "--epss", "8/255"), ("No such option: --epss", "--eps")),
        (("--attack", "pgd", "--budget", "8"), ("budget: is for worst-case, got 8 for pgd",)),
        (("--attack", "worst-case", "--steps", "8"), ("use --budget",)),
        (("--attack", "pdg"), ("unknown attack 'pdg'", "did you mean dag or pgd")),
        (("--attack", "pgd?eps=4/255", "--eps", "2/255"), ("eps: expected one value, got", "leave one of them out")),
        (("--attack", "pgd?eps=4/255&eps=2/255"), ("expected the option eps once",)),
        (("--attack", "pgd", "--eps", "8"), ("eps: expected a fraction of 255 such as 8/255, got '8'", "write 8/255")),
        (("--attack", "pgd?eps=300/255"), ("eps: expected more than 0/255 and at most 255/255, got '300/255'",)),
        (("--attack", "pgd", "--steps", "0"), ("steps: expected at least 1, got 0",)),
        (("--attack", "pgd", "--steps", "ten"), ("steps: expected a whole number, got 'ten'",)),
        (("--attack", "pgd?stop=1.5"), ("stop: expected", "at least 0 and below 1, got 1.5")),
        (("--attack", "pgd", "--norm", "l1"), ("unknown norm 'l1'", "did you mean l2")),
        (("--attack", "pgd?quantise_steps=maybe"), ("quantise_steps: expected true or false, got 'maybe'",)),
        (("--goal", "vanihs"), ("unknown goal 'vanihs'", "did you mean vanish")),
        (("--window", "two"), ("window: expected a whole number, got 'two'",)),
        (("--attack", "none", "--eps", "8/255"), ("expected no settings of an attack beside --attack none",)),
    ],
)
def test_an_option_that_does_not_fit(
    capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    said = told(capfd, *RUN, *arguments)
    for part in parts:
        assert part in said


def test_values_of_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.yaml"
    for line, part in (
        ("epss: 8/255", "unknown setting 'epss'; did you mean eps"),
        ("steps: [1, 2]", "steps: expected a whole number, got [1, 2]"),
        ("steps: true", "steps: expected a whole number, got True"),
        ("eps: 0.03", "eps: expected a fraction of 255 such as 8/255, got '0.03'; for 0.03 of the pixel range write"),
        ("options: {epss: 8/255}", "unknown option of pgd 'epss'; did you mean eps"),
        ("options: 3", "options: expected those of the attack by name"),
        ("attack: {name: pgd}", "attack: "),
    ):
        attack = "" if line.startswith("attack") else "attack: pgd\n"
        path.write_text(f"model: bundled:scenes-unet\ndata: 'scenes:'\n{attack}{line}\n")
        assert part in told(capfd, "run", "--config", str(path))


@pytest.mark.parametrize(
    ("name", "code", "parts"),
    [
        ("raises", ERROR, ("expected the attack", "to succeed, got ValueError: no luck", "mine.py:13")),
        ("ends", ERROR, ("to succeed, got SystemExit",)),
        ("nothing", USAGE, ("to return an Ascent or a Plan, got NoneType",)),
        ("text", USAGE, ("to return an Ascent whose step is above 0 and up to 1, got '8/255'",)),
        ("idle", USAGE, ("to return an Ascent whose steps is a whole number from 1 on, got 0",)),
        ("untyped", USAGE, ("untyped's eps to be of Levels, int, float, bool, str, got no type and no default",)),
        ("listed", USAGE, ("listed's eps to be of Levels, int, float, bool, str, got <class 'list'>",)),
        ("number", USAGE, ("number to be a keyword function that returns an Ascent, got int", "write def my_attack")),
        ("sund", USAGE, ("sund", "sound")),
        ("sound?wram=0.1", USAGE, ("'wram'", "did you mean warm")),
        ("sound?warm=hot", USAGE, ("warm: expected a number, got 'hot'",)),
    ],
)
def test_an_attack_of_a_file_that_is_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, code: int, parts: tuple[str, ...]
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    out = ("--out", str(tmp_path / "out"))
    said = told(capfd, *RUN, "--attack", f"{tmp_path / 'mine.py'}:{name}", *out, code=code)
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("raise RuntimeError('at import')", "to succeed, got RuntimeError: at import"),
        ("def mine(:", "got SyntaxError"),
        ("raise SystemExit(0)", "got SystemExit"),
        (
            "import foolscape as fs\n@fs.register('pgd', source='me')\ndef mine(*, steps=3): return None",
            "got 'pgd', which is",
        ),
    ],
)
def test_a_file_that_cannot_be_imported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str, part: str
) -> None:
    (tmp_path / "mine.py").write_text(content)
    known = set(REGISTRY)
    assert part in told(capfd, *RUN, "--attack", f"{tmp_path / 'mine.py'}:mine", code=ERROR)
    assert set(REGISTRY) == known
