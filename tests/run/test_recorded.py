"""`--config DIR/run.json` repeats a run, also with other options over it; a record of another command names its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, USAGE

from .made import write_net, write_photos


def foolscape(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def record(directory: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return loaded


def test_a_run_is_repeated_from_its_record(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nets, photos, first, second = write_net(tmp_path), write_photos(tmp_path / "p", 2), tmp_path / "a", tmp_path / "b"
    chosen = ("--attack", "pgd?eps=4/255&steps=2", "--probes", 0, "--limit", 1, "--quiet")
    assert foolscape("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", *chosen, "--out", first) == DONE
    assert foolscape("run", "--config", first / "run.json", "--quiet", "--out", second) == DONE
    assert record(second)["config"] == record(first)["config"]
    measured = [json.loads((out / "summary.json").read_text())["models"][0]["conditions"] for out in (first, second)]
    assert measured[0] == measured[1]
    # An option over it, and another attack: what it does not have of the file's options stays behind, and is told.
    over = ("--limit", 2, "--attack", "worst-case?budget=25", "--quiet", "--out", tmp_path / "c")
    assert foolscape("run", "--config", first, *over) == DONE
    config = record(tmp_path / "c")["config"]
    assert (config["limit"], config["attack"], config["options"]) == (2, "worst-case", {"eps": "4/255", "budget": 25})
    assert f"note: steps of {first} left out, which worst-case does not have" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["transfer", "universal", "harden"])
def test_a_record_of_another_command_names_its_own(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"kind": kind, "config": {"data": "scenes:"}}))
    assert foolscape("run", "--config", path) == USAGE
    told = "".join(capfd.readouterr().err.split())
    assert f"thatoffoolscape{kind};writefoolscape{kind}--config{path}".replace(" ", "") in told
    for command in {"transfer", "universal", "harden"} - {kind}:
        assert foolscape(command, "--config", path) == USAGE


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "expected the run.json of a run"),
        ("{", "expected the run.json of a run"),
        ("[1]", "with its settings below config"),
        ('{"config": 3}', "with its settings below config"),
        ('{"kind": "ensemble", "config": {}}', "got one of the kind 'ensemble'"),
        ('{"kind": ["run"], "config": {}}', "got one of the kind"),
        (
            '{"schema": 2, "config": {"models": ["bundled:scenes-unet"], "data": "scenes:", "limits": 3}}',
            "did you mean limit",
        ),
        (
            '{"schema": 2, "config": {"models": ["bundled:scenes-unet"], "data": "scenes:", "options": {"eps": 8}}}',
            "8/255, got '8'; for 8 grey levels write 8/255",
        ),
    ],
)
def test_what_is_no_record(tmp_path: Path, content: str, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(content)
    assert foolscape("run", "--config", tmp_path / "run.json") == USAGE
    assert told in " ".join(capfd.readouterr().err.split())


def test_a_record_of_another_schema(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(
        '{"schema": 1, "config": {"models": ["bundled:scenes-unet"], "data": "scenes:"}}'
    )
    assert foolscape("run", "--config", tmp_path) == ERROR
    assert "expected schema 2, got" in " ".join(capfd.readouterr().err.split())


def test_a_record_that_is_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert foolscape("run", "--config", tmp_path) == USAGE
    said = " ".join(capfd.readouterr().err.split())
    assert "expected the run.json of a run" in said
    assert foolscape("run", "--config", tmp_path / "no.yaml") == USAGE
    for told in (said, " ".join(capfd.readouterr().err.split())):
        assert told.endswith("got No such file or directory")
