"""What runs in stores leave on a machine is told, and goes when nobody needs it, and never what somebody may need."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli.console import DONE, ERROR, NOBODY
from foolscape.errors import OutOfTimeError, RunError
from foolscape.run.directory.lock import release, reserve
from foolscape.run.elsewhere.home import Home, home_of
from foolscape.run.elsewhere.leftover import OLD, Use, leftover_of

from ...stores.shelf import Shelf
from ..test_manners import foolscape
from .made import OUT, carried, other_machine, store_path

pytestmark = pytest.mark.usefixtures("examined_once")


def home() -> Home:
    return home_of(store_path())


def stopped(settings: dict[str, Any]) -> None:
    with pytest.raises(OutOfTimeError):
        carried(settings, most=1)


def killed(settings: dict[str, Any]) -> None:
    """As after a kill: what was measured last is not in the store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foolscape.run.elsewhere.door._leave", lambda *_: None)
        stopped(settings)


def grow_old(folder: Path) -> None:
    when = time.time() - OLD - 60
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (when, when))


def is_left_by(settings: dict[str, Any], out: str = "shelf://bucket/runs/other") -> bool:
    """Whether what is left of a run stays while another run is made."""
    carried(settings, out)
    return home().local.is_dir()


def use() -> Use | None:
    left = leftover_of(store_path())
    return None if left is None else left.use


def test_what_is_in_the_store_goes_when_it_is_old(settings: dict[str, Any]) -> None:
    assert use() is None
    stopped(settings)
    assert use() is Use.CARRIED
    assert is_left_by(settings)
    grow_old(home().folder)
    assert is_left_by(settings, "shelf://bucket-of-another/run")
    assert not is_left_by(settings, "shelf://bucket/runs/third")
    assert use() is None
    carried(settings)  # goes on from the store


def test_what_the_store_may_lack_stays(settings: dict[str, Any]) -> None:
    killed(settings)
    assert use() is Use.AHEAD
    grow_old(home().folder)
    assert is_left_by(settings)
    assert not any("elsewhere" in line for line in carried(settings))


def test_what_went_on_elsewhere_goes_when_it_is_old(settings: dict[str, Any], tmp_path: Path) -> None:
    killed(settings)
    with other_machine(tmp_path / "other"):
        carried(settings)
    assert use() is Use.FOREIGN
    assert is_left_by(settings)
    grow_old(home().folder)
    assert not is_left_by(settings, "shelf://bucket/runs/third")


def test_that_of_a_command_at_work_stays(settings: dict[str, Any]) -> None:
    stopped(settings)
    grow_old(home().folder)
    assert reserve(home().folder)
    try:
        assert use() is Use.AT_WORK
        grow_old(home().folder)
        assert is_left_by(settings)
    finally:
        release(home().folder)
    assert not is_left_by(settings, "shelf://bucket/runs/third")


@pytest.mark.parametrize("how", ["emptied", "silent", "damaged"])
def test_without_the_word_of_the_store_it_stays(
    how: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(settings)
    if how == "emptied":
        for place in [place for place in Shelf.store if place.startswith("/bucket/runs/val")]:
            del Shelf.store[place]
        assert use() is Use.UNKNOWN
    elif how == "silent":
        reads = Shelf.ls

        def silent(self: Shelf, path: str, *arguments: Any, **options: Any) -> Any:
            if "runs/val" in path:
                raise ConnectionResetError("no answer")
            return reads(self, path, *arguments, **options)

        monkeypatch.setattr(Shelf, "ls", silent)
    else:
        (home().folder / "carried.json").write_text("{")
    grow_old(home().folder)
    assert is_left_by(settings)


def test_a_start_that_fails_loses_nothing_of_what_is_here(settings: dict[str, Any]) -> None:
    killed(settings)
    rows = (home().local / "rows.jsonl").read_bytes()
    Shelf.failing = 6
    with pytest.raises(RunError, match="to be written to"):
        carried(settings)
    Shelf.failing = 0
    assert use() is Use.AHEAD
    assert not any("elsewhere" in line for line in carried(settings))
    assert Shelf.store["/bucket/runs/val/rows.jsonl"].getvalue().startswith(rows)


def test_status_tells_it(settings: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    killed(settings)  # before any of it was carried
    assert foolscape("status", OUT) == ERROR
    here = f"of it on this machine: {home().folder}, 1 MB; "
    assert f"{here}the store may lack some of it" in " ".join(capfd.readouterr().err.split())
    with pytest.raises(RunError, match="another one"):  # what is here goes up all the same
        carried(settings | {"seed": 1})
    assert foolscape("status", OUT, "--json") == NOBODY
    told = json.loads(capfd.readouterr().out)["here"]
    assert (told["folder"], told["use"]) == (str(home().folder), str(Use.CARRIED))
    assert foolscape("status", OUT) == NOBODY
    assert f"{here}all of it is in the store; it goes by itself" in " ".join(capfd.readouterr().err.split())
    carried(settings)
    assert foolscape("status", OUT, "--json") == DONE
    assert "here" not in json.loads(capfd.readouterr().out)
