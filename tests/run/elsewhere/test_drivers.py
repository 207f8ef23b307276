"""Whose a run in a store is: one driver at a time, whatever becomes of the others."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from foolscape import disk
from foolscape.errors import OutOfTimeError, RunError
from foolscape.paths import run_folder_of
from foolscape.run.directory.store import RunStore
from foolscape.run.elsewhere import owner
from foolscape.run.elsewhere.door import Workplace
from foolscape.stores.folder import folder_at

from ...stores.shelf import Shelf, contents
from .made import OUT, carried, do, figures, other_machine, store_path

pytestmark = pytest.mark.usefixtures("examined_once")


def test_two_drivers_are_not_at_work_in_one_run(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(owner.LEASE, "3600")
    looks = []

    def look(seconds: float) -> None:
        """The first driver's count rises while the other one waits; no clock plays a part."""
        looks.append(seconds)
        place = owner.owner_place(1)
        told = json.loads(contents("bucket/runs/val")[place])
        Shelf().pipe_file(f"{OUT}/{place}", json.dumps({**told, "beat": told["beat"] + (len(looks) > 2)}).encode())

    monkeypatch.setattr(owner, "_pause", look)
    with Workplace(run_folder_of(OUT)).at_work(print):
        with pytest.raises(RunError, match=f"expected {OUT} to be free, got a run of this machine"):
            carried(settings)
        with other_machine(tmp_path / "other"), pytest.raises(RunError, match=r"free, got a run that .* \(process"):
            carried(settings)
    assert len(looks) == 3
    carried(settings)  # it has ended, and nobody waits


def test_a_run_is_taken_over_from_one_who_is_silent_and_never_mixed(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner.Claim, "_go_on", lambda self: None)  # asleep
    with ExitStack() as first:
        place = first.enter_context(Workplace(store_path()).at_work(print))
        do(place, settings, most=None)
        (place / "rows.jsonl").write_bytes(b"of the one who was asleep")
        with other_machine(tmp_path / "other"):
            said = carried(settings)
        assert any("waiting up to 0.6 s" in line for line in said)
        disk.write_file(place, "summary.json", b"of the one who was asleep")
        with pytest.raises(RunError, match="took it over") as caught:
            first.close()
    assert OUT in str(caught.value)
    assert figures(contents("bucket/runs/val")) == expected
    said = carried(settings)  # the first one again: what is here is not gone on with
    assert any("gone on with elsewhere" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


def test_a_run_that_is_lost_while_it_measures_ends_there(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are written by a thread beside the attack's, which tells it; later images are not attacked in vain."""
    appended: list[str] = []
    real = RunStore.append

    def append(self: RunStore, rows: Any, seconds: float | None = None) -> None:
        appended.append(rows[0].id)
        if len(appended) == 2:
            monkeypatch.setattr(owner.Claim, "lost", property(lambda _: "another driver"), raising=False)
        real(self, rows, seconds)

    monkeypatch.setattr(RunStore, "append", append)
    with pytest.raises(RunError, match="took it over"), Workplace(store_path()).at_work(print) as place:
        do(place, settings)
    assert len(appended) == 2


def test_a_run_that_went_on_elsewhere_is_read_from_the_store(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes]
) -> None:
    with pytest.raises(OutOfTimeError):
        carried(settings, most=1)
    with other_machine(tmp_path / "other"), pytest.raises(OutOfTimeError):
        carried(settings, most=2)
    said = carried(settings)
    assert any("gone on with elsewhere" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


def test_one_who_has_ended_on_this_machine_is_not_waited_for(
    settings: dict[str, Any], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # as after a kill
        patch.setattr("foolscape.run.elsewhere.door._leave", lambda *_: None)
        with pytest.raises(OutOfTimeError):
            carried(settings, most=2)
    said = carried(settings)
    assert not any("waiting" in line or "elsewhere" in line for line in said)
    assert figures(contents("bucket/runs/val")) == expected


def test_only_one_makes_a_file() -> None:
    place = folder_at(store_path("shelf://bucket/claims"))
    won: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: won.append(n) if place.create("owner", str(n).encode()) else None)
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert place.read("owner") == str(won[0]).encode()
